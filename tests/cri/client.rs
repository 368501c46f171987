//! `cri`: a client of Kubernetes' container runtime interface, for sessions of the shell.
//!
//! ```text
//! cri run NAME [KEY=VALUE...]                   a pod: prints its id
//! cri pod ID | pods | stopp ID | rmp ID         its state, those that are there, its end
//! cri create POD NAME [KEY=VALUE...] -- COMMAND a container: prints its id
//! cri start ID | stop ID SECONDS | rm ID | ps
//! cri container ID | wait ID                    its state; the same once it has ended
//! cri exec ID -- COMMAND                        runs COMMAND in it, and ends as it does
//! ```
//! A container is created with the configuration of its pod, which is kept in /tmp until then.
//! `CRI_SOCKET` is where the interface is, `CRI_HANDLER` the name of a runtime there.

#[path = "client/grpc.rs"]
mod grpc;
#[path = "client/messages.rs"]
mod messages;

use anyhow::{Context, Result, bail, ensure};
use grpc::Client;
use messages::{
    Container, ContainerName, ContainerSecurity, ContainerStatus, ContainerStatusAnswer,
    Containers, CreateContainer, Dns, Empty, ExecSync, ExecSyncAnswer, Id, IdMapping, Image,
    LinuxContainer, LinuxPod, Metadata, Mount, Namespaces, Number, Pod, PodSecurity,
    PodStatusAnswer, Pods, Profile, RunPod, StopContainer, Users,
};
use prost::Message;
use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long `wait` waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// `NamespaceMode`.
const MODES: [&str; 3] = ["pod", "container", "node"];

const POD_STATES: [&str; 2] = ["ready", "notready"];
const CONTAINER_STATES: [&str; 4] = ["created", "running", "exited", "unknown"];
const EXITED: i32 = 2;

/// In the unit of times.
const SECOND: i64 = 1_000_000_000;

fn main() -> Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let client = Client::connect(&env::var("CRI_SOCKET").context("CRI_SOCKET")?)?;
    let done = |_: Empty| Ok(ExitCode::SUCCESS);
    match args.as_slice() {
        ["run", name, options @ ..] => say(run(&client, name, options)?),
        ["pod", id] => say(pod(&client, id)?),
        ["info", id] => say(info(&client, id)?),
        ["pods"] => say(pods(&client)?),
        ["stopp", id] => client.call("StopPodSandbox", &one(id)).and_then(done),
        ["rmp", id] => client.call("RemovePodSandbox", &one(id)).and_then(done),
        ["create", pod, name, rest @ ..] => say(create(&client, [pod, name], rest)?),
        ["start", id] => client.call("StartContainer", &one(id)).and_then(done),
        ["stop", id, seconds] => {
            let request = StopContainer { id: (*id).to_owned(), timeout: seconds.parse()? };
            client.call("StopContainer", &request).and_then(done)
        }
        ["rm", id] => client.call("RemoveContainer", &one(id)).and_then(done),
        ["ps"] => say(containers(&client)?),
        ["container", id] => say(shown(&status(&client, id)?)),
        ["wait", id] => say(wait(&client, id)?),
        ["exec", id, "--", command @ ..] => exec(&client, id, command),
        ["bench", rounds, id] => say(bench(&client, rounds.parse()?, id)?),
        _ => bail!("usage: see tests/cri/client.rs"),
    }
}

