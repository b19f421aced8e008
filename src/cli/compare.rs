//! `gage compare`: runs side by side, best first if asked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, eprint_line, print, reason};
use crate::report::{Comparison, Screen, pager};
use crate::run::meta;
use crate::scalars::columns::{ColKind, Qualifier, ScalarCol};
use crate::scalars::{ColSpec, TagSummary};
use crate::store::{Field, RunRow};

/// A column of the comparison.
#[derive(Debug, Clone, PartialEq)]
enum Shown {
    Spec(ColSpec),
    /// How far the run got: the last step of `loss` if it is logged, else the largest last step.
    Step,
}

impl Shown {
    fn heading(&self) -> String {
        match self {
            Shown::Spec(column) => column.heading(),
            Shown::Step => "step".into(),
        }
    }

    fn field(&self, row: &RunRow) -> Field {
        match self {
            Shown::Spec(column) => Field::of(column, row),
            Shown::Step => {
                let own = |s: &&TagSummary| !s.is_system();
                let loss = row.scalars.iter().find(|s| s.key() == "loss");
                let furthest = || row.scalars.iter().filter(own).max_by_key(|s| s.last_step);
                loss.or_else(furthest)
                    .map_or(Field::Missing, |s| Field::Whole(s.last_step))
            }
        }
    }
}

fn specs(columns: Vec<ColSpec>) -> Vec<Shown> {
    columns.into_iter().map(Shown::Spec).collect()
}

/// Compare runs: flags, scalars and status side by side
#[derive(Args)]
#[command(after_help = "\
Columns are scalars ('loss', 'min loss', 'loss step'), flags ('=lr') and attributes ('.label'), separated by commas;
'loss as L' names one.")]
pub struct CompareArgs {
    /// Runs to compare (default: all but batches)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Print the table at once, also where it does not fit the terminal
    #[arg(short, long)]
    table: bool,

    /// Write CSV to PATH, or '-' for standard output
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-", conflicts_with = "table")]
    csv: Option<PathBuf>,

    /// Print JSON
    #[arg(long, conflicts_with_all = ["table", "csv"])]
    json: bool,

    /// Add columns
    #[arg(short, long, value_name = "COLS")]
    columns: Vec<String>,

    /// Show the run and these columns only [short: -cc]
    #[arg(long, value_name = "COLS", conflicts_with = "columns")]
    only: Option<String>,

    /// Leave out operation, started, time, status and label
    #[arg(short = 'r', long)]
    skip_core: bool,

    /// Leave out the columns that the operation defines
    #[arg(short = 'p', long)]
    skip_op_cols: bool,

    /// Leave out columns with one value throughout
    #[arg(short = 'u', long)]
    skip_unchanged: bool,

    /// Add the source code digest
    #[arg(short, long)]
    extra: bool,

    /// Add scalars about the machine
    #[arg(short = 's', long)]
    all_scalars: bool,

    /// Show the first N runs only
    #[arg(short = 'n', long, value_name = "N", value_parser = super::args::at_least_one)]
    limit: Option<u64>,

    /// Sort by a column, smallest first
    #[arg(long, value_name = "COL")]
    min: Option<String>,

    /// Sort by a column, largest first
    #[arg(long, value_name = "COL", conflicts_with = "min")]
    max: Option<String>,

    /// Compare batches as well
    #[arg(long)]
    include_batch: bool,

