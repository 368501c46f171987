//! bpf(2), for programs that decide on the use of devices.

use super::error::{Result, check};
use super::file::owned;
use nix::errno::Errno;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// One instruction (Documentation/bpf/standardization/instruction-set.rst).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u8,
    /// The destination in the low half, the source in the high one: as little-endian machines have
    /// it, which are all that peapod is built for.
    pub(crate) registers: u8,
    pub(crate) offset: i16,
    pub(crate) immediate: i32,
}

const _: () = assert!(cfg!(target_endian = "little"), "the halves of `registers` change places");

/// What the kernel calls a program that it has loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// Never given to another program before 2^31 others were loaded.
    pub(crate) id: u32,
    /// The kernel's hash of its instructions.
    pub(crate) tag: u64,
}

// include/uapi/linux/bpf.h
const BPF_PROG_LOAD: u32 = 5;
const BPF_PROG_ATTACH: u32 = 8;
const BPF_PROG_DETACH: u32 = 9;
const BPF_PROG_GET_FD_BY_ID: u32 = 13;
const BPF_OBJ_GET_INFO_BY_FD: u32 = 15;
const BPF_PROG_QUERY: u32 = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 1 << 1;
const BPF_F_REPLACE: u32 = 1 << 2;

/// The kernel attaches no more programs of one type to one group.
const BPF_CGROUP_MAX_PROGS: usize = 64;

/// `union bpf_attr`, longer than that of any kernel, and all of it zero where nothing is asked for.
///
/// A shorter one is allowed by bpf(2) and fatal: Linux 6.17 to 7.1 write the `revision` of a query
/// at byte 56, whatever size they were told.
#[repr(C, align(8))]
struct Attributes([u8; 256]);

impl Attributes {
    fn new() -> Self {
        Self([0; 256])
    }

    fn with_u32(mut self, at: usize, value: u32) -> Self {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn with_fd(self, at: usize, fd: BorrowedFd<'_>) -> Self {
        self.with_u32(at, fd.as_raw_fd().cast_unsigned())
    }

    /// The memory that is pointed to must outlive the call.
    fn with_pointer<T>(mut self, at: usize, pointer: *const T) -> Self {
        self.0[at..at + 8].copy_from_slice(&(pointer as u64).to_ne_bytes());
        self
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }
}

/// Loads a program of the type `BPF_PROG_TYPE_CGROUP_DEVICE`.
pub(crate) fn load_device_program(name: &CStr, program: &[Instruction]) -> Result<OwnedFd> {
    let count = u32::try_from(program.len()).unwrap_or(u32::MAX);
    let mut attributes = Attributes::new()
        .with_u32(0, BPF_PROG_TYPE_CGROUP_DEVICE)
        .with_u32(4, count)
        .with_pointer(8, program.as_ptr())
        // It calls no function of the kernel, so that its licence matters to nobody.
        .with_pointer(16, c"Apache-2.0".as_ptr());
    // prog_name: at most 15 bytes and a NUL.
    let name = &name.to_bytes()[..name.to_bytes().len().min(15)];
    attributes.0[48..48 + name.len()].copy_from_slice(name);
    let args = format_args!("BPF_PROG_LOAD, {count} instructions");
    bpf(BPF_PROG_LOAD, &mut attributes, args).map(owned)
}

/// Attaches a device program to a cgroup, beside those that are there.
pub(crate) fn attach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<()> {
    let mut attributes = attachment(cgroup, program).with_u32(12, BPF_F_ALLOW_MULTI);
    bpf(BPF_PROG_ATTACH, &mut attributes, format_args!("BPF_PROG_ATTACH, {cgroup:?}")).map(drop)
}

/// Puts a device program in the place of one that is attached, in one step.
pub(crate) fn replace_device_program(
    cgroup: BorrowedFd<'_>,
    old: BorrowedFd<'_>,
    new: BorrowedFd<'_>,
) -> Result<()> {
    let flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
    let mut attributes = attachment(cgroup, new).with_u32(12, flags).with_fd(16, old);
    let args = format_args!("BPF_PROG_ATTACH, {cgroup:?}, BPF_F_REPLACE");
    bpf(BPF_PROG_ATTACH, &mut attributes, args).map(drop)
}

/// Takes a device program off a cgroup.
pub(crate) fn detach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<()> {
    let mut attributes = attachment(cgroup, program);
    bpf(BPF_PROG_DETACH, &mut attributes, format_args!("BPF_PROG_DETACH, {cgroup:?}")).map(drop)
}

fn attachment(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Attributes {
    Attributes::new().with_fd(0, cgroup).with_fd(4, program).with_u32(8, BPF_CGROUP_DEVICE)
}

/// The ids of the device programs that are attached to a cgroup itself.
pub(crate) fn device_programs(cgroup: BorrowedFd<'_>) -> Result<Vec<u32>> {
    let mut ids = [0_u32; BPF_CGROUP_MAX_PROGS];
    let mut attributes = Attributes::new()
        .with_fd(0, cgroup)
        .with_u32(4, BPF_CGROUP_DEVICE)
        .with_pointer(16, ids.as_mut_ptr())
        .with_u32(24, u32::try_from(ids.len()).unwrap_or(0));
    bpf(BPF_PROG_QUERY, &mut attributes, format_args!("BPF_PROG_QUERY, {cgroup:?}"))?;
    let count = usize::try_from(attributes.u32(24)).unwrap_or(0);
    Ok(ids.get(..count).unwrap_or_default().to_vec())
}

/// The program of that id, or `None` if it is gone.
pub(crate) fn program_by_id(id: u32) -> Result<Option<OwnedFd>> {
    let mut attributes = Attributes::new().with_u32(0, id);
    let args = format_args!("BPF_PROG_GET_FD_BY_ID, {id}");
    match bpf(BPF_PROG_GET_FD_BY_ID, &mut attributes, args) {
        Err(error) if error.errno() == Errno::ENOENT => Ok(None),
        opened => opened.map(|fd| Some(owned(fd))),
    }
}

/// What the kernel calls a program, if it is one for devices.
pub(crate) fn identify_device_program(program: BorrowedFd<'_>) -> Result<Option<Program>> {
    // struct bpf_prog_info: type, id, tag; what follows is not asked for.
    let mut info = [0_u32; 4];
    let mut attributes = Attributes::new()
        .with_fd(0, program)
        .with_u32(4, u32::try_from(size_of_val(&info)).unwrap_or(0))
        .with_pointer(8, info.as_mut_ptr());
    let args = format_args!("BPF_OBJ_GET_INFO_BY_FD, {program:?}");
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attributes, args)?;
    let [kind, id, first, second] = info;
    let tag = u64::from(first) | u64::from(second) << 32;
    Ok((kind == BPF_PROG_TYPE_CGROUP_DEVICE).then_some(Program { id, tag }))
}

fn bpf(
    command: u32,
    attributes: &mut Attributes,
    args: std::fmt::Arguments<'_>,
) -> Result<libc::c_long> {
    loop {
        let (pointer, size) = (attributes.0.as_mut_ptr(), size_of::<Attributes>());
        // SAFETY: the kernel reads and writes at most `size` bytes of `attributes`, which is longer
        // than what any kernel writes unasked. What the attributes of the callers above point to
        // lives in their frames or arguments, with the lengths that stand beside.
        let returned = unsafe { libc::syscall(libc::SYS_bpf, command, pointer, size) };
        match check(returned, "bpf", args) {
            // The verifier was interrupted by a signal: bpf(2) asks to try again.
            Err(error) if error.errno() == Errno::EAGAIN && command == BPF_PROG_LOAD => {}
            done => return done,
        }
    }
}
