//! config.md, "Hostname" and "Domainname".

use crate::shows;
use anyhow::Result;
use nix::sys::utsname::uname;
use tests::Bundle;

#[test]
fn hostname_is_that_of_the_uts_namespace() -> Result<()> {
    shows("hostname", |bundle| bundle.with("/hostname", "pod-of-peas"), "pod-of-peas")
}

#[test]
fn domainname_is_that_of_the_uts_namespace() -> Result<()> {
    let named = |bundle: Bundle| bundle.with("/domainname", "garden.test");
    shows("cat /proc/sys/kernel/domainname", named, "garden.test")
}

#[test]
fn the_host_keeps_its_names() -> Result<()> {
    let before = uname()?.nodename().to_owned();
    shows("hostname", |bundle| bundle.with("/hostname", "pod-of-peas"), "pod-of-peas")?;
    assert_eq!(uname()?.nodename(), before);
    Ok(())
}
