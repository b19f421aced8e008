//! `gage tag`: adds and deletes tags.

use std::collections::BTreeSet;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, changing, choose, label, print};
use crate::report::prompt::Default::Yes;
use crate::run::user::Changes;
use crate::store::RunRow;

/// Add or delete tags of runs
#[derive(Args)]
pub struct TagArgs {
    /// Runs to change (default: the newest)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Add a tag
    #[arg(short, long, value_name = "TAG")]
    add: Vec<String>,

    /// Delete a tag
    #[arg(short, long, value_name = "TAG")]
    delete: Vec<String>,

    /// Delete all tags
    #[arg(short, long)]
    clear: bool,

    /// Put added tags before the label, take deleted ones out of it
    #[arg(short, long)]
    sync_labels: bool,

    /// Print the tags of all matching runs, one a line
    #[arg(long, conflicts_with_all = ["add", "delete", "clear", "sync_labels"])]
    list_all: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage tag";

pub fn run(args: TagArgs, context: &Context) -> CommandResult {
    if args.list_all {
        let rows = choose::matching(context, &args.filters, COMMAND)?;
        let rows = choose::named(rows, &args.runs, context, COMMAND)?;
        let tags: BTreeSet<&String> = rows.iter().flat_map(|row| &row.tags).collect();
        print(&tags.iter().map(|tag| format!("{tag}\n")).collect::<String>());
        return Ok(0);
    }
    let given = !args.add.is_empty() || !args.delete.is_empty() || args.clear;
    let actions = ["--add", "--delete", "--clear", "--list-all"];
    changing::one_action(COMMAND, &[("--add", given)], &actions)?;
    let Some(rows) = changing::to_modify(context, &args.filters, &args.runs, COMMAND)? else {
        return Ok(0);
    };
    let mut heading = "You are about to modify tags for the following runs:".to_string();
    if !args.sync_labels {
        heading.push_str("\nLabels are not updated - use --sync-labels to change them as well.");
    }
    changing::confirmed(context, &rows, args.yes, &heading, "Continue", Yes)?;
    changing::each(&rows, "Modified tags for {} run(s)", |row| changes(row, &args))
}

fn changes(row: &RunRow, args: &TagArgs) -> Changes {
    let mut changes = Changes::new();
    let mut text = row.label.clone().unwrap_or_default();
    let cleared: &[String] = if args.clear { &row.tags } else { &[] };
    for tag in cleared.iter().chain(&args.delete).filter(|tag| !args.add.contains(tag)) {
        changes = changes.untag(tag);
        text = label::without(&text, tag);
    }
    for tag in args.add.iter().rev() {
        changes = changes.tag(tag);
        text = label::with_before(&label::without(&text, tag), tag);
    }
    if args.sync_labels && text != row.label.as_deref().unwrap_or_default() {
        changes = changes.label(&text);
    }
    changes
}
