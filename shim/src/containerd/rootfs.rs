//! The root file system of a task: what containerd says is to be mounted in its bundle.

use super::owners;
use crate::proto::types::Mount;
use crate::ttrpc::{Code, Status};
use peapod::sys::mount_by_path::{self, Flag};
use std::path::{Path, PathBuf};

/// What mount(2) takes as options: a page, with a NUL.
const PAGE: usize = 4096;

/// Mounts that are there. Dropped, and not [kept](Self::keep), they are taken away.
#[derive(Debug)]
#[must_use]
pub(crate) struct Rootfs(Option<PathBuf>);

impl Rootfs {
    /// Mounts `mounts`, one over the other, at the place of the root file system in `bundle`. It
    /// changes the working directory: only a creator may do this.
    ///
    /// # Errors
    ///
    /// If one cannot be mounted; then none is.
    pub(crate) fn mount(bundle: &Path, mounts: &[Mount]) -> Result<Self, Status> {
        let place = place(bundle);
        if mounts.is_empty() {
            return Ok(Self(None));
        }
        let made = Self(Some(place.clone()));
        for mount in mounts {
            let target = match mount.target.trim_start_matches('/') {
                "" => place.clone(),
                below => place.join(below),
            };
            attach_in(bundle, mount, &target)?;
        }
        Ok(made)
    }

    /// Lets them be.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        if let Some(place) = &self.0 {
            // `delete` will try again.
            let _result = mount_by_path::unmount(place);
        }
    }
}

/// Where the root file system of a bundle is.
pub(crate) fn place(bundle: &Path) -> PathBuf {
    bundle.join("rootfs")
}

/// Takes away what is mounted in a bundle.
pub(crate) fn unmount(bundle: &Path) -> Result<(), Status> {
    Ok(mount_by_path::unmount(&place(bundle))?)
}

fn attach_in(bundle: &Path, mount: &Mount, target: &Path) -> Result<(), Status> {
    if !owners::is_asked_for(mount) {
        return attach(mount, target);
    }
    let (mapped, _places) = owners::map(mount, bundle)?;
    attach(&mapped, target)
}

fn attach(mount: &Mount, target: &Path) -> Result<(), Status> {
    let Options { flags, data } = Options::parse(mount)?;
    let data = if data.len() < PAGE { data } else { shorten(mount, &data)? };
    Ok(mount_by_path::mount(&mount.source, target, &mount.r#type, flags, &data)?)
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    flags: u64,
    /// Those of the file system.
    data: String,
}

impl Options {
    fn parse(mount: &Mount) -> Result<Self, Status> {
        let mut flags = 0;
        let mut data = Vec::new();
        for option in &mount.options {
            match mount_by_path::flag(option) {
                Some(Flag::Set(flag)) => flags |= flag,
                Some(Flag::Clear(flag)) => flags &= !flag,
                None if is_refused(option) => {
                    let message = format!("rootfs: {option}: not supported yet");
                    return Err(Status::new(Code::Unimplemented, message));
                }
                // For others than the kernel.
                None if option.starts_with("X-") || option.starts_with("x-") => {}
                None => data.push(option.as_str()),
            }
        }
        if matches!(mount.r#type.as_str(), "bind" | "rbind") {
            flags |= mount_by_path::BIND;
        }
        Ok(Self { flags, data: data.join(",") })
    }
}

/// What containerd does by itself, where it is not asked to leave that to the shim.
fn is_refused(option: &str) -> bool {
    option == "loop"
}

/// Options of an overlay of so many layers that they do not fit: with paths from the directory
/// that all layers have in common, which becomes the working directory.
fn shorten(mount: &Mount, data: &str) -> Result<String, Status> {
    let too_long = || Status::new(Code::InvalidArgument, "rootfs: options of more than a page");
    let layers = |data: &str| -> Option<(String, Vec<PathBuf>)> {
        let lower = data.split(',').find_map(|option| option.strip_prefix("lowerdir="))?;
        Some((lower.to_owned(), lower.split(':').map(PathBuf::from).collect()))
    };
    let Some((lower, layers)) = layers(data).filter(|_| mount.r#type == "overlay") else {
        return Err(too_long());
    };
    let common = common(&layers).ok_or_else(too_long)?;
    let rest = layers.iter().filter_map(|layer| layer.strip_prefix(&common).ok());
    let rest: Vec<_> = rest.map(|layer| layer.to_string_lossy()).collect();
    let data = data.replacen(&lower, &rest.join(":"), 1);
    if data.len() >= PAGE {
        return Err(too_long());
    }
    mount_by_path::enter(&common)?;
    Ok(data)
}

/// The directory that all paths are below.
fn common(paths: &[PathBuf]) -> Option<PathBuf> {
    let mut candidates = paths.first()?.ancestors().skip(1);
    let is_above_all = |dir: &Path| paths.iter().all(|path| path.starts_with(dir));
    candidates.find(|dir| is_above_all(dir) && *dir != Path::new("/")).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(kind: &str, options: &[&str]) -> Mount {
        Mount {
            r#type: kind.to_owned(),
            source: "source".to_owned(),
            target: String::new(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        }
    }

    #[test]
    fn options_are_flags_or_the_file_systems_own() {
        let overlay = mount("overlay", &["ro", "index=off", "rw", "lowerdir=/a:/b", "nosuid"]);
        let options = Options::parse(&overlay).unwrap();
        assert_eq!(options.data, "index=off,lowerdir=/a:/b");
        assert_eq!(mount_by_path::flag("nosuid"), Some(Flag::Set(options.flags)));
        let bind = Options::parse(&mount("bind", &["rbind", "ro"])).unwrap();
        assert_eq!(bind.flags & mount_by_path::BIND, mount_by_path::BIND);
        assert!(Options::parse(&mount("ext4", &["loop"])).is_err());
    }

    #[test]
    fn layers_have_a_directory_in_common() {
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        let found = common(&paths(&["/s/1/fs", "/s/22/fs", "/s/3/fs"]));
        assert_eq!(found.as_deref(), Some(Path::new("/s")));
        assert_eq!(common(&paths(&["/a/fs", "/b/fs"])), None);
    }
}
