//! The Sandbox service: one method a call. A shim has the sandbox of one pod, and ends with it.

use super::pod::{self, Mounts, Sandbox};
use super::serve::Shim;
use super::settings;
use super::task::{Answer, Reply, decode, exit_of, now};
use crate::creator::{Creator, Needs, Outcome, in_root};
use crate::event_loop::Source;
use crate::metrics::metrics;
use crate::proto::sandbox::{
    CreateRequest, CreateResponse, MetricsRequest, MetricsResponse, PingRequest, PingResponse,
    PlatformRequest, PlatformResponse, ShutdownRequest, ShutdownResponse, StartRequest,
    StartResponse, StatusRequest, StatusResponse, StopRequest, StopResponse, WaitRequest,
    WaitResponse,
};
use crate::proto::types::{Metric, Platform};
use crate::proto::{Any, SPEC};
use crate::reaper::{Caller, Exit};
use crate::ttrpc::{Code, Status};
use peapod::container;
use peapod::sys::epoll::Interest;
use peapod::sys::fork::Process;
use prost::Message;
use serde_json::json;
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub(super) const SERVICE: &str = "containerd.runtime.sandbox.v1.Sandbox";

/// How long a pod may take to end if nobody says so.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// The sandbox of the shim's pod.
#[derive(Debug)]
pub(super) struct Pod {
    asked: Sandbox,
    /// The runtime's directory, which has its state.
    root: PathBuf,
    phase: Phase,
    /// Until it is reaped.
    pause: Option<Process>,
    pid: i32,
    created_at: Option<SystemTime>,
    exit: Option<Exit>,
    /// Who waits for its end.
    waiters: Vec<Caller>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It was asked for.
    Created,
    /// Pause is being made.
    Starting,
    /// Pause was made. It may have ended.
    Started,
}

/// What a creator does for the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Start,
    Stop,
    Shutdown,
}

impl Shim {
    pub(super) fn sandbox_call(&mut self, caller: Caller, method: &str, payload: &[u8]) -> Answer {
        match method {
            "CreateSandbox" => self.create_sandbox(decode(payload)?),
            "StartSandbox" => self.start_sandbox(caller, &decode(payload)?),
            "Platform" => self.platform(&decode(payload)?),
            "StopSandbox" => self.stop_sandbox(caller, &decode(payload)?),
            "WaitSandbox" => self.wait_sandbox(caller, &decode(payload)?),
            "SandboxStatus" => self.sandbox_status(&decode(payload)?),
            "PingSandbox" => self.ping_sandbox(&decode(payload)?),
            "ShutdownSandbox" => self.shutdown_sandbox(caller, &decode(payload)?),
            "SandboxMetrics" => self.sandbox_metrics(&decode(payload)?),
            _ => Err(Status::new(Code::Unimplemented, format!("method {method}"))),
        }
    }

    fn create_sandbox(&mut self, request: CreateRequest) -> Answer {
        if let Some(pod) = &self.pod {
            let message = format!("sandbox {}", pod.asked.id);
            return Err(Status::new(Code::AlreadyExists, message));
        }
        let asked = Sandbox::read(request, &self.namespace)?;
        let root = settings::root(None, &self.namespace);
        super::delete::note_root(&asked.bundle, &root)?;
        self.pod = Some(Pod {
            asked,
            root,
            phase: Phase::Created,
            pause: None,
            pid: 0,
            created_at: None,
            exit: None,
            waiters: Vec::new(),
        });
        self.is_ending = false;
        now(&CreateResponse {})
    }

    fn start_sandbox(&mut self, caller: Caller, request: &StartRequest) -> Answer {
        let pod = self.pod(&request.sandbox_id)?;
        if pod.phase != Phase::Created {
            let message = format!("sandbox {} was started already", pod.asked.id);
            return Err(Status::new(Code::FailedPrecondition, message));
        }
        let (root, asked) = (&pod.root, &pod.asked);
        // What nobody hears of is removed again.
        let undo = || drop(pod::delete(root, &asked.id));
        let creator = Creator::begin(&Needs::default(), || pod::create(root, asked), undo)?;
        self.pod_mut(&request.sandbox_id)?.phase = Phase::Starting;
        self.watch_step(creator, Step::Start, caller)
    }

