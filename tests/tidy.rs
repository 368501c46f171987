//! The rules of this repository that no compiler and no lint knows. Each test is one of them, and
//! fails with a line for each place that breaks it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, slice};

#[test]
fn a_source_file_first_says_what_it_is() -> Result<()> {
    let files = sources()?;
    let silent = files.iter().filter(|file| !file.text.starts_with("//! "));
    report(silent.map(|file| file.at(1, "the first line is not `//! ` and what the file is")))
}

#[test]
fn source_files_are_short_and_narrow() -> Result<()> {
    const LINES: usize = 500;
    const COLUMNS: usize = 100;
    let mut problems = in_lines(&sources()?, |_, line| {
        let columns = line.chars().count();
        (columns > COLUMNS).then(|| format!("{columns} columns, more than {COLUMNS}"))
    });
    for file in sources()?.iter().filter(|file| file.text.lines().count() > LINES) {
        problems.push(file.at(LINES + 1, &format!("more than {LINES} lines: split it")));
    }
    report(problems)
}

/// The modules of the runtime, and those that each may use beside itself and what every one may:
/// `error` and `sys`. All of them are below it.
///
/// `cgroup` and `init` carry out what a plan says, so they know its types; a plan is made of a
/// `Spec` and knows nothing that acts.
const LAYERS: [(&str, &[&str]); 11] = [
    ("cli", &["container", "features", "sandbox", "signal"]),
    ("features", &["plan", "spec"]),
    ("sandbox", &["container", "cgroup", "init", "plan"]),
    ("container", &["cgroup", "init", "link", "plan", "spec"]),
    ("init", &["link", "plan"]),
    ("cgroup", &["plan"]),
    ("plan", &["spec"]),
    ("spec", &[]),
    ("link", &[]),
    ("error", &[]),
    ("sys", &[]),
];

#[test]
fn a_module_uses_only_those_below_it() -> Result<()> {
    report(in_lines(&sources()?, |file, line| {
        let path = file.path.strip_prefix("runtime/src/")?;
        let own = path.split(['/', '.']).next().filter(|own| !matches!(*own, "lib" | "main"))?;
        let Some((_, below)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
            return Some(format!("{own} has no place among the layers of tests/tidy.rs"));
        };
        let code = code(line);
        if code.contains("crate::{") {
            return Some("a line for each module, or this test does not see them".to_owned());
        }
        let is_right = |used: &str| match used {
            "sys" => true,
            "error" => own != "sys",
            _ => used == own || below.contains(&used),
        };
        let is_layer = |used: &str| LAYERS.iter().any(|(layer, _)| *layer == used);
        let wrong = modules_used(&code, path).find(|used| is_layer(used) && !is_right(used))?;
        Some(format!("{own} must not use {wrong}"))
    }))
}

/// The modules that a line of the file `path` names as ones at the top of the crate: by `crate::`,
/// by `peapod::` (the program is a crate of its own), or by as many `super::` as lead there.
fn modules_used<'a>(line: &'a str, path: &str) -> impl Iterator<Item = &'a str> {
    let depth = path.split('/').filter(|part| *part != "mod.rs").count();
    let prefixes = ["crate::".to_owned(), "peapod::".to_owned(), "super::".repeat(depth)];
    let rests = prefixes.into_iter().flat_map(|prefix| {
        line.match_indices(&prefix).map(|(at, _)| &line[at + prefix.len()..]).collect::<Vec<_>>()
    });
    rests.filter_map(|rest| names(rest).next())
}

/// What only some places may name, and those places. A test program says by itself why it needs
/// `unsafe`, or does not compile.
const CONFINED: [(&str, &[&str]); 7] = [
    ("unsafe", &["runtime/src/sys/", "pause/src/arch/", "tests/"]),
    ("nix", &["runtime/src/sys/", "tests/"]),
    ("libc", &["runtime/src/sys/", "tests/"]),
    // A descriptor is owned or borrowed. But execve keeps descriptors by their numbers.
    ("RawFd", &["runtime/src/sys/", "runtime/src/init/gate.rs", "tests/"]),
    ("oci_spec", &["runtime/src/spec/", "runtime/src/plan/", CREATE, STATE]),
    ("clap", &["runtime/src/cli/"]),
    ("anyhow", &["runtime/src/cli/", "runtime/src/main.rs", "shim/src/containerd/", "tests/"]),
];

