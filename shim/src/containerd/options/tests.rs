//! What options become.

use super::*;

fn of_toml(text: &str) -> Result<Options, String> {
    let options = RuntimeOptions { config_body: text.into(), ..RuntimeOptions::default() };
    Options::of(Some(&Any::pack(&options))).map_err(|status| status.message)
}

#[test]
fn no_options_are_the_default() {
    let empty = Any { type_url: RuntimeOptions::URL.to_owned(), value: Vec::new() };
    for any in [None, Some(&Any::default()), Some(&empty)] {
        assert_eq!(Options::of(any), Ok(Options::default()));
    }
}

#[test]
fn runc_options_and_toml_say_the_same() {
    let runc = runc::Options {
        no_pivot_root: true,
        no_new_keyring: true,
        shim_cgroup: "/shims".to_owned(),
        io_uid: 1000,
        io_gid: 1001,
        binary_name: "/usr/bin/peapod".to_owned(),
        root: "/run/r".to_owned(),
        criu_path: "/usr/sbin/criu".to_owned(),
        systemd_cgroup: true,
        criu_image_path: "/i".to_owned(),
        criu_work_path: "/w".to_owned(),
        task_api_address: "ttrpc+unix:///a".to_owned(),
        task_api_version: 3,
    };
    let toml = "
        NoPivotRoot = true
        NoNewKeyring = true
        ShimCgroup = '/shims'
        IoUid = 1000
        IoGid = 1001
        BinaryName = '/usr/bin/peapod'
        Root = '/run/r'
        CriuPath = '/usr/sbin/criu'
        SystemdCgroup = true
        CriuImagePath = '/i'
        CriuWorkPath = '/w'
        TaskApiAddress = 'ttrpc+unix:///a'
        TaskApiVersion = 3
    ";
    let of_runc = Options::of(Some(&Any::pack(&runc))).unwrap();
    assert_eq!(of_runc.shim_cgroup, Some("/shims".into()));
    assert_eq!((of_runc.io_uid, of_runc.io_gid), (1000, 1001));
    assert_eq!(of_toml(toml), Ok(of_runc));
}

#[test]
fn a_wrong_option_is_named() {
    for (line, wanted) in [
        ("Rot = '/x'", "options.Rot: not known"),
        ("Root = 1", "options.Root: not a string"),
        ("IoUid = 4294967296", "options.IoUid: not a number, or too large"),
        ("NoPivotRoot = 'yes'", "options.NoPivotRoot: not true or false"),
        ("ShimVersion = 4", "options.ShimVersion: 4: neither 2 nor 3"),
        ("[extra]", "options: \"[extra]\": not understood"),
    ] {
        assert_eq!(of_toml(line), Err(wanted.to_owned()));
    }
}

#[test]
fn another_runtime_is_refused() {
    let runc = runc::Options { binary_name: "crun".to_owned(), ..runc::Options::default() };
    let status = Options::of(Some(&Any::pack(&runc))).unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
    assert_eq!(status.message, "options.BinaryName: \"crun\": this shim runs containers by itself");
    assert!(of_toml("BinaryName = '/usr/bin/runc'").unwrap_err().contains("BinaryName"));
}

#[test]
fn options_of_another_kind_are_refused() {
    let any = Any { type_url: "x.Options".to_owned(), value: Vec::new() };
    assert_eq!(Options::of(Some(&any)).unwrap_err().message, "options: \"x.Options\": not known");
}
