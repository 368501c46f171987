//! Directories whose files show with other owners: the layers of a root file system that is shared
//! by containers with different users.

use crate::error::{Doing, Error, Result};
use crate::init::with_maps;
use crate::plan::IdMaps;
use crate::plan::ids::IdMap;
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{self, Attributes, Depth, MOUNT_ATTR_IDMAP};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// The owners that a user namespace gives files.
#[derive(Debug)]
pub struct Owners(OwnedFd);

impl Owners {
    /// Those of a user namespace with these maps: users, and groups.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] for maps that none can have, [`Error::Kernel`].
    pub fn new(uids: Vec<IdMap>, gids: Vec<IdMap>) -> Result<Self> {
        let maps = IdMaps::new(uids, gids, ["uidmap", "gidmap"])?;
        with_maps(&maps).doing(|| "a user namespace".to_owned()).map(Self)
    }

    /// Mounts the directory `source` at the directory `target`, with these owners (Linux 5.12).
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`], `EINVAL` if its file system cannot be mounted so.
    pub fn mount(&self, source: &Path, target: &Path) -> Result<()> {
        let doing = || format!("{} with other owners", source.display());
        let tree = mount::open_tree(open(source)?.as_fd(), c"", Depth::One).doing(doing)?;
        let userns = u64::try_from(self.0.as_raw_fd()).unwrap_or_default();
        let mapped = Attributes { set: MOUNT_ATTR_IDMAP, userns, ..Attributes::default() };
        mount::mount_setattr(tree.as_fd(), Depth::One, &mapped).doing(doing)?;
        mount::move_mount(tree.as_fd(), open(target)?.as_fd()).doing(doing)
    }
}

fn open(path: &Path) -> Result<OwnedFd> {
    let doing = || path.display().to_string();
    let name = CString::new(path.as_os_str().as_encoded_bytes())
        .map_err(|_| Error::invalid("path", doing(), "contains a NUL byte"))?;
    file::open(&name, OFlag::O_PATH | OFlag::O_DIRECTORY).doing(doing)
}