/// It passes config.json on, from `spec` to `plan`, and has no other use for it.
const CREATE: &str = "runtime/src/container/create.rs";

/// It keeps the annotations of config.json, which are in no plan.
const STATE: &str = "runtime/src/container/state.rs";

#[test]
fn system_calls_and_configuration_stay_in_their_places() -> Result<()> {
    report(in_lines(&sources()?, |file, line| {
        let code = code(line);
        let is_in = |places: &[&str]| places.iter().any(|place| file.path.starts_with(place));
        let is_named = |name: &str| names(&code).any(|found| found == name);
        let strays = |(name, places): &&(&str, &[&str])| !is_in(places) && is_named(name);
        let (name, places) = CONFINED.iter().find(strays)?;
        Some(format!("`{name}` belongs to {}", places.join(", ")))
    }))
}

#[test]
fn every_verb_has_its_tests() -> Result<()> {
    // Not verbs: what finds them, and how they print.
    let is_verb = |name: &String| !matches!(name.as_str(), "mod.rs" | "output.rs");
    let tests = [read("tests/cli/main.rs")?, read("tests/checkpoint/main.rs")?].concat();
    let has_tests =
        |name: &String| tests.contains(&format!("\nmod {};", name.trim_end_matches(".rs")));
    let verbs = entries("runtime/src/cli")?.into_iter().filter(is_verb);
    let untested = verbs.filter(|name| !has_tests(name));
    report(untested.map(|name| format!("runtime/src/cli/{name}:1: not among tests/cli/main.rs")))
}

#[test]
fn every_kernel_tag_is_in_the_kernel_table() -> Result<()> {
    let table = kernel_table(&read("ARCHITECTURE.md")?);
    report(in_lines(&[sources()?, scripts()?].concat(), |_, line| {
        let tags = line.split("KERNEL(").skip(1).filter_map(|rest| rest.split_once(')'));
        let mut versions = tags.map(|(version, _)| version).filter(|text| is_version(text));
        let missing = versions.find(|version| !table.iter().any(|listed| listed == version))?;
        Some(format!("Linux {missing} is not in the kernel table of ARCHITECTURE.md"))
    }))
}

/// The versions in the table below the heading that speaks of the kernel.
fn kernel_table(text: &str) -> Vec<String> {
    let is_its_heading =
        |line: &str| line.starts_with('#') && line.to_lowercase().contains("kernel");
    let section = text.lines().skip_while(|line| !is_its_heading(line)).skip(1);
    let rows = section.take_while(|line| !line.starts_with('#')).filter(|row| row.starts_with('|'));
    let words = rows.flat_map(|row| row.split(|c: char| !c.is_ascii_digit() && c != '.'));
    words.filter(|word| is_version(word)).map(str::to_owned).collect()
}

fn is_version(text: &str) -> bool {
    text.contains('.') && text.split('.').all(|part| part.parse::<u32>().is_ok())
}

#[test]
fn every_bundle_is_in_the_list() -> Result<()> {
    let list = read("bundles/README.md")?;
    let is_listed =
        |name: &String| list.lines().any(|line| line.starts_with(&format!("| `{name}` ")));
    let bundles = entries("bundles")?.into_iter().filter(|name| !name.ends_with(".md"));
    let unlisted = bundles.filter(|name| !is_listed(name));
    report(unlisted.map(|name| format!("bundles/README.md:1: no line for {name}")))
}

