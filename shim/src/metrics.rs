//! What a container uses, in containerd's message: from the files of its cgroup, as
//! containerd/cgroups reads them (cgroup2/manager.go).
//!
//! A file that is not there has the value 0: its clients look into most parts without asking
//! whether they are there. How long processes waited, and what memory was short of, is missing
//! where the kernel does not count it.

use crate::proto::metrics::{
    CpuStat, HugeTlbStat, IoEntry, IoStat, MemoryEvents, MemoryStat, Metrics, PidsStat, PsiData,
    PsiStats, RdmaEntry, RdmaStat,
};
use peapod::container::text::{number, value};
use peapod::container::{Counters, CountersAbove};
use peapod::error::Result;
use std::collections::BTreeMap;

/// The files of a cgroup.
pub(crate) trait Files {
    /// The contents of one, or `None` if it is not there.
    fn read(&self, file: &str) -> Result<Option<String>>;

    /// The names of those that begin with `prefix`.
    fn names(&self, prefix: &str) -> Result<Vec<String>>;
}

impl Files for Counters {
    fn read(&self, file: &str) -> Result<Option<String>> {
        Self::read(self, file)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        self.files(prefix)
    }
}

impl Files for CountersAbove {
    fn read(&self, file: &str) -> Result<Option<String>> {
        Self::read(self, file)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        self.files(prefix)
    }
}

/// What is used now. Without a cgroup, nothing.
pub(crate) fn metrics(files: Option<&impl Files>) -> Result<Metrics> {
    let Some(files) = files else {
        return Ok(Metrics {
            pids: Some(PidsStat::default()),
            cpu: Some(CpuStat::default()),
            memory: Some(MemoryStat::default()),
            ..Metrics::default()
        });
    };
    Ok(Metrics {
        pids: Some(pids(files)?),
        cpu: Some(cpu(files)?),
        memory: Some(memory(files)?),
        rdma: Some(rdma(files)?),
        io: Some(io(files)?),
        hugetlb: huge_pages(files)?,
        memory_events: memory_events(files)?,
        network: Vec::new(),
    })
}

fn pids(files: &impl Files) -> Result<PidsStat> {
    Ok(PidsStat {
        current: number_in(files, "pids.current")?,
        limit: number_in(files, "pids.max")?,
    })
}

fn cpu(files: &impl Files) -> Result<CpuStat> {
    let table = table(files, "cpu.stat")?;
    Ok(CpuStat {
        usage_usec: table.of("usage_usec"),
        user_usec: table.of("user_usec"),
        system_usec: table.of("system_usec"),
        nr_periods: table.of("nr_periods"),
        nr_throttled: table.of("nr_throttled"),
        throttled_usec: table.of("throttled_usec"),
        psi: pressure(files, "cpu.pressure")?,
        nr_bursts: table.of("nr_bursts"),
        burst_usec: table.of("burst_usec"),
    })
}

fn memory(files: &impl Files) -> Result<MemoryStat> {
    let table = table(files, "memory.stat")?;
    // Linux 5.9 counts anonymous memory and files apart.
    let both = |name: &str| {
        let parts = ["anon", "file"].map(|kind| table.of(&format!("{name}_{kind}")));
        table.of(name) + parts.iter().sum::<u64>()
    };
    Ok(MemoryStat {
        anon: table.of("anon"),
        file: table.of("file"),
        kernel_stack: table.of("kernel_stack"),
        slab: table.of("slab"),
        sock: table.of("sock"),
        shmem: table.of("shmem"),
        file_mapped: table.of("file_mapped"),
        file_dirty: table.of("file_dirty"),
        file_writeback: table.of("file_writeback"),
        anon_thp: table.of("anon_thp"),
        inactive_anon: table.of("inactive_anon"),
        active_anon: table.of("active_anon"),
        inactive_file: table.of("inactive_file"),
        active_file: table.of("active_file"),
        unevictable: table.of("unevictable"),
        slab_reclaimable: table.of("slab_reclaimable"),
        slab_unreclaimable: table.of("slab_unreclaimable"),
        pgfault: table.of("pgfault"),
        pgmajfault: table.of("pgmajfault"),
        workingset_refault: both("workingset_refault"),
        workingset_activate: both("workingset_activate"),
        workingset_nodereclaim: table.of("workingset_nodereclaim"),
        pgrefill: table.of("pgrefill"),
        pgscan: table.of("pgscan"),
        pgsteal: table.of("pgsteal"),
        pgactivate: table.of("pgactivate"),
        pgdeactivate: table.of("pgdeactivate"),
        pglazyfree: table.of("pglazyfree"),
        pglazyfreed: table.of("pglazyfreed"),
        thp_fault_alloc: table.of("thp_fault_alloc"),
        thp_collapse_alloc: table.of("thp_collapse_alloc"),
        usage: number_in(files, "memory.current")?,
        usage_limit: number_in(files, "memory.max")?,
        swap_usage: number_in(files, "memory.swap.current")?,
        swap_limit: number_in(files, "memory.swap.max")?,
        max_usage: number_in(files, "memory.peak")?,
        swap_max_usage: number_in(files, "memory.swap.peak")?,
        psi: pressure(files, "memory.pressure")?,
    })
}

