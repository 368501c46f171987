//! Operations on one id at the same time: one winner where there can be one, and clear words for
//! all others, soon.

use anyhow::{Context, Result, anyhow, ensure};
use std::thread;
use std::time::{Duration, Instant};
use tests::{Bundle, Output, Root};

/// Longer than any of them may be kept waiting by the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many at once, and how often: on a machine with few processors not all overlap each time.
const CROWDS: [(usize, usize); 2] = [(4, 10), (16, 3)];

/// Does them all at once; answers with what came of each.
fn at_once(root: &Root, commands: &[Vec<String>]) -> Result<Vec<Output>> {
    let outputs = thread::scope(|scope| {
        let threads: Vec<_> = commands
            .iter()
            .map(|command| {
                scope.spawn(move || {
                    let args: Vec<_> = command.iter().map(String::as_str).collect();
                    let start = Instant::now();
                    let output = root.run(&args)?;
                    Ok((start.elapsed(), output))
                })
            })
            .collect();
        // Orphans are reaped at once, as the first process of a host does it.
        while !threads.iter().all(|thread| thread.is_finished()) {
            root.reap_orphans()?;
        }
        let panicked = |_| anyhow!("a client has panicked");
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(panicked)?)
            .collect::<Result<Vec<_>>>()
    })?;
    // Init of a container is a child of whoever created it, and then of ours.
    root.adopt_all()?;
    for (took, output) in &outputs {
        ensure!(*took < PATIENCE, "{took:?}: {output:?}");
    }
    Ok(outputs.into_iter().map(|(_, output)| output).collect())
}

/// How many won; all others must have said why not, in one of those ways.
fn winners(outputs: Vec<Output>, reasons: &[&str]) -> Result<usize> {
    let mut winners = 0;
    for output in outputs {
        if output.status.success() {
            winners += 1;
            continue;
        }
        let message = output.refused()?;
        let is_clear = reasons.iter().any(|reason| message.contains(reason));
        ensure!(is_clear, "not one of {reasons:?}: {message}");
    }
    Ok(winners)
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Does one thing with each crowd, each time on a new container that `prepare` has made.
fn each_crowd(
    prepare: impl Fn(&Root, &Bundle) -> Result<()>,
    words: impl Fn(&Root, &str) -> Vec<String>,
    judge: impl Fn(&Root, usize, Vec<Output>) -> Result<()>,
) -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    bundle.write()?;
    let path = bundle.path().to_str().context("the path of the bundle")?;
    for (size, times) in CROWDS {
        for _ in 0..times {
            prepare(&root, &bundle)?;
            let commands = vec![words(&root, path); size];
            judge(&root, size, at_once(&root, &commands)?)?;
            root.run(&["delete", "--force", &root.id("c")])?.ok()?;
            root.has_nothing_left()?;
        }
    }
    Ok(())
}

fn nothing(_: &Root, _: &Bundle) -> Result<()> {
    Ok(())
}

fn created(root: &Root, bundle: &Bundle) -> Result<()> {
    root.create("c", bundle).map(drop)
}

fn started(root: &Root, bundle: &Bundle) -> Result<()> {
    root.start_container("c", bundle).map(drop)
}

#[test]
fn one_create_wins() -> Result<()> {
    let create = |root: &Root, path: &str| command(&["create", "--bundle", path, &root.id("c")]);
    each_crowd(nothing, create, |_, _, outputs| {
        ensure!(winners(outputs, &["already exists"])? == 1);
        Ok(())
    })
}

#[test]
fn one_start_wins() -> Result<()> {
    let start = |root: &Root, _: &str| command(&["start", &root.id("c")]);
    each_crowd(created, start, |_, _, outputs| {
        ensure!(winners(outputs, &["cannot start an already running container"])? == 1);
        Ok(())
    })
}

#[test]
fn one_delete_wins() -> Result<()> {
    let delete = |root: &Root, _: &str| command(&["delete", &root.id("c")]);
    each_crowd(created, delete, |root, _, outputs| {
        ensure!(winners(outputs, &["does not exist"])? == 1);
        root.has_nothing_left()
    })
}

#[test]
fn who_deletes_by_force_has_what_he_wants() -> Result<()> {
    let delete = |root: &Root, _: &str| command(&["delete", "--force", &root.id("c")]);
    each_crowd(started, delete, |root, size, outputs| {
        ensure!(winners(outputs, &[])? == size);
        root.has_nothing_left()
    })
}

#[test]
fn who_kills_has_killed_or_is_told_that_it_has_ended() -> Result<()> {
    let kill = |root: &Root, _: &str| command(&["kill", &root.id("c"), "KILL"]);
    each_crowd(started, kill, |_, _, outputs| {
        ensure!(winners(outputs, &["container not running"])? >= 1);
        Ok(())
    })
}

#[test]
fn who_stops_has_what_he_wants() -> Result<()> {
    let stop = |root: &Root, _: &str| command(&["stop", "--grace-period", "0", &root.id("c")]);
    each_crowd(started, stop, |_, size, outputs| {
        ensure!(winners(outputs, &[])? == size);
        Ok(())
    })
}

#[test]
fn one_sandbox_create_wins() -> Result<()> {
    let root = Root::new()?;
    for (size, times) in CROWDS {
        for _ in 0..times {
            let commands = vec![command(&["sandbox", "create", &root.id("pod")]); size];
            let mut wins = 0;
            for mut output in at_once(&root, &commands)? {
                wins += usize::from(output.status.success());
                output.stderr.clear();
            }
            ensure!(wins == 1, "{wins} have won");
            root.run(&["sandbox", "delete", "--force", &root.id("pod")])?.ok()?;
            root.has_nothing_left()?;
        }
    }
    Ok(())
}

#[test]
fn whatever_meets_what_is_told_clearly_and_leaves_nothing() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    bundle.write()?;
    let path = bundle.path().to_str().context("the path of the bundle")?;
    let id = root.id("c");
    let verbs = [
        command(&["create", "--bundle", path, &id]),
        command(&["start", &id]),
        command(&["kill", &id, "KILL"]),
        command(&["delete", "--force", &id]),
        command(&["state", &id]),
        command(&["exec", &id, "true"]),
        command(&["delete", &id]),
        command(&["stop", "--grace-period", "0", &id]),
    ];
    for round in 0..20 {
        let size = if round % 4 == 0 { 16 } else { 4 };
        let commands: Vec<_> =
            (0..size).map(|number| verbs[(number * 3 + round) % verbs.len()].clone()).collect();
        for output in at_once(&root, &commands)? {
            // A program that was killed has told its exec so.
            let is_ended = matches!(output.status.code(), Some(137 | 255));
            if !output.status.success() && !is_ended {
                let message = output.refused()?;
                let is_its_own = message.starts_with("container init ended");
                ensure!(is_its_own || message.contains(&id), "whose? {message}");
            }
        }
        root.run(&["delete", "--force", &id])?.ok()?;
        root.has_nothing_left()?;
    }
    Ok(())
}
