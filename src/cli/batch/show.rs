//! `gage batch show`: how far a batch is, what came of its trials, and what can be done next.

use clap::Args;

use super::chosen;
use crate::batch::overview::{Overview, Standing};
use crate::cli::{CommandResult, Context, eprint_line, print};
use crate::report::Screen;
use crate::report::study::{self, PAGE};

/// Show a batch: progress, best trial, changes and trials
#[derive(Args)]
pub struct BatchShowArgs {
    /// Batch to show (default: the newest)
    #[arg(value_name = "BATCH")]
    batch: Option<String>,

    /// Show all trials (default: the last 20)
    #[arg(short, long)]
    all: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: BatchShowArgs, context: &Context) -> CommandResult {
    let row = chosen(context, args.batch.as_deref(), "gage batch show")?;
    let overview = Overview::read(&row.run)?;
    if args.json {
        print(&format!("{:#}\n", study::json(&row.operation, &overview, true)));
        return Ok(0);
    }
    print(&study::text(&row.operation, &overview, args.all, &Screen::stdout()));
    let count = overview.trials.len();
    if !args.all && count > PAGE {
        eprint_line(&format!(
            "Showing the last {PAGE} trials ({count} total) - use --all to show all"
        ));
    }
    if let Some(advice) = advice(&overview) {
        eprint_line(&advice);
    }
    Ok(0)
}

/// What somebody who looks at the batch may want to do next.
fn advice(overview: &Overview) -> Option<String> {
    use crate::batch::event::Status::Error;
    let id = overview.batch.short_id();
    if overview.is_paused() {
        return Some(format!("It is paused. To go on, use 'gage batch continue {id}'."));
    }
    if overview.driver.is_some() {
        return None;
    }
    if !overview.finished {
        return Some(format!("To go on with it, use 'gage batch resume {id}'."));
    }
    let failed = overview.count(|standing| standing == Standing::Ended(Error));
    (failed > 0).then(|| format!("To run failed trials again, use 'gage batch retry --failed {id}'."))
}
