//! A seccomp agent: it is told of a container, and answers the calls that are left to it.
#![allow(unsafe_code, reason = "ioctls of a descriptor that nix does not know")]

use crate::wait::{DEADLINE, readable};
use anyhow::{Context, Result, ensure};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::Value;
use std::io::{IoSliceMut, Read};
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Listens for containers.
#[derive(Debug)]
pub struct Agent(UnixListener);

/// A container that the agent was told of.
#[derive(Debug)]
pub struct Notified {
    /// What it was told.
    pub state: Value,
    notifications: OwnedFd,
}

/// A call that waits for its answer.
#[derive(Debug)]
pub struct Waiting {
    id: u64,
    /// Who calls, as the agent sees it.
    pub pid: u32,
    /// The number of the system call.
    pub number: i64,
}

impl Agent {
    /// # Errors
    ///
    /// When the path is taken.
    pub fn listen(path: &Path) -> Result<Self> {
        Ok(Self(UnixListener::bind(path)?))
    }

    /// Waits for the next container.
    ///
    /// # Errors
    ///
    /// When none comes by the deadline, or what comes is not as the specification has it: one
    /// state, one descriptor, and the end of the connection.
    pub fn next(&self) -> Result<Notified> {
        ensure!(readable(&self.0, DEADLINE)?, "nobody connects");
        let (mut connection, _) = self.0.accept()?;
        ensure!(readable(&connection, DEADLINE)?, "nothing is sent");
        let mut text = vec![0; 1 << 16];
        let mut control = cmsg_space!([RawFd; 4]);
        let (len, descriptors) = {
            let mut parts = [IoSliceMut::new(&mut text)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let number = connection.as_raw_fd();
            let message = recvmsg::<()>(number, &mut parts, Some(&mut control), flags)?;
            let rights = message.cmsgs()?.find_map(|part| match part {
                ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            });
            (message.bytes, rights.context("no descriptors")?)
        };
        ensure!(descriptors.len() == 1, "{descriptors:?}");
        // SAFETY: it has just been received, and nothing else owns it.
        let notifications = unsafe { OwnedFd::from_raw_fd(descriptors[0]) };
        let state = serde_json::from_slice(&text[..len])?;
        ensure!(connection.read(&mut [0])? == 0, "more than one state");
        Ok(Notified { state, notifications })
    }
}

// include/uapi/linux/seccomp.h
const SECCOMP_IOCTL_NOTIF_RECV: libc::c_ulong = 0xc050_2100;
const SECCOMP_IOCTL_NOTIF_SEND: libc::c_ulong = 0xc018_2101;

impl Notified {
    /// Waits for the next call.
    ///
    /// # Errors
    ///
    /// When none comes by the deadline.
    pub fn next(&self) -> Result<Waiting> {
        ensure!(readable(&self.notifications, DEADLINE)?, "no call");
        let fd = self.notifications.as_raw_fd();
        // SAFETY: numbers, for which zero is a value.
        let mut call: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the kernel writes a `struct seccomp_notif` there.
        let done = unsafe { libc::ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) };
        Errno::result(done).context("SECCOMP_IOCTL_NOTIF_RECV")?;
        Ok(Waiting { id: call.id, pid: call.pid, number: call.data.nr.into() })
    }

    /// Answers a call: with a value, or with an error.
    ///
    /// # Errors
    ///
    /// When the caller is gone.
    pub fn answer(&self, call: &Waiting, answer: Result<i64, Errno>) -> Result<()> {
        let fd = self.notifications.as_raw_fd();
        let error = answer.err().map_or(0, |errno| -(errno as i32));
        let (id, val) = (call.id, answer.unwrap_or(0));
        let mut response = libc::seccomp_notif_resp { id, val, error, flags: 0 };
        // SAFETY: the kernel reads a `struct seccomp_notif_resp` there.
        let done = unsafe { libc::ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
        Errno::result(done).context("SECCOMP_IOCTL_NOTIF_SEND").map(drop)
    }
}
