//! Hundreds of containers, by four clients at once: afterwards the machine is as before.

use crate::machine::Machine;
use anyhow::{Result, anyhow, ensure};
use std::thread;
use tests::{Bundle, Root, is_long};

const CLIENTS: usize = 4;

fn containers() -> usize {
    if is_long() { 1000 } else { 200 }
}

#[test]
fn hundreds_of_containers_leave_the_machine_as_it_was() -> Result<()> {
    let root = Root::new()?;
    let bundles: Vec<_> =
        (0..CLIENTS).map(|_| root.bundle(&["sleep", "1000"])).collect::<Result<_>>()?;
    life(&root, "first", &bundles[0])?;
    root.has_nothing_left()?;
    let before = Machine::now()?;
    thread::scope(|scope| {
        let client = |(number, bundle)| {
            let root = &root;
            scope.spawn(move || lives(root, number, bundle))
        };
        let clients: Vec<_> = bundles.iter().enumerate().map(client).collect();
        let panicked = |_| anyhow!("a client has panicked");
        clients.into_iter().try_for_each(|client| client.join().map_err(panicked)?)
    })?;
    root.has_nothing_left()?;
    Machine::now()?.is_as_before(&before, containers())
}

/// What one client does.
fn lives(root: &Root, client: usize, bundle: &Bundle) -> Result<()> {
    (0..containers() / CLIENTS)
        .try_for_each(|number| life(root, &format!("c{client}-{number}"), bundle))
}

/// All that can happen to a container.
fn life(root: &Root, name: &str, bundle: &Bundle) -> Result<()> {
    let container = root.start_container(name, bundle)?;
    ensure!(container.exec(&[], &["echo", "here"])?.ok()? == "here\n");
    if root.run(&["pause", "--help"])?.status.success() {
        container.run(&["pause"], &[])?.ok()?;
        ensure!(container.status()? == "paused");
        container.run(&["resume"], &[])?.ok()?;
    }
    ensure!(container.status()? == "running");
    container.kill("KILL")?;
    container.wait()?;
    container.delete(&[])
}
