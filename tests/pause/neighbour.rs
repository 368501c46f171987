//! A process beside pause, in the same PID namespace, that may want to end it.
#![allow(unsafe_code, reason = "the standard ways to send a signal do not lie about the sender")]

use std::{
    env, mem,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::Command,
    ptr,
};

use anyhow::{Result, bail};
use libc::{c_int, siginfo_t};
use nix::{
    errno::Errno,
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::{pipe, write},
};

const PAUSE: c_int = 1;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["kill", signal] => kill(signal.parse()?)?,
        ["tgkill", signal] => tgkill(signal.parse()?)?,
        ["sigqueue", signal, code] => sigqueue(signal.parse()?, code.parse()?)?,
        ["sigqueue-thread", signal, code] => sigqueue_thread(signal.parse()?, code.parse()?)?,
        ["sigqueue-pidfd", signal, code] => sigqueue_pidfd(signal.parse()?, code.parse()?)?,
        ["sigio", signal] => sigio(signal.parse()?)?,
        ["flood", signal, times] => flood(signal.parse()?, times.parse()?)?,
        ["lower-limit"] => lower_limit()?,
        ["precede", program, argument] => precede(program, argument)?,
        _ => bail!("no way to {arguments:?}"),
    }
    Ok(())
}

fn kill(signal: c_int) -> Result<(), Errno> {
    // SAFETY: it takes numbers only.
    Errno::result(unsafe { libc::kill(PAUSE, signal) }).map(drop)
}

fn tgkill(signal: c_int) -> Result<(), Errno> {
    // SAFETY: it takes numbers only.
    Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, PAUSE, PAUSE, signal) }).map(drop)
}

/// The siginfo of a signal by a sender who says that he is process 0.
fn forged(signal: c_int, code: c_int) -> siginfo_t {
    // SAFETY: it is made of integers, of which pid and uid are among the zeros.
    let mut info: siginfo_t = unsafe { mem::zeroed() };
    info.si_signo = signal;
    info.si_code = code;
    info
}

fn sigqueue(signal: c_int, code: c_int) -> Result<(), Errno> {
    let info = forged(signal, code);
    // SAFETY: `info` is a siginfo that outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, PAUSE, signal, &raw const info) };
    Errno::result(result).map(drop)
}

fn sigqueue_thread(signal: c_int, code: c_int) -> Result<(), Errno> {
    let info = forged(signal, code);
    // SAFETY: `info` is a siginfo that outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, PAUSE, PAUSE, signal, &raw const info)
    };
    Errno::result(result).map(drop)
}

fn sigqueue_pidfd(signal: c_int, code: c_int) -> Result<(), Errno> {
    // SAFETY: it takes numbers only.
    let pidfd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, PAUSE, 0) })?;
    let info = forged(signal, code);
    // SAFETY: `info` is a siginfo that outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, &raw const info, 0) };
    Errno::result(result).map(drop)
}

/// Has the kernel send the signal, as the news that a pipe can be read.
fn sigio(signal: c_int) -> Result<()> {
    const F_SETSIG: c_int = 10;
    let (reader, writer) = pipe()?;
    let fcntl = |command, argument: c_int| {
        // SAFETY: the commands below take numbers only, and `reader` is open.
        Errno::result(unsafe { libc::fcntl(reader.as_raw_fd(), command, argument) })
    };
    fcntl(libc::F_SETOWN, PAUSE)?;
    fcntl(F_SETSIG, signal)?;
    fcntl(libc::F_SETFL, libc::O_ASYNC)?;
    write(&writer, b"\n")?;
    Ok(())
}

/// Queues as many signals for pause.
fn flood(signal: c_int, times: u32) -> Result<(), Errno> {
    (0..times).try_for_each(|_| sigqueue(signal, libc::SI_QUEUE))
}

/// Lets no signal be queued for pause: what is sent nevertheless arrives without its siginfo.
fn lower_limit() -> Result<(), Errno> {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call, and the old limit is not asked for.
    let result =
        unsafe { libc::prlimit(PAUSE, libc::RLIMIT_SIGPENDING, &raw const limit, ptr::null_mut()) };
    Errno::result(result).map(drop)
}

/// Becomes pause, with a dead child.
fn precede(program: &str, argument: &str) -> Result<()> {
    let child = Command::new("true").spawn()?;
    let id = Id::Pid(nix::unistd::Pid::from_raw(child.id().try_into()?));
    waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    Err(Command::new(program).arg(argument).exec().into())
}
