//! Checkpoint and restore of tasks, which CRIU does (`container::dump`). A task that is created
//! with a checkpoint has no process until it is started.

use super::jobs;
use super::made::Purpose;
use super::serve::Shim;
use super::task::Answer;
use crate::creator::{Creator, Made, Needs, Outcome, in_root};
use crate::event_loop::Key;
use crate::logs::{self, Opened};
use crate::proto::events::TaskCheckpointed;
use crate::proto::runc::CheckpointOptions;
use crate::proto::task::CheckpointTaskRequest;
use crate::reaper::{Caller, Phase};
use crate::ttrpc::{Code, Status};
use peapod::container::{
    self, Cgroups, CgroupsMode, Checkpoint, CriuOptions, Detach, Restore, Supervised,
};
use std::path::{Path, PathBuf};

/// Where CRIU works in a bundle, if nobody says otherwise: its log is there.
const WORK: &str = "criu-work";

/// What a task has to do with CRIU.
#[derive(Debug, Default)]
pub(super) struct Criu {
    /// Where its files are, if the call says nothing of them.
    images: Option<PathBuf>,
    work: Option<PathBuf>,
    /// What the task is restored from.
    checkpoint: Option<PathBuf>,
}

impl Criu {
    /// As the options of the runtime say, for a task that is restored from `checkpoint`, if that is
    /// not empty.
    pub(super) fn new(images: Option<PathBuf>, work: Option<PathBuf>, checkpoint: &str) -> Self {
        let checkpoint = (!checkpoint.is_empty()).then(|| PathBuf::from(checkpoint));
        Self { images, work, checkpoint }
    }

    pub(super) fn is_restored(&self) -> bool {
        self.checkpoint.is_some()
    }

    fn work(&self, bundle: &Path) -> PathBuf {
        self.work.clone().unwrap_or_else(|| bundle.join(WORK))
    }
}

impl Shim {
    pub(super) fn checkpoint(&mut self, caller: Caller, request: CheckpointTaskRequest) -> Answer {
        let CheckpointTaskRequest { id, path, options } = request;
        let options = options.map(|any| any.unpack::<CheckpointOptions>()).transpose();
        let options = options.map_err(|error| invalid(error.to_string()))?;
        let options = options.flatten().unwrap_or_default();
        let task = self.task(&id)?;
        if self.process(task.first)?.phase != Phase::Running {
            let message = format!("cannot checkpoint task {id}, which does not run");
            return Err(Status::new(Code::FailedPrecondition, message));
        }
        let chosen = [options.image_path.as_str(), path.as_str()];
        let image_path = chosen.into_iter().find(|path| !path.is_empty()).map(PathBuf::from);
        let image_path = image_path.or_else(|| task.criu.images.clone());
        let image_path = image_path.ok_or_else(|| invalid("no path for its files"))?;
        let work_path = match options.work_path.as_str() {
            "" => task.criu.work(&task.bundle),
            path => path.into(),
        };
        let request = Checkpoint {
            options: CriuOptions {
                image_path,
                work_path: Some(work_path),
                tcp_established: options.open_tcp,
                ext_unix_sk: options.external_unix_sockets,
                shell_job: options.terminal,
                file_locks: options.file_locks,
                cgroups: mode(&options.cgroups_mode)?,
                empty_ns: &options.empty_namespaces,
                ..CriuOptions::default()
            },
            leave_running: !options.exit,
            pre_dump: false,
            parent_path: None,
            page_server: None,
            tcp_skip_in_flight: false,
        };
        // The task is removed when that is asked for, not before.
        let dump = || jobs::act(&task.root, |root| container::dump(root, &id, &request));
        let creator = Creator::begin(&Needs::default(), dump, || {})?;
        self.watch(creator, Purpose::Checkpoint { id, caller })
    }

    pub(super) fn checkpointed(&mut self, id: String, caller: Caller, outcome: Outcome) {
        if outcome.is_ok() {
            let event = TaskCheckpointed { container_id: id, checkpoint: String::new() };
            self.publish_event("/tasks/checkpointed", &event);
        }
        self.done(caller, outcome);
    }

    /// Restores a task that was created with a checkpoint: it runs then.
    pub(super) fn restore(&mut self, caller: Caller, key: Key) -> Answer {
        let process = self.process(key)?;
        let task = self.task(&process.container)?;
        let images = task.criu.checkpoint.clone().unwrap_or_default();
        let mut opened = process.stdio.open(task.owner)?;
        let creator = {
            let restoration = Restoration {
                id: &process.container,
                namespace: &self.namespace,
                bundle: &task.bundle,
                root: &task.root,
                images,
                work: task.criu.work(&task.bundle),
                opened: &opened,
            };
            // What nobody hears of is removed with the task.
            Creator::begin(&opened.needs(), || restoration.run(), || {})?
        };
        opened.close_theirs();
        self.process_mut(key)?.phase = Phase::Starting;
        self.watch(creator, Purpose::Restore { process: key, caller, opened })
    }

    pub(super) fn restored(&mut self, key: Key, caller: Caller, adopted: Result<i32, Status>) {
        if adopted.is_ok()
            && let Some(id) = self.processes.get(key).map(|process| process.container.clone())
        {
            self.watch_memory(&id);
        }
        self.started(key, caller, adopted.map(|_| Made::default()));
    }
}

/// Brings a container back.
#[derive(Debug)]
struct Restoration<'a> {
    id: &'a str,
    namespace: &'a str,
    bundle: &'a Path,
    root: &'a Path,
    images: PathBuf,
    work: PathBuf,
    opened: &'a Opened,
}

impl Restoration<'_> {
    fn run(&self) -> Outcome {
        let logger = logs::start(self.opened, self.id, self.namespace)?;
        let restore = Restore {
            // As runc's shim: what may have been when it was written may be again.
            options: CriuOptions {
                image_path: self.images.clone(),
                work_path: Some(self.work.clone()),
                tcp_established: true,
                ext_unix_sk: true,
                shell_job: true,
                file_locks: true,
                ..CriuOptions::default()
            },
            id: self.id,
            bundle: self.bundle,
            pid_file: None,
            console_socket: None,
            detach: Detach::Supervised,
            no_subreaper: true,
            tcp_close: false,
            lsm_profile: None,
            lsm_mount_context: None,
            cgroups: Cgroups::AsNamed,
        };
        let made: Supervised =
            in_root(self.root, |root| container::restore_supervised(root, &restore))?;
        Ok(Made { logger, ..made.into() })
    }
}

/// The words are runc's.
fn mode(name: &str) -> Result<CgroupsMode, Status> {
    match name {
        "" | "ignore" => Ok(CgroupsMode::Ignore),
        "soft" => Ok(CgroupsMode::Soft),
        "full" => Ok(CgroupsMode::Full),
        "strict" => Ok(CgroupsMode::Strict),
        _ => Err(invalid(format!("cgroups_mode: {name:?}: not known"))),
    }
}

fn invalid(reason: impl Into<String>) -> Status {
    Status::new(Code::InvalidArgument, format!("checkpoint: {}", reason.into()))
}
