//! Makes the cgroup that the first process of a container is born in: a directory, or a scope that
//! systemd makes.

use super::root::Reserved;
use super::state::OwnCgroup;
use crate::cgroup::systemd::{self, Placeholder};
use crate::cgroup::{Hierarchy, NewCgroup};
use crate::error::{Error, Result};
use crate::plan::cgroup::place::Birthplace;
use crate::plan::{CgroupPlan, Plan};

/// What was made. Dropped, it goes away again.
#[derive(Debug)]
#[must_use]
pub(crate) struct Made {
    /// The container's own, with all below it.
    own: NewCgroup,
    leaf: Option<NewCgroup>,
    placeholder: Option<Placeholder>,
}

impl Birthplace {
    /// Makes it, and writes down first what cannot be found again otherwise.
    pub(super) fn make(&self, reserved: &Reserved<'_>, plan: &Plan) -> Result<Made> {
        let entry = reserved.entry()?;
        let hierarchy = Hierarchy::open()?;
        let limits = &plan.cgroup;
        let own = |path: &str, limits| {
            OwnCgroup { path: path.to_owned(), id: None }.save(entry)?;
            let own = hierarchy.create(path, limits)?;
            if own.is_taken() {
                make_sure_it_is_nobodys(reserved, &record(&own))?;
            }
            record(&own).save(entry)?;
            Ok(own)
        };
        match self {
            Self::Group(path) => {
                Ok(Made { own: own(path, limits)?, leaf: None, placeholder: None })
            }
            Self::Sandbox(path) => {
                let own = own(path, &CgroupPlan::default())?;
                let leaf = Some(hierarchy.create(&format!("{path}/pause"), limits)?);
                Ok(Made { own, leaf, placeholder: None })
            }
            // One that nobody knows of ends with its placeholder.
            Self::Scope(scope, asked) => {
                let (own, placeholder) = hierarchy.start_scope(scope, limits, asked)?;
                record(&own).save(entry)?;
                Ok(Made { own, leaf: None, placeholder: Some(placeholder) })
            }
        }
    }

    /// Sets the limits that setting up could have met.
    pub(super) fn limit_late(&self, cgroup: &NewCgroup, plan: &Plan) -> Result<()> {
        cgroup.write_all(&plan.cgroup.late)?;
        match self {
            Self::Scope(scope, _) => systemd::set_late_limits(scope, &plan.cgroup),
            Self::Group(_) | Self::Sandbox(_) => Ok(()),
        }
    }
}

/// What is written of it.
fn record(cgroup: &NewCgroup) -> OwnCgroup {
    OwnCgroup { path: cgroup.path().to_owned(), id: Some(cgroup.id()) }
}

/// The cgroup of a container that has ended is its own until that is deleted: by then it would be
/// killed together with whatever is in it.
fn make_sure_it_is_nobodys(reserved: &Reserved<'_>, own: &OwnCgroup) -> Result<()> {
    let own_id = reserved.entry()?.id();
    let owner = reserved.others()?.into_iter().find(|other| {
        let theirs = reserved.other(other).and_then(|entry| OwnCgroup::load(&entry));
        other != own_id && theirs.is_ok_and(|theirs| theirs.as_ref() == Some(own))
    });
    let message = |owner| format!("cgroup {} exists already: it is that of {owner}", own.path);
    owner.map_or(Ok(()), |owner| Err(Error::AlreadyExists(message(owner))))
}

impl Made {
    /// The group that the first process is born in.
    pub(super) fn leaf(&self) -> &NewCgroup {
        self.leaf.as_ref().unwrap_or(&self.own)
    }

    /// The first process is there.
    pub(super) fn has_process(&mut self) {
        drop(self.placeholder.take());
    }

    /// From here on it exists, and is `delete`'s to remove.
    pub(super) fn keep(self) {
        let _leaf = self.leaf.map(NewCgroup::keep);
        let _own = self.own.keep();
    }
}
