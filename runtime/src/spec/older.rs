//! What older versions of the specification meant otherwise than 1.3.0 does.

use oci_spec::runtime::Spec;

/// Translates what `spec` says to what it would say in version 1.3.0.
pub(super) fn translate(spec: &mut Spec) {
    if minor(spec.version()).is_some_and(|minor| minor < 3) {
        // config-linux.md, "PIDs": 0 is a limit since 1.3.0. Before, the absence of one was written
        // like that, as podman does for `--pids-limit 0`.
        let resources = spec.linux_mut().as_mut().and_then(|linux| linux.resources_mut().as_mut());
        if let Some(resources) = resources
            && resources.pids().is_some_and(|pids| pids.limit() == 0)
        {
            resources.set_pids(None);
        }
    }
}

fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::spec::parse_and_check;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn no_processes_was_no_limit_before_version_1_3() {
        for (version, kept) in [("1.0.0", false), ("1.2.1", false), ("1.3.0", true)] {
            let mut config = crate::template(None);
            config["ociVersion"] = version.into();
            config["linux"]["resources"]["pids"] = json!({ "limit": 0 });
            let spec = parse_and_check(Path::new("config.json"), config.to_string().as_bytes());
            let spec = spec.unwrap();
            let resources = spec.linux().as_ref().unwrap().resources().as_ref().unwrap();
            assert_eq!(resources.pids().is_some(), kept, "{version}");
        }
    }
}
