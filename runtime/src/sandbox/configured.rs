//! Creates a sandbox as a configuration has it, for a supervisor: its namespaces may be there
//! already, or be those of the host, and its cgroup is where others want it.

use super::plan;
use crate::container::{Console, Prepared, Root, Start, State, Supervised, bring_up};
use crate::error::{Doing, Error, Result};
use crate::init::Sources;
use crate::plan::pause::Asked;
use crate::sys::file::{self, OFlag};
use crate::sys::{namespace, socket};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Creates the sandbox `id`. `config` is a config.json: of it count `linux.namespaces` with their
/// mappings, `linux.sysctl`, `linux.cgroupsPath`, the hostname, the annotations, and of the process
/// its labels and `oomScoreAdj`. The program, its user, its root file system and its limits are
/// those of pause.
///
/// # Errors
///
/// Every error of this library; whichever it is, nothing of the sandbox is left.
pub fn create_supervised(root: &Root, id: &str, config: &[u8]) -> Result<Supervised> {
    let Asked { birthplace, annotations, pause } = Asked::read(config, id)?;
    let plan = plan::configured(pause)?;
    let (ours, theirs) = socket::pair().doing(|| "the link to pause".to_owned())?;
    let sources = Sources::open(&plan, Some(theirs))?;
    let mut state = State::of_sandbox(id, false, plan.namespaces.user.maps().cloned());
    state.annotations = annotations;
    let prepared = Prepared {
        state,
        hooks: None,
        config: None,
        plan: &plan,
        sources,
        birthplace,
        pid_file: None,
        console: Console::Here,
        pidfd_sockets: Vec::new(),
        agent: None,
        start: Start::AtOnce(&ours),
    };
    let up = bring_up(root.reserve(id)?, prepared)?;
    Ok(Supervised { process: up.child.into(), terminal: None, warnings: Vec::new() })
}

/// The user namespace that owns the namespace at `path`: who has made that has made this for it.
///
/// # Errors
///
/// [`Error::Kernel`] if there is no namespace at `path`.
pub fn owner_of(path: &Path) -> Result<OwnedFd> {
    let doing = || path.display().to_string();
    let name = CString::new(path.as_os_str().as_encoded_bytes())
        .map_err(|_| Error::invalid("namespace", path.display(), "contains a NUL byte"))?;
    let namespace = file::open(&name, OFlag::O_RDONLY).doing(doing)?;
    namespace::owner(namespace.as_fd()).doing(doing)
}
