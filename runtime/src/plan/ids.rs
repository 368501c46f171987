//! Which ids of the host the ids of a user namespace are.

use crate::error::{Error, Result};
use oci_spec::runtime::LinuxIdMapping;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A range of ids: config-linux.md, "User namespace mappings".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    /// The first id inside.
    pub container: u32,
    /// What it is on the host.
    pub host: u32,
    /// How many follow, itself included.
    pub size: u32,
}

/// The ids of users and of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdMaps {
    pub(crate) uids: Vec<IdMap>,
    pub(crate) gids: Vec<IdMap>,
}

/// `user_namespaces(7)`: the most ranges of a map.
const MOST: usize = 340;

/// The kernel takes a map in one write of less than a page.
const PAGE: usize = 4096;

impl IdMaps {
    /// `fields` is what errors call the two lists.
    pub(crate) fn new(uids: Vec<IdMap>, gids: Vec<IdMap>, fields: [&str; 2]) -> Result<Self> {
        for (field, list, other) in [(fields[0], &uids, fields[1]), (fields[1], &gids, fields[0])] {
            if list.is_empty() {
                return Err(Error::invalid(field, "missing", format!("needed beside {other}")));
            }
            check(field, list)?;
        }
        Ok(Self { uids, gids })
    }

    /// The same for lists of config.json; `None` if both are missing or empty.
    pub(super) fn of(
        uids: Option<&[LinuxIdMapping]>,
        gids: Option<&[LinuxIdMapping]>,
        fields: [&str; 2],
    ) -> Result<Option<Self>> {
        let list = |list: Option<&[LinuxIdMapping]>| -> Vec<IdMap> {
            list.unwrap_or_default().iter().map(IdMap::from).collect()
        };
        let (uids, gids) = (list(uids), list(gids));
        if uids.is_empty() && gids.is_empty() {
            return Ok(None);
        }
        Self::new(uids, gids, fields).map(Some)
    }

    /// What root of the container is on the host.
    pub(crate) fn root(&self) -> Option<(u32, u32)> {
        Some((on_host(&self.uids, 0)?, on_host(&self.gids, 0)?))
    }
}

impl From<&LinuxIdMapping> for IdMap {
    fn from(map: &LinuxIdMapping) -> Self {
        Self { container: map.container_id(), host: map.host_id(), size: map.size() }
    }
}

impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.container, self.host, self.size)
    }
}

impl FromStr for IdMap {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let numbers: Vec<_> = text.split(':').map(str::parse).collect();
        match numbers.as_slice() {
            &[Ok(container), Ok(host), Ok(size)] => Ok(Self { container, host, size }),
            _ => Err("not of the form CONTAINER:HOST:SIZE".to_owned()),
        }
    }
}

/// What the id is on the host, if it is mapped.
pub(crate) fn on_host(maps: &[IdMap], id: u32) -> Option<u32> {
    maps.iter().find_map(|map| {
        let offset = id.checked_sub(map.container).filter(|offset| *offset < map.size)?;
        map.host.checked_add(offset)
    })
}

/// A list of ranges in one line, for people.
pub(crate) fn listed(maps: &[IdMap]) -> String {
    maps.iter().map(IdMap::to_string).collect::<Vec<_>>().join(" ")
}

/// A list of ranges as `/proc/PID/uid_map` takes it.
pub(crate) fn map_file(maps: &[IdMap]) -> String {
    maps.iter().map(|map| format!("{} {} {}\n", map.container, map.host, map.size)).collect()
}

fn check(field: &str, maps: &[IdMap]) -> Result<()> {
    if maps.len() > MOST || map_file(maps).len() >= PAGE {
        let reason = format!("more ranges than the kernel takes: {MOST}, in {} bytes", PAGE - 1);
        return Err(Error::invalid(field, maps.len(), reason));
    }
    for (at, map) in maps.iter().enumerate() {
        if map.size == 0 {
            return Err(Error::invalid(field, map, "its size is zero"));
        }
        // The last number is no id.
        let ends = [map.container, map.host].map(|first| u64::from(first) + u64::from(map.size));
        if ends.iter().any(|end| *end > u64::from(u32::MAX)) {
            return Err(Error::invalid(field, map, "leads past the last id, 4294967294"));
        }
        maps[..at].iter().try_for_each(|other| apart(field, other, map))?;
    }
    Ok(())
}

fn apart(field: &str, one: &IdMap, other: &IdMap) -> Result<()> {
    let place = if overlap((one.container, one.size), (other.container, other.size)) {
        "in the container"
    } else if overlap((one.host, one.size), (other.host, other.size)) {
        "on the host"
    } else {
        return Ok(());
    };
    Err(Error::invalid(field, format!("{one} and {other}"), format!("overlap {place}")))
}

fn overlap((a, a_size): (u32, u32), (b, b_size): (u32, u32)) -> bool {
    let (a, b) = (u64::from(a), u64::from(b));
    a < b + u64::from(b_size) && b < a + u64::from(a_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(uids: &[&str]) -> Result<IdMaps> {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        IdMaps::new(parse(uids), parse(&["0:1:1"]), ["uids", "gids"])
    }

    #[test]
    fn ranges_must_be_ranges_that_do_not_overlap() {
        assert!(maps(&["0:100000:65536", "65536:0:1"]).is_ok());
        assert!(maps(&["0:4294967294:1"]).is_ok());
        for (bad, line) in [
            (&[][..], "uids: missing: needed beside gids"),
            (&["0:1:0"], "uids: 0:1:0: its size is zero"),
            (&["0:4294967295:1"], "uids: 0:4294967295:1: leads past the last id, 4294967294"),
            (&["9:1:4294967295"], "uids: 9:1:4294967295: leads past the last id, 4294967294"),
            (&["0:9:5", "4:90:1"], "uids: 0:9:5 and 4:90:1: overlap in the container"),
            (&["0:9:5", "5:13:1"], "uids: 0:9:5 and 5:13:1: overlap on the host"),
        ] {
            assert_eq!(maps(bad).unwrap_err().to_string(), line);
        }
    }

    #[test]
    fn a_map_has_no_more_ranges_than_the_kernel_takes() {
        let many = |count: u32, factor: u32| {
            let texts: Vec<_> = (0..count).map(|n| format!("{}:{}:1", n * factor, n)).collect();
            maps(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert!(many(340, 1).is_ok());
        let reason = "more ranges than the kernel takes: 340, in 4095 bytes";
        for (count, factor) in [(341, 1), (340, 10_000_000)] {
            let line = format!("uids: {count}: {reason}");
            assert_eq!(many(count, factor).unwrap_err().to_string(), line);
        }
    }

    #[test]
    fn an_id_is_looked_up_in_all_ranges() {
        let maps = maps(&["0:1000:1", "5:2000:10"]).unwrap();
        for (id, host) in
            [(0, Some(1000)), (1, None), (5, Some(2000)), (14, Some(2009)), (15, None)]
        {
            assert_eq!(on_host(&maps.uids, id), host, "{id}");
        }
        assert_eq!(maps.root(), Some((1000, 1)));
    }

    #[test]
    fn a_range_is_three_numbers() {
        assert_eq!("0:1:2".parse(), Ok(IdMap { container: 0, host: 1, size: 2 }));
        for bad in ["", "0:1", "0:1:2:3", "a:1:2", "0:-1:2", "0:4294967296:1"] {
            assert!(bad.parse::<IdMap>().is_err(), "{bad}");
        }
    }
}
