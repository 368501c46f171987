//! Labels of `AppArmor` and `SELinux`. What a kernel with them does is shown in User-Mode-Linux
//! (`tests/limits/apparmor.rs`).

use anyhow::Result;
use std::fs;
use tests::Root;

#[test]
fn a_label_that_this_host_does_not_know_is_refused() -> Result<()> {
    let root = Root::new()?;
    let has_apparmor = fs::exists("/sys/module/apparmor")?;
    let has_selinux = fs::exists("/sys/fs/selinux/enforce")?;
    for (field, module, is_there) in [
        ("process/apparmorProfile", "AppArmor", has_apparmor),
        ("process/selinuxLabel", "SELinux", has_selinux),
        ("linux/mountLabel", "SELinux", has_selinux),
    ] {
        if is_there {
            continue;
        }
        let bundle = root.bundle(&["true"])?.with(&format!("/{field}"), "some");
        let message = root.try_create("c", &bundle, &[])?.refused()?;
        let name = field.replace('/', ".");
        assert_eq!(message, format!("{name}: {module} is not enabled on this host"));
    }
    if !has_apparmor && !has_selinux {
        let container = root.start_container("d", &root.bundle(&["sleep", "1000"])?)?;
        for (option, name) in
            [("--apparmor", "apparmorProfile"), ("--process-label", "selinuxLabel")]
        {
            let message = container.exec(&[option, "some"], &["true"])?.stderr;
            assert!(message.contains(&format!("process.{name}: ")), "{message}");
            container.exec(&[option, ""], &["true"])?.ok()?;
        }
        container.delete(&["--force"])?;
    }
    root.has_nothing_left()
}
