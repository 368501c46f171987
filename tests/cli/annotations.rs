//! Annotations of crun's that callers depend on.
#![allow(unsafe_code, reason = "a descriptor that was received is a number")]

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::json;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use tests::{Agent, Bundle, Root, field_of};

/// A JSON pointer has `/` as `~1`; these names have none.
fn annotated(bundle: Bundle, name: &str, value: &str) -> Bundle {
    bundle.with("/annotations", json!({ name: value }))
}

#[test]
fn the_groups_of_the_caller_are_kept() -> Result<()> {
    let root = Root::new()?;
    for (number, (value, expected)) in [("1", "7 4711"), ("0", "5")].into_iter().enumerate() {
        let user = json!({ "uid": 1000, "gid": 1000, "additionalGids": [5] });
        let show = ["grep", "^Groups", "/proc/self/status"];
        let name = "run.oci.keep_original_groups";
        let bundle = |args| -> Result<Bundle> {
            let bundle = root.bundle(args)?.with("/process/user", user.clone());
            Ok(annotated(bundle, name, value))
        };
        let first = bundle(&show)?;
        first.write()?;
        let path = first.path().to_str().context("a path")?;
        let caller = "exec setpriv --groups 7,4711 -- \"$@\"";
        let run = ["run", "--bundle", path, &root.id(&format!("a{number}"))];
        let seen = root.start_by_shell(caller, &run)?.finish()?.ok()?;
        assert_eq!(field_of(&seen, "Groups")?, expected, "{value}");
        let container =
            root.start_container(&format!("b{number}"), &bundle(&["sleep", "1000"])?)?;
        let exec = [&["exec", &container.id], &show[..]].concat();
        let seen = root.start_by_shell(caller, &exec)?.finish()?.ok()?;
        assert_eq!(field_of(&seen, "Groups")?, expected, "added, {value}");
    }
    Ok(())
}

#[test]
fn what_hooks_write_goes_into_files() -> Result<()> {
    let root = Root::new()?;
    let (out, err) = (root.file("out"), root.file("err"));
    fs::write(&out, "before\n")?;
    let mut bundle = root.bundle(&["true"])?.with(
        "/annotations",
        json!({
            "run.oci.hooks.stdout": out.to_str().context("a path")?,
            "run.oci.hooks.stderr": err.to_str().context("a path")?,
        }),
    );
    for kind in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
        let text = format!("echo {kind}; echo not {kind} >&2");
        let hook = json!({ "path": "/bin/sh", "args": ["sh", "-c", text] });
        bundle = bundle.with(&format!("/hooks/{kind}"), vec![hook]);
    }
    let container = root.start_container("c", &bundle)?;
    container.wait()?;
    container.delete(&[])?;
    let order = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];
    assert_eq!(fs::read_to_string(&out)?, format!("before\n{}\n", order.join("\n")));
    assert_eq!(fs::read_to_string(&err)?, format!("not {}\n", order.join("\nnot ")));
    Ok(())
}

#[test]
fn a_pidfd_of_the_first_process_is_sent() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("socket");
    let listener = UnixListener::bind(&path)?;
    let name = "run.oci.pidfd_receiver";
    let bundle = annotated(root.bundle(&["sleep", "1000"])?, name, path.to_str().context("path")?);
    let container = root.create("c", &bundle)?;
    let (connection, _) = listener.accept()?;
    let mut byte = [0];
    let mut slices = [IoSliceMut::new(&mut byte)];
    let mut control = nix::cmsg_space!(RawFd);
    let got =
        recvmsg::<()>(connection.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
    let mut sent = None;
    for part in got.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = part {
            // SAFETY: it has just been received, and nothing else owns it.
            sent = numbers.first().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) });
        }
    }
    let sent = sent.context("no descriptor")?;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", sent.as_raw_fd()))?;
    assert_eq!(field_of(&info, "Pid")?, container.pid().to_string());
    fs::remove_file(&path)?;
    let message = root.try_create("d", &bundle, &[])?.refused()?;
    ensure!(message.starts_with(&format!("annotations[{name}]: ")), "{message}");
    Ok(())
}

#[test]
fn the_agent_is_where_an_annotation_says() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("agent");
    let agent = Agent::listen(&path)?;
    let rule = json!([{ "names": ["mkdirat", "mkdir"], "action": "SCMP_ACT_NOTIFY" }]);
    let bundle = root
        .bundle(&["sleep", "1000"])?
        .with("/linux/seccomp", json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rule }));
    let path = path.to_str().context("a path")?;
    let bundle = annotated(bundle, "run.oci.seccomp.receiver", path);
    root.create("c", &bundle)?;
    assert_eq!(agent.next()?.state["state"]["id"], root.id("c"));
    Ok(())
}

#[test]
fn a_call_that_nobody_knows_can_be_an_error() -> Result<()> {
    let root = Root::new()?;
    let rule = json!([{ "names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO" }]);
    let bundle = root
        .bundle(&["true"])?
        .with("/linux/seccomp", json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rule }));
    let bundle = annotated(bundle, "run.oci.seccomp_fail_unknown_syscall", "1");
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert_eq!(message, "linux.seccomp.syscalls: \"no_such_call\": no such system call");
    Ok(())
}

/// `struct sock_filter`, four times: the number of the call; is it that of mkdir or of mkdirat;
/// then EACCES.
fn program() -> Vec<u8> {
    let numbers = [libc::SYS_mkdirat, if cfg!(target_arch = "x86_64") { 83 } else { 34 }];
    let mut bytes = Vec::new();
    let mut add = |code: u16, jt: u8, jf: u8, k: u32| {
        bytes.extend(code.to_ne_bytes());
        bytes.extend([jt, jf]);
        bytes.extend(k.to_ne_bytes());
    };
    // BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K.
    add(0x20, 0, 0, 0);
    add(0x15, 1, 0, u32::try_from(numbers[0]).unwrap_or(0));
    add(0x15, 0, 1, u32::try_from(numbers[1]).unwrap_or(0));
    add(0x06, 0, 0, 0x0005_0000 | 13);
    add(0x06, 0, 0, 0x7fff_0000);
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .chain(&[0; 2])
            .take(3)
            .fold(0, |word, byte| word << 8 | usize::from(*byte));
        for at in 0..4 {
            let digit = DIGITS[word >> (18 - 6 * at) & 63];
            text.push(if at > three.len() { '=' } else { digit.into() });
        }
    }
    text
}

#[test]
fn a_compiled_filter_is_loaded_as_it_is() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("mkdir /tmp/x 2>&1; grep ^Seccomp: /proc/self/status; sleep 1000")?;
    let bundle = annotated(bundle, "run.oci.seccomp_bpf_data", &base64(&program()));
    let container = root.start_container("c", &bundle)?;
    let seen = container.says("Seccomp")?;
    assert!(seen.contains("Permission denied") && field_of(&seen, "Seccomp")? == "2", "{seen}");
    let output = container.exec(&[], &["mkdir", "/tmp/x"])?;
    assert!(output.stderr.contains("Permission denied"), "{output:?}");
    let bundle = annotated(root.bundle(&["true"])?, "run.oci.seccomp_bpf_data", "AAAA");
    let message = root.try_create("d", &bundle, &[])?.refused()?;
    assert!(message.starts_with("annotations[run.oci.seccomp_bpf_data]: "), "{message}");
    Ok(())
}
