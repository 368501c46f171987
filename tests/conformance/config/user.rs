//! config.md, "POSIX-platform User".

use crate::{refuses, shows};
use anyhow::{Error, Result};
use serde_json::json;
use tests::Bundle;

fn user(bundle: Bundle) -> Bundle {
    let user = json!({ "uid": 1001, "gid": 1002, "additionalGids": [7, 1003] });
    bundle.with("/process/user", user)
}

#[test]
fn uid_is_the_user() -> Result<()> {
    shows("grep Uid /proc/self/status", user, "Uid: 1001 1001 1001 1001")
}

#[test]
fn gid_is_the_group() -> Result<()> {
    shows("grep Gid /proc/self/status", user, "Gid: 1002 1002 1002 1002")
}

#[test]
fn additional_gids_are_the_other_groups() -> Result<()> {
    shows("grep Groups /proc/self/status", user, "Groups: 7 1003")
}

#[test]
fn umask_is_the_mask_for_new_files() -> Result<()> {
    shows("umask", |bundle| bundle.with("/process/user/umask", 0o027), "0027")
}

#[test]
fn ids_are_those_of_the_user_namespace_of_the_container() -> Result<()> {
    let inside = |bundle: Bundle| -> Result<Bundle> {
        let bundle = crate::with_user_namespace(bundle, 100_000)?;
        let user = json!({ "uid": 5, "gid": 6, "additionalGids": [7] });
        Ok(bundle.with("/process/user", user))
    };
    shows("id -u; id -g; id -G", inside, "5 6 6 7")
}

#[test]
fn a_user_that_the_user_namespace_does_not_have_is_an_error() -> Result<()> {
    refuses(|bundle| {
        let bundle = crate::with_user_namespace(bundle, 100_000)?;
        Ok::<_, Error>(bundle.with("/process/user", json!({ "uid": 70_000, "gid": 0 })))
    })
}

#[test]
fn an_id_is_not_negative() -> Result<()> {
    refuses(|bundle| bundle.with("/process/user", json!({ "uid": -1, "gid": 0 })))
}
