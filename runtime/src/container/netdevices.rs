//! Network devices that are moved from the host to the container.

use crate::error::{Doing, Error, Result};
use crate::plan::{NetDevice, Plan};
use crate::sys::file::{self, OFlag};
use crate::sys::netlink::{Route, State};
use crate::sys::{self, Errno, namespace};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

/// Makes sure that there are such devices, before anything is made.
pub(super) fn check(plan: &Plan) -> Result<()> {
    if plan.net_devices.is_empty() {
        return Ok(());
    }
    let route = Route::open().doing(|| FIELD.to_owned())?;
    plan.net_devices.iter().try_for_each(|device| find(&route, device).map(drop))
}

const FIELD: &str = "linux.netDevices";

/// Moves them to the network namespace of the process `pid`, with the addresses that they have for
/// good, and brings them up. They are never moved back: the end of the namespace does that to a
/// physical one, and is the end of a virtual one.
pub(super) fn move_all(plan: &Plan, pid: i32) -> Result<()> {
    let doing = || FIELD.to_owned();
    let path = CString::new(format!("/proc/{pid}/ns/net")).unwrap_or_default();
    let to = file::open(&path, OFlag::O_RDONLY).doing(doing)?;
    let here = Route::open().doing(doing)?;
    let inside = namespace::within_network_namespace(to.as_fd(), Route::open).doing(doing)?;
    plan.net_devices.iter().try_for_each(|device| move_one(device, (&here, &inside), to.as_fd()))
}

fn move_one(
    device: &NetDevice,
    (here, inside): (&Route, &Route),
    to: BorrowedFd<'_>,
) -> Result<()> {
    let doing = || format!("{FIELD}[{:?}]: {:?}", device.host, device.name);
    let index = find(here, device)?;
    let addresses = here.addresses(index).doing(doing)?;
    // Not every driver takes another name while it is up.
    here.set_state(index, State::Down).doing(doing)?;
    let name = free_name(inside, &device.name).doing(doing)?;
    match here.move_to(index, to, &name) {
        Err(error) if error.errno() == Errno::EEXIST => {
            let reason = "the network namespace of the container has a device of that name";
            let field = format!("{FIELD}[{:?}]", device.host);
            return Err(Error::invalid(field, format!("{:?}", device.name), reason));
        }
        moved => moved.doing(doing)?,
    }
    // Its number may be another one there.
    let index = inside.index(&name).doing(doing)?;
    let gone = || Error::invalid(FIELD, format!("{name:?}"), "gone meanwhile");
    let index = index.ok_or_else(gone)?;
    for address in &addresses {
        inside.add(index, address).doing(doing)?;
    }
    inside.set_state(index, State::Up).doing(doing)
}

/// The name itself, or the first that the kernel would make of a template (`dev_alloc_name` in
/// net/core/dev.c): its answer to a move does not tell which it has chosen.
fn free_name(inside: &Route, name: &str) -> sys::Result<String> {
    let Some((before, after)) = name.split_once("%d") else { return Ok(name.to_owned()) };
    let mut names = (0..MOST_OF_A_TEMPLATE).map(|number| format!("{before}{number}{after}"));
    let free = names.find_map(|name| match inside.index(&name) {
        Ok(Some(_)) => None,
        Ok(None) => Some(Ok(name)),
        Err(error) => Some(Err(error)),
    });
    // The kernel's to refuse.
    free.unwrap_or_else(|| Ok(name.to_owned()))
}

/// `dev_alloc_name`: the bits of a page, eight times.
const MOST_OF_A_TEMPLATE: u32 = 8 * 4096;

fn find(route: &Route, device: &NetDevice) -> Result<u32> {
    let found = route.index(&device.host).doing(|| format!("{FIELD}[{:?}]", device.host))?;
    found.ok_or_else(|| {
        Error::invalid(FIELD, format!("{:?}", device.host), "no such network device on the host")
    })
}
