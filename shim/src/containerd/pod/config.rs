//! A pod's sandbox, as a configuration that the runtime understands.

use crate::proto::cri::{
    IdMapping, LinuxPodSandboxConfig, NODE, NamespaceOption, PodSandboxConfig, SeLinuxOption,
    UserNamespace,
};
use crate::proto::sandbox::CreateRequest;
use crate::ttrpc::{Code, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every sandbox says of itself, as every container of a pod does.
const ANNOTATIONS: [(&str, &str); 2] =
    [("io.kubernetes.cri.container-type", "sandbox"), ("io.kubernetes.cri.sandbox-id", "")];

/// How soon the kernel kills pause for want of memory: as containerd's own.
const OOM_SCORE: i32 = -998;

/// What is made of a request.
#[derive(Debug, Clone)]
pub(in crate::containerd) struct Sandbox {
    pub(in crate::containerd) id: String,
    /// containerd's namespace.
    pub(in crate::containerd) namespace: String,
    pub(in crate::containerd) bundle: PathBuf,
    /// The network namespace that was made for it.
    network: Option<PathBuf>,
    annotations: BTreeMap<String, String>,
    pub(super) pod: PodSandboxConfig,
}

impl Sandbox {
    pub(in crate::containerd) fn read(
        request: CreateRequest,
        namespace: &str,
    ) -> Result<Self, Status> {
        let CreateRequest { sandbox_id, bundle_path, options, netns_path, annotations, .. } =
            request;
        let unpacked = options.map(|options| options.unpack::<PodSandboxConfig>()).transpose();
        let invalid = |error: prost::DecodeError| {
            Status::new(Code::InvalidArgument, format!("options: {error}"))
        };
        Ok(Self {
            id: sandbox_id,
            namespace: namespace.to_owned(),
            bundle: bundle_path.into(),
            network: (!netns_path.is_empty()).then(|| netns_path.into()),
            annotations,
            pod: unpacked.map_err(invalid)?.flatten().unwrap_or_default(),
        })
    }

    fn linux(&self) -> Option<&LinuxPodSandboxConfig> {
        self.pod.linux.as_ref()
    }

    fn options(&self) -> NamespaceOption {
        let context = self.linux().and_then(|linux| linux.security_context.as_ref());
        context.and_then(|context| context.namespace_options.clone()).unwrap_or_default()
    }

    /// Whether it is in the network of the host: then in its UTS namespace, too.
    fn is_on_host(&self) -> bool {
        self.options().network == NODE
    }

    pub(super) fn has_ipc_of_host(&self) -> bool {
        self.options().ipc == NODE
    }

    /// The network namespace that was made, where there is to be one in a user namespace.
    pub(super) fn network_with_users(&self) -> Option<&Path> {
        self.users().and(self.network.as_deref())
    }

    fn users(&self) -> Option<UserNamespace> {
        self.options().userns_options.filter(|users| users.mode != NODE)
    }

    /// Where its cgroup is; of systemd's, in that form.
    fn cgroup(&self) -> String {
        let Self { id, namespace, .. } = self;
        let parent = self.cgroup_parent();
        let name = Path::new(parent).file_name().unwrap_or_default().to_string_lossy();
        if parent.is_empty() {
            format!("/{namespace}/{id}")
        } else if name.ends_with(".slice") {
            format!("{name}:cri-containerd:{id}")
        } else {
            format!("{}/{id}", parent.trim_end_matches('/'))
        }
    }

    pub(in crate::containerd) fn cgroup_parent(&self) -> &str {
        self.linux().map_or("", |linux| linux.cgroup_parent.as_str())
    }

    /// Its config.json, with `user` as its user namespace, if it has one.
    pub(super) fn config(&self, user: Option<&Path>) -> Result<Vec<u8>, Status> {
        let mut annotations = self.annotations.clone();
        for (name, value) in ANNOTATIONS {
            let value = if value.is_empty() { self.id.as_str() } else { value };
            annotations.insert(name.to_owned(), value.to_owned());
        }
        let mut process = json!({
            "args": ["pause"], "cwd": "/", "user": { "uid": 0, "gid": 0 },
            "oomScoreAdj": OOM_SCORE,
        });
        if let Some(label) = self.label() {
            put(&mut process, "selinuxLabel", label.into());
        }
        let mut config = json!({
            "ociVersion": "1.2.0",
            "process": process,
            "root": { "path": "rootfs" },
            "annotations": annotations,
            "linux": {
                "cgroupsPath": self.cgroup(),
                "namespaces": self.namespaces(user),
                "sysctl": self.sysctls(),
            },
        });
        if !self.pod.hostname.is_empty() && !self.is_on_host() {
            put(&mut config, "hostname", self.pod.hostname.as_str().into());
        }
        if let (Some(users), Some(linux)) = (self.users(), config.get_mut("linux")) {
            put(linux, "uidMappings", mappings(&users.uids));
            put(linux, "gidMappings", mappings(&users.gids));
        }
        let unwritable = |error: serde_json::Error| Status::new(Code::Internal, error.to_string());
        serde_json::to_vec(&config).map_err(unwritable)
    }

    fn namespaces(&self, user: Option<&Path>) -> Vec<Value> {
        let options = self.options();
        let mut namespaces = vec![json!({ "type": "mount" })];
        let mut own = |kind: &str| namespaces.push(json!({ "type": kind }));
        if options.pid != NODE {
            own("pid");
        }
        if options.ipc != NODE {
            own("ipc");
        }
        if !self.is_on_host() {
            own("uts");
            let network = match &self.network {
                Some(path) => json!({ "type": "network", "path": path }),
                None => json!({ "type": "network" }),
            };
            namespaces.push(network);
        }
        if let Some(path) = user {
            namespaces.push(json!({ "type": "user", "path": path }));
        } else if self.users().is_some() {
            namespaces.push(json!({ "type": "user" }));
        }
        namespaces
    }

    /// Those that were asked for, and Kubernetes' defaults (containerd's configuration:
    /// `enable_unprivileged_ports` and `enable_unprivileged_icmp`).
    fn sysctls(&self) -> BTreeMap<String, String> {
        let mut sysctls = self.linux().map(|linux| linux.sysctls.clone()).unwrap_or_default();
        let mut default = |name: &str, value: &str| {
            sysctls.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        };
        if !self.is_on_host() {
            default("net.ipv4.ip_unprivileged_port_start", "0");
            if self.users().is_none() {
                default("net.ipv4.ping_group_range", "0 2147483647");
            }
        }
        sysctls
    }

    fn label(&self) -> Option<String> {
        let context = self.linux()?.security_context.as_ref()?;
        let SeLinuxOption { user, role, r#type, level } = context.selinux_options.as_ref()?;
        let parts = [user, role, r#type, level];
        // containerd completes a label; what is not whole is left to the kernel's default.
        parts.iter().all(|part| !part.is_empty()).then(|| format!("{user}:{role}:{type}:{level}"))
    }

    /// What a container of the pod joins, as another config.json: the namespaces of pause.
    pub(in crate::containerd) fn joined(&self, pid: i32) -> Vec<u8> {
        let options = self.options();
        let kinds = [
            ("network", "net", true),
            ("ipc", "ipc", true),
            ("uts", "uts", true),
            ("pid", "pid", options.pid != NODE),
            ("user", "user", self.users().is_some()),
        ];
        let of_pause = |(kind, file, _): (&str, &str, bool)| json!({ "type": kind, "path": format!("/proc/{pid}/ns/{file}") });
        let namespaces = kinds.into_iter().filter(|(.., is_own)| *is_own).map(of_pause);
        let namespaces: Vec<_> = namespaces.collect();
        let config = json!({
            "ociVersion": "1.2.0",
            "process": { "args": ["pause"], "cwd": "/", "user": { "uid": 0, "gid": 0 } },
            "linux": { "namespaces": namespaces, "cgroupsPath": self.cgroup() },
        });
        config.to_string().into_bytes()
    }
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn mappings(all: &[IdMapping]) -> Value {
    let mapping = |map: &IdMapping| json!({ "containerID": map.container_id, "hostID": map.host_id, "size": map.length });
    all.iter().map(mapping).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Any;
    use crate::proto::cri::SecurityContext;

    const NETWORK: &str = "/run/netns/1";

    fn sandbox(parent: &str, options: NamespaceOption) -> Sandbox {
        let context =
            SecurityContext { namespace_options: Some(options), ..SecurityContext::default() };
        let linux = LinuxPodSandboxConfig {
            cgroup_parent: parent.to_owned(),
            security_context: Some(context),
            ..LinuxPodSandboxConfig::default()
        };
        let pod = PodSandboxConfig {
            hostname: "web".to_owned(),
            linux: Some(linux),
            ..PodSandboxConfig::default()
        };
        let request = CreateRequest {
            sandbox_id: "p".to_owned(),
            bundle_path: "/b".to_owned(),
            options: Some(Any::pack(&pod)),
            netns_path: NETWORK.to_owned(),
            ..CreateRequest::default()
        };
        Sandbox::read(request, "k8s.io").unwrap()
    }

    fn config(sandbox: &Sandbox, user: Option<&str>) -> Value {
        serde_json::from_slice(&sandbox.config(user.map(Path::new)).unwrap()).unwrap()
    }

    #[test]
    fn a_pod_has_namespaces_of_its_own_in_the_network_that_was_made() {
        let config = config(&sandbox("", NamespaceOption::default()), None);
        let expected = json!([
            { "type": "mount" }, { "type": "pid" }, { "type": "ipc" }, { "type": "uts" },
            { "type": "network", "path": NETWORK },
        ]);
        assert_eq!(config["linux"]["namespaces"], expected);
        assert_eq!(config["hostname"], "web");
        assert_eq!(config["linux"]["sysctl"]["net.ipv4.ip_unprivileged_port_start"], "0");
        assert_eq!(config["linux"]["sysctl"]["net.ipv4.ping_group_range"], "0 2147483647");
        assert_eq!(config["annotations"]["io.kubernetes.cri.sandbox-id"], "p");
    }

    #[test]
    fn a_pod_of_the_host_changes_nothing_there() {
        let options = NamespaceOption { network: NODE, pid: NODE, ipc: NODE, userns_options: None };
        let config = config(&sandbox("", options), None);
        assert_eq!(config["linux"]["namespaces"], json!([{ "type": "mount" }]));
        assert_eq!(config["linux"]["sysctl"], json!({}));
        assert_eq!(config.get("hostname"), None);
    }

    #[test]
    fn a_pod_with_users_joins_those_that_own_its_network() {
        let map = IdMapping { host_id: 100_000, container_id: 0, length: 65536 };
        let users = UserNamespace { mode: 0, uids: vec![map.clone()], gids: vec![map] };
        let options = NamespaceOption { userns_options: Some(users), ..NamespaceOption::default() };
        let sandbox = sandbox("", options);
        assert_eq!(sandbox.network_with_users(), Some(Path::new(NETWORK)));
        let config = config(&sandbox, Some("/proc/self/fd/9"));
        let last = config["linux"]["namespaces"].as_array().unwrap().last().unwrap();
        assert_eq!(*last, json!({ "type": "user", "path": "/proc/self/fd/9" }));
        let maps = json!([{ "containerID": 0, "hostID": 100_000, "size": 65536 }]);
        assert_eq!(config["linux"]["uidMappings"], maps);
        assert_eq!(config["linux"]["sysctl"].get("net.ipv4.ping_group_range"), None);
    }

    #[test]
    fn its_cgroup_is_below_that_of_the_pod_in_the_form_of_whoever_makes_it() {
        let cgroup = |parent: &str| sandbox(parent, NamespaceOption::default()).cgroup();
        assert_eq!(cgroup(""), "/k8s.io/p");
        assert_eq!(cgroup("/kubepods/pod1"), "/kubepods/pod1/p");
        let slice = "/kubepods.slice/kubepods-pod1.slice";
        assert_eq!(cgroup(slice), "kubepods-pod1.slice:cri-containerd:p");
    }

    #[test]
    fn containers_join_what_pause_has_of_its_own() {
        let options = NamespaceOption { pid: NODE, ..NamespaceOption::default() };
        let text = sandbox("", options).joined(7);
        let config: Value = serde_json::from_slice(&text).unwrap();
        let expected = json!([
            { "type": "network", "path": "/proc/7/ns/net" },
            { "type": "ipc", "path": "/proc/7/ns/ipc" },
            { "type": "uts", "path": "/proc/7/ns/uts" },
        ]);
        assert_eq!(config["linux"]["namespaces"], expected);
    }
}
