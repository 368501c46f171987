//! A sandbox that was created.

use crate::bundle::Bundle;
use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::process::{self, Process};
use crate::root::Root;
use anyhow::{Context, Result};
use serde_json::Value;
use std::sync::Arc;

/// A sandbox by its id, and its pause process.
#[derive(Debug)]
pub struct Sandbox<'r> {
    root: &'r Root,
    /// Its id.
    pub id: String,
    /// Pause.
    pub process: Arc<Process>,
    /// What `sandbox create` has printed.
    pub created: Value,
}

impl<'r> Sandbox<'r> {
    pub(crate) fn new(root: &'r Root, id: String, process: Arc<Process>, created: Value) -> Self {
        Self { root, id, process, created }
    }

    /// The number of pause.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Creates a container in it.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn create(&self, name: &str, bundle: &Bundle) -> Result<Container<'r>> {
        self.root.create_with(name, bundle, &["--sandbox", &self.id])
    }

    /// Creates and starts a container in it.
    ///
    /// # Errors
    ///
    /// When it cannot be.
    pub fn start(&self, name: &str, bundle: &Bundle) -> Result<Container<'r>> {
        let container = self.create(name, bundle)?;
        container.start()?;
        Ok(container)
    }

    /// Runs a bundle in it to its end; answers with its output.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn output_of(&self, name: &str, bundle: &Bundle) -> Result<String> {
        self.start(name, bundle)?.output()
    }

    /// Stops it, with that many seconds of grace.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn stop(&self, grace: &str) -> Result<()> {
        let verb = ["sandbox", "stop", "--grace-period", grace, &self.id];
        self.root.run(&verb)?.ok().map(drop)
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub fn delete(&self, options: &[&str]) -> Result<()> {
        let verb = [&["sandbox", "delete"], options, &[&self.id]].concat();
        self.root.run(&verb)?.ok().map(drop)
    }

    /// A path that `sandbox create` has printed: `/namespaces/network`, `/shm`.
    ///
    /// # Errors
    ///
    /// When it has not.
    pub fn path(&self, field: &str) -> Result<&str> {
        self.created.pointer(field).and_then(Value::as_str).with_context(|| field.to_owned())
    }

    /// The pod's cgroup.
    ///
    /// # Errors
    ///
    /// When there is no cgroup tree.
    pub fn cgroup(&self) -> Result<Cgroup> {
        Cgroup::at(self.path("/cgroup")?)
    }

    /// Which namespace pause is in.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn namespace(&self, kind: &str) -> Result<String> {
        process::namespace(self.pid(), kind)
    }
}
