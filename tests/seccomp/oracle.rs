//! libseccomp, as runc calls it.
#![allow(unsafe_code, reason = "a C library")]

use crate::bpf::Instruction;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

/// `struct scmp_arg_cmp` of seccomp.h.
#[repr(C)]
struct Comparison {
    argument: u32,
    operator: u32,
    value: u64,
    value_two: u64,
}

#[link(name = "seccomp")]
unsafe extern "C" {
    fn seccomp_init(action: u32) -> *mut c_void;
    fn seccomp_release(filter: *mut c_void);
    fn seccomp_arch_add(filter: *mut c_void, arch: u32) -> c_int;
    fn seccomp_rule_add_array(
        filter: *mut c_void,
        action: u32,
        call: c_int,
        count: u32,
        comparisons: *const Comparison,
    ) -> c_int;
    fn seccomp_export_bpf(filter: *const c_void, fd: c_int) -> c_int;
    fn seccomp_syscall_resolve_name(name: *const c_char) -> c_int;
    fn seccomp_syscall_resolve_num_arch(arch: u32, number: c_int) -> *mut c_char;
}

/// `__NR_SCMP_ERROR`
const UNKNOWN: c_int = -1;

/// A filter in the making.
struct Filter(*mut c_void);

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: `seccomp_init` returned it, and nothing uses it after this.
        unsafe { seccomp_release(self.0) };
    }
}

/// An architecture by its name in a profile: `SCMP_ARCH_*` of seccomp.h.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arch {
    pub(crate) name: &'static str,
    token: u32,
    /// What the kernel calls it.
    pub(crate) audit: u32,
    /// Set in its numbers.
    pub(crate) bit: u32,
}

const fn arch(name: &'static str, audit: u32) -> Arch {
    Arch { name, token: audit, audit, bit: 0 }
}

pub(crate) const X86_64: Arch = arch("SCMP_ARCH_X86_64", 0xc000_003e);
pub(crate) const X86: Arch = arch("SCMP_ARCH_X86", 0x4000_0003);
pub(crate) const X32: Arch =
    Arch { name: "SCMP_ARCH_X32", token: 0x4000_003e, audit: 0xc000_003e, bit: 0x4000_0000 };
pub(crate) const AARCH64: Arch = arch("SCMP_ARCH_AARCH64", 0xc000_00b7);
pub(crate) const ARM: Arch = arch("SCMP_ARCH_ARM", 0x4000_0028);
pub(crate) const RISCV64: Arch = arch("SCMP_ARCH_RISCV64", 0xc000_00f3);
pub(crate) const MIPSEL: Arch = arch("SCMP_ARCH_MIPSEL", 0x4000_0008);
pub(crate) const MIPSEL64: Arch = arch("SCMP_ARCH_MIPSEL64", 0xc000_0008);
pub(crate) const MIPSEL64N32: Arch = arch("SCMP_ARCH_MIPSEL64N32", 0xe000_0008);
pub(crate) const PPC64LE: Arch = arch("SCMP_ARCH_PPC64LE", 0xc000_0015);

/// That of this program, which every filter is for.
pub(crate) const NATIVE: Arch = if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 };

pub(crate) const ALL: [Arch; 10] =
    [X86_64, X86, X32, AARCH64, ARM, RISCV64, MIPSEL, MIPSEL64, MIPSEL64N32, PPC64LE];

impl Arch {
    pub(crate) fn named(name: &str) -> Result<Self> {
        ALL.into_iter().find(|arch| arch.name == name).with_context(|| name.to_owned())
    }

    /// What of an argument counts.
    pub(crate) fn argument_mask(&self) -> u64 {
        let is_wide = self.audit & 0x8000_0000 != 0 && self.audit & 0x2000_0000 == 0;
        if is_wide && self.bit == 0 { u64::MAX } else { u64::from(u32::MAX) }
    }

    /// The system calls that libseccomp knows, by number. It searches its tables from the start.
    pub(crate) fn calls(&self) -> BTreeMap<u32, String> {
        let start = match self.name {
            "SCMP_ARCH_MIPSEL" => 4000,
            "SCMP_ARCH_MIPSEL64" => 5000,
            "SCMP_ARCH_MIPSEL64N32" => 6000,
            _ => 0,
        };
        let numbers = (start..start + 600).chain(0xf_0000..0xf_0010);
        let found = numbers.filter_map(|number| {
            let number = number | self.bit;
            Some((number, resolved(self.token, number.cast_signed())?))
        });
        found.collect()
    }
}

fn resolved(arch: u32, number: c_int) -> Option<String> {
    // SAFETY: it takes two numbers, and answers with null or with a C string for us to free.
    let name = unsafe { seccomp_syscall_resolve_num_arch(arch, number) };
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, so it is a C string.
    let owned = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    // SAFETY: libseccomp made it by malloc, and it has been copied.
    unsafe { libc::free(name.cast()) };
    Some(owned)
}

