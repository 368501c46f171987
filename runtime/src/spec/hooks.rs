//! The six lists of hooks, under their names.

use oci_spec::runtime::{Hook, Hooks};

/// config.md, "POSIX-platform Hooks": each list with its name, in the order of a container's life.
pub(crate) fn kinds(hooks: &Hooks) -> [(&'static str, &[Hook]); 6] {
    [
        ("prestart", list(hooks.prestart())),
        ("createRuntime", list(hooks.create_runtime())),
        ("createContainer", list(hooks.create_container())),
        ("startContainer", list(hooks.start_container())),
        ("poststart", list(hooks.poststart())),
        ("poststop", list(hooks.poststop())),
    ]
}

fn list(list: &Option<Vec<Hook>>) -> &[Hook] {
    list.as_deref().unwrap_or_default()
}
