//! One operation of a model.

use indexmap::IndexMap;

use super::model::merge;
use super::sourcecode;
use crate::flags::document::Data;
use crate::project::declared::{Declared, Dialect};
use crate::project::gage::{check_optimizers, command};
use crate::project::{Command, fields};

/// What an operation may run, the first that is given counts.
const RUNS: [&str; 4] = ["notebook", "main", "exec", "steps"];

/// Keys that are accepted and change nothing.
const WITHOUT_EFFECT: [&str; 8] = [
    "python-requires",
    "pip-freeze",
    "handle-keyboard-interrupt",
    "plugins",
    "flag-encoder",
    "publish",
    "isolate-runs",
    "references",
];

/// Reads the operation `op` of a model. `sourcecode` is the model's.
pub(super) fn read(
    model: &str,
    op: &str,
    data: &Data,
    defaults: &IndexMap<String, Data>,
    sourcecode: Option<&Data>,
) -> Result<Declared, String> {
    let own = match data {
        Data::Map(map) => map.clone(),
        Data::Text(text) => {
            let key = if text.ends_with(".ipynb") { "notebook" } else { "main" };
            IndexMap::from([(key.to_string(), data.clone())])
        }
        other => {
            return Err(format!(
                "invalid value for operation '{op}' {other}: expected a string or a mapping"
            ));
        }
    };
    let map = merge(defaults.clone(), own);
    let mut declared = Declared::new(Dialect::Guild, op);
    declared.model = model.to_string();
    if !model.is_empty() {
        declared.def.name = format!("{model}:{op}");
    }
    let given = |key: &&str| map.get(*key).is_some_and(|value| !value.is_null());
    let runs: Vec<&str> = RUNS.into_iter().filter(given).collect();
    for ignored in runs.iter().skip(1) {
        declared.def.warnings.push(format!(
            "operation '{}' and '{ignored}' both specified, ignoring '{ignored}'",
            runs[0]
        ));
    }
    let run = runs.first().copied();
    for (key, value) in &map {
        match key.as_str() {
            key if RUNS.contains(&key) && run != Some(key) => {}
            "main" => {
                let main = fields::text(key, value)?.unwrap_or_default();
                declared.main = Some(main);
            }
            "exec" => {
                declared.has_exec = true;
                declared.def.exec.run = exec(value)?;
            }
            "notebook" => declared.notebook = fields::text(key, value)?,
            "sourcecode" => declared.def.sourcecode = sourcecode::read(value)?,
            "env-secrets" => declared.def.env_secrets = fields::texts(key, value)?,
            "python-path" => declared.def.python_path = fields::texts(key, value)?,
            "run-attrs" => match value.to_json() {
                serde_json::Value::Object(attrs) => declared.def.run_attrs = attrs,
                serde_json::Value::Null => {}
                _ => return Err(format!("invalid run-attrs value {value}: expected a mapping")),
            },
            "default-flag-arg-skip" => {}
            key if WITHOUT_EFFECT.contains(&key) => {}
            key => declared.field(key, value)?,
        }
    }
    if !given(&"sourcecode") {
        declared.def.sourcecode = sourcecode::read(sourcecode.unwrap_or(&Data::Null))?;
    }
    if run.is_none() {
        declared.main = Some(op.to_string());
    }
    if run != Some("steps") {
        declared.def.steps.clear();
    }
    if map.get("default-flag-arg-skip").is_some_and(fields::truth) {
        let said = |flag: &str| {
            map.get("flags")
                .and_then(|flags| flags.get(flag)?.get("arg-skip"))
                .is_some()
        };
        for (name, flag) in &mut declared.def.flags {
            flag.arg_skip |= !said(name);
        }
    }
    check_optimizers(&Data::Map(map), op)?;
    Ok(declared)
}

/// A command. One that needs no shell is run without: a program that is not there is then reported as such.
fn exec(data: &Data) -> Result<Option<Command>, String> {
    let Data::Text(text) = data else {
        return match data {
            Data::List(_) => Ok(command(data)),
            other => Err(format!("invalid exec value {other}: expected a string or a list")),
        };
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let references_gone = text.replace("${", "");
    let needs_shell = references_gone.contains(['\n', ';', '|', '&', '<', '>', '`', '$', '*', '?', '~', '#', '(']);
    match shlex::split(text) {
        Some(words) if !needs_shell && words.first().is_some_and(|word| !word.contains('=')) => {
            Ok(Some(Command::Words(words)))
        }
        _ => Ok(Some(Command::Shell(text.clone()))),
    }
}
