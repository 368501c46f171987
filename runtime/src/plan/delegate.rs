//! Who may make groups in the cgroup of a container (config-linux.md, "Cgroup ownership").

use super::ids::on_host;
use super::{Mount, Namespaces, Source};
use crate::sys::mount::MOUNT_ATTR_RDONLY;
use std::ffi::CStr;

const MOUNT_POINT: &CStr = c"sys/fs/cgroup";

impl Namespaces {
    /// The user of the host that the user `uid` of the container is, if the container sees its own
    /// cgroup as the top, and may write there. Root of the host owns it anyway.
    pub(super) fn delegates_to(&self, mounts: &[Mount], uid: u32) -> Option<u32> {
        let last = mounts.iter().rfind(|mount| mount.target.path.as_c_str() == MOUNT_POINT)?;
        let is_cgroup =
            matches!(&last.source, Source::New { kind, .. } if kind.as_c_str() == c"cgroup2");
        let is_writable = (last.attributes.set | last.recursive.set) & MOUNT_ATTR_RDONLY == 0;
        if !(self.unshare_cgroup && is_cgroup && is_writable) {
            return None;
        }
        let owner = match self.user.maps() {
            Some(maps) => on_host(&maps.uids, uid)?,
            None if self.user.is_own() => return None,
            None => uid,
        };
        Some(owner).filter(|owner| *owner != 0)
    }
}
