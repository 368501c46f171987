//! Times create, start and delete of a container, runtime against runtime:
//! `bench ROUNDS BUNDLE STATE NAME=PROGRAM...`. The bundle's process must end by itself.
//!
//! Runtimes take turns, so that whatever else the machine does meets them alike. Each turn is a
//! process of its own (`bench turn PROGRAM BUNDLE STATE`), so that its children's rusage is that of
//! one turn: the three commands, whatever they left behind, and the container.
//! The first runtime fails the benchmark if it takes more than half of what the second does.

use std::{
    env,
    fmt::{self, Write as _},
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{UsageWho, getrusage},
        time::TimeValLike,
        wait::waitpid,
    },
    unistd::{Pid, alarm},
};

/// What the first runtime may take of the second one's median.
const ALLOWED: f64 = 0.5;

/// How long a turn may last, in seconds, before SIGALRM ends it.
const DEADLINE: u32 = 60;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match &args[..] {
        ["turn", program, bundle, state] => {
            let turn = Turn::measure(program, Path::new(bundle), Path::new(state))?;
            writeln!(io::stdout(), "{turn}")?;
            Ok(ExitCode::SUCCESS)
        }
        [rounds, bundle, state, runtimes @ ..] if runtimes.len() >= 2 => {
            let runtimes = runtimes.iter().map(|runtime| Runtime::parse(runtime));
            let mut runtimes: Vec<_> = runtimes.collect::<Result<_>>()?;
            play(rounds.parse()?, bundle, state, &mut runtimes)?;
            report(&runtimes)
        }
        _ => bail!("usage: bench ROUNDS BUNDLE STATE NAME=PROGRAM NAME=PROGRAM..."),
    }
}

/// A runtime and all its turns.
#[derive(Debug)]
struct Runtime {
    name: String,
    program: String,
    turns: Vec<Turn>,
}

impl Runtime {
    fn parse(argument: &str) -> Result<Self> {
        let (name, program) = argument.split_once('=').context("want NAME=PROGRAM")?;
        Ok(Self { name: name.to_owned(), program: program.to_owned(), turns: Vec::new() })
    }

    fn values(&self, value: fn(&Turn) -> f64) -> Values {
        let mut values: Vec<f64> = self.turns.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        Values(values)
    }
}

/// Values of all turns, sorted.
#[derive(Debug)]
struct Values(Vec<f64>);

impl Values {
    fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// What one container cost. Times in milliseconds, sizes in KiB.
#[derive(Debug, Default)]
struct Turn {
    create: f64,
    start: f64,
    delete: f64,
    /// From `create` to the end of `delete`, the container's own end between them.
    wall: f64,
    cpu: f64,
    /// The largest process of all.
    peak: f64,
    /// The container's first process while it waits for `start`.
    waiting: f64,
}

impl Turn {
    fn measure(program: &str, bundle: &Path, state: &Path) -> Result<Self> {
        alarm::set(DEADLINE);
        // The container outlives the command that made it: its exit must be seen, and counted,
        // here.
        prctl::set_child_subreaper(true)?;
        let root = state.join("root");
        let pid_file = state.join("pid");
        let verb = |name: &str| {
            let mut command = Command::new(program);
            command.arg("--root").arg(&root).arg(name);
            command
        };
        let mut turn = Self::default();
        let mut create = verb("create");
        create.arg("--bundle").arg(bundle).arg("--pid-file").arg(&pid_file).arg("bench");
        turn.create = run(&mut create)?;
        let pid = fs::read_to_string(&pid_file).context("the pid file")?.trim().parse()?;
        turn.waiting = resident(pid)?;

        turn.start = run(verb("start").arg("bench"))?;
        let started = Instant::now();
        waitpid(Pid::from_raw(pid), None).context("waiting for the container")?;
        let ran = milliseconds(started.elapsed());

        turn.delete = run(verb("delete").arg("bench"))?;
        turn.wall = turn.create + turn.start + ran + turn.delete;
        while waitpid(None, None) != Err(Errno::ECHILD) {}
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        turn.cpu = float(cpu)? / 1000.0;
        turn.peak = float(usage.max_rss())?;
        Ok(turn)
    }

    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [create, start, delete, wall, cpu, peak, waiting] = fields[..] else {
            bail!("a turn said {line:?}");
        };
        Ok(Self { create, start, delete, wall, cpu, peak, waiting })
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { create, start, delete, wall, cpu, peak, waiting } = self;
        write!(f, "{create} {start} {delete} {wall} {cpu} {peak} {waiting}")
    }
}

/// Runs a command and says how many milliseconds it took.
fn run(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let took = milliseconds(started.elapsed());
    ensure!(status.success(), "{command:?}: {status}");
    Ok(took)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn float(value: i64) -> Result<f64> {
    Ok(i32::try_from(value)?.into())
}

/// The resident memory of a process, in KiB.
fn resident(pid: i32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(size.parse()?)
}

fn play(rounds: usize, bundle: &str, state: &str, runtimes: &mut [Runtime]) -> Result<()> {
    for round in 0..=rounds {
        for runtime in &mut *runtimes {
            let state = Path::new(state).join(&runtime.name);
            fs::create_dir_all(&state)?;
            let mut command = Command::new("/proc/self/exe");
            command.arg("turn").arg(&runtime.program).arg(bundle).arg(&state);
            let output = command.stderr(Stdio::inherit()).output()?;
            ensure!(output.status.success(), "{}: {}", runtime.name, output.status);
            let turn = Turn::parse(&String::from_utf8(output.stdout)?)?;
            // The first round warms the caches and does not count.
            if round > 0 {
                runtime.turns.push(turn);
            }
        }
    }
    Ok(())
}

/// Prints the table and the verdict.
fn report(runtimes: &[Runtime]) -> Result<ExitCode> {
    let [subject, yardstick, ..] = runtimes else { bail!("two runtimes at least") };
    let mut text = String::new();
    let rounds = subject.turns.len();
    writeln!(text, "times: ms, median (minimum) of {rounds} rounds. resident KiB: the largest")?;
    writeln!(text, "process of all (peak), and the container's while it waits for start (init)")?;
    writeln!(
        text,
        "{:<8}{:>17}{:>17}{:>17}{:>17}{:>17}{:>9}{:>9}",
        "", "create", "start", "delete", "wall", "cpu", "peak", "init"
    )?;
    for runtime in runtimes {
        write!(text, "{:<8}", runtime.name)?;
        let times: [fn(&Turn) -> f64; 5] =
            [|t| t.create, |t| t.start, |t| t.delete, |t| t.wall, |t| t.cpu];
        for time in times {
            let values = runtime.values(time);
            write!(text, "{:>9.2} ({:>5.2})", values.median(), values.least())?;
        }
        let [peak, init] = [runtime.values(|t| t.peak), runtime.values(|t| t.waiting)];
        writeln!(text, "{:>9.0}{:>9.0}", peak.most(), init.median())?;
    }
    let ratio = |of: fn(&Turn) -> f64| subject.values(of).median() / yardstick.values(of).median();
    let [wall, cpu] = [ratio(|t| t.wall), ratio(|t| t.cpu)];
    let kept = wall <= ALLOWED && cpu <= ALLOWED;
    let verdict = if kept { "kept" } else { "NOT kept" };
    let (subject, yardstick) = (&subject.name, &yardstick.name);
    writeln!(text, "{subject} / {yardstick}: wall {wall:.2}, cpu {cpu:.2}")?;
    writeln!(text, "promised: at most {ALLOWED} of both: {verdict}")?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
