//! Terminals: one that a test sits at, and those that come out of a console socket.
#![allow(
    unsafe_code,
    reason = "nix has openpty and ioctls behind features that nothing else needs"
)]

use crate::wait::{DEADLINE, happens, readable};
use anyhow::{Context, Result, bail, ensure};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A terminal, from the side of whoever sits at it.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    /// The other end, if the test has made it.
    slave: Option<OwnedFd>,
    seen: String,
}

impl Terminal {
    /// Makes one of that size.
    ///
    /// # Errors
    ///
    /// When there are no more.
    pub fn open(rows: u16, columns: u16) -> Result<Self> {
        let (mut master, mut slave): (RawFd, RawFd) = (-1, -1);
        let size = winsize(rows, columns);
        let none = std::ptr::null_mut();
        // SAFETY: openpty writes two ints, and reads a winsize; the other pointers may be null.
        let made = unsafe {
            libc::openpty(&raw mut master, &raw mut slave, none, none.cast(), &raw const size)
        };
        Errno::result(made)?;
        // SAFETY: openpty returned two new descriptors, which nothing else owns.
        let [master, slave] = [master, slave].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        Ok(Self { slave: Some(slave), ..Self::of(master) })
    }

    fn of(master: OwnedFd) -> Self {
        Self { master: master.into(), slave: None, seen: String::new() }
    }

    pub(crate) fn slave(&self) -> Result<&OwnedFd> {
        self.slave.as_ref().context("the other end is not the test's")
    }

    /// Types something.
    ///
    /// # Errors
    ///
    /// When nobody has the other end open.
    pub fn types(&mut self, text: &str) -> Result<()> {
        Ok(self.master.write_all(text.as_bytes())?)
    }

    /// Waits until it shows `text`; answers with all that it has shown since the last time.
    ///
    /// # Errors
    ///
    /// When it does not by the deadline.
    pub fn shows(&mut self, text: &str) -> Result<String> {
        let end = Instant::now() + DEADLINE;
        while !self.seen.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            ensure!(readable(&self.master, left)?, "no {text:?} in {:?}", self.seen);
            let mut chunk = [0; 4096];
            match self.master.read(&mut chunk) {
                Ok(read @ 1..) => self.seen.push_str(&String::from_utf8_lossy(&chunk[..read])),
                other => bail!("no {text:?} in {:?}: {other:?}", self.seen),
            }
        }
        Ok(std::mem::take(&mut self.seen))
    }

    /// Waits until nobody has the other end open any more.
    ///
    /// # Errors
    ///
    /// When somebody has by the deadline.
    pub fn hangs_up(&self) -> Result<()> {
        ensure!(happens(&self.master, PollFlags::empty(), DEADLINE)?, "no hang-up");
        Ok(())
    }

    /// Gives it another size.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        let size = winsize(rows, columns);
        // SAFETY: TIOCSWINSZ reads a winsize.
        let set =
            unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        Errno::result(set)?;
        Ok(())
    }

    /// Whether what is typed is passed on as it is.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell.
    pub fn is_raw(&self) -> Result<bool> {
        // SAFETY: a termios is numbers, for which zero is a value.
        let mut modes: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: tcgetattr writes a termios.
        let got = unsafe { libc::tcgetattr(self.slave()?.as_raw_fd(), &raw mut modes) };
        Errno::result(got)?;
        Ok(modes.c_lflag & (libc::ICANON | libc::ECHO | libc::ISIG) == 0)
    }
}

fn winsize(rows: u16, columns: u16) -> libc::winsize {
    libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// A socket that terminals are sent to.
#[derive(Debug)]
pub struct ConsoleSocket {
    path: PathBuf,
    listener: UnixListener,
}

impl ConsoleSocket {
    /// # Errors
    ///
    /// When there is something at `path`.
    pub fn listen(path: PathBuf) -> Result<Self> {
        let listener = UnixListener::bind(&path)?;
        Ok(Self { path, listener })
    }

    /// Its path.
    ///
    /// # Errors
    ///
    /// When that is not UTF-8.
    pub fn path(&self) -> Result<&str> {
        self.path.to_str().with_context(|| format!("{:?}", self.path))
    }

    /// The terminal that was sent, and what it was called.
    ///
    /// # Errors
    ///
    /// When none comes by the deadline.
    pub fn receive(&self) -> Result<(Terminal, String)> {
        let (terminal, name) = self.receive_descriptor()?;
        Ok((Terminal::of(terminal), name))
    }

    /// The descriptor that was sent, and what it was called.
    ///
    /// # Errors
    ///
    /// When none comes by the deadline.
    pub fn receive_descriptor(&self) -> Result<(OwnedFd, String)> {
        ensure!(readable(&self.listener, DEADLINE)?, "nobody connects");
        let (stream, _) = self.listener.accept()?;
        ensure!(readable(&stream, DEADLINE)?, "nothing is sent");
        receive(&stream).with_context(|| format!("{:?}", Path::new(&self.path)))
    }
}

fn receive(stream: &UnixStream) -> Result<(OwnedFd, String)> {
    let mut name = [0; 4096];
    let mut control = cmsg_space!([RawFd; 4]);
    let mut slices = [IoSliceMut::new(&mut name)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message =
        recvmsg::<()>(stream.as_fd().as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    let mut received = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = part {
            // SAFETY: the kernel has just made these descriptors for this process.
            received.extend(numbers.iter().map(|&fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    let length = message.bytes;
    let [descriptor] = <[OwnedFd; 1]>::try_from(received).ok().context("not one descriptor")?;
    Ok((descriptor, String::from_utf8_lossy(&name[..length]).into_owned()))
}
