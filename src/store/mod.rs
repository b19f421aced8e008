//! Finding, selecting, filtering and indexing runs. Uses `run` and `scalars`; never `batch` or `executor`.

mod entry;
pub mod expression;
pub mod field;
pub mod filter;
mod index;
mod listing;
pub mod operation;
pub mod range;
pub mod row;
pub mod select;

use std::io;
use std::path::{Path, PathBuf};

pub use field::Field;
pub use filter::Filter;
pub use row::RunRow;

use crate::run::Run;
use crate::run::status::Status;

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
    /// How many runs there are, with those beyond a limit.
    pub total: usize,
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
        let query = listing::Query {
            filter,
            limit: usize::MAX,
            scalars: true,
        };
        listing::list(&self.home, query)
    }

    /// The newest `limit` runs that `filter` keeps, without their scalars, and how many it keeps in all.
    pub fn newest(&self, filter: &Filter, limit: usize) -> io::Result<Listing> {
        let query = listing::Query {
            filter,
            limit,
            scalars: false,
        };
        listing::list(&self.home, query)
    }

    /// The deleted runs that `filter` keeps.
    pub fn list_deleted(&self, filter: &Filter) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for id in listing::ids(&self.home, ".meta.deleted")? {
            let row = RunRow::read(&Run::deleted(&self.home, id), &mut listing.warnings);
            if row.status != Status::Unknown && filter.keeps(&row) {
                listing.rows.push(row);
            }
        }
        listing
            .rows
            .sort_by(|a, b| (b.began(), b.run.id()).cmp(&(a.began(), a.run.id())));
        listing.total = listing.rows.len();
        Ok(listing)
    }
}
