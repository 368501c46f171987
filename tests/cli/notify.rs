//! `sd_notify(3)`: a container says that it is ready, and whoever waits for the runtime hears it.
#![allow(unsafe_code, reason = "a descriptor that was received is a number")]

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tests::{Bundle, Root, Running};

const PATIENCE: Duration = Duration::from_secs(10);

/// Stands for systemd.
struct Host(UnixDatagram, String);

impl Host {
    fn new(root: &Root, name: &str) -> Result<Self> {
        let path = root.file(name);
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(socket, path.to_str().context("a path")?.to_owned()))
    }

    fn hears(&self) -> Result<String> {
        let mut message = [0; 256];
        let read = self.0.recv(&mut message)?;
        Ok(String::from_utf8_lossy(&message[..read]).into_owned())
    }

    /// Lets whoever waits behind a barrier go on.
    fn lets_go(&self) -> Result<()> {
        let mut message = [0; 256];
        let mut slices = [IoSliceMut::new(&mut message)];
        let mut control = nix::cmsg_space!(RawFd);
        let got =
            recvmsg::<()>(self.0.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
        ensure!(got.bytes == b"BARRIER=1".len(), "not a barrier");
        for part in got.cmsgs()? {
            if let ControlMessageOwned::ScmRights(numbers) = part {
                // SAFETY: they have just been received, and nothing else owns them.
                numbers.into_iter().for_each(|fd| drop(unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        Ok(())
    }

    fn start(&self, root: &Root, args: &[&str]) -> Result<Running> {
        root.start_by_shell(&format!("NOTIFY_SOCKET={} exec \"$@\"", self.1), args)
    }
}

fn bundle(root: &Root, says: &[&str]) -> Result<Bundle> {
    let bundle = root.bundle(&[&["notify"], says].concat())?.with_program("notify")?;
    bundle.write()?;
    Ok(bundle)
}

#[test]
fn start_ends_when_the_container_is_ready_and_says_which_process_it_is() -> Result<()> {
    let root = Root::new()?;
    let host = Host::new(&root, "host")?;
    let says = ["STATUS=begins", "STATUS=still\nREADY=1"];
    let bundle = bundle(&root, &says)?;
    let (path, id) = (bundle.path().to_str().context("a path")?, root.id("c"));
    let pid_file = root.file("pid");
    let pid_file = pid_file.to_str().context("a path")?;
    let create = ["create", "--bundle", path, "--pid-file", pid_file, &id];
    host.start(&root, &create)?.finish()?.ok()?;
    let pid = fs::read_to_string(pid_file)?;
    root.adopt(pid.parse()?)?;
    let start = host.start(&root, &["start", &id])?;
    assert_eq!(host.hears()?, "READY=1\n");
    assert_eq!(host.hears()?, format!("MAINPID={pid}\n"));
    host.lets_go()?;
    start.finish()?.ok().map(drop)
}

#[test]
fn start_ends_when_the_container_does() -> Result<()> {
    let root = Root::new()?;
    let host = Host::new(&root, "host")?;
    let bundle = bundle(&root, &["STATUS=x", "end"])?;
    let (path, id) = (bundle.path().to_str().context("a path")?, root.id("c"));
    let pid_file = root.file("pid");
    let pid_file = pid_file.to_str().context("a path")?;
    let run = ["run", "--detach", "--bundle", path, "--pid-file", pid_file, &id];
    host.start(&root, &run)?.finish()?.ok()?;
    root.adopt(fs::read_to_string(pid_file)?.parse()?)?;
    root.run(&["delete", &id])?.ok()?;
    root.has_nothing_left()
}

#[test]
fn a_container_in_the_foreground_is_heard_too() -> Result<()> {
    let root = Root::new()?;
    let host = Host::new(&root, "host")?;
    let bundle = bundle(&root, &["READY=1"])?;
    let (path, id) = (bundle.path().to_str().context("a path")?, root.id("c"));
    let run = host.start(&root, &["run", "--bundle", path, &id])?;
    assert_eq!(host.hears()?, "READY=1\n");
    assert!(host.hears()?.starts_with("MAINPID="));
    host.lets_go()?;
    root.run(&["kill", &id, "KILL"])?.ok()?;
    assert_eq!(run.finish()?.status.code(), Some(137));
    root.has_nothing_left()
}

#[test]
fn without_somebody_who_waits_there_is_no_such_socket() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("env | grep -c NOTIFY_SOCKET; ls /run/notify 2>&1; true")?;
    let seen = root.start_container("c", &bundle)?.output()?;
    assert!(seen.starts_with("0\n") && seen.contains("No such file"), "{seen}");
    Ok(())
}
