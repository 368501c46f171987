//! The operations that are disturbed, and the numbers of the calls at which they are.

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use tests::{Bundle, Call, Fault, Root, Traced, is_long};

/// How many calls of an operation are tried, about, unless all are.
const SAMPLE: usize = 60;

/// Something that peapod does, and what must be there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A container of its own is created.
    Create,
    /// One in a sandbox, by way of a builder.
    CreateInSandbox,
    Start,
    Exec,
    /// Init is disturbed as well, from the gate to the execution of its program.
    StartWithInit,
    /// In the foreground, to the end.
    Run,
    Kill,
    Stop,
    Delete,
    SandboxCreate,
    SandboxStop,
    SandboxDelete,
}

/// The place where an operation is tried, again and again.
pub(crate) struct Stage {
    pub(crate) root: Root,
    pub(crate) operation: Operation,
    bundle: Bundle,
    pub(crate) id: String,
    pod: String,
    /// Keeps what containers share from coming and going, and with it the number of calls.
    _keeper: Root,
}

impl Stage {
    pub(crate) fn new(operation: Operation) -> Result<Self> {
        let root = Root::new()?;
        let program: &[&str] =
            if operation == Operation::Run { &["true"] } else { &["sleep", "1000"] };
        let bundle = root.bundle(program)?;
        bundle.write()?;
        let (id, pod) = (root.id("c"), root.id("pod"));
        let keeper = Root::new()?;
        keeper.create("keeper", &bundle)?;
        Ok(Self { root, operation, bundle, id, pod, _keeper: keeper })
    }

    /// The command line of the operation.
    fn command(&self) -> Result<Vec<&str>> {
        let bundle = self.bundle.path().to_str().context("the path of the bundle")?;
        Ok(match self.operation {
            Operation::Create => vec!["create", "--bundle", bundle, &self.id],
            Operation::CreateInSandbox => {
                vec!["create", "--bundle", bundle, "--sandbox", &self.pod, &self.id]
            }
            Operation::Start | Operation::StartWithInit => vec!["start", &self.id],
            Operation::Exec => vec!["exec", &self.id, "true"],
            Operation::Run => vec!["run", "--bundle", bundle, &self.id],
            Operation::Kill => vec!["kill", &self.id, "KILL"],
            Operation::Stop => vec!["stop", "--grace-period", "0", &self.id],
            Operation::Delete => vec!["delete", "--force", &self.id],
            Operation::SandboxCreate => vec!["sandbox", "create", &self.pod],
            Operation::SandboxStop => vec!["sandbox", "stop", "--grace-period", "0", &self.pod],
            Operation::SandboxDelete => vec!["sandbox", "delete", "--force", &self.pod],
        })
    }

    /// Makes what the operation is about; answers with who is disturbed as well.
    fn prepare(&self) -> Result<Option<i32>> {
        match self.operation {
            Operation::Create | Operation::Run | Operation::SandboxCreate => {}
            Operation::CreateInSandbox | Operation::SandboxStop | Operation::SandboxDelete => {
                self.root.sandbox("pod", &[])?;
            }
            Operation::Start => {
                self.root.create("c", &self.bundle)?;
            }
            Operation::StartWithInit => {
                return Ok(Some(self.root.create("c", &self.bundle)?.pid()));
            }
            Operation::Exec | Operation::Kill | Operation::Stop | Operation::Delete => {
                self.root.start_container("c", &self.bundle)?;
            }
        }
        Ok(None)
    }

    /// Prepares, and does the operation with a fault.
    pub(crate) fn disturbed(&self, fault: Fault) -> Result<Traced> {
        let beside = self.prepare()?;
        self.root.trace_with(&self.command()?, beside, fault)
    }

