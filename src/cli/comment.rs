//! `gage comment`: adds, lists and deletes comments.

use clap::Args;

use super::editor;
use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, changing, print};
use crate::report::listing::{self, Form};
use crate::report::prompt::Default::Yes;
use crate::report::{Screen, time};
use crate::run::user::Changes;
use crate::store::RunRow;

/// Add, list or delete comments of runs
#[derive(Args)]
pub struct CommentArgs {
    /// Runs (default: the newest)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Add a comment
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    add: Option<String>,

    /// Write the comment in an editor; with --add, starting from TEXT
    #[arg(short, long)]
    edit: bool,

    /// List comments
    #[arg(short, long)]
    list: bool,

    /// Delete the comment with this number
    #[arg(short, long, value_name = "INDEX", value_parser = index)]
    delete: Option<usize>,

    /// Delete all comments
    #[arg(short, long)]
    clear: bool,

    /// Author of an added comment, as USER or USER@HOST
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage comment";
const ACTIONS: [&str; 5] = ["--add", "--edit", "--list", "--delete", "--clear"];

fn index(text: &str) -> Result<usize, String> {
    let number = super::args::number_from(text, 0, None)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

pub fn run(args: CommentArgs, context: &Context) -> CommandResult {
    let given = [
        ("--add", args.add.is_some() || args.edit),
        ("--list", args.list),
        ("--delete", args.delete.is_some()),
        ("--clear", args.clear),
    ];
    changing::one_action(COMMAND, &given, &ACTIONS)?;
    let Some(rows) = changing::to_modify(context, &args.filters, &args.runs, COMMAND)? else {
        return Ok(0);
    };
    if args.list {
        print(&rows.iter().map(|row| listed(row, context)).collect::<String>());
        return Ok(0);
    }
    if let Some(index) = args.delete {
        return delete(index, &rows, &args, context);
    }
    if args.clear {
        let heading = "You are about to delete all comments of the following runs:";
        changing::confirmed(context, &rows, args.yes, heading, "Continue", Yes)?;
        return changing::each(&rows, "Deleted all comments for {} run(s)", |row| {
            let keys = row.comments.iter().map(|c| c.key.as_str());
            keys.fold(Changes::new(), Changes::delete)
        });
    }
    let text = match (&args.add, args.edit) {
        (Some(text), false) => text.clone(),
        (text, _) => editor::edited(text.as_deref().unwrap_or_default())?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new("the comment is empty - nothing was added"));
    }
    let heading = "You are about to add a comment to the following runs:";
    changing::confirmed(context, &rows, args.yes, heading, "Continue", Yes)?;
    changing::each(&rows, "Added comment to {} run(s)", |_| {
        let mut changes = Changes::new();
        changes.author = args.user.clone().unwrap_or_else(author);
        changes.comment(text)
    })
}

fn delete(index: usize, rows: &[RunRow], args: &CommentArgs, context: &Context) -> CommandResult {
    for row in rows {
        if !(1..=row.comments.len()).contains(&index) {
            return Err(Failure::new(format!(
                "comment index {index} is out of range for {}",
                row.run.id()
            )));
        }
    }
    let heading = format!("You are about to delete comment {index} of the following runs:");
    changing::confirmed(context, rows, args.yes, &heading, "Continue", Yes)?;
    changing::each(rows, "Deleted comment for {} run(s)", |row| {
        Changes::new().delete(&row.comments[index - 1].key)
    })
}

/// The run, then each comment under its number, author and time.
fn listed(row: &RunRow, context: &Context) -> String {
    let mut out = listing::table([row], Form::Heading, &context.here()).render(&Screen::stdout());
    for (index, comment) in row.comments.iter().enumerate() {
        let time = i64::try_from(comment.timestamp).map(time::local).unwrap_or_default();
        out.push_str(&format!("[{}] {} {time}\n\n", index + 1, comment.author));
        for line in comment.text.lines() {
            out.push_str(format!("  {line}").trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// `USER@HOST`.
fn author() -> String {
    let attrs = crate::run::system_attrs();
    let text = |name: &str| attrs.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_string();
    format!("{}@{}", text("user"), text("host"))
}
