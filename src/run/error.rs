//! What can go wrong with a run, and the exit code each deserves. Texts say what to do; `main` puts `gage: ` before.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a run's life.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot {doing} {}: {}", path.display(), reason(source))]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// It is left without an end, as if its supervisor had died.
    #[error("cannot record the result of run {id}: {reason}")]
    Unrecorded { id: String, reason: String },
    /// The machine has no more processes, files or memory for its program.
    #[error("cannot run {name}: {reason}")]
    Short { name: String, reason: String },
    #[error("run directory does not exist: {}", .0.display())]
    NoRunDir(PathBuf),
    #[error("run {0} does not exist")]
    NoRun(String),
    #[error("run {0} is not staged")]
    NotStaged(String),
    #[error("run {0} is already initialized")]
    AlreadyInitialized(String),
    #[error("cannot restart run {0} because it's running\nUse 'gage stop {0}' to stop it first and try again.")]
    Running(String),
    #[error("run {0} was started by somebody else")]
    Taken(String),
    #[error("error running {phase} (exit code {code})")]
    Hook { phase: &'static str, code: i32 },
    #[error("run {id} uses an unsupported layout (schema {schema})")]
    Schema { id: String, schema: String },
    #[error("cannot read {}: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
    #[error("cannot apply configuration to {file}: {reason}")]
    Config { file: String, reason: String },
    #[error(transparent)]
    Project(#[from] crate::project::ProjectError),
    #[error("cannot restore {0}: a run with that ID exists")]
    RestoreLive(String),
    #[error("cannot delete running run {0}")]
    DeleteRunning(String),
    #[error("invalid run id '{0}': use letters, digits, '_' and '-'")]
    InvalidId(String),
    #[error("run {id} is running on {host}: stop it there")]
    OtherHost { id: String, host: String },
    #[error("cannot resolve dependency '{path}': {reason}")]
    Dependency { path: String, reason: String },
    #[error("{0}")]
    Unmet(String),
}

impl RunError {
    /// True where the machine is to blame, and not what is run: a file that cannot be read or written, a runs home
    /// that is gone. Any other run would meet the same.
    pub fn is_of_the_machine(&self) -> bool {
        matches!(
            self,
            RunError::File { .. } | RunError::Short { .. } | RunError::Unrecorded { .. }
        )
    }

    /// The code `gage` exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Hook { code, .. } => u8::try_from(*code).unwrap_or(1),
            RunError::AlreadyInitialized(_) => 2,
            _ => 1,
        }
    }
}

/// Adds what was being done, and to which file, to an I/O error.
pub(crate) trait During<T> {
    fn during(self, doing: &'static str, path: &Path) -> Result<T, RunError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, doing: &'static str, path: &Path) -> Result<T, RunError> {
        self.map_err(|source| RunError::File {
            doing,
            path: path.to_path_buf(),
            source,
        })
    }
}

/// The system's words for an error, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_the_file_and_the_systems_reason() {
        let error = std::fs::read("/no/such")
            .during("read", Path::new("/no/such"))
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot read /no/such: No such file or directory");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_failed_hook_gives_its_code() {
        let error = RunError::Hook {
            phase: "stage-runtime",
            code: 3,
        };
        assert_eq!(error.to_string(), "error running stage-runtime (exit code 3)");
        assert_eq!(error.exit_code(), 3);
    }
}