    fn platform(&self, request: &PlatformRequest) -> Answer {
        self.pod(&request.sandbox_id)?;
        let architecture = match ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let platform = Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            ..Platform::default()
        };
        now(&PlatformResponse { platform: Some(platform) })
    }

    fn stop_sandbox(&mut self, caller: Caller, request: &StopRequest) -> Answer {
        let pod = self.pod(&request.sandbox_id)?;
        if pod.phase == Phase::Starting {
            let message = format!("sandbox {} is being started", pod.asked.id);
            return Err(Status::new(Code::FailedPrecondition, message));
        }
        let grace_period = match request.timeout_secs {
            0 => GRACE_PERIOD,
            seconds => Duration::from_secs(seconds.into()),
        };
        let (root, id) = (&pod.root, &pod.asked.id);
        let job = || pod::stop(root, id, grace_period);
        let creator = Creator::begin(&Needs::default(), job, || {})?;
        self.watch_step(creator, Step::Stop, caller)
    }

    fn wait_sandbox(&mut self, caller: Caller, request: &WaitRequest) -> Answer {
        let pod = self.pod_mut(&request.sandbox_id)?;
        if pod.exit.is_none() {
            pod.waiters.push(caller);
            return Ok(Reply::Later);
        }
        now(&pod.end())
    }

    fn sandbox_status(&self, request: &StatusRequest) -> Answer {
        let pod = self.pod(&request.sandbox_id)?;
        let is_ready = pod.phase == Phase::Started && pod.exit.is_none();
        let mut info = BTreeMap::new();
        if request.verbose {
            let about = json!({
                "pid": pod.pid,
                "bundle": pod.asked.bundle,
                "root": pod.root,
                "shim": std::process::id(),
                "tasks": self.tasks.keys().collect::<Vec<_>>(),
            });
            info.insert("peapod".to_owned(), about.to_string());
        }
        now(&StatusResponse {
            sandbox_id: pod.asked.id.clone(),
            pid: if is_ready { pod.pid.cast_unsigned() } else { 0 },
            state: if is_ready { "SANDBOX_READY" } else { "SANDBOX_NOTREADY" }.to_owned(),
            info,
            created_at: pod.created_at.map(Into::into),
            exited_at: exit_of(pod.exit).1,
            extra: None,
        })
    }

    fn ping_sandbox(&self, request: &PingRequest) -> Answer {
        self.pod(&request.sandbox_id)?;
        now(&PingResponse {})
    }

    fn shutdown_sandbox(&mut self, caller: Caller, request: &ShutdownRequest) -> Answer {
        let Ok(pod) = self.pod(&request.sandbox_id) else {
            // It is done already, or was never made.
            if self.pod.is_none() && self.tasks.is_empty() {
                self.end();
            }
            return now(&ShutdownResponse {});
        };
        let (root, id) = (&pod.root, &pod.asked.id);
        let creator = Creator::begin(&Needs::default(), || pod::delete(root, id), || {})?;
        self.watch_step(creator, Step::Shutdown, caller)
    }

    fn sandbox_metrics(&self, request: &MetricsRequest) -> Answer {
        let pod = self.pod(&request.sandbox_id)?;
        let id = &pod.asked.id;
        let counters = in_root(&pod.root, |root| container::counters(root, id))?;
        let data = if pod.asked.cgroup_parent().is_empty() {
            metrics(counters.as_ref())
        } else {
            // All of the pod's cgroups are below that which Kubernetes has made for it.
            metrics(counters.map(container::Counters::above).as_ref())
        };
        let metrics = Metric {
            timestamp: Some(SystemTime::now().into()),
            id: id.clone(),
            data: Some(Any::pack(&data?)),
        };
        now(&MetricsResponse { metrics: Some(metrics) })
    }
}

impl Shim {
    fn pod(&self, id: &str) -> Result<&Pod, Status> {
        self.pod.as_ref().filter(|pod| pod.asked.id == id).ok_or_else(|| missing(id))
    }

    fn pod_mut(&mut self, id: &str) -> Result<&mut Pod, Status> {
        self.pod.as_mut().filter(|pod| pod.asked.id == id).ok_or_else(|| missing(id))
    }

