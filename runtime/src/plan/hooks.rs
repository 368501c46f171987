//! Hooks: programs that are run at certain points of a container's life.

use super::{c_path, c_string};
use crate::error::{Error, Result};
use crate::spec::annotations::{HOOKS_STDERR, HOOKS_STDOUT, annotation};
use crate::spec::hook_kinds;
use crate::sys::process::Strings;
use crate::sys::program::{Output, Program};
use oci_spec::runtime::{Hook, Spec};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;
use std::time::Duration;

/// The hooks of a container, by the point at which they run.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    /// In the namespaces of the runtime, before the root is entered.
    pub(crate) prestart: Vec<Program>,
    /// Likewise, after those.
    pub(crate) create_runtime: Vec<Program>,
    /// In the namespaces of the container, before the root is entered.
    pub(crate) create_container: Vec<Program>,
    /// In the container, right before its program is executed.
    pub(crate) start_container: Vec<Program>,
    /// In the namespaces of the runtime, once the program is executed.
    pub(crate) poststart: Vec<Program>,
    /// Likewise, when the container is deleted.
    pub(crate) poststop: Vec<Program>,
    /// Where what they write goes, but for those of the container's own.
    pub(crate) output: Output,
}

impl Hooks {
    pub(super) fn build(spec: &Spec) -> Result<Self> {
        let Some(hooks) = spec.hooks() else { return Ok(Self::default()) };
        let env = spec.process().as_ref().and_then(|process| process.env().as_deref());
        let output = output(|name| annotation(spec, name))?;
        Ok(Self { output, ..Self::of(hooks, env)? })
    }

    /// In the form that [`Hooks::kept`] reads: what verbs need that come later, when config.json
    /// may be another one. `None` if there is nothing.
    pub(crate) fn to_keep(spec: &Spec) -> Result<Option<Vec<u8>>> {
        let Some(hooks) = spec.hooks() else { return Ok(None) };
        let mut later = oci_spec::runtime::Hooks::default();
        later
            .set_start_container(hooks.start_container().clone())
            .set_poststart(hooks.poststart().clone())
            .set_poststop(hooks.poststop().clone());
        if hook_kinds(&later).iter().all(|(_, list)| list.is_empty()) {
            return Ok(None);
        }
        serde_json::to_vec(&later)
            .map(Some)
            .map_err(|error| Error::invalid("hooks", "not kept", error.to_string()))
    }

    /// What an earlier verb has kept, for a container with these annotations.
    pub(crate) fn kept(bytes: &[u8], annotations: &BTreeMap<String, String>) -> Result<Self> {
        let corrupt =
            |error: serde_json::Error| Error::invalid("hooks", "corrupt", error.to_string());
        let output = output(|name| annotations.get(name).map(String::as_str))?;
        Ok(Self { output, ..Self::of(&serde_json::from_slice(bytes).map_err(corrupt)?, None)? })
    }

    /// `env` is the environment of the container's program, which the hooks have that are run in
    /// its namespaces, if they have none of their own. The others then have an empty one.
    fn of(hooks: &oci_spec::runtime::Hooks, env: Option<&[String]>) -> Result<Self> {
        let [prestart, create_runtime, create_container, start_container, poststart, poststop] =
            hook_kinds(hooks).map(|(kind, list)| -> Result<Vec<_>> {
                let env = env.filter(|_| kind.ends_with("Container"));
                list.iter().map(|hook| program(hook, env.unwrap_or_default())).collect()
            });
        Ok(Self {
            prestart: prestart?,
            create_runtime: create_runtime?,
            create_container: create_container?,
            start_container: start_container?,
            poststart: poststart?,
            poststop: poststop?,
            output: Output::default(),
        })
    }

    /// Whether any must run before the root is entered.
    pub(crate) fn run_before_pivot(&self) -> bool {
        [&self.prestart, &self.create_runtime, &self.create_container]
            .iter()
            .any(|list| !list.is_empty())
    }

    /// Those whose programs are files of the host, by the names of their lists.
    pub(crate) fn of_the_host(&self) -> impl Iterator<Item = (&'static str, &Program)> {
        [
            ("prestart", &self.prestart),
            ("createRuntime", &self.create_runtime),
            ("createContainer", &self.create_container),
            ("poststart", &self.poststart),
            ("poststop", &self.poststop),
        ]
        .into_iter()
        .flat_map(|(kind, list)| list.iter().map(move |program| (kind, program)))
    }
}

fn output<'s>(annotation: impl Fn(&str) -> Option<&'s str>) -> Result<Output> {
    let path = |name| annotation(name).map(|path| c_string(name, path)).transpose();
    Ok(Output { stdout: path(HOOKS_STDOUT)?, stderr: path(HOOKS_STDERR)? })
}

fn program(hook: &Hook, env: &[String]) -> Result<Program> {
    let path = c_path("hooks.path", Path::new(hook.path()))?;
    let strings = |field, list: &[String]| -> Result<Vec<CString>> {
        list.iter().map(|text| c_string(field, text)).collect()
    };
    let mut argv = strings("hooks.args", hook.args().as_deref().unwrap_or_default())?;
    if argv.is_empty() {
        argv.push(path.clone());
    }
    let envp = strings("hooks.env", hook.env().as_deref().unwrap_or(env))?;
    let seconds = hook.timeout().and_then(|seconds| u64::try_from(seconds).ok());
    Ok(Program {
        path,
        argv: Strings::new(argv),
        envp: Strings::new(envp),
        timeout: seconds.map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"ociVersion": "1.3.0",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/", "env": ["A=b"]},
        "hooks": {"prestart": [{"path": "/p"}], "createContainer": [{"path": "/c"}],
            "startContainer": [{"path": "/s", "args": ["x", "y"], "env": ["C=d"], "timeout": 2}],
            "poststop": [{"path": "/q"}]}}"#;

    fn text(strings: &Strings) -> Vec<&str> {
        strings.as_slice().iter().map(|text| text.to_str().unwrap()).collect()
    }

    #[test]
    fn a_hook_has_the_environment_and_arguments_that_it_is_given() {
        let hooks = Hooks::build(&serde_json::from_str(CONFIG).unwrap()).unwrap();
        assert_eq!(text(&hooks.prestart[0].argv), ["/p"]);
        assert!(text(&hooks.prestart[0].envp).is_empty());
        assert_eq!(text(&hooks.create_container[0].envp), ["A=b"], "as runc has it");
        assert_eq!(text(&hooks.start_container[0].argv), ["x", "y"]);
        assert_eq!(text(&hooks.start_container[0].envp), ["C=d"]);
        assert_eq!(hooks.start_container[0].timeout, Some(Duration::from_secs(2)));
        assert!(hooks.run_before_pivot());
    }

    #[test]
    fn what_later_verbs_need_is_kept_and_nothing_else() {
        let kept = Hooks::to_keep(&serde_json::from_str(CONFIG).unwrap()).unwrap().unwrap();
        let hooks = Hooks::kept(&kept, &BTreeMap::new()).unwrap();
        assert!(!hooks.run_before_pivot());
        assert_eq!((hooks.start_container.len(), hooks.poststop.len()), (1, 1));
        assert_eq!(hooks.poststop[0].path.as_c_str(), c"/q");
        let none = r#"{"ociVersion": "1.3.0", "hooks": {"prestart": [{"path": "/p"}]}}"#;
        assert_eq!(Hooks::to_keep(&serde_json::from_str(none).unwrap()).unwrap(), None);
    }
}
