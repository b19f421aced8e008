//! `gage batch list`: the batches there are, and how far they are.

use clap::Args;
use serde_json::Value as Json;

use crate::batch::overview::Overview;
use crate::batch::resume;
use crate::cli::filters::FilterArgs;
use crate::cli::{CommandResult, Context, choose, eprint_line, print};
use crate::report::{Screen, study};

/// List batches, newest first, with their progress
#[derive(Args)]
pub struct BatchListArgs {
    /// Only batches that did not come to their end
    #[arg(short, long)]
    unfinished: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: BatchListArgs, context: &Context) -> CommandResult {
    let rows = choose::matching(context, &args.filters, "gage batch list")?;
    let mut batches = Vec::new();
    // Numbered as `gage runs` does, so that the numbers name the same runs everywhere.
    for (index, row) in rows.iter().enumerate() {
        if !row.batch || !resume::is_batch(&row.run) {
            continue;
        }
        match Overview::read(&row.run) {
            Ok(overview) if args.unfinished && overview.finished => {}
            Ok(overview) => batches.push((index + 1, row.operation.clone(), overview)),
            Err(error) => eprint_line(&format!("WARNING: {error}")),
        }
    }
    if args.json {
        let all: Vec<Json> = batches.iter().map(|(_, op, o)| study::json(op, o, false)).collect();
        print(&format!("{:#}\n", Json::Array(all)));
    } else {
        print(&study::list(&batches, &Screen::stdout()));
    }
    Ok(0)
}
