//! What commands that change runs have in common: they show the runs, ask, change them one by one and say how many.

use super::confirm;
use super::{Context, Failure, choose, eprint_line};
use crate::report::listing;
use crate::report::prompt::Default;
use crate::run::RunError;
use crate::run::user::{self, Changes};
use crate::store::RunRow;

/// Shows `heading` and the runs, asks `question`; not with `yes`.
pub fn confirmed(
    context: &Context,
    rows: &[RunRow],
    yes: bool,
    heading: &str,
    question: &str,
    default: Default,
) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let rows = listing::preview(rows, &context.here());
    confirm::confirm(&format!("{heading}\n{rows}"), question, default)
}

/// Changes user attributes of each run and says `Labeled 2 run(s)`, given `Labeled {} run(s)`.
pub fn each(rows: &[RunRow], done: &str, change: impl Fn(&RunRow) -> Changes) -> Result<u8, Failure> {
    for row in rows {
        user::apply(&row.run, &change(row))?;
    }
    eprint_line(&done.replace("{}", &rows.len().to_string()));
    Ok(0)
}

/// Does something to each run; goes on after a failure, says which failed, and gives the exit code.
pub fn each_run(
    rows: &[RunRow],
    done: &str,
    mut change: impl FnMut(&RunRow) -> Result<(), RunError>,
) -> Result<u8, Failure> {
    let mut failures = Vec::new();
    let mut count = 0;
    for row in rows {
        match change(row) {
            Ok(()) => count += 1,
            Err(error) => failures.push(error),
        }
    }
    if count > 0 {
        eprint_line(&done.replace("{}", &count.to_string()));
    }
    for error in &failures {
        eprint_line(&format!("gage: {error}"));
    }
    Ok(u8::from(!failures.is_empty()))
}

/// Exactly one action of a command: the failure when several or none are given.
pub fn one_action(command: &str, given: &[(&str, bool)], all: &[&str]) -> Result<(), Failure> {
    let given: Vec<&str> = given.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    match given[..] {
        [_] => Ok(()),
        [] => Err(Failure::misuse(format!("missing one of: {}", all.join(", ")), command)),
        [first, second, ..] => Err(Failure::misuse(
            format!("{first} and {second} cannot both be specified"),
            command,
        )),
    }
}

/// The runs that a change of attributes is about: those named, else the newest. `None`: there is nothing to change,
/// which was said.
pub fn to_modify(
    context: &Context,
    filters: &super::filters::FilterArgs,
    words: &[String],
    command: &str,
) -> Result<Option<Vec<RunRow>>, Failure> {
    let rows = choose::named_or_newest(context, filters, words, command)?;
    if rows.is_empty() {
        eprint_line("No runs to modify.");
        return Ok(None);
    }
    Ok(Some(rows))
}
