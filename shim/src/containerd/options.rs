//! The options of the runtime, as containerd's configuration and its callers have them: those of
//! runc, or the same names in TOML, which containerd passes on for a runtime that it does not know.

mod toml;

use crate::proto::types::RuntimeOptions;
use crate::proto::{Any, Named, runc};
use crate::ttrpc::{Code, Status};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use toml::Value;

/// A configuration file is shorter than this, in bytes.
const LIMIT: u64 = 1 << 20;

/// The options. What is missing is as in the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The root is moved, not pivoted.
    pub no_pivot_root: bool,
    /// The container keeps the session keyring of its maker.
    pub no_new_keyring: bool,
    /// The cgroup of the shim itself.
    pub shim_cgroup: Option<PathBuf>,
    /// Who owns the pipes of a container.
    pub io_uid: u32,
    /// Their group.
    pub io_gid: u32,
    /// Where the states of containers are.
    pub root: Option<PathBuf>,
    /// Where CRIU's images are.
    pub criu_image_path: Option<PathBuf>,
    /// Where CRIU works.
    pub criu_work_path: Option<PathBuf>,
    /// The version of the interface that is to be answered with: 3, or 2 for containerd 1.x.
    pub shim_version: Option<u32>,
}

impl Options {
    /// Whether `any` has options of a runtime.
    #[must_use]
    pub fn is_known(any: &Any) -> bool {
        any.is(runc::Options::URL) || any.is(RuntimeOptions::URL)
    }

    /// The options in `any`; without any, the default.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if they are not what they say, or ask for what there is not.
    pub fn of(any: Option<&Any>) -> Result<Self, Status> {
        let Some(any) = any.filter(|any| !any.type_url.is_empty()) else {
            return Ok(Self::default());
        };
        if let Some(options) = any.unpack::<runc::Options>().map_err(|error| wrong(&error))? {
            return Self::of_runc(options);
        }
        let unpacked = any.unpack::<RuntimeOptions>().map_err(|error| wrong(&error))?;
        let options =
            unpacked.ok_or_else(|| invalid(format!("options: {:?}: not known", any.type_url)))?;
        if !options.config_body.is_empty() {
            return Self::of_toml(&options.config_body);
        }
        if options.config_path.is_empty() {
            return Ok(Self::default());
        }
        Self::of_toml(&read(Path::new(&options.config_path))?)
    }

    fn of_runc(options: runc::Options) -> Result<Self, Status> {
        check_binary(&options.binary_name)?;
        Ok(Self {
            no_pivot_root: options.no_pivot_root,
            no_new_keyring: options.no_new_keyring,
            shim_cgroup: path(options.shim_cgroup),
            io_uid: options.io_uid,
            io_gid: options.io_gid,
            root: path(options.root),
            criu_image_path: path(options.criu_image_path),
            criu_work_path: path(options.criu_work_path),
            shim_version: None,
        })
    }

    fn of_toml(text: &[u8]) -> Result<Self, Status> {
        let text = std::str::from_utf8(text).map_err(|error| wrong(&error))?;
        let mut options = Self::default();
        for (name, value) in
            toml::read(text).map_err(|reason| invalid(format!("options: {reason}")))?
        {
            let reason = |reason| invalid(format!("options.{name}: {reason}"));
            options.set(&name, value).map_err(reason)?;
        }
        Ok(options)
    }

    /// The names are those that containerd's configuration has for runc.
    fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        match name {
            "NoPivotRoot" => self.no_pivot_root = value.switch()?,
            "NoNewKeyring" => self.no_new_keyring = value.switch()?,
            "ShimCgroup" => self.shim_cgroup = path(value.text()?),
            "IoUid" => self.io_uid = value.number()?,
            "IoGid" => self.io_gid = value.number()?,
            "BinaryName" => check_binary(&value.text()?).map_err(|status| status.message)?,
            "Root" => self.root = path(value.text()?),
            "CriuImagePath" => self.criu_image_path = path(value.text()?),
            "CriuWorkPath" => self.criu_work_path = path(value.text()?),
            "ShimVersion" => self.shim_version = Some(shim_version(value.number()?)?),
            // The form of cgroupsPath says it; where CRIU is, nobody asks any more; and who has the
            // sandbox is said with each request.
            "SystemdCgroup" => drop(value.switch()?),
            "CriuPath" | "TaskApiAddress" => drop(value.text()?),
            "TaskApiVersion" => drop(value.number()?),
            // They led here.
            "TypeUrl" | "ConfigPath" => drop(value.text()?),
            _ => return Err("not known".to_owned()),
        }
        Ok(())
    }
}

fn shim_version(version: u32) -> Result<u32, String> {
    if matches!(version, 2 | 3) { Ok(version) } else { Err(format!("{version}: neither 2 nor 3")) }
}

/// Containers are run by this program: another runtime would not be executed.
fn check_binary(name: &str) -> Result<(), Status> {
    let file = Path::new(name).file_name().unwrap_or_default();
    if name.is_empty() || file == "peapod" {
        return Ok(());
    }
    Err(invalid(format!("options.BinaryName: {name:?}: this shim runs containers by itself")))
}

fn read(path: &Path) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
    let reason = |error| invalid(format!("options.ConfigPath: {}: {error}", path.display()));
    read.map(|_| bytes).map_err(reason)
}

fn path(text: String) -> Option<PathBuf> {
    if text.is_empty() { None } else { Some(text.into()) }
}

fn wrong(error: &impl std::error::Error) -> Status {
    invalid(format!("options: {error}"))
}

fn invalid(reason: String) -> Status {
    Status::new(Code::InvalidArgument, reason)
}

#[cfg(test)]
mod tests;
