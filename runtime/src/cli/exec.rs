//! `peapod exec`: adds a process to a container.

use super::Failed;
use super::output::warn;
use anyhow::Error;
use peapod::container::{Changes, Detach, Exec, Paused, Program, Root, User, exec};
use std::path::PathBuf;

/// The exit code when the program was not executed.
const FAILED: u8 = 255;

/// Run another program in a container
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    changed: Changed,

    /// What to run, as `process` of config.json: a file that has nothing else in it
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,

    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,

    /// Send its terminal to whoever listens at this socket
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,

    /// Send a pidfd of it to whoever listens at this socket
    #[arg(long, value_name = "PATH")]
    pidfd_socket: Option<PathBuf>,

    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,

    /// Write its pid to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Pass on this many descriptors after stderr
    #[arg(long, default_value_t = 0, value_name = "N")]
    preserve_fds: u32,

    /// Run in this cgroup below that of the container
    #[arg(long, value_name = "PATH")]
    cgroup: Option<String>,

    /// Do so in a paused container too, where it waits until that is resumed
    #[arg(long)]
    ignore_paused: bool,

    /// The container
    id: String,

    /// The program and its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND",
        required_unless_present = "process",
        conflicts_with = "process"
    )]
    args: Vec<String>,
}

/// In what the program differs from that of config.json.
#[derive(Debug, clap::Args)]
struct Changed {
    /// Its working directory
    #[arg(long, value_name = "DIR", conflicts_with = "process")]
    cwd: Option<String>,

    /// Set a variable of its environment
    #[arg(short, long, value_name = "NAME=VALUE", conflicts_with = "process")]
    env: Vec<String>,

    /// Its user, and its group
    #[arg(short, long, value_name = "UID[:GID]", value_parser = user, conflicts_with = "process")]
    user: Option<User>,

    /// Other groups that it has too
    #[arg(
        short = 'g', long, value_name = "GID", value_parser = id, value_delimiter = ',',
        conflicts_with = "process"
    )]
    additional_gids: Vec<u32>,

    /// It can never gain privileges
    #[arg(long, conflicts_with = "process")]
    no_new_privs: bool,

    /// Give it a capability
    #[arg(short, long, value_name = "CAPABILITY", conflicts_with = "process")]
    cap: Vec<String>,

    /// Its label of `SELinux`
    #[arg(long, value_name = "LABEL", conflicts_with = "process")]
    process_label: Option<String>,

    /// Its profile of `AppArmor`
    #[arg(long, value_name = "PROFILE", conflicts_with = "process")]
    apparmor: Option<String>,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<u8, Failed> {
        self.execute(root).map_err(|error| Failed { code: FAILED, error })
    }

    fn execute(&self, root: &Root) -> anyhow::Result<u8> {
        let program = match &self.process {
            Some(path) => Program::File { path, terminal: self.tty },
            None => Program::Changed(self.changed.with(&self.args, self.tty)),
        };
        let request = Exec {
            id: &self.id,
            program,
            pid_file: self.pid_file.as_deref(),
            console_socket: self.console_socket.as_deref(),
            pidfd_socket: self.pidfd_socket.as_deref(),
            preserve_fds: self.preserve_fds,
            cgroup: self.cgroup.as_deref(),
            paused: if self.ignore_paused { Paused::Ignore } else { Paused::Refuse },
            detach: if self.detach { Detach::Yes } else { Detach::No },
        };
        let done = exec(root, &request);
        let (code, warnings) = done.map_err(|error| Error::from(error).context("exec failed"))?;
        warn(&warnings)?;
        Ok(code)
    }
}

impl Changed {
    fn with<'a>(&'a self, args: &'a [String], terminal: bool) -> Changes<'a> {
        Changes {
            args,
            cwd: self.cwd.as_deref(),
            env: &self.env,
            terminal,
            user: self.user,
            groups: &self.additional_gids,
            no_new_privileges: self.no_new_privs,
            apparmor_profile: self.apparmor.as_deref(),
            selinux_label: self.process_label.as_deref(),
            capabilities: &self.cap,
        }
    }
}

/// `UID` or `UID:GID`, in digits and nothing else: what another runtime took `1` for was root
/// (CVE-2026-30892).
fn user(text: &str) -> Result<User, String> {
    match text.split_once(':') {
        Some((uid, gid)) => Ok(User { uid: id(uid)?, gid: Some(id(gid)?) }),
        None => Ok(User { uid: id(text)?, gid: None }),
    }
}

fn id(text: &str) -> Result<u32, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("not a number: {text:?}"));
    }
    match text.parse() {
        Ok(u32::MAX) => Err("means \"no change\" to the kernel, not an id".to_owned()),
        Ok(id) => Ok(id),
        Err(_) => Err(format!("not within 0 and {}", u32::MAX - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CVE-2026-30892, and reference values of other parsers' mistakes.
    #[test]
    fn a_user_is_a_number_and_nothing_else() {
        let of = |uid, gid| Ok(User { uid, gid });
        assert_eq!(user("1"), of(1, None));
        assert_eq!(user("1:2"), of(1, Some(2)));
        assert_eq!(user("0:0"), of(0, Some(0)));
        assert_eq!(user("4294967294"), of(4_294_967_294, None));
        for bad in [
            "",
            ":",
            ":2",
            "1:",
            "x",
            "x:1",
            "1:x",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1:2:3",
            "0x1",
            "1.0",
            "4294967295",
            "1:4294967295",
            "4294967296",
            "99999999999999999999",
            "root",
        ] {
            assert!(user(bad).is_err(), "{bad:?}");
        }
    }
}
