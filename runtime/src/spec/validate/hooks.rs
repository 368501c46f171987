//! config.md, "POSIX-platform Hooks".

use super::namespaces::{Kind, Namespaces};
use super::{absolute_path, process};
use crate::error::{Error, Result};
use crate::spec::hook_kinds;
use oci_spec::runtime::{Hook, Hooks};

pub(super) fn check(hooks: &Hooks, namespaces: &Namespaces<'_>) -> Result<()> {
    for (kind, list) in hook_kinds(hooks) {
        for (at, hook) in list.iter().enumerate() {
            one(&format!("hooks.{kind}[{at}]"), hook)?;
        }
    }
    host_programs(hooks, namespaces)
}

/// "The value of `path` MUST resolve in the runtime namespace", while such a hook runs in that of
/// the container: in one that others have made they choose what would run with all privileges.
fn host_programs(hooks: &Hooks, namespaces: &Namespaces<'_>) -> Result<()> {
    let first = hooks.create_container().iter().flatten().next();
    match first.filter(|_| namespaces.joins(Kind::Mount)) {
        Some(hook) => {
            let value = format!("{:?}", hook.path().display());
            let reason = "would be a program of the mount namespace that is joined";
            Err(Error::invalid("hooks.createContainer[0].path", value, reason))
        }
        None => Ok(()),
    }
}

fn one(field: &str, hook: &Hook) -> Result<()> {
    absolute_path(&format!("{field}.path"), hook.path())?;
    let lists = [("args", hook.args()), ("env", hook.env())];
    for (name, list) in lists {
        for (at, text) in list.iter().flatten().enumerate() {
            process::without_nul(&format!("{field}.{name}[{at}]"), text)?;
        }
    }
    match hook.timeout() {
        Some(timeout) if timeout <= 0 => {
            Err(Error::invalid(format!("{field}.timeout"), timeout, "must be greater than zero"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_accepted, assert_refused};
    use crate::spec::tests::merge;
    use serde_json::{Value, json};

    const KINDS: [&str; 6] =
        ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    fn with(kind: &str, change: &Value) -> Value {
        let mut hook = json!({ "path": "/bin/true", "args": ["true"], "env": ["A=b"] });
        merge(&mut hook, change.clone());
        json!({ "hooks": { kind: [{ "path": "/first" }, hook] } })
    }

    #[test]
    fn a_program_of_the_host_is_not_looked_for_among_mounts_of_others() {
        for kind in KINDS {
            let namespaces = json!([{ "type": "mount", "path": "/proc/1/ns/mnt" }]);
            let mut config = with(kind, &json!({}));
            // Set, since a merge would take what is null away.
            config["mounts"] = Value::Null;
            config["hostname"] = Value::Null;
            config["linux"] = json!({ "namespaces": namespaces });
            if kind == "createContainer" {
                let line = "hooks.createContainer[0].path: \"/first\": would be a program of the \
                            mount namespace that is joined";
                assert_refused(config, line);
            } else {
                assert_accepted(config);
            }
        }
    }

    #[test]
    fn a_hook_has_an_absolute_path_and_a_positive_timeout() {
        for kind in KINDS {
            assert_accepted(with(kind, &json!({ "timeout": 1 })));
            for (change, rest) in [
                (json!({ "path": "bin/true" }), r#"path: "bin/true": not an absolute path"#),
                (json!({ "path": "" }), r#"path: "": not an absolute path"#),
                (json!({ "timeout": 0 }), "timeout: 0: must be greater than zero"),
                (json!({ "timeout": -1 }), "timeout: -1: must be greater than zero"),
                (json!({ "args": ["a", "\0"] }), r#"args[1]: "\0": contains a NUL byte"#),
                (json!({ "env": ["A=\0"] }), r#"env[0]: "A=\0": contains a NUL byte"#),
            ] {
                assert_refused(with(kind, &change), &format!("hooks.{kind}[1].{rest}"));
            }
        }
    }
}
