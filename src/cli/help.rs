//! `gage help`: an operation, a script, a command, an optimizer, which optimizer to take, or the whole project.

use clap::{Args, CommandFactory};
use gage_optimizers::registry;

use super::{Cli, CommandResult, Context, optimizers, print};
use crate::project::{OpDef, Project};
use crate::report::help;

/// Show help for an operation, a script, a command or an optimizer
#[derive(Args)]
pub struct HelpArgs {
    /// An operation, a script, a directory, a command or an optimizer (default: the project)
    #[arg(value_name = "OPERATION|PATH")]
    subject: Option<String>,
    /// The whole definition of an operation as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: HelpArgs, context: &Context) -> CommandResult {
    let dir = args
        .subject
        .as_ref()
        .map(|subject| context.cwd.join(subject))
        .filter(|path| path.is_dir());
    if dir.is_some() || args.subject.is_none() {
        let project = match &dir {
            Some(dir) => Project::open(dir)?,
            None => context.project()?,
        };
        let mut operations = Vec::new();
        for def in project.operations().filter(|def| !def.is_private()) {
            // What cannot be completed is shown as far as it goes.
            operations.push(project.operation(Some(&def.name)).unwrap_or_else(|_| def.clone()));
        }
        if args.json {
            print(&format!(
                "{:#}\n",
                operations.iter().map(json).collect::<serde_json::Value>()
            ));
        } else if operations.is_empty() {
            // A directory without operations may bear the name of what gage itself explains, such as `optimizers`.
            let known = args.subject.and_then(|subject| other_help(&project, &subject));
            print(&known.unwrap_or_else(|| Cli::command().render_help().to_string()));
        } else {
            print(&help::project(&operations));
        }
        return Ok(0);
    }
    let subject = args.subject.unwrap_or_default();
    let project = context.project()?;
    let def = match project.operation(Some(&subject)) {
        Ok(def) => def,
        Err(error) => {
            if let Some(text) = other_help(&project, &subject) {
                print(&text);
                return Ok(0);
            }
            return Err(error.into());
        }
    };
    match args.json {
        true => print(&format!("{:#}\n", json(&def))),
        false => print(&help::operation(&def)),
    }
    Ok(0)
}

fn json(def: &OpDef) -> serde_json::Value {
    serde_json::to_value(def).unwrap_or_default()
}

/// Help for what is no operation: a model, a command of gage, an optimizer.
fn other_help(project: &Project, subject: &str) -> Option<String> {
    if let Some(model) = project
        .models
        .iter()
        .find(|model| model.name == subject && !subject.is_empty())
    {
        return Some(help::model(model, &project.operations_of(model)));
    }
    if subject == "optimizers" {
        return Some(optimizers::GUIDE.to_string());
    }
    let mut root = Cli::command();
    root.build();
    if let Some(command) = root.find_subcommand_mut(subject) {
        return Some(command.render_help().to_string());
    }
    registry::find(subject).map(optimizers::describe)
}
