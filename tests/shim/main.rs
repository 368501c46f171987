//! `containerd-shim-peapod-v1` under a real containerd, beside runc's shim where that can be
//! compared. Needs root, and the root of `scripts/peers.sh`.

mod checkpoint;
mod events;
mod groups;
mod io;
mod limits;
mod load;
mod loggers;
mod metrics;
mod sessions;
mod slow;
mod survival;
mod task;
