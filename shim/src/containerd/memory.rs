//! Containers whose processes are killed for want of memory.

use super::serve::Shim;
use crate::event_loop::{Key, Source};
use crate::proto::events::TaskOom;
use crate::proto::metrics;
use peapod::container::{self, MemoryEvents, Root};
use peapod::error::Result;
use peapod::sys::epoll::Interest;
use std::os::fd::AsFd;

/// What is known of that.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What tells of it, as long as there is a cgroup.
    events: Option<MemoryEvents>,
    /// How many were killed, as far as that was told.
    kills: u64,
}

impl Memory {
    /// What its cgroup has told last.
    pub(super) fn last(&self) -> metrics::MemoryEvents {
        metrics::MemoryEvents { oom_kill: self.kills, ..metrics::MemoryEvents::default() }
    }
}

impl Shim {
    /// Begins to watch a container that was just created. Without the controller nothing tells.
    pub(super) fn watch_memory(&mut self, id: &str) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let source = Source::Memory(task.first);
        let opened = Root::open(&task.root).and_then(|root| open(&root, id));
        let watched = opened.and_then(|events| match events {
            Some(events) => {
                let kills = events.oom_kills()?;
                Ok(Memory { events: Some(events), kills })
            }
            None => Ok(Memory::default()),
        });
        match watched {
            Ok(memory) => task.memory = memory,
            Err(error) => self.log.say(error),
        }
        if let Some(events) = &task.memory.events
            && let Err(error) = self.events.add(events.as_fd(), source, Interest::Change)
        {
            self.log.say(error);
        }
    }

    /// Processes may have been killed since this was looked at last.
    pub(super) fn memory_was_short(&mut self, key: Key) {
        let Some(process) = self.processes.get(key) else { return };
        let id = process.container.clone();
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Memory { events: Some(events), kills: told } = &mut task.memory else { return };
        match events.oom_kills() {
            Ok(kills) if kills > *told => {
                *told = kills;
                self.publish_event("/tasks/oom", &TaskOom { container_id: id });
            }
            Ok(_) => {}
            // The cgroup is gone, and would be told of for ever.
            Err(_) => {
                self.events.remove(events.as_fd());
                task.memory.events = None;
            }
        }
    }
}

fn open(root: &Root, id: &str) -> Result<Option<MemoryEvents>> {
    container::counters(root, id)?.map_or(Ok(None), |counters| counters.memory_events())
}