/// Whether libseccomp knows a system call of that name.
pub(crate) fn knows(name: &str) -> Result<bool> {
    Ok(number(name)? != UNKNOWN)
}

fn number(name: &str) -> Result<c_int> {
    let name = CString::new(name)?;
    // SAFETY: it reads a C string, which outlives the call.
    Ok(unsafe { seccomp_syscall_resolve_name(name.as_ptr()) })
}

/// The program that libseccomp makes of a profile; `None` where it refuses a rule.
pub(crate) fn compile(profile: &Value) -> Result<Option<Vec<Instruction>>> {
    let default = action(&profile["defaultAction"], &profile["defaultErrnoRet"])?;
    // SAFETY: it takes a number.
    let filter = Filter(unsafe { seccomp_init(default) });
    ensure!(!filter.0.is_null(), "seccomp_init({default:#x})");
    for name in profile["architectures"].as_array().into_iter().flatten() {
        let token = Arch::named(name.as_str().context("an architecture")?)?.token;
        // SAFETY: the filter is one. That an architecture is there already is an error that is
        // none.
        unsafe { seccomp_arch_add(filter.0, token) };
    }
    for rule in profile["syscalls"].as_array().into_iter().flatten() {
        let action = action(&rule["action"], &rule["errnoRet"])?;
        if action != default && !add(&filter, rule, action)? {
            return Ok(None);
        }
    }
    export(&filter).map(Some)
}

fn add(filter: &Filter, rule: &Value, action: u32) -> Result<bool> {
    let comparisons: Result<Vec<_>> =
        rule["args"].as_array().into_iter().flatten().map(comparison).collect();
    let comparisons = comparisons?;
    let is_twice = |one: &Comparison| {
        comparisons.iter().filter(|other| other.argument == one.argument).count() > 1
    };
    // runc and crun: then each is a rule of its own.
    let size = if comparisons.iter().any(is_twice) { 1 } else { comparisons.len().max(1) };
    for name in rule["names"].as_array().into_iter().flatten() {
        let number = number(name.as_str().context("a name")?)?;
        if number == UNKNOWN {
            continue;
        }
        let none: &[Comparison] = &[];
        let chunks =
            if comparisons.is_empty() { vec![none] } else { comparisons.chunks(size).collect() };
        for chunk in chunks {
            let count = u32::try_from(chunk.len())?;
            // SAFETY: the filter is one, and it reads `count` comparisons.
            let added =
                unsafe { seccomp_rule_add_array(filter.0, action, number, count, chunk.as_ptr()) };
            match -added {
                0 => {}
                libc::EEXIST => return Ok(false),
                error => bail!("{name}: {error}: {rule}"),
            }
        }
    }
    Ok(true)
}

fn comparison(asked: &Value) -> Result<Comparison> {
    let operators = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
    let name = asked["op"].as_str().and_then(|name| name.strip_prefix("SCMP_CMP_"));
    let operator = operators.iter().position(|known| Some(*known) == name);
    Ok(Comparison {
        argument: u32::try_from(asked["index"].as_u64().context("index")?)?,
        operator: u32::try_from(operator.context("op")? + 1)?,
        value: asked["value"].as_u64().context("value")?,
        value_two: asked["valueTwo"].as_u64().unwrap_or(0),
    })
}

/// `SCMP_ACT_*` of seccomp.h.
pub(crate) fn action(name: &Value, errno: &Value) -> Result<u32> {
    let errno = u32::try_from(errno.as_u64().unwrap_or(1))?;
    Ok(match name.as_str().context("an action")? {
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => 0,
        "SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
        "SCMP_ACT_TRAP" => 0x0003_0000,
        "SCMP_ACT_NOTIFY" => 0x7fc0_0000,
        "SCMP_ACT_ERRNO" => 0x0005_0000 | errno,
        "SCMP_ACT_TRACE" => 0x7ff0_0000 | errno,
        "SCMP_ACT_LOG" => 0x7ffc_0000,
        "SCMP_ACT_ALLOW" => 0x7fff_0000,
        other => bail!("{other}"),
    })
}

fn export(filter: &Filter) -> Result<Vec<Instruction>> {
    let file = memfd_create(c"bpf", MFdFlags::empty())?;
    let mut file = std::fs::File::from(file);
    // SAFETY: the filter is one, and the descriptor is open.
    ensure!(unsafe { seccomp_export_bpf(filter.0, file.as_raw_fd()) } == 0, "seccomp_export_bpf");
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let (instructions, rest) = bytes.as_chunks::<8>();
    ensure!(rest.is_empty(), "half an instruction");
    let instruction = |[a, b, jt, jf, c, d, e, f]: &[u8; 8]| {
        (u16::from_le_bytes([*a, *b]), *jt, *jf, u32::from_le_bytes([*c, *d, *e, *f]))
    };
    Ok(instructions.iter().map(instruction).collect())
}
