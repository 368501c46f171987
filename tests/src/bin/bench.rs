//! Times what runtimes do, one against the other: `bench ROUNDS BUNDLES STATE NAME=PROGRAM...`.
//! BUNDLES has two: `ends`, whose process ends by itself, and `stays`, whose process does not.
//!
//! Runtimes take turns, so that whatever else the machine does meets them alike. Each turn is a
//! process of its own (`bench turn …`), so that its children's rusage is that of one turn: create,
//! start and delete of a container, with all that they leave behind and the container itself; then
//! `exec` of /bin/true in a container that runs, and its `state`.
//! The first runtime fails the benchmark if it takes more of the second one's time than promised.

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

type Measure = fn(&Turn) -> f64;

/// What the first runtime may take of the second one's time.
const PROMISES: [(&str, Measure, f64); 4] = [
    ("create + start + delete, wall", |turn| turn.wall, 0.5),
    ("create + start + delete, CPU", |turn| turn.cpu, 0.3),
    ("exec, CPU", |turn| turn.exec_cpu, 0.4),
    ("state, CPU", |turn| turn.state_cpu, 0.25),
];

/// How long a turn may last, in seconds, before SIGALRM ends it.
const DEADLINE: u32 = 60;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match &args[..] {
        ["turn", program, bundle, state] => {
            let place = Place { program, bundle: Path::new(bundle), state: Path::new(state) };
            writeln!(io::stdout(), "{}", place.turn()?)?;
            Ok(ExitCode::SUCCESS)
        }
        [rounds, bundles, state, runtimes @ ..] if runtimes.len() >= 2 => {
            // What outlives its runtime must be reaped here.
            prctl::set_child_subreaper(true)?;
            let runtimes = runtimes.iter().map(|runtime| Runtime::parse(runtime));
            let mut runtimes: Vec<_> = runtimes.collect::<Result<_>>()?;
            let state = Path::new(state);
            let bundles = Path::new(bundles);
            let begun = runtimes.iter().try_for_each(|runtime| runtime.begin(bundles, state));
            let rounds = rounds.parse()?;
            let played = begun.and_then(|()| play(rounds, bundles, state, &mut runtimes));
            let ended = runtimes.iter().map(|runtime| runtime.end(state));
            ended.fold(played, Result::and)?;
            report(&runtimes)
        }
        _ => bail!("usage: bench ROUNDS BUNDLES STATE NAME=PROGRAM NAME=PROGRAM..."),
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

    fn place<'a>(&'a self, bundle: &'a Path, state: &'a Path) -> Place<'a> {
        Place { program: &self.program, bundle, state }
    }

    /// Starts the container that stays.
    fn begin(&self, bundles: &Path, state: &Path) -> Result<()> {
        let (bundle, state) = (bundles.join("stays"), state.join(&self.name));
        fs::create_dir_all(&state)?;
        let place = self.place(&bundle, &state);
        let mut create = place.verb("create");
        // Whoever waits for the end of this program's output must not wait for the container's.
        create.arg("--bundle").arg(&bundle).arg(place.stays()?).stderr(Stdio::null());
        run(&mut create)?;
        run(place.verb("start").arg(place.stays()?)).map(drop)
    }

    fn end(&self, state: &Path) -> Result<()> {
        let state = state.join(&self.name);
        let place = self.place(&state, &state);
        run(place.verb("delete").arg("--force").arg(place.stays()?)).map(drop)
    }

    fn values(&self, value: Measure) -> Values {
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

/// What one turn cost. Times in milliseconds, sizes in KiB.
#[derive(Debug, Default)]
struct Turn {
    create: f64,
    start: f64,
    delete: f64,
    /// From `create` to the end of `delete`, the container's own end between them.
    wall: f64,
    cpu: f64,
    exec: f64,
    exec_cpu: f64,
    state: f64,
    state_cpu: f64,
    /// The largest process of all.
    peak: f64,
    /// The container's first process while it waits for `start`.
    waiting: f64,
}

/// Where a turn happens.
struct Place<'a> {
    program: &'a str,
    bundle: &'a Path,
    state: &'a Path,
}

