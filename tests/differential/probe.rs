//! What a process prints of what it sees, and how two such lists are compared.

use std::collections::BTreeSet;

/// A shell script: each line of its output begins with what it is about. What differs between any
/// two runs, numbers of mounts and processes, is left out.
pub(crate) const SCRIPT: &str = r#"
    say() { sed "s|^|$1: |"; }
    fields='Uid|Gid|Groups|NStgid|Threads|Umask|SigQ|SigPnd|SigBlk|SigIgn|SigCgt|ShdPnd|Cap...'
    fields="$fields|NoNewPrivs|Seccomp|Seccomp_filters|Speculation_Store_Bypass|CoreDumping"
    fields="$fields|Cpus_allowed_list|Mems_allowed_list|THP_enabled|TracerPid"
    grep -E "^($fields):" /proc/1/status | sed 's|^SigQ:.*/|SigQ: |' | say status
    cat /proc/1/limits | say limits
    awk '{ tags = ""; for (i = 7; $i != "-"; i++) { sub(/:.*/, "", $i); tags = tags " " $i }
        sub(/,mode=[0-7]+/, "", $(i+3))
        print $4 " " $5 " " $6 tags " - " $(i+1) " " $(i+2) " " $(i+3) }' /proc/1/mountinfo |
        say mountinfo
    for file in current exec fscreate keycreate sockcreate prev; do
        cat /proc/1/attr/$file 2>/dev/null | say attr/$file
    done
    for name in cgroup ipc mnt net pid time user uts; do
        link=$(readlink /proc/1/ns/$name)
        case " $HOST_NAMESPACES " in
            *" $link "*) echo "ns: $name of the host" ;;
            *) echo "ns: $name of its own" ;;
        esac
    done
    cat /proc/1/uid_map | say uid_map
    cat /proc/1/gid_map | say gid_map
    cat /proc/1/setgroups | say setgroups
    grep ^0: /proc/1/cgroup | say cgroup
    cat /proc/1/oom_score_adj | say oom_score_adj
    awk '{ print "policy " $41 " nice " $19 " priority " $40 }' /proc/1/stat | say sched
    ionice -p 1 | say ionice
    cat /proc/1/timens_offsets 2>/dev/null | say timens_offsets
    tr '\0' '\n' </proc/1/environ | grep -v -E '^(HOST_NAMESPACES|CONTAINER)=' | say environ
    env | grep -v -E '^(HOST_NAMESPACES|CONTAINER|_|PWD|OLDPWD|SHLVL)' | say env
    readlink /proc/1/cwd | say cwd
    pwd | say pwd
    id | say id
    umask | say umask
    uname -m | say machine
    hostname | say hostname
    cat /proc/sys/kernel/domainname | say domainname
    find /dev | grep -v '^/dev/pts/[0-9]' | sort | xargs stat -c '%n %F %t:%T %a %u:%g' | say dev
    stat -c '%n %a' /tmp /new /etc /var/deep/er 2>/dev/null | say mode
    for link in /dev/fd /dev/stdin /dev/stdout /dev/stderr /dev/ptmx; do
        echo "$link -> $(readlink $link)" | say dev
    done
    find /proc/self/fd | sort | tail -n +2 | grep -v -E '/(10|11|3)$' | say fd
    for name in kernel/msgmax kernel/shmmni kernel/sem fs/mqueue/msg_max net/ipv4/ip_forward \
        net/ipv4/ip_default_ttl net/ipv4/ping_group_range; do
        cat /proc/sys/$name 2>&1 | say sysctl/$name
    done
    ls /sys/class/net | say net
    grep -o "_ses.$CONTAINER" /proc/keys 2>/dev/null | say keys
    for file in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /etc; do
        (cat $file >/dev/null 2>&1 && echo "$file is read") | say masked
        (test -d $file && ls $file | wc -l) | say "entries of $file"
    done
    for place in / /tmp /etc /proc/sys /sys /dev; do
        (: >$place/written) 2>/dev/null || continue
        echo "$place is writable" | say write
        rm $place/written
    done
    mkdir /tmp/made 2>&1 | say mkdir
    rmdir /tmp/made 2>/dev/null
    echo end
"#;

/// The lines that are in one of two outputs alone: `peapod mountinfo: …`.
pub(crate) fn differences(own: &str, other: &str) -> Vec<String> {
    let set = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (own, other) = (set(own), set(other));
    let only = |name: &str, these: &BTreeSet<String>, those: &BTreeSet<String>| {
        these.difference(those).map(|line| format!("{name} {line}")).collect::<Vec<_>>()
    };
    [only("peapod", &own, &other), only("runc", &other, &own)].concat()
}