    /// What a container is given that becomes a member of the pod, if the shim has its sandbox.
    pub(super) fn mounts_of_pod(&self) -> Option<Mounts> {
        let pod = self.pod.as_ref().filter(|pod| pod.phase == Phase::Started)?;
        Some(Mounts::of(&pod.asked, pod.pid))
    }

    /// A creator has ended.
    pub(super) fn sandbox_made(&mut self, step: Step, caller: Caller, outcome: Outcome) {
        let answer = match step {
            Step::Start => self.sandbox_started(outcome),
            Step::Stop => {
                self.pause_ended();
                outcome.map(|_| StopResponse {}.encode_to_vec())
            }
            Step::Shutdown => {
                self.pause_ended();
                outcome.map(|_| {
                    self.pod = None;
                    self.end();
                    ShutdownResponse {}.encode_to_vec()
                })
            }
        };
        self.reply(caller, answer);
    }

    fn sandbox_started(&mut self, outcome: Outcome) -> Result<Vec<u8>, Status> {
        let Some(pod) = &mut self.pod else { return Err(missing("")) };
        let adopted = outcome.and_then(|made| {
            let none = || Status::new(Code::Internal, "no process was made");
            let pause = made.process.ok_or_else(none)?;
            self.events.add(pause.as_fd(), Source::Pause, Interest::Read)?;
            Ok(pause)
        });
        let pause = match adopted {
            Ok(pause) => pause,
            Err(status) => {
                pod.phase = Phase::Created;
                return Err(status);
            }
        };
        let created_at = SystemTime::now();
        pod.pid = pause.pid();
        pod.pause = Some(pause);
        pod.created_at = Some(created_at);
        pod.phase = Phase::Started;
        let value = pod.asked.joined(pod.pid);
        Ok(StartResponse {
            pid: pod.pid.cast_unsigned(),
            created_at: Some(created_at.into()),
            spec: Some(Any { type_url: SPEC.to_owned(), value }),
        }
        .encode_to_vec())
    }

    /// The pause process of the sandbox `id`, or 0 while there is none; `None` if there is no such
    /// sandbox here.
    pub(super) fn pause_of(&self, id: &str) -> Option<u32> {
        self.pod(id).ok().map(|pod| pod.pid.cast_unsigned())
    }

    /// Whether a process that has ended is pause.
    pub(super) fn is_pause(&self, pid: i32) -> bool {
        let pause = self.pod.as_ref().and_then(|pod| pod.pause.as_ref());
        pause.is_some_and(|pause| pause.pid() == pid)
    }

    /// Pause may have ended: if it has, whoever waits for that is told.
    pub(super) fn pause_ended(&mut self) {
        let Some(pod) = &mut self.pod else { return };
        let Some(pause) = &pod.pause else { return };
        let code = match pause.reap() {
            Ok(None) => return,
            Ok(Some(code)) => code,
            Err(error) => {
                self.log.say(error);
                u8::MAX
            }
        };
        self.events.remove(pause.as_fd());
        pod.pause = None;
        pod.exit = Some(Exit { code, at: SystemTime::now() });
        let answer = pod.end().encode_to_vec();
        let waiters = std::mem::take(&mut pod.waiters);
        waiters.into_iter().for_each(|caller| self.reply(caller, Ok(answer.clone())));
    }
}

impl Pod {
    fn end(&self) -> WaitResponse {
        let (exit_status, exited_at) = exit_of(self.exit);
        WaitResponse { exit_status, exited_at }
    }

    /// Whether pause is not there yet.
    pub(super) fn is_new(&self) -> bool {
        self.phase == Phase::Created
    }

    /// Whether pause was there, and is no more.
    pub(super) fn has_ended(&self) -> bool {
        self.exit.is_some()
    }

    /// Nobody waits over this connection any more.
    pub(super) fn forget_callers(&mut self, connection: crate::event_loop::Key) {
        self.waiters.retain(|caller| caller.connection != connection);
    }
}

fn missing(id: &str) -> Status {
    Status::new(Code::NotFound, format!("sandbox {id}"))
}
