//! Help texts of operations, models and projects: what they are and which flags they take.

use std::fmt::Write;

use crate::flags::{FlagDef, Value, encode, label};
use crate::project::{
    self, {Model, OpDef},
};

/// What `gage run OP -h` and `gage help OP` print.
pub fn operation(def: &OpDef) -> String {
    let mut text = format!("Usage: gage run [OPTIONS] {} [FLAG]...\n\n", def.name);
    if !def.description.is_empty() {
        let _ = writeln!(text, "{}\n", def.description);
    }
    text += "Use 'gage run --help' for a list of options.\n";
    let flags = flags(def);
    if !flags.is_empty() {
        let _ = write!(text, "\nFlags:\n{flags}");
    }
    // Definitions that are wrong were refused with the operation.
    let steps = project::steps::of(def).unwrap_or_default();
    let requires = project::sources::of(def).unwrap_or_default();
    let steps = steps.iter().map(|step| step.text.as_str());
    let requires = requires.iter().map(|resource| resource.name.as_str());
    for (heading, lines) in [("Steps", steps.collect::<Vec<_>>()), ("Requires", requires.collect())] {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{heading}:\n  {}", lines.join("\n  "));
        }
    }
    text
}

/// The operations of a model.
pub fn model(model: &Model, operations: &[&OpDef]) -> String {
    let name = match model.name.as_str() {
        "" => "this project",
        name => name,
    };
    let mut text = format!(
        "Usage: gage run [OPTIONS] {}OPERATION [FLAG]...\n\n",
        prefix(&model.name)
    );
    if !model.description.is_empty() {
        let _ = writeln!(text, "{}\n", model.description.trim_end());
    }
    text += "Use 'gage run OPERATION -h' for help on an operation.\n\n";
    let _ = writeln!(text, "Operations of {name}:");
    text + &summaries(operations, 2)
}

