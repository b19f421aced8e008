//! `gage select`: ids, directories or attributes of chosen runs, for scripts.

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, print};
use crate::report::field;
use crate::scalars::ColSpec;
use crate::store::{Field, RunRow};

/// Print the id of a run
#[derive(Args)]
pub struct SelectArgs {
    /// Runs to select (default: the newest)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Select all matching runs, one a line
    #[arg(short = 'A', long)]
    all: bool,

    /// Print short ids
    #[arg(short, long)]
    short: bool,

    /// Print an attribute instead of the id
    #[arg(short, long, value_name = "ATTR", conflicts_with_all = ["short", "path"])]
    attr: Option<String>,

    /// Print the run directory instead of the id
    #[arg(short, long, visible_alias = "dir", conflicts_with = "short")]
    path: bool,

    /// Select the run with the smallest value of a column, such as 'loss' or 'min loss'
    #[arg(long, value_name = "COL")]
    min: Option<String>,

    /// Select the run with the largest value of a column
    #[arg(long, value_name = "COL")]
    max: Option<String>,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: SelectArgs, context: &Context) -> CommandResult {
    let best = match (&args.min, &args.max) {
        (Some(_), Some(_)) => {
            return Err(Failure::misuse(
                "--min and --max cannot both be specified",
                "gage select",
            ));
        }
        (Some(column), None) => Some((ColSpec::parse(column)?, 1.0)),
        (None, Some(column)) => Some((ColSpec::parse(column)?, -1.0)),
        (None, None) => None,
    };
    let several = args.all || !args.runs.is_empty() && best.is_none();
    let rows = choose::with_scalars(&context.runs_store()?, &args.filters, "gage select")?.rows;
    let mut rows = choose::named(rows, &args.runs, context, "gage select")?;
    if let Some((column, sign)) = best {
        rows = sorted(rows, &column, sign);
    }
    if !several {
        rows.truncate(1);
    }
    if rows.is_empty() {
        return Err(choose::none());
    }
    let mut out = String::new();
    for row in &rows {
        out.push_str(&text(row, &args)?);
        out.push('\n');
    }
    print(&out);
    Ok(0)
}

/// The runs that have a number in the column, smallest first (largest for a negative sign); the newer of equals.
fn sorted(rows: Vec<RunRow>, column: &ColSpec, sign: f64) -> Vec<RunRow> {
    let mut numbered: Vec<(f64, RunRow)> = rows
        .into_iter()
        .filter_map(|row| {
            let number = Field::of(column, &row).number().filter(|n| !n.is_nan())?;
            Some((sign * number, row))
        })
        .collect();
    numbered.sort_by(|a, b| a.0.total_cmp(&b.0));
    numbered.into_iter().map(|(_, row)| row).collect()
}

fn text(row: &RunRow, args: &SelectArgs) -> Result<String, Failure> {
    if args.path {
        return Ok(row.run.dir().display().to_string());
    }
    if args.short {
        return Ok(row.run.short_id().to_string());
    }
    let Some(name) = &args.attr else {
        return Ok(row.run.id().to_string());
    };
    match Field::attribute(name, row) {
        Field::Missing if KNOWN.contains(&name.as_str()) => Ok(String::new()),
        Field::Missing => Err(Failure::new(format!("no such run attribute '{name}'"))),
        found => Ok(field::exact(&found)),
    }
}

/// Attributes that every run may have, so that their absence is an empty line.
const KNOWN: &[&str] = &[
    "comment",
    "comments",
    "exit_status",
    "from",
    "initialized",
    "label",
    "model",
    "sourcecode",
    "sourcecode_digest",
    "started",
    "stopped",
    "tags",
    "time",
    "vcs_commit",
];
