//! The programs that call a runtime, with peapod as theirs: podman, and containerd by its own runc
//! shim. Each session is run with crun or runc first, and must come to the same with peapod. Needs
//! root, and the root of `scripts/peers.sh`.

mod containerd;
mod podman;
mod sessions;
