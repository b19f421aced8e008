//! The gage dialect: a checked file to operations. Everything that can be wrong with a value's shape was found
//! by `schema`; what is left is what values mean together.

use indexmap::IndexMap;

use super::declared::{Declared, Dialect};
use super::fields;
use super::{Command, ConfigSelect, Exec, SourceCode};
use crate::flags::document::Data;

/// The operations of a file, and its `$runs-dir`.
pub(super) fn operations(file: &Data) -> Result<(Vec<Declared>, Option<String>), String> {
    let empty = IndexMap::new();
    let entries = file.as_map().unwrap_or(&empty);
    let mut operations = Vec::new();
    for (name, data) in entries.iter().filter(|(name, _)| !name.starts_with('$')) {
        operations.push(operation(name, data).map_err(|reason| format!("{name}: {reason}"))?);
    }
    let runs_dir = entries.get("$runs-dir").and_then(fields::text_of);
    Ok((operations, runs_dir))
}

fn operation(name: &str, data: &Data) -> Result<Declared, String> {
    let mut op = Declared::new(Dialect::Gage, name);
    op.def.sourcecode = SourceCode::standard();
    let empty = IndexMap::new();
    for (key, value) in data.as_map().unwrap_or(&empty) {
        match key.as_str() {
            "version" => op.def.version = fields::text(key, value)?,
            "exec" => {
                op.def.exec = exec(value);
                op.has_exec = true;
            }
            "sourcecode" => op.def.sourcecode = sourcecode(key, value)?,
            "config" => op.def.config = config(value)?,
            "depends" => op.def.depends = list(value),
            "listing" => {
                let columns = value
                    .get("description")
                    .map(|columns| fields::texts("listing", columns));
                op.def.listing = columns.transpose()?;
            }
            _ => op.field(key, value)?,
        }
    }
    check_optimizers(data, name)?;
    Ok(op)
}

/// One way of naming optimizers is enough.
pub(super) fn check_optimizers(data: &Data, name: &str) -> Result<(), String> {
    let given = |key: &str| data.get(key).is_some_and(|value| !value.is_null());
    if given("optimizer") && given("optimizers") {
        return Err(format!(
            "conflicting optimizer configuration in operation '{name}' - cannot specify both 'optimizer' and \
             'optimizers'"
        ));
    }
    Ok(())
}

fn exec(data: &Data) -> Exec {
    let Data::Map(phases) = data else {
        return Exec {
            run: command(data),
            ..Exec::default()
        };
    };
    let phase = |name: &str| phases.get(name).and_then(command);
    Exec {
        stage_sourcecode: phase("stage-sourcecode"),
        stage_runtime: phase("stage-runtime"),
        stage_dependencies: phase("stage-dependencies"),
        run: phase("run"),
        finalize: phase("finalize"),
    }
}

/// A command; an empty one runs nothing.
pub(super) fn command(data: &Data) -> Option<Command> {
    match data {
        Data::Text(text) if text.is_empty() => None,
        Data::Text(text) => Some(Command::Shell(text.clone())),
        Data::List(words) if words.is_empty() => None,
        Data::List(words) => Some(Command::Words(words.iter().filter_map(fields::text_of).collect())),
        _ => None,
    }
}

fn sourcecode(key: &str, data: &Data) -> Result<SourceCode, String> {
    Ok(match data {
        Data::Null | Data::Bool(true) => SourceCode::standard(),
        Data::Bool(false) => SourceCode::nothing(),
        Data::List(items) if items.is_empty() => SourceCode::nothing(),
        other => SourceCode::from_patterns(fields::texts(key, other)?),
    })
}

fn list(data: &Data) -> Vec<serde_json::Value> {
    match data {
        Data::Null => Vec::new(),
        Data::List(items) => items.iter().map(Data::to_json).collect(),
        one => vec![one.to_json()],
    }
}

fn config(data: &Data) -> Result<Vec<ConfigSelect>, String> {
    match data {
        Data::Null => Ok(Vec::new()),
        Data::Map(_) => Ok(vec![config_entry(data)?]),
        Data::List(items) if items.iter().any(|item| item.as_map().is_some()) => {
            items.iter().map(config_entry).collect()
        }
        other => Ok(vec![ConfigSelect {
            keys: config_keys(other)?,
            ..ConfigSelect::default()
        }]),
    }
}

fn config_entry(data: &Data) -> Result<ConfigSelect, String> {
    let Data::Map(map) = data else {
        return Ok(ConfigSelect {
            keys: config_keys(data)?,
            ..ConfigSelect::default()
        });
    };
    let field = |key: &str| map.get(key).map_or(Ok(None), |value| fields::text(key, value));
    Ok(ConfigSelect {
        keys: config_keys(map.get("keys").unwrap_or(&Data::Null))?,
        description: field("description")?.unwrap_or_default(),
        prefix: field("prefix")?,
        strip_prefix: field("strip-prefix")?,
        rename: field("rename")?,
    })
}

fn config_keys(data: &Data) -> Result<Vec<String>, String> {
    let keys = fields::texts("config", data)?;
    if keys.iter().any(|key| key.trim().is_empty()) {
        return Err("config path cannot be empty".into());
    }
    Ok(keys)
}
