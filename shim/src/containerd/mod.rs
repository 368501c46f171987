//! The program that containerd executes (containerd, core/runtime/v2/README.md): `start` answers
//! with the address of a shim, `delete` cleans up after one, and without an action it is one.

pub mod args;
mod delete;
mod ends;
mod grave;
mod jobs;
mod made;
mod rootfs;
pub mod serve;
mod settings;
mod task;

use anyhow::{Result, bail};
use args::{Action, Args};
use prost::Message;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

/// Does what `arguments`, the program's name first, ask for.
///
/// # Errors
///
/// One line that says what could not be done; containerd shows it.
pub fn run(arguments: Vec<OsString>) -> Result<()> {
    let args = Args::parse(arguments.into_iter().skip(1))?;
    let cwd = std::env::current_dir()?;
    match args.action {
        Action::Start => {
            let mut s = Vec::new();
            std::io::stdin().read_to_end(&mut s)?;
            std::fs::create_dir_all("/run/containerd/s")?;
            let socket = format!("/run/containerd/s/{}", args.id);
            let listener = UnixListener::bind(&socket)?;
            Command::new("/proc/self/exe")
                .args([
                    "-namespace",
                    &args.namespace,
                    "-id",
                    &args.id,
                    "-address",
                    &args.address,
                    "-socket",
                    &socket,
                    "serve",
                ])
                .stdin(Stdio::from(OwnedFd::from(listener)))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            write!(
                std::io::stdout(),
                "{{\"version\":3,\"address\":\"unix://{socket}\",\"protocol\":\"ttrpc\"}}"
            )?;
            std::io::stdout().flush()?;
            Ok(())
        }
        Action::Serve => {
            let listener = UnixListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            let socket = args.socket.unwrap_or_default();
            let events = std::env::var("TTRPC_ADDRESS").unwrap_or_default();
            Ok(serve::serve(serve::Start {
                listener,
                socket,
                namespace: args.namespace,
                events,
                bundle: cwd,
            })?)
        }
        Action::Delete => {
            let bundle = args.bundle.unwrap_or(cwd);
            match delete::delete(&args.namespace, &args.id, &bundle) {
                Ok(answer) => {
                    std::io::stdout().write_all(&answer.encode_to_vec())?;
                    std::io::stdout().flush()?;
                    Ok(())
                }
                Err(status) => bail!("{status}"),
            }
        }
        _ => bail!("{:?}: not done yet", args.action),
    }
}
