//! Where peapod and runc differ, and why that is right.

/// A difference that is known.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// How it begins.
    begins: &'static str,
    /// What else is in it.
    has: &'static str,
    /// Why it is so.
    #[expect(dead_code, reason = "for whoever reads the list, and the failure that prints it")]
    reason: &'static str,
}

impl Allowed {
    pub(crate) fn covers(&self, difference: &str) -> bool {
        difference.starts_with(self.begins) && difference.contains(self.has)
    }
}

/// Of what a process sees.
pub(crate) const SEEN: &[Allowed] = &[
    Allowed {
        begins: "peapod cgroup: 0::/peapod/",
        has: "",
        reason: "where no path is given, ours are below /peapod",
    },
    Allowed {
        begins: "runc cgroup: 0::/c",
        has: "",
        reason: "where no path is given, ours are below /peapod",
    },
    Allowed {
        begins: "peapod mountinfo: /peapod/",
        has: "/sys/fs/cgroup ",
        reason: "without a cgroup namespace, a container sees its own cgroup alone",
    },
    Allowed {
        begins: "runc mountinfo: / /sys/fs/cgroup ",
        has: "",
        reason: "without a cgroup namespace, runc shows every cgroup of the host",
    },
    Allowed {
        begins: "peapod dev: /dev/mqueue directory",
        has: "65534:65534",
        reason: "made with the IPC namespace, by the user who makes that: mode 1777 either way",
    },
    Allowed {
        begins: "runc dev: /dev/mqueue directory",
        has: "0:65534",
        reason: "runc makes the IPC namespace from inside the user namespace",
    },
    Allowed {
        begins: "peapod environ: A=1",
        has: "",
        reason: "a variable that is there twice stays so, and the program decides",
    },
    Allowed {
        begins: "peapod mountinfo: / /",
        has: " - tmpfs none rw",
        reason: "what covers a masked directory: the mount is read-only, which all others share",
    },
    Allowed {
        begins: "runc mountinfo: / /",
        has: " - tmpfs tmpfs ro,size=4k,nr_inodes=1",
        reason: "runc makes a file system for each masked directory",
    },
    Allowed {
        begins: "peapod mountinfo: /null ",
        has: "ro,",
        reason: "a masked file is covered by a read-only mount",
    },
    Allowed {
        begins: "runc mountinfo: /null /proc/",
        has: "rw,",
        reason: "runc covers a masked file by its /dev/null as that is",
    },
    Allowed {
        begins: "peapod mountinfo: / /sys ro",
        has: " - sysfs sysfs rw",
        reason: "the mount is read-only, and not the file system",
    },
    Allowed {
        begins: "runc mountinfo: / /sys ro",
        has: " - sysfs sysfs ro",
        reason: "the mount is read-only, and not the file system",
    },
    Allowed {
        begins: "peapod mode: /",
        has: " 1777",
        reason: "a tmpfs has the mode that its options say, or the kernel's own",
    },
    Allowed {
        begins: "runc mode: /",
        has: " 755",
        reason: "runc gives a tmpfs the mode of the directory that it covers",
    },
    Allowed {
        begins: "peapod mountinfo: /peapod/bundle-0/rootfs/",
        has: " ro,relatime - ",
        reason: "what is made read-only has no peer group of its own",
    },
    Allowed {
        begins: "runc mountinfo: /peapod/bundle-0/rootfs/",
        has: " ro,relatime shared - ",
        reason: "runc leaves it shared with the root",
    },
    Allowed {
        begins: "peapod refuses: peapod: process.cwd: \"new\"",
        has: "EROFS",
        reason: "a directory to begin in is not made in a root that is read-only",
    },
    Allowed {
        begins: "runc refuses: ",
        has: "locked atime flags",
        reason: "runc changes a mount that is in the user namespace already; ours is not yet",
    },
    Allowed {
        begins: "runc refuses: ",
        has: "can't make ",
        reason: "runc binds what may not be bound: the root is unbindable",
    },
    Allowed {
        begins: "runc status: SigIgn:",
        has: "80000004",
        reason: "runc leaves signal 32 ignored, which its language uses",
    },
    Allowed {
        begins: "peapod status: SigIgn:",
        has: "00000004",
        reason: "runc leaves signal 32 ignored, which its language uses",
    },
];

/// Of what is accepted.
pub(crate) const ACCEPTED: &[Allowed] = &[
    Allowed {
        begins: "runc accepts a masked path that is relative",
        has: "",
        reason: "config-linux.md, \"Masked Paths\": absolute",
    },
    Allowed {
        begins: "runc accepts a read-only path that is relative",
        has: "",
        reason: "config-linux.md, \"Readonly Paths\": absolute",
    },
    Allowed {
        begins: "runc accepts a version that is none",
        has: "",
        reason: "config.md, \"Specification version\": a semantic version",
    },
    Allowed {
        begins: "runc accepts no version",
        has: "",
        reason: "config.md, \"Specification version\": required",
    },
    Allowed {
        begins: "runc accepts an errno of an action that has none",
        has: "",
        reason: "config-linux.md, \"Seccomp\": an error",
    },
    Allowed {
        begins: "runc accepts a limit twice",
        has: "",
        reason: "config.md, \"POSIX process\": an error",
    },
    Allowed {
        begins: "runc accepts an annotation without a name",
        has: "",
        reason: "config.md, \"Annotations\": no key is empty",
    },
];
