//! Pods by the CRI plugin of a real containerd: with runc's shim, then with ours under containerd's
//! own pod sandboxes and under ours, and each call comes to the same. Needs root, and the root of
//! `scripts/peers.sh`.

mod container;
mod namespaces;
mod pod;
mod sessions;
mod survival;
