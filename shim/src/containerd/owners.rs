//! Layers whose files show with other owners: what containerd's snapshotters ask for by options
//! `uidmap` and `gidmap`, which mount(2) does not know.

use crate::proto::types::Mount;
use crate::ttrpc::{Code, Status};
use peapod::container::Owners;
use peapod::sandbox::IdMap;
use peapod::sys::mount_by_path;
use std::fs;
use std::path::{Path, PathBuf};

const LAYERS: &str = "lowerdir=";

/// Where layers are mounted with their owners, until the file system that is made of them is there.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Places(Vec<PathBuf>);

impl Drop for Places {
    fn drop(&mut self) {
        for place in &self.0 {
            // What is left goes with the bundle.
            let _unmounted = mount_by_path::unmount(place);
            let _removed = fs::remove_dir(place);
        }
    }
}

/// Whether `mount` asks for other owners.
pub(super) fn is_asked_for(mount: &Mount) -> bool {
    mount.options.iter().any(|option| map_of(option).is_some())
}

/// Mounts the layers of `mount` with the owners that it asks for, at places in `bundle`. Answers
/// with the same mount of these, which asks for nothing more.
pub(super) fn map(mount: &Mount, bundle: &Path) -> Result<(Mount, Places), Status> {
    let list = |name: &str| -> Result<Vec<IdMap>, Status> {
        let own = mount.options.iter().filter_map(|option| map_of(option));
        let texts = own.filter(|(kind, _)| *kind == name).map(|(_, text)| text);
        let parsed = texts.map(|text| text.parse().map_err(|_| invalid(name, text)));
        parsed.collect()
    };
    let owners = Owners::new(list("uidmap")?, list("gidmap")?)?;
    let mut places = Places::default();
    let mut place_of = |source: &str| -> Result<String, Status> {
        let place = bundle.join(format!(".layer-{}", places.0.len()));
        let failed = |error: std::io::Error| {
            Status::new(Code::Unknown, format!("{}: {error}", place.display()))
        };
        fs::create_dir_all(&place).map_err(failed)?;
        places.0.push(place.clone());
        owners.mount(Path::new(source), &place)?;
        Ok(place.to_string_lossy().into_owned())
    };
    let mut mapped = mount.clone();
    mapped.options.retain(|option| map_of(option).is_none());
    if mount.r#type != "overlay" {
        mapped.source = place_of(&mount.source)?;
        return Ok((mapped, places));
    }
    for option in &mut mapped.options {
        let Some(layers) = option.strip_prefix(LAYERS) else { continue };
        let layers = layers.split(':').map(&mut place_of).collect::<Result<Vec<_>, _>>()?;
        *option = format!("{LAYERS}{}", layers.join(":"));
    }
    Ok((mapped, places))
}

fn map_of(option: &str) -> Option<(&str, &str)> {
    option.split_once('=').filter(|(name, _)| matches!(*name, "uidmap" | "gidmap"))
}

fn invalid(name: &str, text: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("rootfs: {name}={text}: not a map"))
}
