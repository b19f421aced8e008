//! `gage purge`: removes deleted runs for good.

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, changing, choose, delete, eprint_line};
use crate::run::remove;

/// Remove deleted runs for good
#[derive(Args)]
#[command(after_help = "'gage runs --deleted' lists the runs that can be purged.")]
pub struct PurgeArgs {
    /// Runs to purge, as 'gage runs --deleted' lists them (default: all that match the filters)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage purge";

pub fn run(args: PurgeArgs, context: &Context) -> CommandResult {
    let rows = choose::list_deleted(&context.runs_store()?, &args.filters, COMMAND)?;
    let rows = choose::named(rows, &args.runs, context, COMMAND)?;
    if rows.is_empty() {
        eprint_line("Nothing to purge.");
        return Ok(0);
    }
    let everything = args.runs.is_empty() && !args.filters.any();
    delete::confirm_permanent(&rows, args.yes, everything, context)?;
    changing::each_run(&rows, "Permanently deleted {} run(s)", |row| remove::purge(&row.run))
}
