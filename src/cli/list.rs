//! `gage runs`, `gage list`: the runs there are.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, eprint_line, print, print_bytes};
use crate::report::listing::{self, Form};
use crate::report::table::{FRAME, framed};
use crate::report::{Cell, Column, Paint, Screen, Table, info, json, time};
use crate::store::{RunRow, Store};

/// Runs shown unless more are asked for.
const PAGE: usize = 20;

const COMMAND: &str = "gage runs";

/// List runs, newest first
#[derive(Args)]
#[command(after_help = "\
Other commands can be written after 'runs' as well: 'gage runs delete' is 'gage delete'.

Time ranges (--started): 'after 9:30', 'before 11-20', 'between 11-01 and 11-20', 'last 2 hours', 'today',
'yesterday', 'this week', 'last month', '3 days ago'.")]
pub struct ListArgs {
    /// Show all runs (default: the newest 20)
    #[arg(short, long)]
    all: bool,

    /// Show 20 more runs, again for each time given
    #[arg(short, long, action = ArgAction::Count)]
    more: u8,

    /// Show at most N runs
    #[arg(short = 'n', long, value_name = "N", value_parser = super::args::at_least_one)]
    limit: Option<u64>,

    /// Show deleted runs
    #[arg(short, long)]
    deleted: bool,

    /// Show the runs in directory PATH
    #[arg(short = 'A', long, value_name = "PATH", conflicts_with = "deleted")]
    archive: Option<PathBuf>,

    /// Show comments
    #[arg(short, long)]
    comments: bool,

    /// Show all details of each run
    #[arg(short, long)]
    verbose: bool,

    /// Show position, operation, status and label only
    #[arg(short, long, conflicts_with_all = ["verbose", "comments"])]
    simplified: bool,

    /// Show names and relative times, with headings, in a box
    #[arg(long, conflicts_with_all = ["simplified", "verbose", "comments"])]
    table: bool,

    /// Print JSON
    #[arg(long, conflicts_with_all = ["simplified", "verbose", "comments", "table"])]
    json: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: ListArgs, context: &Context) -> CommandResult {
    let store = match &args.archive {
        Some(path) => archive(context, path)?,
        None => context.runs_store()?,
    };
    let limit = match args.limit {
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        // A program that reads a list wants all of it.
        None if args.all || args.json => usize::MAX,
        None => PAGE * (1 + usize::from(args.more)),
    };
    let (mut rows, total) = found(&store, &args, limit)?;
    rows.truncate(limit);
    if args.json {
        print_bytes(&json::runs(&rows));
        return Ok(0);
    }
    print(&text(&rows, &args, context));
    if rows.len() < total && args.limit.is_none() {
        eprint_line(&format!(
            "Showing the first {} runs ({total} total) - use --all to show all or -m to show more",
            rows.len()
        ));
    }
    Ok(0)
}

/// The rows to show and how many there are. Scalars are read only for those forms that show them.
fn found(store: &Store, args: &ListArgs, limit: usize) -> Result<(Vec<RunRow>, usize), Failure> {
    if args.deleted {
        let rows = choose::list_deleted(store, &args.filters, COMMAND)?;
        let total = rows.len();
        return Ok((rows, total));
    }
    let listing = if args.json || args.verbose {
        choose::with_scalars(store, &args.filters, COMMAND)?
    } else {
        choose::newest(store, &args.filters, limit, COMMAND)?
    };
    Ok((listing.rows, listing.total))
}

fn archive(context: &Context, path: &std::path::Path) -> Result<Store, Failure> {
    let dir = context.cwd.join(path);
    if dir.is_dir() {
        return Ok(Store::open(dir));
    }
    let text = if dir.exists() {
        "is not a directory"
    } else {
        "does not exist"
    };
    Err(Failure::new(format!("{} {text}", path.display())))
}

fn text(rows: &[RunRow], args: &ListArgs, context: &Context) -> String {
    let screen = Screen::stdout();
    let here = context.here();
    if args.table {
        let size = screen
            .size
            .map(|(columns, lines)| (columns.saturating_sub(FRAME), lines));
        return framed(&named_table(rows).lines(&Screen { size, ..screen }));
    }
    let form = if args.simplified {
        Form::Simplified
    } else {
        Form::Listed
    };
    let lines = listing::table(rows, form, &here).lines(&screen);
    let mut out = String::new();
    for (line, row) in lines.iter().zip(rows) {
        out.push_str(line);
        if args.verbose {
            let more = info::More {
                comments: args.comments,
                ..super::info::more(row)
            };
            for line in info::text(row, &more, &here, &screen).lines() {
                out.push_str(&format!("  {line}\n"));
            }
        } else if args.comments {
            out.push_str(&info::comments(row, 2));
        }
    }
    out
}

fn named_table(rows: &[RunRow]) -> Table {
    let mut table = Table::new(vec![
        Column::new("#").right(),
        Column::new("name"),
        Column::new("operation").gives_way(12),
        Column::new("started"),
        Column::new("status"),
        Column::new("label").gives_way(10),
    ]);
    let now = time::now();
    for (index, row) in rows.iter().enumerate() {
        let status = listing::status(row);
        table.push(vec![
            Cell::painted((index + 1).to_string(), Paint::Dim),
            Cell::new(row.run.name()),
            Cell::new(row.operation.as_str()),
            Cell::painted(row.began().map(|t| time::ago(t, now)).unwrap_or_default(), Paint::Dim),
            Cell::painted(status.as_str(), Paint::of_status(&status)),
            Cell::new(row.label.as_deref().unwrap_or_default()),
        ]);
    }
    table
}