fn memory_events(files: &impl Files) -> Result<Option<MemoryEvents>> {
    let Some(text) = files.read("memory.events")? else {
        return Ok(None);
    };
    let table = Table::of_text(&text);
    Ok(Some(MemoryEvents {
        low: table.of("low"),
        high: table.of("high"),
        max: table.of("max"),
        oom: table.of("oom"),
        oom_kill: table.of("oom_kill"),
        oom_group_kill: table.of("oom_group_kill"),
    }))
}

fn rdma(files: &impl Files) -> Result<RdmaStat> {
    Ok(RdmaStat { current: devices(files, "rdma.current")?, limit: devices(files, "rdma.max")? })
}

/// `mlx4_0 hca_handle=2 hca_object=max`.
fn devices(files: &impl Files, file: &str) -> Result<Vec<RdmaEntry>> {
    let text = files.read(file)?.unwrap_or_default();
    let entries = text.lines().filter_map(|line| {
        let of = |key| value(line, key).map(|text| u32::try_from(number(text)).unwrap_or(u32::MAX));
        Some(RdmaEntry {
            device: line.split(' ').next()?.to_owned(),
            hca_handles: of("hca_handle")?,
            hca_objects: of("hca_object")?,
        })
    });
    Ok(entries.collect())
}

/// `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
fn io(files: &impl Files) -> Result<IoStat> {
    let text = files.read("io.stat")?.unwrap_or_default();
    let usage = text.lines().filter_map(|line| {
        let (major, minor) = line.split(' ').next()?.split_once(':')?;
        let of = |key| value(line, key).map_or(0, number);
        Some(IoEntry {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            rbytes: of("rbytes"),
            wbytes: of("wbytes"),
            rios: of("rios"),
            wios: of("wios"),
        })
    });
    Ok(IoStat { usage: usage.collect(), psi: pressure(files, "io.pressure")? })
}

/// By the size of a page, as the names of the files have it: `hugetlb.2MB.current`.
fn huge_pages(files: &impl Files) -> Result<Vec<HugeTlbStat>> {
    let mut found = Vec::new();
    for name in files.names("hugetlb.")? {
        let parts: Vec<_> = name.split('.').collect();
        if let ["hugetlb", size, "current"] = parts[..] {
            let of = |what: &str| format!("hugetlb.{size}.{what}");
            found.push(HugeTlbStat {
                current: number_in(files, &name)?,
                max: number_in(files, &of("max"))?,
                pagesize: size.to_owned(),
                failcnt: table(files, &of("events"))?.of("max"),
            });
        }
    }
    found.sort_by(|one, other| one.pagesize.cmp(&other.pagesize));
    Ok(found)
}

