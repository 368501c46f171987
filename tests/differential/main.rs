//! What a process sees is the same under peapod and under runc, for many generated bundles; and
//! what the one refuses, so does the other. Each difference is listed with its reason
//! (`allowed.rs`), and a reason that is needed no more is a failure. Needs root, and runc: it runs
//! in the peers' root.
//!
//! The bundles are made of a seed, which is printed with each failure; `PEAPOD_SEED` is another.

mod allowed;
mod broken;
mod generator;
mod numbers;
mod probe;

use allowed::Allowed;
use anyhow::{Context, Result, ensure};
use numbers::Numbers;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::{env, thread};
use tests::{Bundle, Output, Root, skipped};

const RUNC: &str = "/usr/bin/runc";

/// How many bundles of each kind.
const BUNDLES: u64 = 100;

fn seed() -> Result<u64> {
    match env::var("PEAPOD_SEED") {
        Ok(text) => text.parse().context("PEAPOD_SEED"),
        Err(_) => Ok(20_251_104),
    }
}

/// Runs a container of the bundle in the foreground.
fn run(root: &Root, bundle: &Bundle, program: Option<&str>) -> Result<Output> {
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let args = ["run", "--bundle", path, &root.id("c")];
    let script = program.map_or_else(
        || "exec \"$@\"".to_owned(),
        |program| format!("shift; exec {program} \"$@\""),
    );
    let output = root.start_by_shell(&script, &args)?.finish()?;
    if program.is_some() {
        // What a runtime that failed has left would be in the way of the next.
        let script = format!("shift; {RUNC} \"$@\" >/dev/null 2>&1 || true");
        root.start_by_shell(&script, &["delete", "--force", &root.id("c")])?.finish()?;
    }
    Ok(output)
}

/// That one of them refuses what is meant to be valid, in its words.
fn refusal((name, output): (&str, &Output)) -> Option<String> {
    let last = output.stderr.lines().last().unwrap_or_default();
    (!output.status.success()).then(|| format!("{name} refuses: {last}"))
}

/// Does something with each number of a bundle, in as many threads as there are processors.
fn for_each(act: impl Fn(u64) -> Result<()> + Sync) -> Result<()> {
    let next = Mutex::new(0..BUNDLES);
    let workers = thread::available_parallelism()?.get();
    let take = || next.lock().ok().and_then(|mut numbers| numbers.next());
    thread::scope(|scope| {
        let work = || {
            while let Some(number) = take() {
                act(number).with_context(|| format!("bundle {number}"))?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => anyhow::bail!("a worker has panicked"),
        })
    })
}

/// Makes sure that whatever was found is allowed, and that whatever is allowed was found.
fn judge(found: &[(String, String)], allowed: &[Allowed]) -> Result<()> {
    let mut needed = BTreeSet::new();
    let mut others = Vec::new();
    for (difference, bundle) in found {
        match allowed.iter().position(|one| one.covers(difference)) {
            Some(at) => drop(needed.insert(at)),
            None => others.push(format!("{difference}\n    {bundle}")),
        }
    }
    others.sort();
    others.dedup_by(|one, other| one.lines().next() == other.lines().next());
    ensure!(others.is_empty(), "seed {}: not listed:\n{}", seed()?, others.join("\n"));
    // Another seed may not come to everything.
    if env::var_os("PEAPOD_SEED").is_none() {
        let all = 0..allowed.len();
        let idle: Vec<_> = all.filter(|at| !needed.contains(at)).map(|at| &allowed[at]).collect();
        ensure!(idle.is_empty(), "listed, and not found: {idle:#?}");
    }
    Ok(())
}

#[test]
fn a_process_sees_the_same_under_both() -> Result<()> {
    if !Path::new(RUNC).exists() {
        return skipped("a_process_sees_the_same_under_both", "there is no runc here");
    }
    let found = Mutex::new(Vec::new());
    for_each(|number| {
        let root = Root::new()?;
        let mut numbers = Numbers::new(seed()? + number);
        let (bundle, about) = generator::bundle(&root, &mut numbers)?;
        let (own, runcs) = (run(&root, &bundle, None)?, run(&root, &bundle, Some(RUNC))?);
        let refusals: Vec<_> =
            [("peapod", &own), ("runc", &runcs)].into_iter().filter_map(refusal).collect();
        let differences = match refusals.is_empty() {
            true => probe::differences(&own.stdout, &runcs.stdout),
            false => refusals,
        };
        let mark = root.id("");
        let differences =
            differences.into_iter().map(|one| (one.replace(&mark, ""), about.clone()));
        if let Ok(mut found) = found.lock() {
            found.extend(differences);
        }
        Ok(())
    })?;
    judge(&found.into_inner().context("a lock")?, allowed::SEEN)
}

#[test]
fn what_is_wrong_is_refused_by_both() -> Result<()> {
    if !Path::new(RUNC).exists() {
        return skipped("what_is_wrong_is_refused_by_both", "there is no runc here");
    }
    let found = Mutex::new(Vec::new());
    for_each(|number| {
        let root = Root::new()?;
        let mut numbers = Numbers::new(seed()? + number);
        let (bundle, about) = generator::bundle(&root, &mut numbers)?;
        let (bundle, what) = broken::bundle(bundle, &mut numbers, number);
        for (name, program) in [("peapod", None), ("runc", Some(RUNC))] {
            if run(&root, &bundle, program)?.status.success()
                && let Ok(mut found) = found.lock()
            {
                found.push((format!("{name} accepts {what}"), about.clone()));
            }
        }
        Ok(())
    })?;
    judge(&found.into_inner().context("a lock")?, allowed::ACCEPTED)
}
