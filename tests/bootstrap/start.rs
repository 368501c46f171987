//! `start`: the bytes of each containerd, and what becomes of the process and its socket.

use crate::shim::{Bundle, path_in};
use crate::wire::{Client, field};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use tests::{DEADLINE, Process, field_of};

/// `google.protobuf.Any` with `containerd.runc.v1.Options`, of which Root is set.
fn runc_options() -> Result<Vec<u8>> {
    Ok([field(1, b"containerd.runc.v1.Options")?, field(2, &field(7, b"/run/x")?)?].concat())
}

/// `BootstrapParams` of containerd 2.3.
fn params(bundle: &Bundle, directory: &Path) -> Result<Vec<u8>> {
    Ok([
        field(1, bundle.id.as_bytes())?,
        field(2, b"wire")?,
        field(4, b"v2.3.4")?,
        field(5, b"/run/containerd/containerd.sock.ttrpc")?,
        field(6, b"/run/containerd/containerd.sock")?,
        field(8, &field(1, &runc_options()?)?)?,
        field(9, directory.as_os_str().as_encoded_bytes())?,
    ]
    .concat())
}

fn json(path: &Path) -> String {
    format!(r#"{{"version":3,"address":"unix://{}","protocol":"ttrpc"}}"#, path.display())
}

#[test]
fn containerd_2_0_to_2_2_hears_json_with_and_without_options() -> Result<()> {
    for input in [Vec::new(), runc_options()?] {
        let bundle = Bundle::new()?;
        let answer = bundle.started(&input)?;
        let path = path_in(&answer)?;
        assert_eq!(String::from_utf8(answer)?, json(&path));
        assert_eq!(path.parent(), Some(Path::new("/run/containerd/s")));
        assert!(fs::metadata(&path)?.file_type().is_socket());
        assert!(!bundle.path.join("address").exists());
    }
    Ok(())
}

#[test]
fn containerd_1_6_and_1_7_hear_the_address_and_find_it_in_the_bundle() -> Result<()> {
    for input in [Vec::new(), runc_options()?] {
        let bundle = Bundle::new()?.named("containerd-shim-peapod-legacy-v1");
        let answer = String::from_utf8(bundle.started(&input)?)?;
        let path = path_in(answer.as_bytes())?;
        assert_eq!(answer, format!("unix://{}", path.display()));
        assert_eq!(fs::read_to_string(bundle.path.join("address"))?, answer);
        Client::connect(&path)?;
    }
    Ok(())
}

#[test]
fn containerd_2_3_hears_protobuf_and_says_where_the_socket_is() -> Result<()> {
    let bundle = Bundle::new()?;
    let directory = bundle.path.join("s");
    let answer = bundle.started(&params(&bundle, &directory)?)?;
    let path = path_in(&answer)?;
    let address = format!("unix://{}", path.display());
    let wanted =
        [b"\x08\x03".to_vec(), field(2, address.as_bytes())?, field(3, b"ttrpc")?].concat();
    assert_eq!(answer, wanted);
    assert_eq!(path.parent(), Some(directory.as_path()));
    let mode = |path: &Path| anyhow::Ok(fs::metadata(path)?.permissions().mode() & 0o777);
    assert_eq!((mode(&directory)?, mode(&path)?), (0o700, 0o600));
    Ok(())
}

#[test]
fn what_is_not_understood_is_refused_in_a_line_and_leaves_nothing() -> Result<()> {
    let runtime =
        [field(1, b"containerd.runc.v1.Options")?, field(2, &field(6, b"crun")?)?].concat();
    for (input, reason) in [
        (b"{\"version\":3}".to_vec(), "standard input: not runtime options"),
        (field(1, b"x.y.Options")?, "options: \"x.y.Options\": not known"),
        (runtime, "options.BinaryName: \"crun\": this shim runs containers by itself"),
    ] {
        let bundle = Bundle::new()?;
        let (status, said) = bundle.start(&input)?;
        let said = String::from_utf8(said)?;
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.starts_with("containerd-shim-peapod-v1: ") && said.contains(reason), "{said}");
        assert_eq!(said.matches('\n').count(), 1, "{said}");
        assert!(bundle.shim()?.is_none());
    }
    Ok(())
}

#[test]
fn containers_of_one_group_share_a_shim() -> Result<()> {
    for name in ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"] {
        let first = Bundle::new()?;
        let pod = first.id.clone();
        let address = first.started(b"")?;
        let second = Bundle::new()?.annotated(name, &pod)?;
        assert_eq!(second.started(b"")?, address);
        assert!(second.shim()?.is_none());
        let other = Bundle::new()?.annotated("io.kubernetes.cri.sandbox-name", &pod)?;
        assert_ne!(other.started(b"")?, address);
    }
    Ok(())
}

#[test]
fn the_socket_of_a_dead_shim_is_replaced() -> Result<()> {
    let bundle = Bundle::new()?;
    let address = bundle.started(b"")?;
    let shim = bundle.shim()?.context("no shim")?;
    ensure!(Command::new("kill").args(["-KILL", &shim.pid.to_string()]).status()?.success());
    assert!(shim.ends_within(DEADLINE)?);
    let path = path_in(&address)?;
    assert!(path.exists() && Client::connect(&path).is_err());
    assert_eq!(bundle.started(b"")?, address);
    Client::connect(&path)?;
    Ok(())
}

#[test]
fn many_that_start_at_once_get_one_shim() -> Result<()> {
    let first = Bundle::new()?;
    let pod = first.id.clone();
    let bundles: Result<Vec<_>> =
        (0..8).map(|_| Bundle::new()?.annotated("io.kubernetes.cri.sandbox-id", &pod)).collect();
    let bundles = bundles?;
    let answers: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> =
            bundles.iter().map(|bundle| scope.spawn(|| bundle.started(b""))).collect();
        started.into_iter().map(|thread| thread.join().expect("it returns")).collect()
    });
    let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let mut shims = 0;
    for bundle in &bundles {
        shims += usize::from(bundle.shim()?.is_some());
    }
    assert_eq!(shims, 1);
    Ok(())
}

#[test]
fn the_shim_is_sealed_alone_in_its_session_and_has_one_thread() -> Result<()> {
    let bundle = Bundle::new()?;
    bundle.started(b"")?;
    let Process { pid, .. } = bundle.shim()?.context("no shim")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit_once(") ").context("stat")?.1;
    let [_, _, group, session, terminal] =
        after.split(' ').take(5).collect::<Vec<_>>().try_into().expect("five");
    assert_eq!((group, session, terminal), (&*pid.to_string(), &*pid.to_string(), "0"));
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm"))?, "containerd-shim\n");
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    assert_eq!(field_of(&status, "Threads")?, "1");
    for number in 0..=2 {
        let file = fs::read_link(format!("/proc/{pid}/fd/{number}"))?;
        assert_eq!(file, Path::new("/dev/null"), "{number}");
    }
    let exe = fs::metadata(format!("/proc/{pid}/exe"))?;
    let file = fs::metadata(tests::program(crate::shim::NAME)?)?;
    assert_ne!((exe.dev(), exe.ino()), (file.dev(), file.ino()), "a container could write to it");
    let score = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/oom_score_adj"))?;
        anyhow::Ok(text.trim().parse::<i32>()?)
    };
    assert_eq!(score(pid.try_into()?)?, score(std::process::id())? + 1);
    let environment = fs::read(format!("/proc/{pid}/environ"))?;
    assert!(!String::from_utf8_lossy(&environment).contains("GOMAXPROCS"));
    Ok(())
}
