//! config-linux.md, "Rootfs Mount Propagation".

use anyhow::{Context, Result, ensure};
use tests::Root;

/// The optional fields of the root's mount, on a host whose mounts are all shared.
fn of_root(propagation: &str) -> Result<String> {
    let root = Root::new()?;
    let script =
        "awk '$5 == \"/\" { for (i = 7; $i != \"-\"; i++) print $i }' /proc/self/mountinfo";
    let bundle = root.shell(script)?.as_root(&[]);
    let bundle = bundle.with("/linux/rootfsPropagation", propagation);
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let args = ["run", "--bundle", path, &root.id("c")];
    let shell = "exec unshare --mount --propagation private bash -c '\
        mount --make-rshared / && exec \"$@\"' bash \"$@\"";
    Ok(root.start_by_shell(shell, &args)?.finish()?.ok()?.trim().replace('\n', " "))
}

#[test]
fn shared_is_a_peer_group() -> Result<()> {
    let seen = of_root("shared")?;
    ensure!(seen.contains("shared:"), "{seen:?}");
    Ok(())
}

#[test]
fn slave_hears_of_the_host() -> Result<()> {
    let seen = of_root("slave")?;
    ensure!(seen.contains("master:") && !seen.contains("shared:"), "{seen:?}");
    Ok(())
}

#[test]
fn private_hears_of_nobody() -> Result<()> {
    let seen = of_root("private")?;
    ensure!(seen.is_empty(), "{seen:?}");
    Ok(())
}

#[test]
fn unbindable_is_private_and_cannot_be_bound() -> Result<()> {
    let seen = of_root("unbindable")?;
    ensure!(seen == "unbindable", "{seen:?}");
    Ok(())
}
