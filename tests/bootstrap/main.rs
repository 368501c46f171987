//! The real shim's program, spoken to byte by byte: what each containerd says to `start` and hears,
//! and the frames of its calls. Needs root.

mod info;
mod shim;
mod start;
mod wire;
