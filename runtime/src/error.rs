//! What can go wrong, sorted by what a caller can do about it.

use crate::sys;

/// The result of an operation of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation did not happen. Each prints as one line; that of a failed system call
/// is its `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no container or sandbox of that id.
    #[error("{0} does not exist")]
    NotFound(String),

    /// The id, or what it would be given, is taken.
    #[error("{0}")]
    AlreadyExists(String),

    /// The container or sandbox is not in a state that allows the operation.
    #[error("{0}")]
    WrongState(String),

    /// Something that was asked for makes no sense: which field, with which value, and why not.
    #[error("{field}: {value}: {reason}")]
    InvalidSpec {
        /// Where it stands: a path such as `process.user.uid`, or an option's name.
        field: String,
        /// What stands there.
        value: String,
        /// Why that cannot be.
        reason: String,
    },

    /// Something that was asked for makes sense, but not with this program or on this host.
    #[error("{field}: {reason}")]
    Unsupported {
        /// Where it stands.
        field: String,
        /// What is missing.
        reason: String,
    },

    /// Something did not happen in the time that it was given.
    #[error("{0}")]
    Timeout(String),

    /// A signal asked this process to end before it was done; what it had made is removed.
    #[error("{0}")]
    Interrupted(String),

    /// The process that was to become the container's could not.
    #[error("{step}")]
    Init {
        /// What it was doing, with the values of the plan; or how it ended.
        step: String,
        /// The system call that failed; `None` if it ended before it could say why.
        source: Option<sys::Error>,
    },

    /// A hook failed: which, how, and the end of what it said.
    #[error("{0}")]
    Hook(String),

    /// A system call failed.
    #[error("{doing}")]
    Kernel {
        /// What it was for.
        doing: String,
        /// The call.
        source: sys::Error,
    },
}

impl Error {
    /// An [`Error::InvalidSpec`].
    pub(crate) fn invalid(
        field: impl Into<String>,
        value: impl std::fmt::Display,
        reason: impl Into<String>,
    ) -> Self {
        Self::InvalidSpec { field: field.into(), value: value.to_string(), reason: reason.into() }
    }

    /// An [`Error::Init`] of a process that ended before it could say why.
    pub(crate) fn init_ended(how: &str) -> Self {
        let step = format!("container init ended before its program was executed: {how}");
        Self::Init { step, source: None }
    }

    /// An [`Error::Unsupported`].
    pub(crate) fn unsupported(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsupported { field: field.into(), reason: reason.into() }
    }
}

/// Says what a system call was for.
pub(crate) trait Doing<T> {
    /// Turns a failed call into [`Error::Kernel`].
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for sys::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Kernel { doing: what(), source })
    }
}
