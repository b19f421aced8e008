//! Fields of an operation that both dialects write alike: from a file's values to an [`OpDef`]'s. Errors are
//! texts; who reads the file says where.

mod flags;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::OptimizerDef;
use crate::flags::document::Data;
use crate::flags::{Value, scalar};

pub(super) use flags::{Import, flags, flags_dest, flags_import};

/// Signals that may be asked for, without `SIG`.
pub(super) const STOP_SIGNALS: [&str; 6] = ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2"];

/// A scalar as a text; `None` for null, lists and maps.
pub(super) fn text_of(data: &Data) -> Option<String> {
    match data {
        Data::Text(text) => Some(text.clone()),
        Data::Bool(v) => Some(if *v { "yes" } else { "no" }.to_string()),
        Data::Int(_) | Data::Float(_) => Some(data.to_string()),
        Data::Null | Data::List(_) | Data::Map(_) => None,
    }
}

/// A text field. Null counts as absent.
pub(super) fn text(key: &str, data: &Data) -> Result<Option<String>, String> {
    match data {
        Data::Null => Ok(None),
        other => text_of(other)
            .map(Some)
            .ok_or_else(|| format!("invalid {key} value {other}: expected a string")),
    }
}

/// Whether a field says yes.
pub(super) fn truth(data: &Data) -> bool {
    match data {
        Data::Null => false,
        Data::Bool(v) => *v,
        Data::Int(v) => *v != 0,
        Data::Float(v) => *v != 0.0,
        Data::Text(text) => match scalar::plain(text) {
            Value::Bool(v) => v,
            _ => !text.is_empty(),
        },
        Data::List(items) => !items.is_empty(),
        Data::Map(map) => !map.is_empty(),
    }
}

/// A text or a list of texts.
pub(super) fn texts(key: &str, data: &Data) -> Result<Vec<String>, String> {
    let fail = || format!("invalid {key} value {data}: expected a string or a list of strings");
    match data {
        Data::Null => Ok(Vec::new()),
        Data::List(items) => items.iter().map(|item| text_of(item).ok_or_else(fail)).collect(),
        other => text_of(other).map(|text| vec![text]).ok_or_else(fail),
    }
}

/// A number field.
pub(super) fn number(key: &str, data: &Data) -> Result<Option<f64>, String> {
    match data {
        Data::Null => Ok(None),
        other => match other.to_value().as_f64() {
            Some(v) if v.is_finite() => Ok(Some(v)),
            _ => Err(format!("invalid {key} value {other}: expected a number")),
        },
    }
}

/// `output-scalars` and `output-attrs`, kept as written once they have a form that can be.
pub(super) fn output_patterns(key: &str, data: &Data) -> Result<Option<Json>, String> {
    match data {
        Data::Null => Ok(None),
        Data::Bool(true) if key == "output-attrs" => Ok(Some(Json::Bool(true))),
        Data::Bool(false) | Data::Text(_) | Data::List(_) | Data::Map(_) => Ok(Some(data.to_json())),
        other => Err(format!(
            "invalid {key} {other}: expected a mapping, list, string, or false"
        )),
    }
}

/// `objective`: a column, with a leading `-` to maximize.
pub(super) fn objective(data: &Data) -> Result<Option<String>, String> {
    let fail =
        || format!("invalid objective {data}: expected a column, {{'minimize': COLUMN}} or {{'maximize': COLUMN}}");
    match data {
        Data::Null => Ok(None),
        Data::Text(text) if !text.trim().is_empty() => Ok(Some(text.trim().to_string())),
        Data::Map(map) if map.len() == 1 => match map.first() {
            Some((key, Data::Text(column))) if key == "minimize" => Ok(Some(column.clone())),
            Some((key, Data::Text(column))) if key == "maximize" => Ok(Some(format!("-{column}"))),
            _ => Err(fail()),
        },
        _ => Err(fail()),
    }
}

/// `optimizer`: one, which is the default.
pub(super) fn optimizer(data: &Data) -> Result<Vec<OptimizerDef>, String> {
    match data {
        Data::Null => Ok(Vec::new()),
        Data::Text(_) | Data::Map(_) => {
            let mut one = optimizer_def(None, data)?;
            one.default = true;
            Ok(vec![one])
        }
        other => Err(format!("invalid optimizer config {other}: expected list or mapping")),
    }
}

/// `optimizers`: a list of names or maps, or a map by name.
pub(super) fn optimizers(data: &Data) -> Result<Vec<OptimizerDef>, String> {
    match data {
        Data::Null => Ok(Vec::new()),
        Data::List(items) => items.iter().map(|item| optimizer_def(None, item)).collect(),
        Data::Map(map) => map.iter().map(|(name, item)| optimizer_def(Some(name), item)).collect(),
        other => Err(format!("invalid optimizer config {other}: expected list or mapping")),
    }
}

