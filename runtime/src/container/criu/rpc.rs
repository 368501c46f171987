//! What is said to CRIU and by it: the parts of its rpc.proto that are used here, under its names.

use prost::Message;

/// `criu_req_type`.
pub(super) const DUMP: i32 = 1;
pub(super) const RESTORE: i32 = 2;
pub(super) const PRE_DUMP: i32 = 4;
pub(super) const NOTIFY: i32 = 6;

/// `criu_page_server_info`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PageServer {
    #[prost(string, optional, tag = "1")]
    pub(super) address: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub(super) port: Option<i32>,
}

/// `ext_mount_map`: on a dump a place and the name that it is remembered by, on a restore that name
/// and what is mounted.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExternalMount {
    #[prost(string, required, tag = "1")]
    pub(super) key: String,
    #[prost(string, required, tag = "2")]
    pub(super) val: String,
}

/// `inherit_fd`: a descriptor of CRIU's in the place of a dumped one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InheritFd {
    #[prost(string, required, tag = "1")]
    pub(super) key: String,
    #[prost(int32, required, tag = "2")]
    pub(super) fd: i32,
}

/// `cgroup_root`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CgroupRoot {
    #[prost(string, optional, tag = "1")]
    pub(super) ctrl: Option<String>,
    #[prost(string, required, tag = "2")]
    pub(super) path: String,
}

/// `criu_opts`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Opts {
    #[prost(int32, required, tag = "1")]
    pub(super) images_dir_fd: i32,
    #[prost(int32, optional, tag = "2")]
    pub(super) pid: Option<i32>,
    #[prost(bool, optional, tag = "3")]
    pub(super) leave_running: Option<bool>,
    #[prost(bool, optional, tag = "4")]
    pub(super) ext_unix_sk: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    pub(super) tcp_established: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(super) shell_job: Option<bool>,
    #[prost(bool, optional, tag = "8")]
    pub(super) file_locks: Option<bool>,
    #[prost(int32, optional, tag = "9")]
    pub(super) log_level: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub(super) log_file: Option<String>,
    #[prost(message, optional, tag = "11")]
    pub(super) ps: Option<PageServer>,
    #[prost(bool, optional, tag = "12")]
    pub(super) notify_scripts: Option<bool>,
    #[prost(string, optional, tag = "13")]
    pub(super) root: Option<String>,
    #[prost(string, optional, tag = "14")]
    pub(super) parent_img: Option<String>,
    #[prost(bool, optional, tag = "15")]
    pub(super) track_mem: Option<bool>,
    #[prost(bool, optional, tag = "16")]
    pub(super) auto_dedup: Option<bool>,
    #[prost(int32, optional, tag = "17")]
    pub(super) work_dir_fd: Option<i32>,
    #[prost(bool, optional, tag = "18")]
    pub(super) link_remap: Option<bool>,
    #[prost(message, repeated, tag = "23")]
    pub(super) ext_mnt: Vec<ExternalMount>,
    #[prost(message, repeated, tag = "25")]
    pub(super) cg_root: Vec<CgroupRoot>,
    #[prost(bool, optional, tag = "26")]
    pub(super) rst_sibling: Option<bool>,
    #[prost(message, repeated, tag = "27")]
    pub(super) inherit_fd: Vec<InheritFd>,
    #[prost(int32, optional, tag = "34")]
    pub(super) manage_cgroups_mode: Option<i32>,
    #[prost(string, repeated, tag = "37")]
    pub(super) external: Vec<String>,
    #[prost(uint32, optional, tag = "38")]
    pub(super) empty_ns: Option<u32>,
    #[prost(string, optional, tag = "44")]
    pub(super) freeze_cgroup: Option<String>,
    #[prost(bool, optional, tag = "46")]
    pub(super) tcp_skip_in_flight: Option<bool>,
    #[prost(bool, optional, tag = "50")]
    pub(super) orphan_pts_master: Option<bool>,
    #[prost(string, optional, tag = "51")]
    pub(super) config_file: Option<String>,
    #[prost(bool, optional, tag = "52")]
    pub(super) tcp_close: Option<bool>,
    #[prost(string, optional, tag = "53")]
    pub(super) lsm_profile: Option<String>,
    #[prost(string, optional, tag = "63")]
    pub(super) lsm_mount_context: Option<String>,
}

/// `criu_req`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(int32, required, tag = "1")]
    pub(super) r#type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) opts: Option<Opts>,
    #[prost(bool, optional, tag = "3")]
    pub(super) notify_success: Option<bool>,
}

/// `criu_restore_resp`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Restored {
    #[prost(int32, required, tag = "1")]
    pub(super) pid: i32,
}

/// `criu_notify`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Notification {
    #[prost(string, optional, tag = "1")]
    pub(super) script: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub(super) pid: Option<i32>,
}

/// `criu_resp`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(int32, required, tag = "1")]
    pub(super) r#type: i32,
    #[prost(bool, required, tag = "2")]
    pub(super) success: bool,
    #[prost(message, optional, tag = "4")]
    pub(super) restore: Option<Restored>,
    #[prost(message, optional, tag = "5")]
    pub(super) notify: Option<Notification>,
    #[prost(int32, optional, tag = "7")]
    pub(super) cr_errno: Option<i32>,
    #[prost(string, optional, tag = "9")]
    pub(super) cr_errmsg: Option<String>,
}
