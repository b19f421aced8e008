//! One run: its directories, its life (make, stage, start, output, finalize) and what became of it.
//! Never knows of batches, executors or the command line. The files are the only truth.

pub mod alias;
pub mod children;
pub mod clock;
pub mod command;
pub mod compose;
mod configure;
mod create;
pub mod environment;
mod error;
mod facts;
mod finalize;
mod guard;
mod hook;
mod hosted;
pub mod id;
pub mod lease;
pub mod limits;
mod log;
pub mod manifest;
mod memory;
pub mod meta;
pub mod output;
mod pace;
pub mod pidfile;
pub mod process;
mod pump;
mod recorder;
pub mod remove;
pub mod restart;
mod session;
mod stage;
pub mod status;
pub mod stop;
mod stop_flag;
mod stopping;
mod summary;
mod supervise;
mod template;
pub mod tree;
pub mod user;
pub mod worker;

pub use compose::{LABEL_TEMPLATE, Naming, compose, label_again};
pub(crate) use create::create_with;
pub use create::{RunSpec, create, project_dir, system_attrs};
pub use environment::Caller;
pub use error::{RunError, reason};
pub use facts::Facts;
pub use finalize::orphan as finalize_orphan;
pub use hosted::{Hosted, create_proto, stage_nothing};
pub use limits::{Exceeded, Limits};
pub use output::Stream;
pub use pump::{Event, Notice};
pub use stage::{Content, Dependency, Staging, stage};
pub use status::Status;
pub use stop_flag::{Asked, StopFlag};
pub use supervise::{Exit, Supervise, supervise};
pub use template::{SourceFile, Template};

/// The layout that this program writes: `__schema__`.
pub const SCHEMA: &str = "1";

use std::path::{Path, PathBuf};

/// A run, named by where its parts are. Existence is not checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    home: PathBuf,
    id: String,
    /// Its parts have names that end in `.deleted`.
    deleted: bool,
}

impl Run {
    /// The run `id` of the runs home `home`.
    pub fn new(home: impl Into<PathBuf>, id: impl Into<String>) -> Run {
        Run {
            home: home.into(),
            id: id.into(),
            deleted: false,
        }
    }

    /// The deleted run `id`: everything can be read of it that can be read of a run.
    pub fn deleted(home: impl Into<PathBuf>, id: impl Into<String>) -> Run {
        Run {
            deleted: true,
            ..Run::new(home, id)
        }
    }

    /// True for a run named by [`Run::deleted`].
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// One of the run's parts: the id and a suffix.
    fn part(&self, suffix: &str) -> PathBuf {
        let deleted = if self.deleted { ".deleted" } else { "" };
        self.home.join(format!("{}{suffix}{deleted}", self.id))
    }

    /// The run whose directory is, or would be, at this absolute path.
    pub fn at(path: &Path) -> Option<Run> {
        let id = path.file_name()?.to_str().filter(|id| id::is_valid(id))?;
        let home = path.parent().filter(|home| home.is_absolute())?;
        Some(Run::new(home, id))
    }

    /// 32 lower-case hex digits, or a text given by hand.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// First 8 characters of the id.
    pub fn short_id(&self) -> &str {
        id::short(&self.id)
    }

    /// Pronounceable name, such as `lusab-babad`.
    pub fn name(&self) -> String {
        id::name(&self.id)
    }

    /// The directory that holds all runs.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The run directory: the user's files alone.
    pub fn dir(&self) -> PathBuf {
        self.part("")
    }

    /// The meta directory, or a file below it.
    pub fn meta(&self, path: &str) -> PathBuf {
        let mut dir = self.part(".meta");
        if !path.is_empty() {
            dir.push(path);
        }
        dir
    }

    /// Directory of user attributes.
    pub fn user_dir(&self) -> PathBuf {
        self.part(".user")
    }

    /// File that says where the run came from.
    pub fn project_file(&self) -> PathBuf {
        self.part(".project")
    }

    /// The supervisor's lease.
    pub fn lease_file(&self) -> PathBuf {
        self.part(".lease")
    }
}
