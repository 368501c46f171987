//! A bundle of a test's own: the sample `hello`, with its config.json changed.

use crate::machine;
use crate::run::without_forks;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A bundle, which has a root file system for itself.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    config: Value,
}

impl Bundle {
    /// Makes the bundle at `path`.
    pub(crate) fn make(path: PathBuf, args: &[&str]) -> Result<Self> {
        let sample = machine::sample("hello")?;
        DirBuilder::new().create(&path)?;
        copy_tree(&sample.join("rootfs"), &path.join("rootfs"))?;
        let config = serde_json::from_slice(&fs::read(sample.join("config.json"))?)?;
        Ok(Self { path, config }.with("/process/args", args))
    }

    /// Gives a field of config.json a value. `field` is a JSON pointer; what it leads through and
    /// is not there is made, and `-` stands for a new item of a list.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        *place(&mut self.config, field) = value.into();
        self
    }

    /// Adds a mount.
    #[must_use]
    pub fn with_mount(self, kind: &str, source: &str, destination: &str, options: &[&str]) -> Self {
        let mount = json!({
            "destination": destination, "type": kind, "source": source, "options": options,
        });
        self.with("/mounts/-", mount)
    }

    /// Takes the mount of that destination out.
    #[must_use]
    pub fn without_mount(mut self, destination: &str) -> Self {
        if let Some(mounts) = self.config["mounts"].as_array_mut() {
            mounts.retain(|mount| mount["destination"] != destination);
        }
        self
    }

    /// Takes a field of an object out.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        if let Some((above, name)) = field.rsplit_once('/')
            && let Some(object) = place(&mut self.config, above).as_object_mut()
        {
            object.remove(name);
        }
        self
    }

    /// Lets a namespace be a new one (`None`) or the one at a path.
    #[must_use]
    pub fn with_namespace(mut self, kind: &str, path: Option<&str>) -> Self {
        let mut namespace = json!({ "type": kind });
        if let Some(path) = path {
            namespace["path"] = path.into();
        }
        if let Some(namespaces) = self.config["linux"]["namespaces"].as_array_mut() {
            namespaces.retain(|other| other["type"] != kind);
            namespaces.push(namespace);
        }
        self
    }

    /// Runs as root of the host, with these capabilities.
    #[must_use]
    pub fn as_root(self, capabilities: &[&str]) -> Self {
        self.with("/process/user", json!({ "uid": 0, "gid": 0 }))
            .with("/process/capabilities/bounding", capabilities)
            .with("/process/capabilities/permitted", capabilities)
            .with("/process/capabilities/effective", capabilities)
    }

    /// Puts a program of these tests into `/bin`.
    ///
    /// # Errors
    ///
    /// When it is not built.
    pub fn with_program(self, name: &str) -> Result<Self> {
        let program = machine::program(name)?;
        copy_program(&program, &self.rootfs().join("bin").join(name))?;
        Ok(self)
    }

    /// Puts a file into the root file system, executable for all.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn with_file(self, path: &str, contents: &str) -> Result<Self> {
        let path = self.rootfs().join(path);
        fs::write(&path, contents).with_context(|| path.display().to_string())?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        Ok(self)
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its root file system.
    #[must_use]
    pub fn rootfs(&self) -> PathBuf {
        self.path.join("rootfs")
    }

    /// A field of config.json as it is now.
    #[must_use]
    pub fn field(&self, field: &str) -> &Value {
        self.config.pointer(field).unwrap_or(&Value::Null)
    }

    /// Writes config.json.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self) -> Result<()> {
        Ok(fs::write(self.path.join("config.json"), serde_json::to_vec_pretty(&self.config)?)?)
    }
}

fn place<'v>(config: &'v mut Value, field: &str) -> &'v mut Value {
    field.split('/').skip(1).fold(config, |value, name| match value {
        Value::Array(list) => {
            let at = name.parse().unwrap_or(list.len());
            if at == list.len() {
                list.push(Value::Null);
            }
            &mut list[at]
        }
        object => &mut object[name],
    })
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, target)?;
        } else {
            copy_program(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy_program(from: &Path, to: &Path) -> Result<()> {
    without_forks(|| fs::copy(from, to)).with_context(|| from.display().to_string()).map(drop)
}
