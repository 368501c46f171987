//! How a command line is read, and what is said of one that cannot be: in the ways of Go, which the
//! callers of runc have learnt.

use anyhow::{Error, anyhow};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::vec::IntoIter;

/// Go's parser takes `-name` for `--name`, and go-runc passes such. Rewrites those that the verb
/// knows; what is left of one dash is short flags.
pub(super) fn with_two_dashes(args: Vec<OsString>, command: &Command) -> Vec<OsString> {
    if !args.iter().any(|argument| has_one_dash(argument)) {
        return args;
    }
    let mut reader = Reader { done: Vec::new(), left: args.into_iter().peekable(), top: command };
    reader.take();
    reader.read(command);
    reader.done.extend(reader.left);
    reader.done
}

fn has_one_dash(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    bytes.len() > 2 && bytes[0] == b'-' && bytes[1] != b'-'
}

struct Reader<'a> {
    done: Vec<OsString>,
    left: Peekable<IntoIter<OsString>>,
    /// That of the arguments before the verb; those that are global may come later too.
    top: &'a Command,
}

impl Reader<'_> {
    /// Leaves the next argument as it is.
    fn take(&mut self) {
        self.done.extend(self.left.next());
    }

    fn read(&mut self, command: &Command) {
        while let Some(argument) = self.left.peek() {
            let Some(text) = argument.to_str().map(str::to_owned) else {
                self.take();
                continue;
            };
            if text == "--" {
                return;
            } else if let Some(name) = text.strip_prefix("--") {
                self.take();
                self.value_of(name, self.long(command, name));
            } else if let Some(flags) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                self.flags(command, flags);
            } else if let Some(verb) = command.find_subcommand(&text) {
                self.take();
                return self.read(verb);
            } else if command.get_positionals().any(Arg::is_trailing_var_arg_set) {
                // From here on it is somebody else's.
                return;
            } else {
                self.take();
            }
        }
    }

    /// One flag with a long name, or some with short ones.
    fn flags(&mut self, command: &Command, flags: &str) {
        if let Some(long) = self.long(command, flags).filter(|_| flags.len() > 1) {
            let takes_value = Some(long);
            self.left.next();
            self.done.push(format!("--{flags}").into());
            self.value_of(flags, takes_value);
            return;
        }
        self.take();
        let takes_value = |short: char| {
            let mut known = command.get_arguments().chain(self.top.get_arguments());
            known.any(|arg| arg.get_short() == Some(short) && arg.get_action().takes_values())
        };
        // What follows a flag that takes a value is its value.
        if flags
            .char_indices()
            .find(|(_, short)| takes_value(*short))
            .is_some_and(|(at, short)| at + short.len_utf8() == flags.len())
        {
            self.take();
        }
    }

    /// Whether the long flag takes a value, if there is such a flag.
    fn long(&self, command: &Command, flag: &str) -> Option<bool> {
        let name = flag.split('=').next().unwrap_or_default();
        let global = self.top.get_arguments().filter(|arg| arg.is_global_set());
        let is_it = |arg: &&Arg| {
            arg.get_long() == Some(name)
                || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        };
        let found = command.get_arguments().chain(global).find(is_it)?;
        Some(found.get_action().takes_values())
    }

    fn value_of(&mut self, flag: &str, takes_value: Option<bool>) {
        if takes_value == Some(true) && !flag.contains('=') {
            self.take();
        }
    }
}

/// clap's message in one line: `main` prints errors, and prints them all alike. Where callers look
/// for words of Go's parser (podman: "flag needs an argument"), those.
pub(super) fn explain(error: &clap::Error) -> Error {
    let of = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    let argument = of(ContextKind::InvalidArg);
    let flag = argument.split([' ', '=']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues
            if of(ContextKind::InvalidValue).is_empty() =>
        {
            anyhow!("flag needs an argument: {flag}")
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            anyhow!("flag provided but not defined: {argument} (see --help)")
        }
        ErrorKind::InvalidSubcommand => {
            anyhow!("unknown command \"{}\" (see --help)", of(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(texts)) => texts.join(" "),
                _ => argument.to_owned(),
            };
            anyhow!("requires an argument: {missing} (see --help)")
        }
        _ => anyhow!("{} (see --help)", first_words(&error.render().to_string())),
    }
}

/// What clap says before it explains how it would be right.
fn first_words(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let is_hint = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more");
    let rest: Vec<_> = lines.take_while(|line| !is_hint(line)).collect();
    [&[first.as_str()], rest.as_slice()].concat().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    fn read(line: &str) -> String {
        let args: Vec<_> = line.split(' ').map(OsString::from).collect();
        let command = command(&args);
        let read = with_two_dashes(args, &command);
        read.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_long_flag_may_have_one_dash() {
        for (line, wanted) in [
            ("peapod -root=/x list -format json", "peapod --root=/x list --format json"),
            ("peapod -root /x state c", "peapod --root /x state c"),
            ("peapod run -no-subreaper -bundle b c", "peapod run --no-subreaper --bundle b c"),
            ("peapod kill -all c 9", "peapod kill --all c 9"),
            ("peapod -log-format=json -debug list", "peapod --log-format=json --debug list"),
            ("peapod sandbox delete -force p", "peapod sandbox delete --force p"),
            ("peapod list -root=/x", "peapod list --root=/x"),
        ] {
            assert_eq!(read(line), wanted);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for line in [
            "peapod exec -td c true",
            "peapod exec -u0:0 c true",
            "peapod exec -e -detach c true",
            "peapod exec --env -detach c ls -root",
            "peapod exec -te -detach c true",
            "peapod exec c ls -root -all",
            "peapod ps c -format",
            "peapod update --cpu-quota -100 c",
            "peapod kill -- -all",
            "peapod list -fjson",
        ] {
            assert_eq!(read(line), line);
        }
    }

    #[test]
    fn callers_find_the_words_that_they_look_for() {
        let say = |line: &str| {
            let args: Vec<_> = line.split(' ').map(OsString::from).collect();
            explain(&command(&args).try_get_matches_from(args).unwrap_err()).to_string()
        };
        assert_eq!(say("peapod create --pid-file"), "flag needs an argument: --pid-file");
        assert_eq!(say("peapod create -b"), "flag needs an argument: --bundle");
        let unknown = "flag provided but not defined: --bogus (see --help)";
        assert_eq!(say("peapod --bogus list"), unknown);
        assert_eq!(say("peapod list --bogus"), unknown);
        assert_eq!(say("peapod bogus"), "unknown command \"bogus\" (see --help)");
        assert_eq!(say("peapod create"), "requires an argument: <ID> (see --help)");
        assert!(say("peapod kill c SIGX").contains("unknown signal \"SIGX\""));
        assert!(say("peapod list more").contains("'more'"));
    }
}
