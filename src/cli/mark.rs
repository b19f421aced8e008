//! `gage mark`: marks runs, and takes marks away.

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, changing};
use crate::report::prompt::Default::Yes;
use crate::run::user::Changes;

/// Mark runs, to find them again
#[derive(Args)]
pub struct MarkArgs {
    /// Runs to mark (default: the newest)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Take the mark away
    #[arg(short, long)]
    clear: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: MarkArgs, context: &Context) -> CommandResult {
    let Some(rows) = changing::to_modify(context, &args.filters, &args.runs, "gage mark")? else {
        return Ok(0);
    };
    let (word, done) = if args.clear {
        ("unmark", "Unmarked {} run(s)")
    } else {
        ("mark", "Marked {} run(s)")
    };
    let heading = format!("You are about to {word} the following runs:");
    changing::confirmed(context, &rows, args.yes, &heading, "Continue", Yes)?;
    changing::each(&rows, done, |_| Changes::new().mark(!args.clear))
}
