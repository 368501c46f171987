//! What config.json may ask for and this version of peapod cannot do. It is refused: never a
//! container without what was asked for.

use crate::error::{Error, Result};
use oci_spec::runtime::{Linux, LinuxIntelRdt, Spec};

/// Whether a configuration asks for something.
type Asks = fn(&Spec) -> bool;

/// Not in this table are fields without an effect under cgroup v2: those are accepted with a
/// warning (`plan::ignored`).
const UNSUPPORTED: &[(&str, Asks)] = &[("linux.intelRdt", |spec| {
    linux(spec, |linux| is_set(linux.intel_rdt(), &LinuxIntelRdt::default()))
})];

pub(super) fn check(spec: &Spec) -> Result<()> {
    problems(spec).next().map_or(Ok(()), Err)
}

/// Everything of that kind.
pub(super) fn problems(spec: &Spec) -> impl Iterator<Item = Error> {
    let asked = UNSUPPORTED.iter().filter(|(_, asks)| asks(spec));
    asked.map(|(field, _)| Error::unsupported(*field, "not supported by this version of peapod"))
}

fn linux(spec: &Spec, asks: impl Fn(&Linux) -> bool) -> bool {
    spec.linux().as_ref().is_some_and(asks)
}

fn is_set<T: PartialEq>(field: &Option<T>, nothing: &T) -> bool {
    field.as_ref().is_some_and(|value| value != nothing)
}
