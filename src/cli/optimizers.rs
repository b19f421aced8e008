//! `gage optimizers`: what can be given to `--optimizer`, with the options of each.

use clap::Args;
use gage_optimizers::options::{OptionKind, OptionSpec};
use gage_optimizers::registry::{Entry, REGISTRY, find};
use serde_json::json;

use super::{CommandResult, Failure, print};

/// When to use which, and what was measured: what `gage help optimizers` prints.
pub const GUIDE: &str = include_str!("../../docs/optimizers.md");

/// List the optimizers and their options
#[derive(Args)]
pub struct OptimizersArgs {
    /// Show only this one, with when to use it
    name: Option<String>,
    /// JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: OptimizersArgs) -> CommandResult {
    let entries: Vec<&Entry> =
        match &args.name {
            None => REGISTRY.to_vec(),
            Some(name) => vec![find(name).ok_or_else(|| {
                Failure::new(format!("unknown optimizer '{name}'\nTry 'gage optimizers' for a list."))
            })?],
        };
    if args.json {
        print(&format!(
            "{:#}\n",
            entries.iter().map(|e| to_json(e)).collect::<serde_json::Value>()
        ));
    } else if args.name.is_some() {
        print(&describe(entries[0]));
    } else {
        print(&list(&entries));
    }
    Ok(0)
}

fn list(entries: &[&Entry]) -> String {
    let width = entries.iter().map(|e| e.name.len()).max().unwrap_or(0);
    let given = |o: &OptionSpec| format!("{}={}", o.name, o.default);
    let options = entries.iter().flat_map(|e| e.options);
    let column = options.map(|o| given(o).len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        text += &format!("{:width$}  {}\n", entry.name, entry.summary);
        for option in entry.options {
            text += &format!("{:width$}    -Fo {:column$}  {}\n", "", given(option), option.help);
        }
    }
    text
}

/// An optimizer's page: what `gage optimizers NAME` and `gage help NAME` print.
pub fn describe(entry: &Entry) -> String {
    let mut text = format!("{}: {}\n\n{}\n", entry.name, entry.summary, entry.when);
    if !entry.aliases.is_empty() {
        text += &format!("\nAlso called: {}\n", entry.aliases.join(", "));
    }
    if !entry.options.is_empty() {
        text += "\nOptions (give as -Fo NAME=VALUE):\n";
        let width = entry.options.iter().map(|o| o.name.len()).max().unwrap_or(0);
        for option in entry.options {
            text += &format!(
                "  {:width$}  {} (default is {}; {})\n",
                option.name,
                option.help,
                option.default,
                values(option.kind)
            );
        }
    }
    text
}

fn values(kind: OptionKind) -> String {
    match kind {
        OptionKind::Int { min } => format!("an integer of at least {min}"),
        OptionKind::Number => "a number".to_string(),
        OptionKind::Choice(choices) => choices.join(", "),
        OptionKind::NumberOr(word) => format!("'{word}' or a number"),
    }
}

fn to_json(entry: &Entry) -> serde_json::Value {
    let options: Vec<_> = entry
        .options
        .iter()
        .map(|o| json!({ "name": o.name, "default": o.default, "values": values(o.kind), "help": o.help }))
        .collect();
    json!({
        "name": entry.name,
        "aliases": entry.aliases,
        "summary": entry.summary,
        "when": entry.when,
        "sequential": entry.sequential,
        "options": options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_names_every_optimizer() {
        for entry in REGISTRY {
            assert!(GUIDE.contains(&format!("| `{}` |", entry.name)), "{}", entry.name);
        }
        assert!(GUIDE.contains("## Measured"));
    }

    #[test]
    fn options_stand_in_a_column() {
        let text = list(REGISTRY);
        let options: Vec<&str> = text.lines().filter_map(|l| l.split_once("-Fo ")).map(|l| l.1).collect();
        // What is given, at least two spaces, and the help, which begins where every other does.
        let column = |option: &str| {
            let given = option.find("  ").unwrap();
            option.len() - option[given..].trim_start().len()
        };
        assert!(
            options.len() > 9 && options.iter().all(|o| column(o) == column(options[0])),
            "{text}"
        );
    }
}
