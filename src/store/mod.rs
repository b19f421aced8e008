//! Finding, selecting, filtering and indexing runs. Uses `run` and `scalars`; never `batch` or `executor`.

pub mod expression;
pub mod field;
pub mod filter;
pub mod operation;
pub mod range;
pub mod row;
pub mod select;
mod token;

use std::io;
use std::path::{Path, PathBuf};

pub use field::Field;
pub use filter::Filter;
pub use row::RunRow;

use crate::run::status::Status;
use crate::run::{Run, id};

/// The runs of a runs home.
#[derive(Debug, Clone)]
pub struct Store {
    home: PathBuf,
}

/// What a listing found.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Newest first.
    pub rows: Vec<RunRow>,
    /// Texts for `WARNING: `.
    pub warnings: Vec<String>,
}

impl Store {
    /// The store of a runs home, which need not exist.
    pub fn open(home: impl Into<PathBuf>) -> Store {
        Store { home: home.into() }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The runs that `filter` keeps. Runs without any status are left out.
    pub fn list(&self, filter: &Filter) -> io::Result<Listing> {
        self.read(filter, ".meta")
    }

    /// The deleted runs that `filter` keeps.
    pub fn list_deleted(&self, filter: &Filter) -> io::Result<Listing> {
        self.read(filter, ".meta.deleted")
    }

    fn read(&self, filter: &Filter, suffix: &str) -> io::Result<Listing> {
        let mut warnings = Vec::new();
        let mut rows = Vec::new();
        for id in self.ids(suffix)? {
            let run = if suffix == ".meta" {
                Run::new(&self.home, id)
            } else {
                Run::deleted(&self.home, id)
            };
            let row = RunRow::read(&run, &mut warnings);
            if row.status != Status::Unknown && filter.keeps(&row) {
                rows.push(row);
            }
        }
        rows.sort_by(|a, b| (b.began(), b.run.id()).cmp(&(a.began(), a.run.id())));
        Ok(Listing { rows, warnings })
    }

    fn ids(&self, suffix: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.home) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            if let Ok(name) = entry?.file_name().into_string()
                && let Some(id) = name.strip_suffix(suffix)
                && id::is_valid(id)
            {
                ids.push(id.to_string());
            }
        }
        ids.sort();
        Ok(ids)
    }
}