    /// Print the names of the scalars there are
    #[arg(long)]
    print_scalars: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: CompareArgs, context: &Context) -> CommandResult {
    // Wrong columns are found before anything is read.
    let mut added = Vec::new();
    for spec in &args.columns {
        added.extend(ColSpec::parse_list(spec)?);
    }
    let only = args.only.as_deref().map(ColSpec::parse_list).transpose()?;
    let sort = match (&args.min, &args.max) {
        (Some(column), _) => Some((ColSpec::parse(column)?, 1.0)),
        (_, Some(column)) => Some((ColSpec::parse(column)?, -1.0)),
        _ => None,
    };
    let mut rows = choose::with_scalars(&context.runs_store()?, &args.filters, "gage compare")?.rows;
    if args.runs.is_empty() && !args.include_batch {
        rows.retain(|row| !row.batch);
    }
    let mut rows = choose::named(rows, &args.runs, context, "gage compare")?;
    if let Some((column, sign)) = sort {
        rows = best_first(rows, &column, sign);
    }
    if let Some(limit) = args.limit {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    if args.print_scalars {
        print(&scalar_names(&rows));
        return Ok(0);
    }
    let columns = match only {
        Some(only) => [vec![attribute("run")], specs(only)].concat(),
        None => [base(&rows, &args), specs(added)].concat(),
    };
    show(comparison(&rows, columns, &args), &args, context)
}

/// Runs sorted by a column; those without it last, NaN before them. Equals stay newest first.
fn best_first(rows: Vec<RunRow>, column: &ColSpec, sign: f64) -> Vec<RunRow> {
    let mut keyed: Vec<((u8, f64), RunRow)> = rows
        .into_iter()
        .map(|row| {
            let key = match Field::of(column, &row).number() {
                None => (2, 0.0),
                Some(n) if n.is_nan() => (1, 0.0),
                Some(n) => (0, sign * n),
            };
            (key, row)
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    keyed.into_iter().map(|(_, row)| row).collect()
}

fn comparison(rows: &[RunRow], columns: Vec<Shown>, args: &CompareArgs) -> Comparison {
    let mut expanded: Vec<Shown> = Vec::new();
    let mut add = |column: Shown| {
        // A column that is asked for twice is shown once.
        if !expanded.contains(&column) {
            expanded.push(column);
        }
    };
    for column in columns {
        match &column {
            Shown::Spec(spec) if spec.kind == ColKind::Base => base(rows, args).into_iter().for_each(&mut add),
            _ => add(column),
        }
    }
    let mut comparison = Comparison {
        headings: expanded.iter().map(Shown::heading).collect(),
        rows: rows
            .iter()
            .map(|row| expanded.iter().map(|column| column.field(row)).collect())
            .collect(),
    };
    if args.skip_unchanged && rows.len() > 1 {
        comparison.retain_columns(|c, column| c.headings[column] == "run" || !c.is_constant(column));
    }
    comparison
}

/// The columns shown without any asked for: core, then those that the operations define, or all flags and scalars.
fn base(rows: &[RunRow], args: &CompareArgs) -> Vec<Shown> {
    let mut columns = vec![attribute("run")];
    if !args.skip_core {
        columns.extend(["operation", "started", "time", "status", "label"].map(attribute));
    }
    if args.extra {
        columns.push(attribute("sourcecode"));
    }
    let defined = if args.skip_op_cols { Vec::new() } else { defined(rows) };
    if defined.is_empty() {
        columns.extend(flags_and_scalars(rows, args.all_scalars));
    } else {
        columns.extend(defined);
    }
    columns
}

/// The `compare` columns of the operations that were run, each operation asked once.
fn defined(rows: &[RunRow]) -> Vec<Shown> {
    let mut asked = BTreeSet::new();
    let mut columns = Vec::new();
    for row in rows {
        if !asked.insert((&row.opref, &row.project)) {
            continue;
        }
        let opdef = meta::read_json(&row.run.meta("opdef.json"))
            .ok()
            .flatten()
            .unwrap_or_default();
        let written = opdef["compare"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|spec| spec.as_str());
        for spec in written {
            columns.extend(specs(ColSpec::parse_list(spec).unwrap_or_default()));
        }
    }
    columns
}

fn flags_and_scalars(rows: &[RunRow], system: bool) -> Vec<Shown> {
    let flags: BTreeSet<&String> = rows.iter().flat_map(|row| row.flags.keys()).collect();
    let flag = |name: &String| column(ColKind::Flag(name.clone()));
    let mut columns: Vec<Shown> = flags.into_iter().map(flag).collect();
    let shown = |s: &&TagSummary| system || !s.is_system();
    let keys: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| row.scalars.iter().filter(shown).map(TagSummary::key))
        .collect();
    if !keys.is_empty() {
        columns.push(Shown::Step);
    }
    columns.extend(keys.iter().map(|key| scalar(key)));
    columns
}

/// Last value of a scalar by its key, `tag` or `prefix#tag`.
fn scalar(key: &str) -> Shown {
    let (prefix, tag) = match key.split_once('#') {
        Some((prefix, tag)) => (Some(prefix.to_string()), tag),
        None => (None, key),
    };
    column(ColKind::Scalar(ScalarCol {
        qualifier: Qualifier::Last,
        prefix,
        tag: tag.to_string(),
        step: false,
    }))
}

fn attribute(name: &str) -> Shown {
    column(ColKind::Attribute(name.to_string()))
}

fn column(kind: ColKind) -> Shown {
    Shown::Spec(ColSpec { kind, name: None })
}

/// Every scalar, as it can be given to `--columns`.
fn scalar_names(rows: &[RunRow]) -> String {
    let keys: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| row.scalars.iter().map(TagSummary::key))
        .collect();
    keys.iter().map(|key| format!("{key}\n")).collect()
}

fn show(comparison: Comparison, args: &CompareArgs, context: &Context) -> CommandResult {
    if args.json {
        print(&comparison.json());
        return Ok(0);
    }
    if let Some(path) = &args.csv {
        if path.as_os_str() == "-" {
            print(&comparison.csv());
            return Ok(0);
        }
        let target = context.cwd.join(path);
        std::fs::write(&target, comparison.csv())
            .map_err(|e| Failure::new(format!("cannot write {}: {}", path.display(), reason(&e))))?;
        return Ok(0);
    }
    let screen = Screen::stdout();
    let whole = Screen { size: None, ..screen };
    if args.table {
        print(&comparison.table(&whole));
        return Ok(0);
    }
    let mut narrow = comparison.clone();
    let left_out = match args.only {
        Some(_) => Vec::new(),
        None => narrow.fit_width(&screen, &GIVE_WAY),
    };
    let text = narrow.table(&screen);
    // What is still too wide is shown whole, to be scrolled in both directions.
    let shown = if pager::fits_width(&text, &screen) {
        pager::fits(&text, &screen) || !pager::page(text.as_bytes())?
    } else {
        !pager::page(comparison.table(&whole).as_bytes())?
    };
    if shown {
        print(&text);
    }
    if !left_out.is_empty() {
        eprint_line(&format!("Left out to fit: {} (--table shows all)", left_out.join(", ")));
    }
    Ok(0)
}

/// Columns that say least beside the others, first the one that goes first.
const GIVE_WAY: [&str; 4] = ["label", "time", "started", "operation"];
