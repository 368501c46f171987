//! Says its arguments, each in a message of its own, to `NOTIFY_SOCKET`, and stays.

use std::env;
use std::os::unix::net::UnixDatagram;
use std::thread;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(env::var("NOTIFY_SOCKET")?)?;
    for message in env::args().skip(1) {
        if message == "end" {
            return Ok(());
        }
        socket.send(message.as_bytes())?;
    }
    loop {
        thread::park();
    }
}
