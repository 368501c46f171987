//! How many system calls each verb may need. Needs root.
//!
//! `budget.txt` has a line for each verb: its name, the calls of all its processes up to the
//! execution of the program, and the number of processes. A verb that needs more fails; one that
//! needs fewer says so. `PEAPOD_UPDATE_BUDGET=1` writes the file anew.
//!
//! Not counted: what a debug build asks before it closes a descriptor. What repeats for a time that
//! nobody can tell (a cgroup that is busy, a process on its way out) is the least of some runs.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};
use tests::{Bundle, Call, Fault, Root};

const RUNS: usize = 5;

/// The runs of a verb that seems to need too many: on a busy machine it may have had to wait in all
/// of the first.
const MOST_RUNS: usize = 40;

/// What the order of two processes and the addresses of the stack can make of it.
const SLACK: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    calls: usize,
    processes: usize,
}

#[test]
fn no_verb_needs_more_system_calls_than_its_budget() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("budget/budget.txt");
    if env::var_os("PEAPOD_UPDATE_BUDGET").is_some() {
        return write(&path, &measure(|_| true)?);
    }
    let budget = read(&path)?;
    let needs = measure(|needs| over(needs, &budget).is_empty())?;
    let problems = over(&needs, &budget);
    ensure!(problems.is_empty(), "PEAPOD_UPDATE_BUDGET=1 allows it:\n{}", problems.join("\n"));
    Ok(())
}

/// What is needed beyond the budget.
fn over(needs: &BTreeMap<String, Need>, budget: &BTreeMap<String, Need>) -> Vec<String> {
    let mut problems = Vec::new();
    for (verb, need) in needs {
        let Some(may) = budget.get(verb) else {
            problems.push(format!("{verb}: {} calls, and no budget", need.calls));
            continue;
        };
        if need.calls > may.calls + SLACK {
            let more = need.calls - may.calls;
            problems.push(format!("{verb}: {more} calls more than its {}", may.calls));
        }
        if need.processes > may.processes {
            problems.push(format!("{verb}: {} processes, not {}", need.processes, may.processes));
        }
    }
    problems
}

/// The least that each verb has needed in some runs of a life: in more of them as long as that is
/// not enough.
fn measure(is_enough: impl Fn(&BTreeMap<String, Need>) -> bool) -> Result<BTreeMap<String, Need>> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    let quick = root.bundle(&["true"])?;
    // What all containers share is there.
    root.create("keeper", &bundle)?;
    let mut least = BTreeMap::new();
    for run in 0..MOST_RUNS {
        if run >= RUNS && is_enough(&least) {
            break;
        }
        let mut life = Life { root: &root, least: &mut least };
        life.of_a_container(&bundle, &quick)?;
        life.of_a_sandbox(&bundle)?;
    }
    Ok(least)
}

struct Life<'a> {
    root: &'a Root,
    least: &'a mut BTreeMap<String, Need>,
}

impl Life<'_> {
    fn of_a_container(&mut self, bundle: &Bundle, quick: &Bundle) -> Result<()> {
        let id = self.root.id("c");
        let long = path_of(bundle)?;
        self.verb("create", &["create", "--bundle", &long, &id])?;
        self.verb("state", &["state", &id])?;
        self.verb("start", &["start", &id])?;
        self.verb("exec", &["exec", &id, "true"])?;
        self.verb("list", &["list"])?;
        self.verb("kill", &["kill", &id, "KILL"])?;
        while self.root.run(&["state", &id])?.ok()?.contains("running") {}
        self.verb("delete", &["delete", &id])?;
        self.verb("create", &["create", "--bundle", &long, &id])?;
        self.verb("start", &["start", &id])?;
        self.verb("stop", &["stop", "--grace-period", "0", &id])?;
        self.verb("delete", &["delete", &id])?;
        let quick = path_of(quick)?;
        self.verb("run", &["run", "--bundle", &quick, &id])
    }

    fn of_a_sandbox(&mut self, bundle: &Bundle) -> Result<()> {
        let (id, pod) = (self.root.id("c"), self.root.id("pod"));
        let bundle = path_of(bundle)?;
        self.verb("sandbox create", &["sandbox", "create", &pod])?;
        let create = ["create", "--bundle", &bundle, "--sandbox", &pod, &id];
        self.verb("create --sandbox", &create)?;
        self.verb("start", &["start", &id])?;
        self.verb("sandbox stop", &["sandbox", "stop", "--grace-period", "0", &pod])?;
        self.verb("sandbox delete", &["sandbox", "delete", &pod])
    }

    fn verb(&mut self, name: &str, args: &[&str]) -> Result<()> {
        let traced = self.root.trace(args, Fault::None)?;
        let processes = traced.processes();
        let calls = traced.calls.iter().filter(|call| counts(call)).count();
        traced.output.ok()?;
        let least = self.least.entry(name.to_owned()).or_insert(Need { calls, processes });
        least.calls = least.calls.min(calls);
        Ok(())
    }
}

/// The standard library of a debug build makes sure that what it closes is open, by `F_GETFD`.
fn counts(call: &Call) -> bool {
    call.name != "fcntl" || call.arguments[1] != 1
}

fn path_of(bundle: &Bundle) -> Result<String> {
    bundle.write()?;
    Ok(bundle.path().to_str().context("the path of the bundle")?.to_owned())
}

fn read(path: &Path) -> Result<BTreeMap<String, Need>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let row = || format!("not a row of a budget: {line:?}");
        let mut cells = line.split_whitespace().rev();
        let processes = cells.next().with_context(row)?.parse().with_context(row)?;
        let calls = cells.next().with_context(row)?.parse().with_context(row)?;
        let verb: Vec<_> = cells.rev().collect();
        Ok((verb.join(" "), Need { calls, processes }))
    })
    .collect()
}

fn write(path: &Path, needs: &BTreeMap<String, Need>) -> Result<()> {
    let mut text = "# verb, system calls, processes: see main.rs\n".to_owned();
    for (verb, Need { calls, processes }) in needs {
        writeln!(text, "{verb:20} {calls:4} {processes:2}")?;
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}
