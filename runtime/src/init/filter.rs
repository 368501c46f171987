//! The seccomp filter: loaded as late as it can be, and a notifying one passed on.

use super::Init;
use crate::link::{ToInit, ToParent};
use crate::plan::seccomp::Moment;
use crate::sys::{Result, process, seccomp};
use std::os::fd::{AsFd, AsRawFd};

/// While there is `CAP_SYS_ADMIN`, if it takes that.
pub(super) fn load_privileged(init: &Init<'_>) -> Result<()> {
    load_at(init, Moment::Privileged)
}

/// While the parent listens, if it is to get a descriptor.
pub(super) fn load_before_ready(init: &Init<'_>) -> Result<()> {
    load_at(init, Moment::BeforeReady)
}

/// As the last thing before the program.
pub(super) fn load_last(init: &Init<'_>) -> Result<()> {
    load_at(init, Moment::Last)
}

fn load_at(init: &Init<'_>, moment: Moment) -> Result<()> {
    let process = &init.plan.process;
    let Some(filter) = &process.seccomp else { return Ok(()) };
    if filter.moment(process.no_new_privileges) != moment {
        return Ok(());
    }
    if filter.listener.is_none() {
        return seccomp::set_filter(&filter.program, filter.flags);
    }
    // From here on any call may wait for the agent, but for `write`, which `spec` makes sure of:
    // it tells the parent where the agent's descriptor is.
    let notifications = seccomp::set_notifying_filter(&filter.program, filter.flags)?;
    ToParent::Listener(notifications.as_raw_fd()).send(init.link.as_fd())?;
    if ToInit::receive(init.link.as_fd())? != Some(ToInit::Continue) {
        // The creator is gone.
        process::exit_now(1);
    }
    Ok(())
}
