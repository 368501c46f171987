//! Our seccomp programs beside those of libseccomp: verdict by verdict, the same. Needs no
//! privileges.

mod bpf;
mod compare;
mod default_profile;
mod model;
mod oracle;
mod random;
