//! `gage label`: sets, extends and clears labels.

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, changing};
use crate::report::prompt::Default::Yes;
use crate::run::user::Changes;

/// Set or change the label of runs
#[derive(Args)]
pub struct LabelArgs {
    /// Runs to label (default: the newest)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Set the label to VAL
    #[arg(short, long, value_name = "VAL", allow_hyphen_values = true)]
    set: Option<String>,

    /// Put VAL before the label [also: --tag]
    #[arg(short, long, value_name = "VAL", allow_hyphen_values = true)]
    prepend: Option<String>,

    /// Put VAL after the label
    #[arg(short, long, value_name = "VAL", allow_hyphen_values = true)]
    append: Option<String>,

    /// Take VAL out of the label [short: -rm, also: --untag]
    #[arg(long, value_name = "VAL", allow_hyphen_values = true)]
    remove: Option<String>,

    /// Clear the label
    #[arg(short, long)]
    clear: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage label";
const ACTIONS: [&str; 5] = ["--set", "--append", "--prepend", "--remove", "--clear"];

pub fn run(args: LabelArgs, context: &Context) -> CommandResult {
    let given = [
        args.set.is_some(),
        args.append.is_some(),
        args.prepend.is_some(),
        args.remove.is_some(),
        args.clear,
    ];
    let given: Vec<(&str, bool)> = ACTIONS.into_iter().zip(given).collect();
    changing::one_action(COMMAND, &given, &ACTIONS)?;
    let Some(rows) = changing::to_modify(context, &args.filters, &args.runs, COMMAND)? else {
        return Ok(0);
    };
    changing::confirmed(context, &rows, args.yes, &heading(&args), "Continue", Yes)?;
    let done = if args.clear {
        "Cleared label for {} run(s)"
    } else {
        "Labeled {} run(s)"
    };
    changing::each(&rows, done, |row| {
        let old = row.label.as_deref().unwrap_or_default();
        Changes::new().label(&changed(old, &args))
    })
}

fn heading(args: &LabelArgs) -> String {
    if let Some(value) = &args.set {
        format!("You are about to label the following runs with '{value}':")
    } else if let Some(value) = &args.prepend {
        format!("You are about to put '{value}' before the label of the following runs:")
    } else if let Some(value) = &args.append {
        format!("You are about to put '{value}' after the label of the following runs:")
    } else if let Some(value) = &args.remove {
        format!("You are about to take '{value}' out of the label of the following runs:")
    } else {
        "You are about to clear the label of the following runs:".into()
    }
}

fn changed(old: &str, args: &LabelArgs) -> String {
    if let Some(value) = &args.set {
        value.clone()
    } else if let Some(value) = &args.prepend {
        with_before(old, value)
    } else if let Some(value) = &args.append {
        join(old, value)
    } else if let Some(value) = &args.remove {
        without(old, value)
    } else {
        String::new()
    }
}

/// `value` and the label.
pub fn with_before(label: &str, value: &str) -> String {
    join(value, label)
}

fn join(first: &str, second: &str) -> String {
    match (first.is_empty(), second.is_empty()) {
        (true, _) => second.to_string(),
        (_, true) => first.to_string(),
        _ => format!("{first} {second}"),
    }
}

/// The label without `value` where it stands as whole words.
pub fn without(label: &str, value: &str) -> String {
    let unwanted: Vec<&str> = value.split_whitespace().collect();
    if unwanted.is_empty() {
        return label.to_string();
    }
    let words: Vec<&str> = label.split_whitespace().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if words[at..].starts_with(&unwanted) {
            at += unwanted.len();
        } else {
            kept.push(words[at]);
            at += 1;
        }
    }
    if kept.len() == words.len() {
        return label.to_string();
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_taken_out() {
        assert_eq!(without("best a=1 best", "best"), "a=1");
        assert_eq!(without("a=10 a=1", "a=1"), "a=10");
        assert_eq!(without("very  good run", "very good"), "run");
        assert_eq!(without("a  b", "c"), "a  b");
        assert_eq!(without("a", ""), "a");
    }

    #[test]
    fn joining_leaves_no_blanks() {
        assert_eq!(with_before("", "x"), "x");
        assert_eq!(with_before("a=1", "x"), "x a=1");
    }
}
