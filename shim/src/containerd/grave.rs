//! Those that were deleted: whoever did not hear the answer may ask again.

use crate::proto::task::DeleteResponse;
use std::collections::VecDeque;

/// How many are remembered.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Graves(VecDeque<Grave>);

#[derive(Debug)]
struct Grave {
    task: String,
    /// Empty for the task itself.
    exec: String,
    answer: DeleteResponse,
}

impl Graves {
    pub(super) fn bury(&mut self, task: &str, exec: &str, answer: DeleteResponse) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Grave { task: task.to_owned(), exec: exec.to_owned(), answer });
    }

    /// What was answered when it was deleted.
    pub(super) fn find(&self, task: &str, exec: &str) -> Option<&DeleteResponse> {
        let is_it = |grave: &&Grave| grave.task == task && grave.exec == exec;
        self.0.iter().rev().find(is_it).map(|grave| &grave.answer)
    }

    /// There is a new one of that name.
    pub(super) fn open(&mut self, task: &str, exec: &str) {
        let is_other =
            |grave: &Grave| grave.task != task || !(exec.is_empty() || grave.exec == exec);
        self.0.retain(is_other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_task_makes_the_old_one_forgotten() {
        let mut graves = Graves::default();
        graves.bury("a", "", DeleteResponse { pid: 1, ..DeleteResponse::default() });
        graves.bury("a", "x", DeleteResponse { pid: 2, ..DeleteResponse::default() });
        assert_eq!(graves.find("a", "x").map(|answer| answer.pid), Some(2));
        assert_eq!(graves.find("b", ""), None);
        graves.open("a", "");
        assert_eq!(graves.find("a", ""), None);
        assert_eq!(graves.find("a", "x"), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut graves = Graves::default();
        for number in 0..=MOST {
            graves.bury(&number.to_string(), "", DeleteResponse::default());
        }
        assert_eq!(graves.find("0", ""), None);
        assert_eq!(graves.0.len(), MOST);
    }
}