/// keepachangelog.com, 1.1.0.
#[test]
fn the_changelog_keeps_its_form() -> Result<()> {
    const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    let file = source(Path::new("CHANGELOG.md"))?;
    let mut problems = in_lines(slice::from_ref(&file), |_, line| {
        if let Some(kind) = line.strip_prefix("### ") {
            return (!KINDS.contains(&kind)).then(|| format!("not one of {}", KINDS.join(", ")));
        }
        let release = line.strip_prefix("## ")?;
        let is_right = release == "[Unreleased]" || is_dated(release);
        (!is_right).then(|| "neither [Unreleased] nor [x.y.z] - YYYY-MM-DD".to_owned())
    });
    let first = file.text.lines().find(|line| line.starts_with("## "));
    if !file.text.starts_with("# Changelog\n") || first != Some("## [Unreleased]") {
        problems.push(file.at(1, "does not begin with # Changelog and ## [Unreleased]"));
    }
    report(problems)
}

fn is_dated(release: &str) -> bool {
    let parts = release.strip_prefix('[').and_then(|rest| rest.split_once("] - "));
    parts.is_some_and(|(version, date)| {
        let lengths: Vec<_> = date.split('-').map(str::len).collect();
        is_version(version) && is_version(&date.replace('-', ".")) && lengths == [4, 2, 2]
    })
}

#[test]
fn a_script_can_be_run_and_stops_at_the_first_error() -> Result<()> {
    let mut problems = Vec::new();
    // lib.sh is sourced, by scripts that have set all this.
    for file in scripts()?.iter().filter(|file| file.path != "scripts/lib.sh") {
        if fs::metadata(top().join(&file.path))?.permissions().mode() & 0o111 != 0o111 {
            problems.push(file.at(1, "not executable"));
        }
        if !file.text.starts_with("#!/usr/bin/env bash\n") {
            problems.push(file.at(1, "the first line is not `#!/usr/bin/env bash`"));
        }
        let is_code = |(_, line): &(usize, &str)| !line.starts_with('#') && !line.is_empty();
        let first = file.lines().find(is_code);
        if first.is_none_or(|(_, line)| line != "set -euo pipefail") {
            let line = first.map_or(1, |(number, _)| number);
            problems.push(file.at(line, "the first command is not `set -euo pipefail`"));
        }
    }
    report(problems)
}

#[test]
fn nothing_is_left_for_later() -> Result<()> {
    const NAMES: [&str; 4] = ["FIXME", "TODO", "XXX", "should_panic"];
    const PHRASES: [&str; 4] = ["todo!", "unimplemented!", "#[ignore", "dbg!"];
    report(in_lines(&all_but_this()?, |_, line| {
        let name = NAMES.into_iter().find(|left| names(line).any(|name| name == *left));
        name.or_else(|| PHRASES.into_iter().find(|left| line.contains(left))).map(str::to_owned)
    }))
}

#[test]
fn only_tests_may_panic() -> Result<()> {
    const PANICS: [&str; 4] = [".unwrap()", ".expect(", "panic!(", "unreachable!("];
    let is_test = |path: &str| path.starts_with("tests/") || path.ends_with("/tests.rs");
    let mut programs = sources()?;
    programs.retain(|file| !is_test(&file.path));
    for file in &mut programs {
        // Unit tests are at the end of a file.
        file.text.truncate(file.text.find("\n#[cfg(test)]\nmod tests").unwrap_or(file.text.len()));
    }
    report(in_lines(&programs, |_, line| {
        let code = code(line);
        let panic = PANICS.into_iter().find(|panic| code.contains(panic))?;
        Some(format!("{panic} outside of a test"))
    }))
}

