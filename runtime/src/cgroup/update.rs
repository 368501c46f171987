//! Changes the limits of a group that has some: all that is asked for, or nothing.

use super::group::{Cgroup, c_name};
use super::{UNLIMITED, write};
use crate::error::{Error, Result};
use crate::plan::cgroup::{CgroupPlan, Missing, Write};

/// A file as it was, and what else puts it back.
#[derive(Debug)]
struct Old {
    file: String,
    /// In the order in which they are written back.
    values: Vec<String>,
}

impl Cgroup {
    /// Sets the limits of `plan`. When one is refused, those that were set before it have their old
    /// values again; where even that fails, the error says which have not.
    pub(crate) fn update(&self, plan: &CgroupPlan) -> Result<Undo<'_>> {
        let limits = || plan.early.iter().chain(&plan.late);
        let old = limits().map(|limit| self.old(limit)).collect::<Result<Vec<_>>>()?;
        let undo = Undo { cgroup: self, old: old.into_iter().flatten().collect() };
        match self.write_all(limits()) {
            Ok(()) => Ok(undo),
            Err(error) => Err(undo.after(error)),
        }
    }

    fn old(&self, limit: &Write) -> Result<Option<Old>> {
        let other = match &limit.if_missing {
            Missing::Write { file, value } => Some((file, value)),
            Missing::Refuse | Missing::Ignore => None,
        };
        for (file, value) in [Some((&limit.file, &limit.value)), other].into_iter().flatten() {
            // One that can only be written has no old value; what it did cannot be undone.
            if let Ok(Some(text)) = self.read(file) {
                return Ok(Some(Old { file: file.clone(), values: old_values(&text, value) }));
            }
        }
        Ok(None)
    }
}

/// The limits that were replaced.
#[derive(Debug)]
#[must_use]
pub(crate) struct Undo<'a> {
    cgroup: &'a Cgroup,
    old: Vec<Old>,
}

impl Undo<'_> {
    /// Puts the old limits back, because of `error`.
    pub(crate) fn after(self, error: Error) -> Error {
        let mut left = Vec::new();
        // A quota and a burst may each be refused until the other one is back.
        let failed: Vec<_> = self.old.iter().rev().filter(|old| !self.put_back(old)).collect();
        for old in failed {
            if !self.put_back(old) && !left.contains(&old.file.as_str()) {
                left.push(&old.file);
            }
        }
        if left.is_empty() {
            return error;
        }
        let left = left.join(", ");
        match error {
            Error::Kernel { doing, source } => {
                let doing = format!("{doing} (and {left} could not be set back)");
                Error::Kernel { doing, source }
            }
            error => error,
        }
    }

    fn put_back(&self, old: &Old) -> bool {
        let dir = self.cgroup.fd();
        old.values.iter().all(|value| write(dir, &c_name(&old.file), value).is_ok())
    }
}

/// What to write into a file with the contents `text` to undo that `value` was written into it.
///
/// A value that begins with a device is one line of many. When there was none for that device, it
/// is set to what stands for no limit.
fn old_values(text: &str, value: &str) -> Vec<String> {
    let key = value.split_once(' ').map(|(key, _)| key);
    let Some(key) = key.filter(|key| !key.bytes().all(|byte| byte.is_ascii_digit())) else {
        // An empty cpuset is written as an empty line.
        let first = text.lines().find(|line| !line.is_empty()).unwrap_or("\n");
        return vec![first.to_owned()];
    };
    if key == UNLIMITED {
        return vec![text.trim().to_owned()];
    }
    match text.lines().find(|line| line.split(' ').next() == Some(key)) {
        Some(line) => vec![line.to_owned()],
        None if value.contains('=') => {
            let parts = value.split(' ').skip(1).filter_map(|part| part.split_once('='));
            let unlimited: Vec<_> = parts.map(|(name, _)| format!("{name}=max")).collect();
            vec![format!("{key} {}", unlimited.join(" "))]
        }
        None => vec![format!("{key} default")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_value_is_written_back_as_the_file_takes_it() {
        for (text, value, expected) in [
            ("67108864\n", "1", "67108864"),
            ("max\n", "1", "max"),
            ("max 100000\n", "50000 100000", "max 100000"),
            ("50000 100000\n", "max 50000", "50000 100000"),
            ("\n", "0-3", "\n"),
            ("default 100\n8:0 50\n", "200", "default 100"),
            ("default 100\n8:0 50\n", "8:0 200", "8:0 50"),
            ("default 100\n", "8:0 200", "8:0 default"),
            (
                "8:0 rbps=1 wbps=max riops=max wiops=max\n",
                "8:0 rbps=2",
                "8:0 rbps=1 wbps=max riops=max wiops=max",
            ),
            ("", "8:0 rbps=2", "8:0 rbps=max"),
            (
                "mlx hca_handle=max hca_object=max\n",
                "mlx hca_handle=1 hca_object=2",
                "mlx hca_handle=max hca_object=max",
            ),
        ] {
            assert_eq!(old_values(text, value), [expected], "{text:?} {value:?}");
        }
    }
}
