//! What only a process itself can change of how the kernel treats it: before its filter, which may
//! forbid it.

use super::Init;
use crate::sys::{Result, schedule};

pub(super) fn memory_policy(init: &Init<'_>) -> Result<()> {
    let policy = init.plan.common.memory_policy.as_ref();
    policy.map_or(Ok(()), |policy| schedule::set_mempolicy(policy.mode, &policy.nodes))
}

pub(super) fn personality(init: &Init<'_>) -> Result<()> {
    init.plan.common.personality.map_or(Ok(()), schedule::personality)
}
