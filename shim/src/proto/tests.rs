//! The messages beside bytes that Google's own library has made of containerd's `.proto` files.
//!
//! In messages.txt every field has a value that tells its name, so that one under a wrong number is
//! seen: a string is the name itself, a number the sum of the name's bytes, a switch is on.

use super::*;
use prost::Message;
use std::fmt::Debug;

const MESSAGES: &str = include_str!("messages.txt");

/// A message of this type, read and written.
fn check<T: Message + Default + Debug>(name: &str) {
    let bytes = bytes_of(name);
    let message = T::decode(bytes.as_slice()).unwrap();
    assert_eq!(message.encode_to_vec(), bytes, "{name}: {message:#?}");
    for line in format!("{message:#?}").lines() {
        if let Some((field, value)) = line.trim().trim_end_matches(',').split_once(": ") {
            assert!(tells(field.trim_start_matches("r#"), value), "{name}: {line}");
        }
    }
}

fn bytes_of(name: &str) -> Vec<u8> {
    let mut lines = MESSAGES.lines().filter_map(|line| line.split_once(' '));
    let (_, hex) = lines.find(|(listed, _)| *listed == name).expect(name);
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Whether it is what this field has in messages.txt, as `Debug` prints it. Of maps, and of what
/// has fields itself, nothing is said here.
fn tells(field: &str, value: &str) -> bool {
    let sum: u32 = field.bytes().map(u32::from).sum();
    match field {
        // Given up by containerd 2.
        "criu_path" => value == "\"\"",
        // An enum, of which this is the last.
        "log_level" => value == "12",
        _ => match value.parse::<f64>() {
            Ok(number) => number.to_bits() == f64::from(sum).to_bits(),
            Err(_) if value.starts_with('"') && !field.starts_with('"') => {
                value.trim_matches('"') == field
            }
            Err(_) => value != "false" && value != "None" && value != "[]",
        },
    }
}

macro_rules! checks {
    ($($name:literal: $message:ty;)*) => {
        const CHECKS: &[(&str, fn(&str))] = &[$(($name, check::<$message>)),*];
    };
}

checks! {
    "ttrpc.Request": ttrpc::Request;
    "ttrpc.Response": ttrpc::Response;
    "containerd.types.Mount": types::Mount;
    "containerd.v1.types.ProcessInfo": types::ProcessInfo;
    "containerd.types.Platform": types::Platform;
    "containerd.types.Metric": types::Metric;
    "containerd.types.RuntimeInfo": types::RuntimeInfo;
    "runtimeoptions.v1.Options": types::RuntimeOptions;
    "containerd.runc.v1.Options": runc::Options;
    "containerd.runc.v1.CheckpointOptions": runc::CheckpointOptions;
    "containerd.runc.v1.ProcessDetails": runc::ProcessDetails;
    "containerd.runtime.bootstrap.v1.BootstrapParams": bootstrap::Params;
    "containerd.runtime.bootstrap.v1.BootstrapResult": bootstrap::Answer;
    "io.containerd.cgroups.v2.Metrics": metrics::Metrics;
    "containerd.services.events.ttrpc.v1.ForwardRequest": events::ForwardRequest;
    "containerd.events.TaskCreate": events::TaskCreate;
    "containerd.events.TaskStart": events::TaskStart;
    "containerd.events.TaskDelete": events::TaskDelete;
    "containerd.events.TaskExit": events::TaskExit;
    "containerd.events.TaskOOM": events::TaskOom;
    "containerd.events.TaskExecAdded": events::TaskExecAdded;
    "containerd.events.TaskExecStarted": events::TaskExecStarted;
    "containerd.events.TaskPaused": events::TaskPaused;
    "containerd.events.TaskResumed": events::TaskResumed;
    "containerd.events.TaskCheckpointed": events::TaskCheckpointed;
    "containerd.task.v3.CreateTaskRequest": task::CreateTaskRequest;
    "containerd.task.v3.CreateTaskResponse": task::CreateTaskResponse;
    "containerd.task.v3.DeleteRequest": task::DeleteRequest;
    "containerd.task.v3.DeleteResponse": task::DeleteResponse;
    "containerd.task.v3.ExecProcessRequest": task::ExecProcessRequest;
    "containerd.task.v3.ResizePtyRequest": task::ResizePtyRequest;
    "containerd.task.v3.StateRequest": task::StateRequest;
    "containerd.task.v3.StateResponse": task::StateResponse;
    "containerd.task.v3.KillRequest": task::KillRequest;
    "containerd.task.v3.CloseIORequest": task::CloseIORequest;
    "containerd.task.v3.PidsRequest": task::PidsRequest;
    "containerd.task.v3.PidsResponse": task::PidsResponse;
    "containerd.task.v3.CheckpointTaskRequest": task::CheckpointTaskRequest;
    "containerd.task.v3.UpdateTaskRequest": task::UpdateTaskRequest;
    "containerd.task.v3.StartRequest": task::StartRequest;
    "containerd.task.v3.StartResponse": task::StartResponse;
    "containerd.task.v3.WaitRequest": task::WaitRequest;
    "containerd.task.v3.WaitResponse": task::WaitResponse;
    "containerd.task.v3.StatsRequest": task::StatsRequest;
    "containerd.task.v3.StatsResponse": task::StatsResponse;
    "containerd.task.v3.ConnectRequest": task::ConnectRequest;
    "containerd.task.v3.ConnectResponse": task::ConnectResponse;
    "containerd.task.v3.ShutdownRequest": task::ShutdownRequest;
    "containerd.task.v3.PauseRequest": task::PauseRequest;
    "containerd.task.v3.ResumeRequest": task::ResumeRequest;
    "containerd.runtime.sandbox.v1.CreateSandboxRequest": sandbox::CreateRequest;
    "containerd.runtime.sandbox.v1.CreateSandboxResponse": sandbox::CreateResponse;
    "containerd.runtime.sandbox.v1.StartSandboxRequest": sandbox::StartRequest;
    "containerd.runtime.sandbox.v1.StartSandboxResponse": sandbox::StartResponse;
    "containerd.runtime.sandbox.v1.PlatformRequest": sandbox::PlatformRequest;
    "containerd.runtime.sandbox.v1.PlatformResponse": sandbox::PlatformResponse;
    "containerd.runtime.sandbox.v1.StopSandboxRequest": sandbox::StopRequest;
    "containerd.runtime.sandbox.v1.StopSandboxResponse": sandbox::StopResponse;
    "containerd.runtime.sandbox.v1.UpdateSandboxRequest": sandbox::UpdateRequest;
    "containerd.runtime.sandbox.v1.WaitSandboxRequest": sandbox::WaitRequest;
    "containerd.runtime.sandbox.v1.WaitSandboxResponse": sandbox::WaitResponse;
    "containerd.runtime.sandbox.v1.UpdateSandboxResponse": sandbox::UpdateResponse;
    "containerd.runtime.sandbox.v1.SandboxStatusRequest": sandbox::StatusRequest;
    "containerd.runtime.sandbox.v1.SandboxStatusResponse": sandbox::StatusResponse;
    "containerd.runtime.sandbox.v1.PingRequest": sandbox::PingRequest;
    "containerd.runtime.sandbox.v1.PingResponse": sandbox::PingResponse;
    "containerd.runtime.sandbox.v1.ShutdownSandboxRequest": sandbox::ShutdownRequest;
    "containerd.runtime.sandbox.v1.ShutdownSandboxResponse": sandbox::ShutdownResponse;
    "containerd.runtime.sandbox.v1.SandboxMetricsRequest": sandbox::MetricsRequest;
    "containerd.runtime.sandbox.v1.SandboxMetricsResponse": sandbox::MetricsResponse;
}

#[test]
fn every_field_has_the_number_that_containerd_gives_it() {
    for (name, check) in CHECKS {
        check(name);
    }
    for line in MESSAGES.lines() {
        let name = line.split_once(' ').map_or(line, |(name, _)| name);
        assert!(CHECKS.iter().any(|(checked, _)| *checked == name), "{name} is not checked");
    }
}

/// containerd 1.x has one field that 2.x has given up.
#[test]
fn the_options_of_runc_are_read_from_any_version() {
    let bytes = bytes_of("containerd.runc.v1.Options");
    let new = runc::Options::decode(bytes.as_slice()).unwrap();
    let old = [&bytes[..], &[0x42, 1, b'c']].concat();
    let old = runc::Options::decode(old.as_slice()).unwrap();
    assert_eq!(old, runc::Options { criu_path: "c".to_owned(), ..new });
}

#[test]
fn what_a_later_containerd_adds_is_skipped() {
    let later = [&bytes_of("containerd.task.v3.KillRequest")[..], &[0xba, 0x3e, 1, 7]].concat();
    let request = task::KillRequest::decode(later.as_slice()).unwrap();
    assert_eq!(request.encode_to_vec(), bytes_of("containerd.task.v3.KillRequest"));
}

#[test]
fn any_tells_its_type_with_and_without_a_host() {
    let options = runc::ProcessDetails { exec_id: "e".to_owned() };
    let mut any = Any::pack(&options);
    assert_eq!(any.type_url, "containerd.runc.v1.ProcessDetails");
    assert_eq!(any.unpack().unwrap(), Some(options.clone()));
    assert_eq!(any.unpack::<runc::Options>().unwrap(), None);
    any.type_url.insert_str(0, "type.googleapis.com/");
    assert_eq!(any.unpack().unwrap(), Some(options));
    any.type_url.insert(20, 'x');
    assert_eq!(any.unpack::<runc::ProcessDetails>().unwrap(), None);
    let broken = Any { type_url: "containerd.runc.v1.Options".to_owned(), value: vec![0xff] };
    broken.unpack::<runc::Options>().unwrap_err();
}

#[test]
fn a_moment_is_in_seconds_and_nanoseconds_since_1970() {
    use std::time::{Duration, SystemTime};
    let moment = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 12);
    assert_eq!(Timestamp::from(moment), Timestamp { seconds: 1_700_000_000, nanos: 12 });
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(Timestamp::from(before), Timestamp { seconds: 0, nanos: 0 });
}
