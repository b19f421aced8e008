//! `gage operations`: what can be run here.

use clap::Args;
use serde_json::json;

use super::{CommandResult, Context, Failure, print};
use crate::flags::encode;
use crate::project::{Command, OpDef};
use crate::report::help;

/// List the operations of this project
#[derive(Args)]
pub struct OperationsArgs {
    /// Show only operations whose name holds each of these texts
    filters: Vec<String>,
    /// Show private operations, too
    #[arg(short, long)]
    all: bool,
    /// Accepted as in Guild AI; there are no installed operations
    #[arg(short, long, hide = true)]
    installed: bool,
    /// Show what each runs, and its flags
    #[arg(short, long)]
    verbose: bool,
    /// JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: OperationsArgs, context: &Context) -> CommandResult {
    let project = context.project()?;
    let named = |def: &&OpDef| {
        let name = def.name.to_lowercase();
        args.filters.iter().all(|filter| name.contains(&filter.to_lowercase()))
    };
    let found: Vec<&OpDef> = project
        .operations()
        .filter(|def| args.all || !def.is_private())
        .filter(named)
        .collect();
    if args.json {
        let list: Vec<_> = found.iter().map(|def| to_json(def)).collect();
        print(&format!("{:#}\n", serde_json::Value::from(list)));
        return Ok(0);
    }
    if found.is_empty() {
        return Err(Failure::new(match args.filters.is_empty() {
            true => "No operations defined for the current directory".to_string(),
            false => format!("No operations match '{}'", args.filters.join(" ")),
        }));
    }
    if !args.verbose {
        print(&help::summaries(&found, 0));
        return Ok(0);
    }
    for def in found {
        // What cannot be completed is still listed, with the reason.
        match project.operation(Some(&def.name)) {
            Ok(complete) => print(&details(&complete)),
            Err(error) => print(&format!("{}\n  error: {error}\n", def.name)),
        }
    }
    Ok(0)
}

fn to_json(def: &OpDef) -> serde_json::Value {
    json!({
        "name": def.name,
        "description": def.description,
        "default": def.default,
        "private": def.is_private(),
    })
}

fn details(def: &OpDef) -> String {
    let mut text = help::summaries(&[def], 0);
    if def.default {
        text += "  default: yes\n";
    }
    match &def.exec.run {
        Some(Command::Shell(command)) => text += &format!("  exec: {}\n", command.trim_end().replace('\n', "\n    ")),
        Some(Command::Words(words)) => text += &format!("  exec: {}\n", words.join(" ")),
        None if !def.steps.is_empty() => text += &format!("  steps: {}\n", def.steps.len()),
        None => {}
    }
    if !def.flags.is_empty() {
        text += &format!("  flags-dest: {}\n  flags:\n", def.flags_dest.text());
        for (name, flag) in &def.flags {
            let default = match flag.default.is_null() {
                true => String::new(),
                false => format!(" {}", encode(&flag.default)),
            };
            text += &format!("    {name}:{default}\n");
        }
    }
    text
}
