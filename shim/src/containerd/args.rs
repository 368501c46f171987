//! The arguments, as Go's package `flag` has them: one or two dashes, `-name value` or
//! `-name=value`, and for a switch `-name` or `-name=false`.

use anyhow::{Result, bail};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Say which version this is.
    Version,
    /// Say what this can do.
    Info,
    /// Answer with the address of a shim, which is started if there is none.
    Start,
    /// Clean up after a shim that has ended.
    Delete,
    /// Be the shim.
    Serve,
}

/// The arguments. What is missing is empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    /// What is to be done.
    pub action: Action,
    /// containerd's namespace.
    pub namespace: String,
    /// Of the task, or of the sandbox.
    pub id: String,
    /// Where containerd listens for gRPC.
    pub address: String,
    /// The bundle, where that is not the current directory.
    pub bundle: Option<PathBuf>,
    /// Where to listen, if containerd has an opinion.
    pub socket: Option<PathBuf>,
    /// Whether containerd logs for debugging.
    pub debug: bool,
}

impl Args {
    /// Parses `arguments`, without the program's name.
    ///
    /// # Errors
    ///
    /// If one is not known, has no value, or is missing.
    pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let mut parsed = Self {
            action: Action::Serve,
            namespace: String::new(),
            id: String::new(),
            address: String::new(),
            bundle: None,
            socket: None,
            debug: false,
        };
        let mut arguments = arguments.map(text);
        let (mut asked, mut words) = (None, Vec::new());
        while let Some(argument) = arguments.next().transpose()? {
            // What comes after the first word is words, too.
            let flag = if words.is_empty() { flag_of(&argument) } else { None };
            let Some((name, value)) = flag else {
                words.push(argument);
                continue;
            };
            match name {
                "v" | "version" if is_on(name, value)? => asked = Some(Action::Version),
                "info" if is_on(name, value)? => asked = Some(Action::Info),
                "v" | "version" | "info" => {}
                "debug" => parsed.debug = is_on(name, value)?,
                _ => {
                    let next = || arguments.next().unwrap_or_else(|| bail!("-{name}: no value"));
                    let value = value.map(str::to_owned).map_or_else(next, Ok)?;
                    parsed.set(name, value)?;
                }
            }
        }
        parsed.action = asked.map_or_else(|| action(&words), Ok)?;
        Ok(parsed)
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            "namespace" => self.namespace = value,
            "id" => self.id = value,
            "address" => self.address = value,
            "bundle" => self.bundle = Some(value.into()),
            "socket" => self.socket = Some(value.into()),
            // Events go over ttrpc, and there is nothing to profile.
            "publish-binary" | "debug-socket" => {}
            _ => bail!("-{name}: not known"),
        }
        Ok(())
    }
}

fn text(argument: OsString) -> Result<String> {
    let text = String::from_utf8(argument.into_vec());
    text.map_err(|error| anyhow::anyhow!("{:?}: not UTF-8", error.into_bytes()))
}

/// What stands behind the dashes, if there are some and something does: a name, and perhaps a
/// value.
fn flag_of(argument: &str) -> Option<(&str, Option<&str>)> {
    let flag = argument.strip_prefix('-')?;
    let flag = flag.strip_prefix('-').unwrap_or(flag);
    let (name, value) =
        flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
    if name.is_empty() { None } else { Some((name, value)) }
}

/// strconv.ParseBool of Go.
fn is_on(name: &str, value: Option<&str>) -> Result<bool> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => bail!("-{name}: {other:?}: neither true nor false"),
    }
}

fn action(words: &[String]) -> Result<Action> {
    match words {
        [] => Ok(Action::Serve),
        [word] => match word.as_str() {
            "start" => Ok(Action::Start),
            "delete" => Ok(Action::Delete),
            "serve" => Ok(Action::Serve),
            _ => bail!("{word:?}: not start or delete"),
        },
        [_, next, ..] => bail!("{next:?}: one action at a time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split(' ').filter(|word| !word.is_empty()).map(OsString::from))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn containerd_s_own_lines_are_understood() {
        let start =
            "-namespace k8s.io -address /run/c.sock -publish-binary /usr/bin/containerd -id 1";
        let wanted = Args {
            action: Action::Start,
            namespace: "k8s.io".to_owned(),
            id: "1".to_owned(),
            address: "/run/c.sock".to_owned(),
            bundle: None,
            socket: None,
            debug: false,
        };
        assert_eq!(parse(&format!("{start} start")), Ok(wanted));
        let delete = parse(&format!("{start} -bundle /b -debug delete")).unwrap();
        assert_eq!((delete.action, delete.debug), (Action::Delete, true));
        assert_eq!(delete.bundle, Some("/b".into()));
        assert_eq!(parse("-v").unwrap().action, Action::Version);
        assert_eq!(parse("-info").unwrap().action, Action::Info);
        assert_eq!(parse("-id 1").unwrap().action, Action::Serve);
    }

    #[test]
    fn flags_are_go_s() {
        let args = parse("--id=a=b -socket=/s -debug=false -version=0 --address= serve").unwrap();
        assert_eq!((args.id.as_str(), args.address.as_str()), ("a=b", ""));
        assert_eq!((args.action, args.debug), (Action::Serve, false));
        // A value may look like a flag.
        assert_eq!(parse("-id -debug start").unwrap().id, "-debug");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, wanted) in [
            ("-id", "-id: no value"),
            ("-shape round start", "-shape: not known"),
            ("-debug=perhaps start", "-debug: \"perhaps\": neither true nor false"),
            ("fly", "\"fly\": not start or delete"),
            ("start delete", "\"delete\": one action at a time"),
            ("start -id", "\"-id\": one action at a time"),
        ] {
            assert_eq!(parse(line).expect_err(line), wanted);
        }
    }
}
