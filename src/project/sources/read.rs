//! One source, read: its kind, and what is to become of its files.

use serde_json::{Map, Value as Json};

use super::patterns::{pattern, patterns, renames};
use super::{Origin, Source, text};
use crate::flags::{Data, FlagValues, Value};
use crate::project::fields::SOURCE_KEYS;

/// Reads a source; what it does not say itself is taken from its resource's `attributes`.
pub(super) fn source(json: &Json, attributes: &Map<String, Json>) -> Result<Source, String> {
    let map = match json {
        Json::String(text) if text.contains("://") => Map::from_iter([("url".to_string(), json.clone())]),
        Json::String(text) => match text.split_once(':') {
            Some((kind, value)) if SOURCE_KEYS.contains(&kind) => Map::from_iter([(kind.to_string(), value.into())]),
            _ => Map::from_iter([("file".to_string(), json.clone())]),
        },
        Json::Object(map) => map.clone(),
        _ => Map::new(),
    };
    let fail = |reason: &str| format!("invalid source {}: {reason}", Data::from(json));
    let keys: Vec<&str> = SOURCE_KEYS.into_iter().filter(|key| map.contains_key(*key)).collect();
    let (kind, value) = match keys[..] {
        [] => {
            let missing = format!("missing required attribute (one of {})", SOURCE_KEYS.join(", "));
            return Err(fail(&missing));
        }
        [key] => (key, text(&map[key]).ok_or_else(|| fail(&format!("{key} is no text")))?),
        _ => return Err(fail(&format!("conflicting attributes ({})", keys.join(", ")))),
    };
    if value.trim().is_empty() {
        return Err(fail(&format!("{kind} is empty")));
    }
    let origin = match kind {
        "file" => Origin::File(value),
        "url" => Origin::Url(value),
        "operation" => Origin::Operation(value.split(',').map(|name| name.trim().to_string()).collect()),
        "module" => Origin::Module(value),
        _ => Origin::Config {
            path: value,
            params: match map.get("params").map(Value::from_json) {
                None | Some(Value::Null) => FlagValues::new(),
                Some(Value::Map(params)) => params,
                Some(_) => return Err(fail("params is no mapping")),
            },
        },
    };
    // `path`, `target-type` and the like may be said of the whole resource.
    let get = |keys: &[&str]| {
        let own = keys.iter().find_map(|key| map.get(*key));
        let of_all = || keys.iter().find_map(|key| attributes.get(*key));
        own.or_else(of_all).filter(|value| !value.is_null())
    };
    let only_own = |key: &str| map.get(key).filter(|value| !value.is_null());
    let truth = |keys: &[&str], default: bool| match get(keys) {
        None => Ok(default),
        Some(Json::Bool(value)) => Ok(*value),
        Some(other) => Err(fail(&format!(
            "invalid {} value {}: expected yes or no",
            keys[0],
            Data::from(other)
        ))),
    };
    let string = |value: Option<&Json>| value.and_then(text);
    Ok(Source {
        origin,
        name: string(only_own("name")),
        select: patterns(only_own("select")).map_err(|e| fail(&e))?,
        select_min: pattern(only_own("select-min"), true).map_err(|e| fail(&e))?,
        select_max: pattern(only_own("select-max"), true).map_err(|e| fail(&e))?,
        rename: renames(only_own("rename")).map_err(|e| fail(&e))?,
        target_path: string(get(&["target-path", "path"])),
        link: match get(&["target-type"]).and_then(Json::as_str) {
            Some("link") => Some(true),
            Some("copy") => Some(false),
            None if get(&["target-type"]).is_none() => None,
            _ => {
                let value = Data::from(&get(&["target-type"]).cloned().unwrap_or_default());
                return Err(fail(&format!("invalid target-type {value}: expected 'link' or 'copy'")));
            }
        },
        preserve_path: truth(&["preserve-path"], false)?,
        unpack: truth(&["unpack", "default-unpack"], true)?,
        sha256: string(only_own("sha256")).map(|digest| digest.to_lowercase()),
        optional: truth(&["optional"], false)?,
        warn_if_empty: truth(&["warn-if-empty"], true)?,
        fail_if_empty: truth(&["fail-if-empty"], false)?,
        flag_name: string(get(&["flag-name"])),
        replace_existing: truth(&["replace-existing"], false)?,
        always_resolve: truth(&["always-resolve"], false)?,
        help: string(get(&["help"])),
    })
}
