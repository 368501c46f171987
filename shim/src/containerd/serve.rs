//! The shim itself.

use super::args::Args;
use super::{settle, socket};
use crate::ttrpc::{Code, Connection, Progress, Status};
use anyhow::Result;
use peapod::sys::resident;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Serves until it is ended.
pub(super) fn serve(args: &Args) -> Result<()> {
    let listener = settle::settle(args)?;
    loop {
        let (stream, _) = listener.accept()?;
        if resident::is_ours(stream.as_fd())? && !talk(stream)? {
            return socket::remove(&listener);
        }
    }
}

fn talk(stream: UnixStream) -> Result<bool> {
    let mut connection = Connection::new(stream)?;
    let mut goes_on = true;
    while goes_on && connection.read() == Progress::Open {
        while let Some(call) = connection.next_request() {
            goes_on &= call.method != "Shutdown";
            let reason = format!("{}/{}", call.service, call.method);
            connection.reply(call.stream, Err(Status::new(Code::Unimplemented, reason)));
        }
        let _progress = connection.write();
    }
    Ok(goes_on)
}