fn pressure(files: &impl Files, file: &str) -> Result<Option<PsiStats>> {
    Ok(files.read(file)?.map(|text| PsiStats {
        some: Some(stall(&text, "some ")),
        full: Some(stall(&text, "full ")),
    }))
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` (Documentation/accounting/psi.rst).
fn stall(text: &str, kind: &str) -> PsiData {
    let line = text.lines().find_map(|line| line.strip_prefix(kind)).unwrap_or_default();
    let average = |key| value(line, key).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    PsiData {
        avg10: average("avg10"),
        avg60: average("avg60"),
        avg300: average("avg300"),
        total: value(line, "total").map_or(0, number),
    }
}

/// A file with lines of the form `key value`.
struct Table(BTreeMap<String, u64>);

impl Table {
    fn of_text(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Self(pairs.map(|(key, value)| (key.to_owned(), number(value))).collect())
    }

    fn of(&self, key: &str) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }
}

fn table(files: &impl Files, file: &str) -> Result<Table> {
    Ok(Table::of_text(&files.read(file)?.unwrap_or_default()))
}

fn number_in(files: &impl Files, file: &str) -> Result<u64> {
    Ok(files.read(file)?.map_or(0, |text| number(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Texts(&'static [(&'static str, &'static str)]);

    impl Files for Texts {
        fn read(&self, file: &str) -> Result<Option<String>> {
            let found = self.0.iter().find(|(name, _)| *name == file);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        }

        fn names(&self, prefix: &str) -> Result<Vec<String>> {
            let names = self.0.iter().map(|(name, _)| (*name).to_owned());
            Ok(names.filter(|name| name.starts_with(prefix)).collect())
        }
    }

    #[test]
    fn every_file_finds_its_place() {
        let files = Texts(&[
            ("pids.current", "7\n"),
            ("pids.max", "max\n"),
            ("cpu.stat", "usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_throttled 2\n"),
            (
                "cpu.pressure",
                "some avg10=1.50 avg60=0.25 avg300=0.00 total=123\n\
                 full avg10=0.00 avg60=0.00 avg300=0.10 total=7\n",
            ),
            ("memory.current", "4096\n"),
            ("memory.max", "8192\n"),
            ("memory.peak", "5000\n"),
            ("memory.swap.max", "max\n"),
            (
                "memory.stat",
                "anon 1\nfile 2\nworkingset_refault_anon 3\nworkingset_refault_file 4\n",
            ),
            ("memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"),
            ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16 \nx\n"),
            ("rdma.current", "mlx4_0 hca_handle=2 hca_object=max\n"),
            ("hugetlb.2MB.current", "2097152\n"),
            ("hugetlb.2MB.max", "max\n"),
            ("hugetlb.2MB.events", "max 9\n"),
            ("hugetlb.2MB.rsvd.current", "1\n"),
        ]);
        let metrics = metrics(Some(&files)).unwrap();
        assert_eq!(metrics.pids, Some(PidsStat { current: 7, limit: u64::MAX }));
        let cpu = metrics.cpu.unwrap();
        assert_eq!((cpu.usage_usec, cpu.user_usec, cpu.system_usec), (10, 6, 4));
        assert_eq!(cpu.nr_throttled, 2);
        let some = PsiData { avg10: 1.5, avg60: 0.25, avg300: 0.0, total: 123 };
        let full = PsiData { avg10: 0.0, avg60: 0.0, avg300: 0.1, total: 7 };
        assert_eq!(cpu.psi, Some(PsiStats { some: Some(some), full: Some(full) }));
        let memory = metrics.memory.unwrap();
        assert_eq!((memory.anon, memory.file, memory.workingset_refault), (1, 2, 7));
        assert_eq!((memory.usage, memory.usage_limit, memory.max_usage), (4096, 8192, 5000));
        assert_eq!((memory.swap_usage, memory.swap_limit, memory.psi), (0, u64::MAX, None));
        let (low, high, max) = (1, 2, 3);
        let events = MemoryEvents { low, high, max, oom: 4, oom_kill: 5, oom_group_kill: 6 };
        assert_eq!(metrics.memory_events, Some(events));
        let entry = |minor, [rbytes, wbytes, rios, wios]: [u64; 4]| IoEntry {
            major: 8,
            minor,
            rbytes,
            wbytes,
            rios,
            wios,
        };
        assert_eq!(metrics.io.unwrap().usage, [entry(0, [1, 2, 3, 4]), entry(16, [0; 4])]);
        let device =
            RdmaEntry { device: "mlx4_0".to_owned(), hca_handles: 2, hca_objects: u32::MAX };
        assert_eq!(metrics.rdma.unwrap().current, [device]);
        let (pagesize, current) = ("2MB".to_owned(), 2_097_152);
        let huge = HugeTlbStat { current, max: u64::MAX, pagesize, failcnt: 9 };
        assert_eq!(metrics.hugetlb, [huge]);
    }

    /// ctr looks into them without asking.
    #[test]
    fn pids_cpu_and_memory_are_always_there() {
        for metrics in [metrics(Some(&Texts(&[]))), metrics(None::<&Texts>)] {
            let metrics = metrics.unwrap();
            assert!(metrics.pids.is_some() && metrics.cpu.is_some() && metrics.memory.is_some());
            assert_eq!(metrics.memory_events, None);
        }
    }
}
