//! From filters and RUN arguments to runs, and the texts when there are none or too many.

use super::filters::FilterArgs;
use super::{Context, Failure, eprint_line, reason};
use crate::project::Project;
use crate::report::Screen;
use crate::report::listing::{self, Form};
use crate::report::place::Here;
use crate::store::select::{self, SelectError};
use crate::store::{Listing, RunRow, Store};

impl Context {
    /// The runs home as commands that look at runs see it. An operations file that cannot be read is no reason not
    /// to show runs.
    pub fn runs_store(&self) -> Result<Store, Failure> {
        let chosen = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let project = if self.home.is_some() || chosen("GAGE_RUNS") || chosen("RUNS_DIR") {
            None
        } else {
            Project::open(&self.cwd).ok().and_then(|project| project.runs_dir)
        };
        Ok(Store::open(self.runs_home(project)?))
    }

    /// Where the reader is, for texts of directories.
    pub fn here(&self) -> Here {
        Here::new(&self.cwd)
    }
}

/// All runs that the filters keep, newest first, without their scalars.
pub fn matching(context: &Context, filters: &FilterArgs, command: &str) -> Result<Vec<RunRow>, Failure> {
    list(&context.runs_store()?, filters, command)
}

/// The same, of a given store.
pub fn list(store: &Store, filters: &FilterArgs, command: &str) -> Result<Vec<RunRow>, Failure> {
    Ok(newest(store, filters, usize::MAX, command)?.rows)
}

/// The newest runs that the filters keep, and how many there are in all.
pub fn newest(store: &Store, filters: &FilterArgs, limit: usize, command: &str) -> Result<Listing, Failure> {
    listed(store, store.newest(&filters.filter(command)?, limit))
}

/// All runs that the filters keep, newest first, with their scalars.
pub fn with_scalars(store: &Store, filters: &FilterArgs, command: &str) -> Result<Listing, Failure> {
    listed(store, store.list(&filters.filter(command)?))
}

/// Deleted runs that the filters keep.
pub fn list_deleted(store: &Store, filters: &FilterArgs, command: &str) -> Result<Vec<RunRow>, Failure> {
    Ok(listed(store, store.list_deleted(&filters.filter(command)?))?.rows)
}

fn listed(store: &Store, found: std::io::Result<Listing>) -> Result<Listing, Failure> {
    let failed = |e| Failure::new(format!("cannot read {}: {}", store.home().display(), reason(&e)));
    let listing = found.map_err(failed)?;
    for warning in &listing.warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
    Ok(listing)
}

/// What `words` name among `rows`, in list order; all of them without words.
pub fn named(rows: Vec<RunRow>, words: &[String], context: &Context, command: &str) -> Result<Vec<RunRow>, Failure> {
    if words.is_empty() {
        return Ok(rows);
    }
    let runs: Vec<_> = rows.iter().map(|row| &row.run).collect();
    let positions =
        select::positions(&runs, words, &context.cwd).map_err(|e| not_selected(e, &rows, context, command))?;
    let mut wanted = positions.into_iter().peekable();
    Ok(rows
        .into_iter()
        .enumerate()
        .filter(|(index, _)| wanted.next_if_eq(index).is_some())
        .map(|(_, row)| row)
        .collect())
}

/// The runs that `words` name after the filters; without words the newest.
pub fn named_or_newest(
    context: &Context,
    filters: &FilterArgs,
    words: &[String],
    command: &str,
) -> Result<Vec<RunRow>, Failure> {
    if words.is_empty() {
        return Ok(newest(&context.runs_store()?, filters, 1, command)?.rows);
    }
    let rows = matching(context, filters, command)?;
    named(rows, words, context, command)
}

/// One run: the one that `word` names after the filters, or the newest.
pub fn one(context: &Context, filters: &FilterArgs, word: Option<&str>, command: &str) -> Result<RunRow, Failure> {
    let Some(word) = word else {
        let mut listing = newest(&context.runs_store()?, filters, 1, command)?;
        return listing.rows.pop().ok_or_else(none);
    };
    let rows = matching(context, filters, command)?;
    let mut rows = named(rows, &[word.to_string()], context, command)?;
    if rows.len() > 1 {
        return Err(ambiguous(word, &rows.iter().collect::<Vec<_>>(), context));
    }
    rows.pop().ok_or_else(none)
}

/// The failure of a command that needs a run and has none.
pub fn none() -> Failure {
    Failure::new("no matching runs\nTry 'gage runs list' for a list.")
}

fn not_selected(error: SelectError, rows: &[RunRow], context: &Context, command: &str) -> Failure {
    match error {
        SelectError::NotFound(_) => Failure::new(format!(
            "{error}\nTry 'gage runs list' for a list or '{command} --help' for more information."
        )),
        SelectError::Ambiguous { word, matches } => {
            let rows: Vec<&RunRow> = matches.iter().map(|index| &rows[*index]).collect();
            ambiguous(&word, &rows, context)
        }
    }
}

fn ambiguous(word: &str, rows: &[&RunRow], context: &Context) -> Failure {
    let rows = listing::table(rows.iter().copied(), Form::Preview, &context.here())
        .indented(2)
        .render(&Screen::stderr());
    Failure::new(format!(
        "'{word}' matches multiple runs:\n{rows}Specify a longer ID or an index."
    ))
}