fn say(text: impl Display) -> Result<ExitCode> {
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn one(id: &str) -> Id {
    Id { id: id.to_owned(), verbose: false }
}

fn named(names: &[&'static str], number: i32) -> &'static str {
    usize::try_from(number).ok().and_then(|number| names.get(number).copied()).unwrap_or("?")
}

fn kept(pod: &str) -> String {
    format!("/tmp/cri-{pod}")
}

/// Runs a pod.
fn run(client: &Client, name: &str, options: &[&str]) -> Result<String> {
    let config = pod_of(name, options)?;
    let handler = env::var("CRI_HANDLER").unwrap_or_default();
    let request = RunPod { config: Some(config.clone()), handler };
    let Id { id, .. } = client.call("RunPodSandbox", &request)?;
    fs::write(kept(&id), config.encode_to_vec())?;
    Ok(id)
}

fn pod_of(name: &str, options: &[&str]) -> Result<Pod> {
    let metadata = Metadata {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        namespace: "tests".to_owned(),
        attempt: 0,
    };
    let log_directory = format!("/tmp/logs/{name}");
    // Kubernetes asks for a PID namespace for each container, unless told otherwise.
    let mut namespaces = Namespaces { pid: 1, ..Namespaces::default() };
    let mut linux = LinuxPod::default();
    let mut pod = Pod { metadata: Some(metadata), log_directory, ..Pod::default() };
    for option in options {
        let (key, value) = option.split_once('=').with_context(|| format!("{option}: no ="))?;
        match key {
            "hostname" => pod.hostname = value.to_owned(),
            "network" => namespaces.network = mode(value)?,
            "pid" => namespaces.pid = mode(value)?,
            "ipc" => namespaces.ipc = mode(value)?,
            "cgroup" => linux.cgroup_parent = value.to_owned(),
            "users" => namespaces.users = Some(users(value.parse()?)),
            "sysctl" => {
                let (name, value) = value.split_once('=').context("sysctl")?;
                linux.sysctls.insert(name.to_owned(), value.to_owned());
            }
            "dns" => {
                let dns = pod.dns.get_or_insert_with(Dns::default);
                dns.servers.push(value.to_owned());
                dns.searches = vec!["tests.local".to_owned()];
                dns.options = vec!["ndots:5".to_owned()];
            }
            _ => bail!("{option}: not known"),
        }
    }
    linux.security = Some(PodSecurity { namespaces: Some(namespaces) });
    pod.linux = Some(linux);
    Ok(pod)
}

/// A user namespace whose root is that user of the host.
fn users(host_id: u32) -> Users {
    let map = IdMapping { host_id, container_id: 0, length: 65536 };
    Users { mode: 0, uids: vec![map.clone()], gids: vec![map] }
}

fn mode(name: &str) -> Result<i32> {
    let number = MODES.iter().position(|mode| *mode == name);
    Ok(i32::try_from(number.with_context(|| format!("{name}: no such mode"))?)?)
}

fn pod(client: &Client, id: &str) -> Result<String> {
    let answer: PodStatusAnswer = client.call("PodSandboxStatus", &one(id))?;
    let status = answer.status.context("no status")?;
    let namespaces = status.linux.and_then(|linux| linux.namespaces);
    let Namespaces { network, pid, ipc, .. } =
        namespaces.and_then(|namespaces| namespaces.options).unwrap_or_default();
    let [network, pid, ipc] = [network, pid, ipc].map(|mode| named(&MODES, mode));
    let has_ip = status.network.is_some_and(|network| !network.ip.is_empty());
    ensure!(status.created_at > 0, "it was never created");
    Ok(format!(
        "{} {} network={network} pid={pid} ipc={ipc} ip={has_ip}",
        status.metadata.unwrap_or_default().name,
        named(&POD_STATES, status.state),
    ))
}

/// What a runtime says of a pod beside its state.
fn info(client: &Client, id: &str) -> Result<String> {
    let request = Id { id: id.to_owned(), verbose: true };
    let answer: PodStatusAnswer = client.call("PodSandboxStatus", &request)?;
    let lines = answer.info.iter().map(|(key, value)| format!("{key}: {value}"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn pods(client: &Client) -> Result<String> {
    let Pods { items } = client.call("ListPodSandbox", &Empty {})?;
    let row = |row: &messages::PodRow| {
        let name = row.metadata.clone().unwrap_or_default().name;
        format!("{name} {}", named(&POD_STATES, row.state))
    };
    let mut rows: Vec<_> = items.iter().map(row).collect();
    rows.sort();
    Ok(rows.join("\n"))
}

fn create(client: &Client, [pod, name]: [&str; 2], rest: &[&str]) -> Result<String> {
    let end = rest.iter().position(|word| *word == "--").context("no --")?;
    let (options, command) = rest.split_at(end);
    let pod_config = Pod::decode(fs::read(kept(pod))?.as_slice())?;
    let security = pod_config.linux.clone().and_then(|linux| linux.security).unwrap_or_default();
    let mut security =
        ContainerSecurity { namespaces: security.namespaces, ..ContainerSecurity::default() };
    let mut config = Container {
        metadata: Some(ContainerName { name: name.to_owned(), attempt: 0 }),
        image: Some(Image { image: "localhost/box:1".to_owned() }),
        command: command.iter().skip(1).map(|word| (*word).to_owned()).collect(),
        log_path: format!("{name}.log"),
        ..Container::default()
    };
    for option in options {
        match option.split_once('=') {
            Some(("user", value)) => security.user = Some(Number { value: value.parse()? }),
            Some(("mount", path)) => config.mounts.push(Mount {
                container_path: path.to_owned(),
                host_path: path.to_owned(),
                readonly: true,
            }),
            Some(("seccomp", "default")) => security.seccomp = Some(Profile { kind: 0 }),
            None if *option == "readonly" => security.readonly = true,
            None if *option == "privileged" => security.privileged = true,
            None if *option == "tty" => config.tty = true,
            _ => bail!("{option}: not known"),
        }
    }
    config.linux = Some(LinuxContainer { security: Some(security) });
    let request =
        CreateContainer { pod: pod.to_owned(), config: Some(config), pod_config: Some(pod_config) };
    Ok(client.call::<Id>("CreateContainer", &request)?.id)
}

fn status(client: &Client, id: &str) -> Result<ContainerStatus> {
    let answer: ContainerStatusAnswer = client.call("ContainerStatus", &one(id))?;
    answer.status.context("no status")
}

fn shown(status: &ContainerStatus) -> String {
    let ContainerStatus { created_at, started_at, finished_at, exit_code, .. } = *status;
    let times = [("started", created_at, started_at), ("finished", started_at, finished_at)];
    let mut text = named(&CONTAINER_STATES, status.state).to_owned();
    for (name, before, after) in times {
        // The beginning is by containerd's clock, the end by that of the runtime.
        let is_in_order = after.saturating_add(SECOND) >= before;
        let has_order = match after {
            0 => "no",
            _ if is_in_order => "yes",
            _ => "early",
        };
        text.push_str(&format!(" {name}={has_order}"));
    }
    if status.state == EXITED {
        text.push_str(&format!(" code={exit_code} reason={}", status.reason));
    }
    if !status.message.is_empty() {
        text.push_str(&format!("\n{}", status.message));
    }
    text
}

fn wait(client: &Client, id: &str) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(client, id)?;
        if status.state == EXITED {
            return Ok(shown(&status));
        }
        ensure!(Instant::now() < deadline, "no end: {status:?}");
    }
}

fn containers(client: &Client) -> Result<String> {
    let Containers { containers } = client.call("ListContainers", &Empty {})?;
    let row = |row: &messages::ContainerRow| {
        let name = row.metadata.clone().unwrap_or_default().name;
        format!("{name} {}", named(&CONTAINER_STATES, row.state))
    };
    let mut rows: Vec<_> = containers.iter().map(row).collect();
    rows.sort();
    Ok(rows.join("\n"))
}

fn exec(client: &Client, id: &str, command: &[&str]) -> Result<ExitCode> {
    let request = exec_request(id, command);
    let answer: ExecSyncAnswer = client.call("ExecSync", &request)?;
    io::stdout().write_all(&answer.stdout)?;
    io::stderr().write_all(&answer.stderr)?;
    Ok(u8::try_from(answer.exit_code)?.into())
}

fn exec_request(id: &str, command: &[&str]) -> ExecSync {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    ExecSync { id: id.to_owned(), command, timeout: 20 }
}

/// Times `RunPodSandbox`, with its end, and `ExecSync` of true in the container `id`: the median
/// and the least, in milliseconds.
fn bench(client: &Client, rounds: u32, id: &str) -> Result<String> {
    let (mut runs, mut ends, mut execs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let begin = Instant::now();
        let pod = run(client, &format!("bench{round}"), &[])?;
        runs.push(begin.elapsed());
        let begin = Instant::now();
        let _: Empty = client.call("StopPodSandbox", &one(&pod))?;
        let _: Empty = client.call("RemovePodSandbox", &one(&pod))?;
        ends.push(begin.elapsed());
        let begin = Instant::now();
        drop(client.call::<ExecSyncAnswer>("ExecSync", &exec_request(id, &["true"]))?);
        execs.push(begin.elapsed());
    }
    let figures = |name: &str, times: &mut Vec<Duration>| {
        times.sort();
        let millis = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1000.0;
        let (median, least) = (millis(times.get(times.len() / 2)), millis(times.first()));
        format!("{name} {median:.1} ({least:.1})")
    };
    Ok(format!(
        "{}, {}, {}",
        figures("RunPodSandbox", &mut runs),
        figures("stop and remove", &mut ends),
        figures("ExecSync", &mut execs)
    ))
}