#[test]
fn names_are_in_the_words_of_the_design() -> Result<()> {
    const WORDS: [&str; 2] = ["tenant", "ctx"];
    const FILES: [&str; 7] = ["common", "handler", "helper", "impl", "manager", "misc", "util"];
    let is_of = |text: &str, words: &[&str]| {
        let is_word =
            |part: &str| words.contains(&part) || words.contains(&part.trim_end_matches('s'));
        names(text).flat_map(|name| name.split('_')).any(|part| is_word(&part.to_lowercase()))
    };
    let files = all_but_this()?;
    let mut problems = in_lines(&files, |_, line| is_of(line, &WORDS).then(|| line.to_owned()));
    for file in files.iter().filter(|file| is_of(&file.path, &FILES)) {
        problems.push(file.at(1, "a file name that says nothing"));
    }
    report(problems)
}

/// Licences that ask for no more than that their text and the authors' names are kept.
const LICENCES: [&str; 5] = ["Apache-2.0", "MIT", "Unicode-3.0", "Unlicense", "Zlib"];

#[test]
fn every_dependency_has_a_licence_that_we_can_take() -> Result<()> {
    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--locked", "--format-version=1"])
        // Crates for other platforms need not even be downloaded.
        .arg(format!("--filter-platform={}-unknown-linux-gnu", env::consts::ARCH))
        .current_dir(top())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().context("no packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        if !may_be_taken(licence) {
            problems.push(format!("Cargo.lock:1: {name}: {licence:?}, not of {LICENCES:?}"));
        }
        // Ours have no source.
        if package["source"].as_str().is_some_and(|source| source != CRATES_IO) {
            problems.push(format!("Cargo.lock:1: {name}: not from crates.io"));
        }
    }
    report(problems)
}

/// Whether there is an allowed choice in each part of an SPDX expression. An old form of OR is `/`.
fn may_be_taken(expression: &str) -> bool {
    let is_allowed = |choice: &str| LICENCES.contains(&choice.trim_matches([' ', '(', ')']));
    let expression = expression.replace('/', " OR ");
    expression.split(" AND ").all(|part| part.split(" OR ").any(is_allowed))
}

/// A file of this repository.
#[derive(Clone)]
struct Source {
    /// From the top of the repository.
    path: String,
    text: String,
}

impl Source {
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    fn at(&self, line: usize, reason: &str) -> String {
        format!("{}:{line}: {reason}", self.path)
    }
}

fn report(problems: impl IntoIterator<Item = String>) -> Result<()> {
    let problems: Vec<_> = problems.into_iter().collect();
    ensure!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    Ok(())
}

/// A problem for each line that `judge` has a reason against.
fn in_lines(files: &[Source], judge: impl Fn(&Source, &str) -> Option<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let judged = file.lines().filter_map(|(number, line)| Some((number, judge(file, line)?)));
        problems.extend(judged.map(|(number, reason)| file.at(number, &reason)));
    }
    problems
}

/// A line without its strings and its comment, as far as one line tells.
fn code(line: &str) -> String {
    let outside = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    outside.split("//").next().unwrap_or_default().to_owned()
}

/// The names in a line: of variables, types, modules, macros, keywords.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty())
}

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(top().join(path)).with_context(|| path.to_owned())
}

fn source(path: &Path) -> Result<Source> {
    let path = path.to_string_lossy().into_owned();
    Ok(Source { text: read(&path)?, path })
}

/// All Rust files.
fn sources() -> Result<Vec<Source>> {
    let mut found = Vec::new();
    for dir in ["pause", "runtime", "shim", "tests"] {
        collect(Path::new(dir), &mut found)?;
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found.iter().map(|path| source(path)).collect()
}

/// All Rust files but this one, which names what must not be in any other.
fn all_but_this() -> Result<Vec<Source>> {
    let mut files = sources()?;
    files.retain(|file| file.path != "tests/tidy.rs");
    Ok(files)
}

/// All that a shell runs on the host.
fn scripts() -> Result<Vec<Source>> {
    let mut found = vec![PathBuf::from(".ci/run")];
    collect(Path::new("scripts"), &mut found)?;
    found.iter().map(|path| source(path)).collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for name in entries(&dir.to_string_lossy())? {
        let path = dir.join(name);
        if top().join(&path).is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn entries(dir: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(top().join(dir)).with_context(|| dir.to_owned())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
