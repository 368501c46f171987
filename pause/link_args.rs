//! How pause is linked: shared by the two build scripts that do it.

use std::path::Path;

/// The arguments for the C compiler that links, given pause's folder.
pub(crate) fn link_args(pause: &Path) -> [String; 6] {
    [
        "-nostdlib".into(),
        "-static".into(),
        "-no-pie".into(),
        "-Wl,--gc-sections".into(),
        "-Wl,--build-id=none,--no-eh-frame-hdr".into(),
        format!("-Wl,--script={}", pause.join("pause.ld").display()),
    ]
}
