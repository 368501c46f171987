//! The files of a pod that tell its containers of its names and those of others: in the bundle of
//! its sandbox, since containerd removes what it finds in its own directories.

use super::Sandbox;
use crate::proto::cri::DnsConfig;
use crate::ttrpc::{Code, Status};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A file of `/etc`, by its name there and in the bundle.
pub(super) const FILES: [&str; 3] = ["hostname", "hosts", "resolv.conf"];

/// Writes them.
pub(super) fn write(sandbox: &Sandbox) -> Result<(), Status> {
    let [hostname, hosts, resolv_conf] = FILES.map(|name| (name, sandbox.bundle.join(name)));
    let name = match sandbox.pod.hostname.as_str() {
        "" => of_host(Path::new("/proc/sys/kernel/hostname"))?,
        name => format!("{name}\n"),
    };
    write_file(&hostname.1, &name)?;
    write_file(&hosts.1, &of_host(Path::new("/etc/hosts"))?)?;
    let dns = sandbox.pod.dns_config.as_ref().map(resolver).unwrap_or_default();
    let dns = if dns.is_empty() { of_host(Path::new("/etc/resolv.conf"))? } else { dns };
    write_file(&resolv_conf.1, &dns)
}

/// `resolv.conf(5)`. Empty if nothing is said.
fn resolver(dns: &DnsConfig) -> String {
    let mut text = String::new();
    let mut line = |word: &str, words: &[String]| {
        if !words.is_empty() {
            // A string takes everything.
            let _ = writeln!(text, "{word} {}", words.join(" "));
        }
    };
    line("search", &dns.searches);
    dns.servers.iter().for_each(|server| line("nameserver", std::slice::from_ref(server)));
    line("options", &dns.options);
    text
}

/// What the host has there; a host without such a file has nothing to say.
fn of_host(path: &Path) -> Result<String, Status> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failed(path, &error)),
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), Status> {
    fs::write(path, text).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Status {
    Status::new(Code::Unknown, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_told_what_was_asked_for() {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        let dns = DnsConfig {
            servers: words(&["10.0.0.1", "10.0.0.2"]),
            searches: words(&["a.b", "b"]),
            options: words(&["ndots:5"]),
        };
        let expected = "search a.b b\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5\n";
        assert_eq!(resolver(&dns), expected);
        assert_eq!(resolver(&DnsConfig::default()), "");
    }
}
