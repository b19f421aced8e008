//! `gage restore`: brings deleted runs back.

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, changing, choose, eprint_line};
use crate::report::prompt::Default::Yes;
use crate::run::remove;

/// Restore deleted runs
#[derive(Args)]
#[command(after_help = "'gage runs --deleted' lists the runs that can be restored.")]
pub struct RestoreArgs {
    /// Runs to restore, as 'gage runs --deleted' lists them (default: all that match the filters)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage restore";

pub fn run(args: RestoreArgs, context: &Context) -> CommandResult {
    let rows = choose::list_deleted(&context.runs_store()?, &args.filters, COMMAND)?;
    let rows = choose::named(rows, &args.runs, context, COMMAND)?;
    if rows.is_empty() {
        eprint_line("Nothing to restore.");
        return Ok(0);
    }
    let heading = "You are about to restore the following runs:";
    let question = format!("Restore {} run(s)", rows.len());
    changing::confirmed(context, &rows, args.yes, heading, &question, Yes)?;
    changing::each_run(&rows, "Restored {} run(s)", |row| remove::restore(&row.run))
}
