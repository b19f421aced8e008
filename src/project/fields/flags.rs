//! Flags: their definitions, which of a script's count, and where they go.

use indexmap::IndexMap;

use super::{text, text_of, truth};
use crate::flags::document::Data;
use crate::flags::{Choice, FlagDef, FlagValues, Value, scalar};
use crate::project::FlagsDest;

/// `flags`: a map of default values or definitions.
pub(in crate::project) fn flags(data: &Data) -> Result<IndexMap<String, FlagDef>, String> {
    let map = match data {
        Data::Null => return Ok(IndexMap::new()),
        Data::Map(map) => map,
        other => return Err(format!("invalid flags value {other}: expected a mapping")),
    };
    map.iter().map(|(name, data)| Ok((name.clone(), flag(data)?))).collect()
}

fn flag(data: &Data) -> Result<FlagDef, String> {
    let Data::Map(map) = data else {
        return Ok(FlagDef {
            default: data.to_value(),
            ..FlagDef::default()
        });
    };
    let mut flag = FlagDef::default();
    for (key, data) in map {
        let value = || (!data.is_null()).then(|| data.to_value());
        match key.as_str() {
            "default" => flag.default = data.to_value(),
            "description" => flag.description = text(key, data)?.unwrap_or_default(),
            "type" => flag.kind = text(key, data)?,
            "required" => flag.required = truth(data),
            "choices" => flag.choices = choices(data)?,
            "allow-other" => flag.allow_other = truth(data),
            "min" => flag.min = value(),
            "max" => flag.max = value(),
            "distribution" => flag.distribution = text(key, data)?,
            "nullable" => flag.nullable = Some(truth(data)),
            "null-label" => flag.null_label = text(key, data)?,
            "alias" => flag.alias = text(key, data)?,
            "arg-name" => flag.arg_name = text(key, data)?,
            "arg-switch" => flag.arg_switch = value(),
            "arg-skip" => flag.arg_skip = truth(data),
            "arg-encoding" => flag.arg_encoding = encoding(key, data)?,
            "arg-split" => flag.arg_split = value(),
            "env-name" => flag.env_name = text(key, data)?,
            "env-encoding" => flag.env_encoding = encoding(key, data)?,
            _ => {
                flag.other.insert(key.clone(), data.to_json());
            }
        }
    }
    Ok(flag)
}

fn choices(data: &Data) -> Result<Option<Vec<Choice>>, String> {
    let fail = |data: &Data| format!("invalid flag choice data {data}: expected a list of values or mappings");
    let items = match data {
        Data::Null => return Ok(None),
        Data::List(items) => items,
        other => return Err(fail(other)),
    };
    items
        .iter()
        .map(|item| {
            let Data::Map(map) = item else {
                return Ok(Choice {
                    value: item.to_value(),
                    ..Choice::default()
                });
            };
            let field = |key: &str| map.get(key).map_or(Ok(None), |data| text(key, data));
            Ok(Choice {
                value: map.get("value").map(Data::to_value).ok_or_else(|| fail(data))?,
                description: field("description")?.unwrap_or_default(),
                alias: field("alias")?,
                flags: match map.get("flags") {
                    None | Some(Data::Null) => FlagValues::new(),
                    Some(Data::Map(flags)) => flags.iter().map(|(k, v)| (k.clone(), v.to_value())).collect(),
                    Some(_) => return Err(fail(data)),
                },
            })
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn encoding(key: &str, data: &Data) -> Result<Option<Vec<(Value, String)>>, String> {
    match data {
        Data::Null => Ok(None),
        Data::Map(map) => map
            .iter()
            .map(|(value, shown)| Ok((scalar::plain(value), text(key, shown)?.unwrap_or_default())))
            .collect::<Result<_, String>>()
            .map(Some),
        other => Err(format!("invalid {key} value {other}: expected a mapping")),
    }
}

/// Which flags of the script count.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::project) enum Import {
    #[default]
    No,
    All,
    Names(Vec<String>),
}

/// `flags-import`.
pub(in crate::project) fn flags_import(data: &Data) -> Result<Import, String> {
    let fail = || format!("invalid flags-import value {data}: expected yes/all, no, or a list of flag names");
    match data {
        Data::Null | Data::Bool(false) => Ok(Import::No),
        Data::Bool(true) => Ok(Import::All),
        Data::Text(text) if text == "all" => Ok(Import::All),
        Data::List(items) => items
            .iter()
            .map(|item| text_of(item).ok_or_else(fail))
            .collect::<Result<_, _>>()
            .map(Import::Names),
        _ => Err(fail()),
    }
}

/// `flags-dest`.
pub(in crate::project) fn flags_dest(text: &str) -> Result<FlagsDest, String> {
    let named = |name: &str, dest: fn(String) -> FlagsDest| (!name.is_empty()).then(|| dest(name.to_string()));
    let dest = match text.split_once(':') {
        None => match text {
            "args" => Some(FlagsDest::Args),
            "globals" => Some(FlagsDest::Globals),
            "env" | "none" => Some(FlagsDest::Env),
            _ => None,
        },
        Some(("args", _)) => Some(FlagsDest::Args),
        Some(("global" | "globals" | "dict", name)) => named(name, FlagsDest::Dict),
        Some(("namespace", name)) => named(name, FlagsDest::Namespace),
        Some(("config", path)) => named(path, FlagsDest::Config),
        Some(_) => None,
    };
    dest.ok_or_else(|| {
        format!(
            "invalid flags-dest value '{text}': expected args, globals, global:NAME, dict:NAME, namespace:NAME, \
             config:PATH or env"
        )
    })
}