    /// What the status must be when the operation has failed, if that is certain.
    pub(crate) fn status_before(&self) -> Option<Option<&'static str>> {
        match self.operation {
            // It may have been the deletion at the end that failed.
            Operation::Run => None,
            _ if self.creates() => Some(None),
            Operation::Start => Some(Some("created")),
            // Or stopped: whoever waited at the gate may have failed.
            Operation::StartWithInit => None,
            Operation::Exec => Some(Some("running")),
            // What has been killed does not come back.
            _ => None,
        }
    }

    /// What the status must be when the operation has succeeded.
    pub(crate) fn status_after(&self) -> Option<&'static str> {
        match self.operation {
            Operation::Create | Operation::CreateInSandbox => Some("created"),
            Operation::Start
            | Operation::StartWithInit
            | Operation::Exec
            | Operation::SandboxCreate => Some("running"),
            Operation::Kill | Operation::Stop | Operation::SandboxStop => Some("stopped"),
            Operation::Run | Operation::Delete | Operation::SandboxDelete => None,
        }
    }

    /// Whether it creates something, so that nothing is there before.
    pub(crate) fn creates(&self) -> bool {
        matches!(
            self.operation,
            Operation::Create
                | Operation::CreateInSandbox
                | Operation::Run
                | Operation::SandboxCreate
        )
    }

    /// Whether it is about a sandbox, and not about a container.
    fn is_of_sandbox(&self) -> bool {
        matches!(
            self.operation,
            Operation::SandboxCreate | Operation::SandboxStop | Operation::SandboxDelete
        )
    }

    /// The status of what the operation is about; `None` if there is none.
    pub(crate) fn status(&self) -> Result<Option<String>> {
        let list = self.root.run(&["list", "--format", "json"])?.ok()?;
        let id = if self.is_of_sandbox() { &self.pod } else { &self.id };
        let list: Value = if self.is_of_sandbox() {
            serde_json::from_str(&self.root.run(&["sandbox", "list", "--format", "json"])?.ok()?)?
        } else {
            serde_json::from_str(&list)?
        };
        let rows = list.as_array().map_or(&[][..], Vec::as_slice);
        let row = rows.iter().find(|row| row["id"] == id.as_str());
        Ok(row.and_then(|row| row["status"].as_str()).map(str::to_owned))
    }

    /// The status, once the process that was to end has ended.
    pub(crate) fn status_once_settled(&self, expected: Option<&str>) -> Result<Option<String>> {
        if expected == Some("stopped") {
            self.root.reap_what_ends()?;
        }
        self.status()
    }

    /// Removes all, by one `delete --force` of each thing, and makes sure that nothing is left.
    pub(crate) fn clear(&self) -> Result<()> {
        if !self.is_of_sandbox() {
            self.root.run(&["delete", "--force", &self.id])?.ok()?;
        }
        if self.is_of_sandbox() || self.operation == Operation::CreateInSandbox {
            self.root.run(&["sandbox", "delete", "--force", &self.pod])?.ok()?;
        }
        self.root.has_nothing_left()
    }

    /// Does the operation once more, now undisturbed, and removes all.
    pub(crate) fn works_again(&self) -> Result<()> {
        self.disturbed(Fault::None)?.output.ok()?;
        self.clear()
    }
}

/// Calls `attempt` with what came of a fault at each call that is tried, and makes sure that one
/// behind the last call does nothing.
pub(crate) fn walk(
    stage: &Stage,
    fault: impl Fn(usize, &Call) -> Option<Fault>,
    mut attempt: impl FnMut(Fault, Traced) -> Result<()>,
) -> Result<()> {
    let calls = stage.disturbed(Fault::None)?.calls;
    let count = calls.len();
    stage.clear()?;
    let step = if is_long() { 1 } else { count.div_ceil(SAMPLE) };
    let first = 1 + random(step);
    let name = format!("{:?}", stage.operation);
    writeln!(std::io::stdout(), "{name}: calls {first}, {}, … of {count}", first + step)?;
    let mut failures = Vec::new();
    let (mut wanted, mut tried) = (0, 0);
    for number in (first..=count).step_by(step) {
        let Some(fault) = fault(number, &calls[number - 1]) else { continue };
        wanted += 1;
        let traced = stage.disturbed(fault)?;
        let Some(call) = traced.call(fault).cloned() else {
            // Near the end, since the order of two processes can make it one call less.
            attempt(fault, traced).with_context(|| format!("{name}, {fault}"))?;
            continue;
        };
        tried += 1;
        let said = format!("{:?}", traced.output);
        if let Err(error) = attempt(fault, traced) {
            failures.push(format!("{name}, {fault}, {call}: {error:#}\n    {said}"));
            drop(stage.clear());
        }
    }
    ensure!(failures.is_empty(), "{} of {tried}:\n{}", failures.len(), failures.join("\n"));
    // How often a removal is repeated is a matter of time, and so is the number of calls.
    ensure!(tried * 2 >= wanted, "only {tried} of {wanted} calls were reached");
    // Behind the last one: as if there were no fault.
    if let Some(fault) = fault(count + 100, &calls[0]) {
        stage.disturbed(fault)?.output.ok()?;
        stage.clear()?;
    }
    Ok(())
}

/// A number below `end`.
pub(crate) fn random(end: usize) -> usize {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_i32(Pid::this().as_raw());
    usize::try_from(hasher.finish() % (end.max(1) as u64)).unwrap_or(0)
}
