//! What came of the commands of a session.

use crate::peers::Outcome;
use anyhow::{Context, Result, ensure};

/// The outcomes, in the order of the commands.
#[derive(Debug)]
pub struct Session(pub Vec<Outcome>);

impl Session {
    /// The outcome of the command that begins like that.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn of(&self, start: &str) -> Result<&Outcome> {
        let found = self.0.iter().find(|outcome| outcome.command.starts_with(start));
        found.with_context(|| format!("no command {start:?}"))
    }

    /// What a command printed, which must have succeeded.
    ///
    /// # Errors
    ///
    /// When it has not.
    pub fn said(&self, start: &str) -> Result<&str> {
        self.ended(start, 0)
    }

    /// What a command printed, which must have ended with that exit code.
    ///
    /// # Errors
    ///
    /// When it has not.
    pub fn ended(&self, start: &str, code: i32) -> Result<&str> {
        let outcome = self.of(start)?;
        ensure!(outcome.code == code, "{outcome:#?}");
        Ok(&outcome.output)
    }
}
