//! Gives a container new limits.

use super::root::Root;
use super::state::{State, Status, own_cgroup};
use crate::cgroup::{Hierarchy, systemd};
use crate::error::{Error, Result};
use crate::plan::CgroupPlan;
use crate::plan::cgroup::Current;
use crate::spec;
use std::os::fd::AsFd;
use std::path::Path;

/// Gives the container `id` the limits in `resources`: the text of a `linux.resources`, which
/// stands in the file `path`. What is not in it stays as it is.
///
/// # Errors
///
/// [`Error::WrongState`] if it has stopped. Whatever the error is, either nothing was changed, or
/// it says what was.
pub fn update(root: &Root, id: &str, path: &Path, resources: &[u8]) -> Result<()> {
    let resources = spec::resources(path, resources)?;
    let locked = root.lock(id)?;
    let state = State::load(&locked.entry)?;
    state.must_be_a_container()?;
    let not_running = || Error::WrongState(format!("container not running: {id}"));
    let cgroup = own_cgroup(&locked.entry)?.ok_or_else(not_running)?;
    match state.settled_status(&locked.entry, Some(&cgroup))? {
        Status::Created | Status::Running | Status::Paused => {}
        Status::Stopped | Status::Creating => return Err(not_running()),
    }
    let current = Current::read(|file| cgroup.read(file))?;
    let plan = CgroupPlan::update(&resources, &current)?;
    Hierarchy::open()?.enable(cgroup.path(), &plan)?;
    let undo = cgroup.update(&plan)?;
    let confined = match &plan.devices {
        Some(rules) => cgroup.confine_anew(rules, root.as_fd()),
        None => Ok(()),
    };
    // systemd last: nobody knows what it was told before.
    let told = confined.and_then(|()| match &state.scope {
        Some(unit) => systemd::set_limits(unit, &plan),
        None => Ok(()),
    });
    told.map_err(|error| undo.after(error))
}
