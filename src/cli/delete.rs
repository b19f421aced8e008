//! `gage delete`: takes runs away so that they can be restored, or for good.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, changing, choose, confirm, eprint_line};
use crate::report::listing;
use crate::report::prompt::Default::{No, Yes};
use crate::run::status::Status;
use crate::run::{RunError, remove, stop};
use crate::store::{RunRow, Store};

/// Delete runs; they can be restored
#[derive(Args)]
pub struct DeleteArgs {
    /// Runs to delete (default: all that match the filters)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Delete for good: these runs cannot be restored
    #[arg(short, long)]
    permanent: bool,

    /// Delete runs of the directory PATH
    #[arg(short = 'A', long, value_name = "PATH")]
    archive: Option<PathBuf>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage delete";

pub fn run(args: DeleteArgs, context: &Context) -> CommandResult {
    let store = match &args.archive {
        Some(path) => Store::open(context.cwd.join(path)),
        None => context.runs_store()?,
    };
    let rows = choose::list(&store, &args.filters, COMMAND)?;
    let rows = choose::named(rows, &args.runs, context, COMMAND)?;
    if rows.is_empty() {
        eprint_line("Nothing to delete.");
        return Ok(0);
    }
    let everything = args.runs.is_empty() && !args.filters.any();
    ask(&rows, &args, everything, context)?;
    let done = if args.permanent {
        "Permanently deleted {} run(s)"
    } else {
        "Deleted {} run(s)"
    };
    changing::each_run(&rows, done, |row| {
        if row.status == Status::Running {
            stop_first(row)?;
        }
        let deleted = match args.permanent {
            true => remove::delete_permanently(&row.run),
            false => remove::delete(&row.run),
        };
        match deleted {
            // Somebody else was faster: it is deleted.
            Err(RunError::NoRun(_)) => Ok(()),
            other => other,
        }
    })
}

fn ask(rows: &[RunRow], args: &DeleteArgs, everything: bool, context: &Context) -> Result<(), Failure> {
    let count = rows.len();
    if args.permanent {
        confirm_permanent(rows, args.yes, everything, context)?;
    } else {
        let heading = "You are about to delete the following runs:";
        changing::confirmed(context, rows, args.yes, heading, &format!("Delete {count} run(s)"), Yes)?;
    }
    if !args.yes && rows.iter().any(|row| row.status == Status::Running) {
        let warning = "WARNING: One or more runs are still running and will be stopped before being deleted.";
        confirm::confirm(warning, "Really delete these runs", No)?;
    }
    Ok(())
}

/// The question before runs are gone for good. Without RUN and filter a person is asked in spite of `--yes`.
pub fn confirm_permanent(rows: &[RunRow], yes: bool, everything: bool, context: &Context) -> Result<(), Failure> {
    if yes && !(everything && std::io::stdin().is_terminal()) {
        return Ok(());
    }
    let preview = listing::preview(rows, &context.here());
    let heading = "WARNING: You are about to permanently delete the following runs:";
    let question = format!("Permanently delete {} run(s)", rows.len());
    confirm::confirm(&format!("{heading}\n{preview}"), &question, No)
}

fn stop_first(row: &RunRow) -> Result<(), RunError> {
    let id = || row.run.id().to_string();
    if row.remote.is_some() {
        return Err(RunError::DeleteRunning(id()));
    }
    match stop::stop(&row.run, stop::TIMEOUT, false)? {
        stop::Stopped::Left(_) => Err(RunError::DeleteRunning(id())),
        stop::Stopped::NotRunning | stop::Stopped::Stopped => Ok(()),
    }
}
