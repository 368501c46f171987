//! Holds a bundle against the specification and this host, without making anything of it.

use crate::cgroup::Hierarchy;
use crate::error::{Error, Result};
use crate::init::Sources;
use crate::plan::{Facts, Options, Plan, Source};
use crate::spec;
use crate::sys::Errno;
use serde::Serialize;
use std::path::Path;

/// Something for which a container would be refused, or would not be given all that it asks for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where it stands, as far as it is about one place.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// What could be done about it.
    pub remedy: String,
}

/// Everything that is wrong with the bundle, as far as it can be seen without making a container.
///
/// # Errors
///
/// [`Error::InvalidSpec`] if the path is none; whatever is wrong with the bundle itself is in the
/// answer.
pub fn check(bundle: &Path) -> Result<Vec<Problem>> {
    let bundle = std::path::absolute(bundle)
        .map_err(|error| Error::invalid("bundle", bundle.display(), error.to_string()))?;
    let (spec, mut errors) = spec::problems(&bundle);
    let options = Options::default();
    let planned = spec.map(|spec| Plan::build(&spec, &bundle, &options, &Facts::probe()?));
    let mut warnings = Vec::new();
    match planned {
        Some(Ok(plan)) => {
            errors.extend(of_host(&plan));
            warnings = plan.warnings;
        }
        // What a rule has said already is said better.
        Some(Err(error)) if errors.is_empty() => errors.push(error),
        Some(Err(_)) | None => {}
    }
    let mut problems: Vec<_> = errors.iter().map(Problem::of).collect();
    problems.extend(warnings.iter().map(|warning| Problem::of_warning(warning)));
    let mut known = Vec::new();
    problems.retain(|problem| {
        let text = (problem.field.clone(), problem.reason.clone());
        let is_new = !known.contains(&text);
        known.push(text);
        is_new
    });
    Ok(problems)
}

/// What this host cannot give.
fn of_host(plan: &Plan) -> Vec<Error> {
    let mut errors = Vec::new();
    match Hierarchy::open().and_then(|hierarchy| hierarchy.missing(&plan.cgroup)) {
        Ok(missing) => errors.extend(missing),
        Err(error) => errors.push(error),
    }
    let missing = plan.mounts.iter().filter_map(|mount| match &mount.source {
        Source::Bind { path, .. } if path.symlink_metadata().is_err() => Some(path),
        _ => None,
    });
    let missing: Vec<_> = missing.collect();
    let reason = "no such file or directory";
    errors
        .extend(missing.iter().map(|path| Error::invalid("mounts.source", path.display(), reason)));
    if missing.is_empty() {
        errors.extend(Sources::open(plan, None).err());
    }
    errors
}

impl Problem {
    fn of(error: &Error) -> Self {
        let (field, reason) = match error {
            Error::InvalidSpec { field, value, reason } => {
                (field.clone(), format!("{value}: {reason}"))
            }
            Error::Unsupported { field, reason } => (field.clone(), reason.clone()),
            Error::Kernel { doing, source } => (doing.clone(), source.to_string()),
            other => (String::new(), other.to_string()),
        };
        let remedy = remedy(error, &reason);
        Self { field, reason, remedy }
    }

    fn of_warning(warning: &str) -> Self {
        let (field, reason) = warning.split_once(": ").unwrap_or(("", warning));
        let remedy = if field.contains("capabilities") {
            "run peapod with them, or take them out: without, the container does not get them"
        } else {
            "take it out if it matters: the container is made without"
        };
        Self { field: field.to_owned(), reason: reason.to_owned(), remedy: remedy.to_owned() }
    }
}

fn remedy(error: &Error, reason: &str) -> String {
    let controller = reason
        .split_once("needs the cgroup controller ")
        .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default());
    let is_missing = reason.contains("no such") || reason.contains("ENOENT");
    match (error, controller) {
        (_, Some(name)) if reason.contains("cgroup v1") => format!(
            "boot with cgroup_no_v1={name} (or systemd.unified_cgroup_hierarchy=1), or take the \
             limit out"
        ),
        (_, Some(_)) => "use a kernel that has it, or take the limit out".to_owned(),
        (Error::Unsupported { .. }, None) => "take it out".to_owned(),
        (Error::Kernel { source, .. }, None)
            if matches!(source.errno(), Errno::EPERM | Errno::EACCES) =>
        {
            "run as root".to_owned()
        }
        _ if is_missing => "make it, or correct the path".to_owned(),
        _ => "correct it in config.json".to_owned(),
    }
}
