//! The seccomp agent: whoever listens at `listenerPath`, and answers the calls that a filter leaves
//! to it (config-linux.md, "Seccomp" and "The Container Process State").

use super::state::{State, Status};
use crate::error::{Doing, Error, Result};
use crate::plan::Plan;
use crate::spec::OCI_VERSION;
use crate::sys::socket;
use serde_json::{Value, json};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A connection to the agent, for one state and one descriptor.
#[derive(Debug)]
pub(crate) struct Agent {
    connection: OwnedFd,
    /// All that it is told but the process id, which is not known yet.
    message: Value,
}

impl Agent {
    /// Connects to the agent, if the filter of the plan needs one. Before anything is made: where
    /// nobody listens there can be no container.
    pub(crate) fn open(plan: &Plan, state: &State, status: Status) -> Result<Option<Self>> {
        let listener = plan.process.seccomp.as_ref().and_then(|filter| filter.listener.as_ref());
        let Some(listener) = listener else { return Ok(None) };
        let connection = socket::connect_stream(&listener.path)
            .doing(|| format!("linux.seccomp.listenerPath: {}", listener.path.display()))?;
        let mut message = json!({
            "ociVersion": OCI_VERSION,
            "fds": ["seccompFd"],
            "state": {
                "ociVersion": OCI_VERSION,
                "id": state.id,
                "status": status,
                "bundle": state.bundle,
                "annotations": state.annotations,
            },
        });
        if let Some(metadata) = &listener.metadata {
            message["metadata"] = metadata.as_str().into();
        }
        if let Some(init) = &state.init {
            message["state"]["pid"] = init.pid.into();
        }
        Ok(Some(Self { connection, message }))
    }

    /// Hands over the descriptor at which the process `pid` is heard. The connection ends with it:
    /// it is for one state.
    pub(crate) fn hand_over(mut self, pid: i32, notifications: BorrowedFd<'_>) -> Result<()> {
        self.message["pid"] = pid.into();
        if self.message["state"]["pid"].is_null() {
            self.message["state"]["pid"] = pid.into();
        }
        let text = self.message.to_string();
        socket::send_descriptor(self.connection.as_fd(), text.as_bytes(), notifications)
            .doing(|| "linux.seccomp.listenerPath".to_owned())
    }

    /// The error of a filter that notifies although the plan has no agent.
    pub(crate) fn missing() -> Error {
        Error::unsupported("linux.seccomp.listenerPath", "nobody listens")
    }
}
