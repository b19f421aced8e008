//! From an operation and what the user assigned to complete rows of flags and the kind of launch they make.
//! Everything wrong with flags or the choice of an optimizer is found here, before any run is made.

use std::path::Path;

use thiserror::Error;

use super::{ChooseError, Chosen, Wish, choose, undelivered};
use crate::flags::{self, Assignments, FlagError, FlagValues, Resolved};
use crate::project::OpDef;

/// An operation with its flags, understood and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    pub op: OpDef,
    /// One per row of the batch files, one in all without any: defaults included, lists and search functions in.
    pub rows: Vec<Resolved>,
    /// What proposes trials; `None` for an ordinary run, whose flags are the only row.
    pub optimizer: Option<Chosen>,
    /// For standard error, without `WARNING: `.
    pub warnings: Vec<String>,
}

/// Why nothing can be launched; the texts are those users see.
#[derive(Debug, Error)]
pub enum PrepareError {
    #[error(transparent)]
    Flags(#[from] FlagError),
    #[error(transparent)]
    Choose(#[from] ChooseError),
}

/// Merges `defaults < batch-file row < command line`, checks, and decides what proposes. `force` skips checks that
/// may be skipped. `earlier` are the flags of the run that this one repeats, over the defaults; empty for a new run.
/// Relative paths are taken from `cwd`.
pub fn prepare(
    op: OpDef,
    given: &Assignments,
    wish: Wish<'_>,
    earlier: &FlagValues,
    force: bool,
    cwd: &Path,
) -> Result<Prepared, PrepareError> {
    let mut rows = Vec::new();
    let mut warnings: Vec<String> = Vec::new();
    for row in file_rows(given, earlier, cwd)? {
        let resolved = flags::resolve(&op.name, &op.flags, given, &row, force, cwd)?;
        let undelivered = undelivered::warnings(&op, &resolved.values);
        for warning in resolved.warnings.iter().chain(&undelivered) {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        rows.push(resolved);
    }
    let optimizer = choose(&op, wish, rows.iter().map(|row| &row.values))?;
    // Bounds and choices are searched unasked where someone declared them, not those found in a bare script.
    if optimizer.as_ref().is_some_and(Chosen::searches) && !op.bare {
        for row in &mut rows {
            row.values.extend(flags::search::implied(&op.flags, &row.user));
        }
    }
    Ok(Prepared {
        op,
        rows,
        optimizer,
        warnings,
    })
}

/// The product of the rows of all batch files over the earlier flags; one row without any.
fn file_rows(given: &Assignments, earlier: &FlagValues, cwd: &Path) -> Result<Vec<FlagValues>, FlagError> {
    let mut rows = vec![earlier.clone()];
    for path in &given.batch_files {
        let own = flags::batch_file::read(path, cwd)?;
        rows = rows
            .iter()
            .flat_map(|left| {
                own.iter().map(|right| {
                    let mut row = left.clone();
                    row.extend(right.clone());
                    row
                })
            })
            .collect();
    }
    Ok(rows)
}