impl Place<'_> {
    fn verb(&self, name: &str) -> Command {
        let mut command = Command::new(self.program);
        command.arg("--root").arg(self.state.join("root")).arg(name);
        command
    }

    /// The id of the container that stays. Runtimes make cgroups of ids, so each has its own.
    fn stays(&self) -> Result<String> {
        let name = self.state.file_name().context("the state's name")?;
        Ok(format!("stays-{}", name.display()))
    }

    fn turn(&self) -> Result<Turn> {
        alarm::set(DEADLINE);
        // The container outlives the command that made it: its exit must be seen, and counted,
        // here.
        prctl::set_child_subreaper(true)?;
        let mut turn = Turn::default();
        self.life(&mut turn)?;
        let before = cpu()?;
        turn.exec = run(self.verb("exec").arg(self.stays()?).arg("/bin/true"))?;
        turn.exec_cpu = cpu()? - before;
        let before = cpu()?;
        turn.state = run(self.verb("state").arg(self.stays()?))?;
        turn.state_cpu = cpu()? - before;
        turn.peak = float(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss())?;
        Ok(turn)
    }

    fn life(&self, turn: &mut Turn) -> Result<()> {
        let pid_file = self.state.join("pid");
        let mut create = self.verb("create");
        create.arg("--bundle").arg(self.bundle).arg("--pid-file").arg(&pid_file).arg("bench");
        turn.create = run(&mut create)?;
        let pid = fs::read_to_string(&pid_file).context("the pid file")?.trim().parse()?;
        turn.waiting = resident(pid)?;

        turn.start = run(self.verb("start").arg("bench"))?;
        let started = Instant::now();
        waitpid(Pid::from_raw(pid), None).context("waiting for the container")?;
        let ran = milliseconds(started.elapsed());

        turn.delete = run(self.verb("delete").arg("bench"))?;
        turn.wall = turn.create + turn.start + ran + turn.delete;
        while waitpid(None, None) != Err(Errno::ECHILD) {}
        turn.cpu = cpu()?;
        Ok(())
    }
}

impl Turn {
    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [create, start, delete, wall, cpu, exec, exec_cpu, state, state_cpu, peak, waiting] =
            fields[..]
        else {
            bail!("a turn said {line:?}");
        };
        let life = Self { create, start, delete, wall, cpu, ..Self::default() };
        Ok(Self { exec, exec_cpu, state, state_cpu, peak, waiting, ..life })
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { create, start, delete, wall, cpu, .. } = self;
        let Self { exec, exec_cpu, state, state_cpu, peak, waiting, .. } = self;
        write!(f, "{create} {start} {delete} {wall} {cpu} ")?;
        write!(f, "{exec} {exec_cpu} {state} {state_cpu} {peak} {waiting}")
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

/// The CPU time of all children that were reaped, and of theirs.
fn cpu() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(float(cpu)? / 1000.0)
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

fn play(rounds: usize, bundles: &Path, state: &Path, runtimes: &mut [Runtime]) -> Result<()> {
    for round in 0..=rounds {
        for runtime in &mut *runtimes {
            let mut command = Command::new("/proc/self/exe");
            command.arg("turn").arg(&runtime.program);
            command.arg(bundles.join("ends")).arg(state.join(&runtime.name));
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

const TIMES: [(&str, Measure); 9] = [
    ("create", |turn| turn.create),
    ("start", |turn| turn.start),
    ("delete", |turn| turn.delete),
    ("c+s+d", |turn| turn.wall),
    ("CPU", |turn| turn.cpu),
    ("exec", |turn| turn.exec),
    ("CPU", |turn| turn.exec_cpu),
    ("state", |turn| turn.state),
    ("CPU", |turn| turn.state_cpu),
];

/// Prints the table and the verdicts.
fn report(runtimes: &[Runtime]) -> Result<ExitCode> {
    let [subject, yardstick, ..] = runtimes else { bail!("two runtimes at least") };
    let mut text = String::new();
    let rounds = subject.turns.len();
    writeln!(text, "times: ms, median (minimum) of {rounds} rounds; c+s+d is create, start, the")?;
    writeln!(text, "container's end and delete; a CPU column belongs to what is left of it.")?;
    writeln!(text, "resident KiB: the largest process of all (peak), and the container's while")?;
    writeln!(text, "it waits for start (init)")?;
    write!(text, "{:<8}", "")?;
    for (name, _) in TIMES {
        write!(text, "{name:>15}")?;
    }
    writeln!(text, "{:>7}{:>7}", "peak", "init")?;
    for runtime in runtimes {
        write!(text, "{:<8}", runtime.name)?;
        for (_, time) in TIMES {
            let values = runtime.values(time);
            write!(text, "{:>7.2} ({:>5.2})", values.median(), values.least())?;
        }
        let [peak, init] = [runtime.values(|t| t.peak), runtime.values(|t| t.waiting)];
        writeln!(text, "{:>7.0}{:>7.0}", peak.most(), init.median())?;
    }
    writeln!(text, "{} / {}, medians of the ratios round by round:", subject.name, yardstick.name)?;
    let mut kept = true;
    for (name, value, allowed) in PROMISES {
        let ratio = ratio(subject, yardstick, value);
        kept &= ratio <= allowed;
        let verdict = if ratio <= allowed { "kept" } else { "NOT kept" };
        writeln!(text, "   {name:<32}{ratio:.3}  promised: at most {allowed}: {verdict}")?;
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Of pairs of turns that were played one after the other, so that both met the same machine.
fn ratio(subject: &Runtime, yardstick: &Runtime, value: Measure) -> f64 {
    let pairs = subject.turns.iter().zip(&yardstick.turns);
    let mut ratios: Vec<f64> = pairs.map(|(one, other)| value(one) / value(other)).collect();
    ratios.sort_by(f64::total_cmp);
    Values(ratios).median()
}