fn optimizer_def(name: Option<&str>, data: &Data) -> Result<OptimizerDef, String> {
    let fail = || format!("invalid optimizer config {data}: expected list or mapping");
    let mut def = OptimizerDef::default();
    match data {
        Data::Null => {}
        Data::Text(algorithm) => def.algorithm = algorithm.clone(),
        Data::Map(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "algorithm" | "optimizer" => def.algorithm = text_of(value).ok_or_else(fail)?,
                    "name" if name.is_none() => def.name = text_of(value).ok_or_else(fail)?,
                    "default" => def.default = truth(value),
                    _ => {
                        def.flags.insert(key.clone(), value.to_value());
                    }
                }
            }
        }
        _ => return Err(fail()),
    }
    if let Some(name) = name {
        def.name = name.to_string();
    }
    if def.name.is_empty() {
        def.name = def.algorithm.clone();
    } else if def.algorithm.is_empty() {
        def.algorithm = def.name.clone();
    }
    if def.name.is_empty() {
        return Err(fail());
    }
    Ok(def)
}

/// `env`: values as texts; true is `1`, false is empty, null is nothing at all.
pub(super) fn env(data: &Data) -> Result<IndexMap<String, String>, String> {
    let map = match data {
        Data::Null => return Ok(IndexMap::new()),
        Data::Map(map) => map,
        other => return Err(format!("invalid env value {other}: expected a mapping")),
    };
    let mut env = IndexMap::new();
    for (name, value) in map {
        let value = match value {
            Data::Null => continue,
            Data::Bool(v) => if *v { "1" } else { "" }.to_string(),
            other => {
                text_of(other).ok_or_else(|| format!("invalid env value {other} for {name}: expected a string"))?
            }
        };
        env.insert(name.clone(), value);
    }
    Ok(env)
}

/// `default-max-trials`.
pub(super) fn count(key: &str, data: &Data) -> Result<Option<u64>, String> {
    match data {
        Data::Null => Ok(None),
        Data::Int(v) if *v > 0 => Ok(Some(v.unsigned_abs())),
        Data::Float(v) if *v >= 1.0 && v.fract() == 0.0 && *v < 1e15 => Ok(Some(*v as u64)),
        other => Err(format!("invalid {key} value {other}: expected a positive integer")),
    }
}

/// `stop-signal`: with or without `SIG`.
pub(super) fn stop_signal(data: &Data) -> Result<Option<String>, String> {
    let Some(name) = text("stop-signal", data)? else {
        return Ok(None);
    };
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    if STOP_SIGNALS.contains(&short) {
        return Ok(Some(short.to_string()));
    }
    Err(format!(
        "invalid stop-signal value '{name}': expected one of {}",
        STOP_SIGNALS.join(", ")
    ))
}

/// `steps`: the list; what the steps are is looked at when they are needed.
pub(super) fn steps(data: &Data) -> Result<Vec<Json>, String> {
    match data {
        Data::Null => Ok(Vec::new()),
        Data::List(items) => Ok(items.iter().map(Data::to_json).collect()),
        other => Err(format!("invalid steps data {other}: expected a list")),
    }
}

/// Keys of a source, one of which it has to have.
pub(super) const SOURCE_KEYS: [&str; 5] = ["config", "file", "module", "operation", "url"];

/// `requires`: texts and maps.
pub(super) fn requires(data: &Data) -> Result<Vec<Json>, String> {
    let items = match data {
        Data::Null => return Ok(Vec::new()),
        Data::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items
        .iter()
        .map(|item| match item {
            Data::Text(_) => Ok(item.to_json()),
            Data::Map(map) if map.contains_key("resource") => Ok(item.to_json()),
            // An inline resource may have several sources.
            Data::Map(map) if map.contains_key("sources") => {
                sources(item.get("sources").unwrap_or(&Data::Null))?;
                Ok(item.to_json())
            }
            Data::Map(_) => {
                source(item)?;
                Ok(item.to_json())
            }
            other => Err(format!(
                "invalid dependency value {other}: expected a string or mapping"
            )),
        })
        .collect()
}

/// The sources of a resource.
pub(super) fn sources(data: &Data) -> Result<(), String> {
    match data {
        Data::Null => Ok(()),
        Data::List(items) => items.iter().try_for_each(source),
        other => Err(format!("invalid sources value {other}: expected a list")),
    }
}

fn source(data: &Data) -> Result<(), String> {
    match data {
        // A text is a file, or an address.
        Data::Text(_) => Ok(()),
        Data::Map(map) if SOURCE_KEYS.iter().any(|key| map.contains_key(*key)) => Ok(()),
        other => Err(format!(
            "invalid source {other}: missing required attribute (one of {})",
            SOURCE_KEYS.join(", ")
        )),
    }
}
