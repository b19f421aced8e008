//! `--needed` for batches: earlier batches that make another one unnecessary.

use std::io;
use std::path::Path;

use super::event::{Event, Header};
use super::journal;
use super::plan::Plan;
use crate::run::Status;
use crate::store::{Filter, RunRow, Store};

/// Batches of the same operation with the same optimizer, options and flags that completed, were terminated, or
/// are running. Newest first.
pub fn matching(home: &Path, opref: &str, plan: &Plan) -> io::Result<Vec<RunRow>> {
    let listing = Store::open(home).list(&Filter::default())?;
    let wanted = plan.header();
    let counts = |row: &RunRow| {
        row.batch
            && matches!(row.status, Status::Completed | Status::Terminated | Status::Running)
            && row.opref == opref
            && header(row).is_some_and(|found| same(&found, &wanted))
    };
    Ok(listing.rows.into_iter().filter(counts).collect())
}

fn header(row: &RunRow) -> Option<Header> {
    match journal::read_first(&row.run.meta(journal::FILE)).ok()?? {
        Event::Opened(header) => Some(*header),
        _ => None,
    }
}

/// Seeds and numbers of trials may differ.
fn same(a: &Header, b: &Header) -> bool {
    a.optimizer == b.optimizer && a.options == b.options && a.rows == b.rows
}
