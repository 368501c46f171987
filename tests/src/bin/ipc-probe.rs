//! Makes and reads System V semaphores and POSIX shared memory objects, from inside a container:
//! `ipc-probe sem-set KEY VALUE | sem-get KEY | shm-set NAME TEXT | shm-get NAME`.
//! Neither std nor nix has these calls, and busybox has no program for them.
#![allow(unsafe_code, reason = "a test program of four system calls, none of them in nix")]

use std::{
    env,
    ffi::CString,
    fs::File,
    io::{self, Read, Write},
    os::fd::{FromRawFd, OwnedFd},
};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["sem-set", key, value] => sem_set(key.parse()?, value.parse()?),
        ["sem-get", key] => show(&sem_get(key.parse()?)?.to_string()),
        ["shm-set", name, text] => shm_set(name, text),
        ["shm-get", name] => show(&shm_get(name)?),
        _ => bail!("usage: ipc-probe sem-set KEY VALUE|sem-get KEY|shm-set NAME TEXT|shm-get NAME"),
    }
}

fn show(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

fn sem_set(key: libc::key_t, value: libc::c_int) -> Result<()> {
    let id = semget(key, libc::IPC_CREAT | 0o666)?;
    // SAFETY: SETVAL takes an int as its only further argument, and touches no memory of ours.
    let done = unsafe { libc::semctl(id, 0, libc::SETVAL, value) };
    Errno::result(done).with_context(|| format!("semctl({id}, SETVAL, {value})"))?;
    Ok(())
}

fn sem_get(key: libc::key_t) -> Result<libc::c_int> {
    let id = semget(key, 0)?;
    // SAFETY: GETVAL takes no further argument and returns the value.
    let value = unsafe { libc::semctl(id, 0, libc::GETVAL) };
    Errno::result(value).with_context(|| format!("semctl({id}, GETVAL)"))
}

fn semget(key: libc::key_t, flags: libc::c_int) -> Result<libc::c_int> {
    // SAFETY: three integers; no memory of ours is touched.
    let id = unsafe { libc::semget(key, 1, flags) };
    Errno::result(id).with_context(|| format!("semget({key})"))
}

fn shm_set(name: &str, text: &str) -> Result<()> {
    let mut object = shm_open(name, libc::O_CREAT | libc::O_RDWR | libc::O_TRUNC)?;
    Ok(object.write_all(text.as_bytes())?)
}

fn shm_get(name: &str) -> Result<String> {
    let mut text = String::new();
    shm_open(name, libc::O_RDONLY)?.read_to_string(&mut text)?;
    Ok(text)
}

fn shm_open(name: &str, flags: libc::c_int) -> Result<File> {
    let path = CString::new(name)?;
    // SAFETY: `path` is a C string that lives for the whole call.
    let fd = unsafe { libc::shm_open(path.as_ptr(), flags, 0o666) };
    let fd = Errno::result(fd).with_context(|| format!("shm_open({name})"))?;
    // SAFETY: shm_open returned a new descriptor, and nothing else owns it.
    let object = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(File::from(object))
}
