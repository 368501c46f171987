//! Writes a running container into files.

use super::super::delete::{Force, delete};
use super::super::interrupt::Interrupt;
use super::super::root::Root;
use super::super::state::{State, Status, own_cgroup};
use super::rpc::{DUMP, PRE_DUMP, PageServer};
use super::service::{Place, Service};
use super::{CONFIG, DESCRIPTORS, Options, external};
use crate::cgroup::Cgroup;
use crate::error::{Doing, Error, Result};
use crate::plan::{Facts, Options as PlanOptions, Plan, Stdio};
use crate::spec::{self, source::load_kept};
use crate::sys::file;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// What `checkpoint` is asked for.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    /// What it has in common with `restore`.
    pub options: Options<'a>,
    /// Whether the container goes on.
    pub leave_running: bool,
    /// Whether only its memory is written, while it runs: a later dump needs to write less.
    pub pre_dump: bool,
    /// The files of an earlier dump, from those of this one.
    pub parent_path: Option<&'a Path>,
    /// Where a page server listens, to which the memory is sent: an address and a port.
    pub page_server: Option<(&'a str, u16)>,
    /// Whether TCP connections that are not established yet are left out.
    pub tcp_skip_in_flight: bool,
}

/// Writes the state of a running container into files. Unless it is to go on, it is deleted then.
///
/// # Errors
///
/// [`Error::WrongState`] if it does not run; [`Error::Unsupported`] if CRIU is not there, or cannot
/// do it: the container goes on then.
pub fn checkpoint(root: &Root, id: &str, request: &Checkpoint<'_>) -> Result<Vec<String>> {
    dump(root, id, request)?;
    if request.leave_running || request.pre_dump {
        return Ok(Vec::new());
    }
    delete(root, id, Force::Yes)
}

/// Writes the state of a running container into files, as [`checkpoint`] does, and leaves its
/// removal to whoever supervises it.
///
/// # Errors
///
/// As those of `checkpoint`.
pub fn dump(root: &Root, id: &str, request: &Checkpoint<'_>) -> Result<()> {
    let locked = root.lock(id)?;
    let state = State::load(&locked.entry)?;
    state.must_be_a_container()?;
    let cgroup = own_cgroup(&locked.entry)?;
    let mut frozen = None;
    let pid = match state.settled_status(&locked.entry, cgroup.as_ref())? {
        Status::Running => state.init.as_ref().map_or(0, |init| init.pid),
        Status::Paused => {
            frozen = cgroup.as_ref().map(path_of).transpose()?;
            state.init.as_ref().map_or(0, |init| init.pid)
        }
        status => {
            let message = format!("cannot checkpoint a container that is {status}: {id}");
            return Err(Error::WrongState(message));
        }
    };
    if let Some(sandbox) = state.sandbox() {
        let reason = format!("{id} is a member of the sandbox {sandbox}, whose namespaces it has");
        return Err(Error::unsupported("checkpoint", reason));
    }
    let spec = match state.has_config {
        true => load_kept(&locked.entry.read_config()?)?,
        false => spec::load(&state.bundle)?,
    };
    let plan = Plan::build(&spec, &state.bundle, &PlanOptions::default(), &Facts::probe()?)?;
    let directories = request.options.open("dump.log")?;
    let namespaces = external::namespaces(&plan)?;
    let mounts = external::mounts(&plan, &state.rootfs)?;
    let mut opts = request.options.opts(&directories, state.annotations.get(CONFIG))?;
    opts.pid = Some(pid);
    opts.freeze_cgroup = frozen;
    opts.root = Some(state.rootfs.to_string_lossy().into_owned());
    opts.leave_running = Some(request.leave_running);
    opts.tcp_skip_in_flight = Some(request.tcp_skip_in_flight);
    opts.orphan_pts_master = Some(matches!(plan.process.stdio, Stdio::Terminal(_)));
    opts.ext_mnt = mounts.iter().map(external::Mount::of_dump).collect();
    opts.external = namespaces.iter().map(|one| one.of_dump(pid)).collect::<Result<_>>()?;
    opts.parent_img = request.parent_path.map(|path| path.to_string_lossy().into_owned());
    opts.track_mem = Some(request.pre_dump || request.parent_path.is_some());
    opts.ps = request.page_server.map(|(address, port)| PageServer {
        address: Some(address.to_owned()),
        port: Some(port.into()),
    });
    save_descriptors(pid, directories.images.as_fd())?;
    let interrupt = Interrupt::catch()?;
    let service = Service::start(&Place::here())?;
    let kind = if request.pre_dump { PRE_DUMP } else { DUMP };
    service.ask((kind, opts, &directories.log), &interrupt, |_| Ok(()))?;
    service.end()
}

/// Where CRIU finds a cgroup that is frozen: it thaws it to look at its processes, which it has
/// seized by then, and freezes it again.
fn path_of(cgroup: &Cgroup) -> Result<String> {
    let link = format!("/proc/self/fd/{}", cgroup.fd().as_raw_fd());
    let path = std::fs::read_link(&link);
    let path = path.map_err(|error| Error::unsupported(link, error.to_string()))?;
    Ok(path.to_string_lossy().into_owned())
}

/// What the stdio of the container is: a `restore` finds there which pipes it had.
fn save_descriptors(pid: i32, images: BorrowedFd<'_>) -> Result<()> {
    let link = |number: i32| -> Result<PathBuf> {
        let path = format!("/proc/{pid}/fd/{number}");
        match std::fs::read_link(&path) {
            // Closed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(PathBuf::new()),
            link => link.map_err(|error| Error::unsupported(path, error.to_string())),
        }
    };
    let links = [link(0)?, link(1)?, link(2)?];
    let text = serde_json::to_vec(&links).map_err(|error| {
        Error::invalid("--image-path", format!("{DESCRIPTORS:?}"), error.to_string())
    })?;
    let doing = || format!("--image-path: writing {DESCRIPTORS:?}");
    let fd = file::open_or_create(images, DESCRIPTORS).doing(doing)?;
    file::write(fd.as_fd(), &text).doing(doing)
}