/// All operations of a project with their flags.
pub fn project(operations: &[OpDef]) -> String {
    let mut text = String::from("Usage: gage run [OPTIONS] OPERATION [FLAG]...\n\nOperations:\n");
    for def in operations {
        let _ = writeln!(text, "\n  {}", heading(def, def.name.chars().count()));
        for line in flags(def).lines() {
            text += if line.is_empty() { "" } else { "    " };
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// One line each: the name, two blanks, the first line of the description.
pub fn summaries(operations: &[&OpDef], indent: usize) -> String {
    let width = operations.iter().map(|def| def.name.chars().count()).max().unwrap_or(0);
    let lines = operations
        .iter()
        .map(|def| format!("{:indent$}{}\n", "", heading(def, width)));
    lines.collect()
}

fn heading(def: &OpDef, width: usize) -> String {
    let summary = def.description.lines().next().unwrap_or_default();
    format!("{:width$}  {summary}", def.name).trim_end().to_string()
}

fn prefix(model: &str) -> String {
    match model {
        "" => String::new(),
        model => format!("{model}:"),
    }
}

/// The flags by name, each with its first line of help and its choices; empty if there are none.
fn flags(def: &OpDef) -> String {
    let mut flags: Vec<(&String, &FlagDef)> = def.flags.iter().collect();
    flags.sort_by_key(|(name, _)| *name);
    let width = flags.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, flag) in flags {
        let line = format!("  {name:width$}  {}", about(flag));
        let _ = writeln!(text, "{}", line.trim_end());
        if let Some(choices) = choices(flag) {
            let indent = " ".repeat(width + 4);
            text.push('\n');
            for line in choices.lines() {
                let _ = writeln!(text, "{indent}{line}");
            }
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The help of a flag, with its default or that it is required.
fn about(flag: &FlagDef) -> String {
    let mut about = flag.description.lines().next().unwrap_or_default().trim().to_string();
    let mut notes = Vec::new();
    if !flag.default.is_null() {
        notes.push(format!("default is {}", shown(&flag.default)));
    } else if let Some(label) = &flag.null_label {
        notes.push(format!("default is {label}"));
    }
    if flag.required {
        notes.push("required".into());
    }
    match (&flag.min, &flag.max) {
        (Some(min), Some(max)) => notes.push(format!("{} to {}", shown(min), shown(max))),
        (Some(min), None) => notes.push(format!("at least {}", shown(min))),
        (None, Some(max)) => notes.push(format!("at most {}", shown(max))),
        (None, None) => {}
    }
    if let Some(alias) = &flag.alias {
        notes.push(format!("also called {alias}"));
    }
    if !notes.is_empty() {
        about += if about.is_empty() { "" } else { " " };
        let _ = write!(about, "({})", notes.join("; "));
    }
    about
}

/// A value as one would type it.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) if text.contains(' ') => label::in_label(value),
        other => encode(other),
    }
}

fn choices(flag: &FlagDef) -> Option<String> {
    let choices = flag.choices.as_ref().filter(|choices| !choices.is_empty())?;
    if choices
        .iter()
        .all(|choice| choice.description.is_empty() && choice.alias.is_none())
    {
        let values: Vec<String> = choices.iter().map(|choice| shown(&choice.value)).collect();
        return Some(format!("Choices:  {}", values.join(", ")));
    }
    let names: Vec<String> = choices
        .iter()
        .map(|choice| choice.alias.clone().unwrap_or_else(|| shown(&choice.value)))
        .collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::from("Choices:\n");
    for (name, choice) in names.iter().zip(choices) {
        let line = format!(
            "  {name:width$}  {}",
            choice.description.lines().next().unwrap_or_default()
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Choice;

    fn choice(value: &str, description: &str) -> Choice {
        Choice {
            value: value.into(),
            description: description.into(),
            ..Choice::default()
        }
    }

    #[test]
    fn an_operation_and_its_flags() {
        let mut def = OpDef {
            name: "op".into(),
            description: "DESCRIPTION".into(),
            ..OpDef::default()
        };
        assert_eq!(
            operation(&def),
            "Usage: gage run [OPTIONS] op [FLAG]...\n\nDESCRIPTION\n\nUse 'gage run --help' for a list of options.\n"
        );
        let flag = |default: Value, description: &str| FlagDef {
            default,
            description: description.into(),
            ..FlagDef::default()
        };
        def.flags.insert(
            "req".into(),
            FlagDef {
                required: true,
                ..FlagDef::default()
            },
        );
        def.flags.insert(
            "c".into(),
            FlagDef {
                choices: Some(vec![choice("a", ""), choice("x y", "")]),
                ..flag("a".into(), "")
            },
        );
        def.flags.insert(
            "lr".into(),
            FlagDef {
                min: Some(Value::Int(0)),
                ..flag(Value::Float(0.1), "Rate\nmore")
            },
        );
        def.flags.insert("s".into(), flag("x y".into(), ""));
        def.flags.insert("t".into(), flag("1".into(), ""));
        def.flags.insert(
            "z".into(),
            FlagDef {
                choices: Some(vec![choice("a", "First"), choice("bb", "")]),
                ..FlagDef::default()
            },
        );
        assert_eq!(
            operation(&def).split_once("Flags:\n").unwrap().1,
            "  c    (default is a)\n\n       Choices:  a, 'x y'\n\n  lr   Rate (default is 0.1; at least 0)\n  \
             req  (required)\n  s    (default is 'x y')\n  t    (default is '1')\n  z\n\n       Choices:\n         \
             a   First\n         bb\n"
        );
        assert!(project(std::slice::from_ref(&def)).contains("\n  op  DESCRIPTION\n      c    (default is a)\n\n"));
        assert_eq!(summaries(&[&def], 0), "op  DESCRIPTION\n");
        let help = model(
            &Model {
                name: "m".into(),
                ..Model::default()
            },
            &[&def],
        );
        assert!(help.starts_with("Usage: gage run [OPTIONS] m:OPERATION") && help.ends_with("\n  op  DESCRIPTION\n"));
    }
}
