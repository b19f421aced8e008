//! A model: what it extends, what it includes, its parameters put in, then its operations.

use indexmap::IndexMap;

use super::{Guildfile, Items, operation};
use crate::flags::document::Data;
use crate::project::{Model, fields};

type Map = IndexMap<String, Data>;

/// Keys of a model that mean something.
const KEYS: [&str; 13] = [
    "operations",
    "operation-defaults",
    "description",
    "resources",
    "sourcecode",
    "extends",
    "params",
    "plugins",
    "references",
    "python-requires",
    "default",
    "extra-hidden",
    "$include",
];

/// Maps that may take in the same map of a configuration with `$include`.
const INCLUDING: [&str; 3] = ["flags", "operations", "resources"];

/// Adds the model `name` and its operations.
pub(super) fn read(name: &str, items: &Items, guildfile: &mut Guildfile) -> Result<(), String> {
    let mut map = extended(name, items, &mut Vec::new())?;
    include_all(&mut map, items, &mut Vec::new())?;
    let params = resolved_params(map.get("params"))?;
    let map: Map = map
        .into_iter()
        .map(|(key, value)| (key, filled(value, &params)))
        .collect();
    for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        guildfile.warnings.push(format!("model '{name}': unknown key '{key}'"));
    }
    let model = Model {
        name: name.to_string(),
        description: match map.get("description") {
            Some(description) => fields::text("description", description)?.unwrap_or_default(),
            None => String::new(),
        },
        default: map.get("default").is_some_and(fields::truth),
        resources: resources(map.get("resources"))?,
    };
    let empty = Map::new();
    let operations = match map.get("operations") {
        None | Some(Data::Null) => &empty,
        Some(Data::Map(operations)) => operations,
        Some(other) => return Err(format!("invalid operations value {other}: expected a mapping")),
    };
    let defaults = match map.get("operation-defaults") {
        None | Some(Data::Null) => &empty,
        Some(Data::Map(defaults)) => defaults,
        Some(other) => return Err(format!("invalid operation-defaults value {other}: expected a mapping")),
    };
    for (op, data) in operations {
        let declared = operation::read(name, op, data, defaults, map.get("sourcecode"))?;
        for key in &declared.unknown {
            guildfile
                .warnings
                .push(format!("operation '{}': unknown key '{key}'", declared.def.name));
        }
        guildfile.operations.push(declared);
    }
    guildfile.models.push(model);
    Ok(())
}

/// A model or configuration with all it extends: later ones win, its own values last.
fn extended(name: &str, items: &Items, chain: &mut Vec<String>) -> Result<Map, String> {
    let own = match chain.is_empty() {
        // The outermost is the model, even where a configuration has its name.
        true => items.models.get(name).or_else(|| items.named(name)),
        false => items.named(name),
    };
    let own = own.ok_or_else(|| format!("undefined model or config '{name}'"))?;
    enter("extends", name, chain)?;
    let mut merged = Map::new();
    if let Some(extends) = own.get("extends") {
        for base in fields::texts("extends", extends)? {
            merged = merge(merged, extended(&base, items, chain)?);
        }
    }
    chain.pop();
    Ok(merge(merged, own.clone()))
}

fn enter(what: &str, name: &str, chain: &mut Vec<String>) -> Result<(), String> {
    if let Some(start) = chain.iter().position(|other| other == name) {
        let names = chain[start..].join(" -> ");
        return Err(format!("cycle in '{what}' ({names} -> {name})"));
    }
    chain.push(name.to_string());
    Ok(())
}

/// `over` over `base`: maps within maps are merged, all else is replaced.
pub(super) fn merge(mut base: Map, over: Map) -> Map {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Data::Map(below)), Data::Map(above)) => {
                let merged = merge(std::mem::take(below), above);
                *below = merged;
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

/// Follows every `$include` in maps named `flags`, `operations` or `resources`.
fn include_all(map: &mut Map, items: &Items, chain: &mut Vec<String>) -> Result<(), String> {
    for (key, value) in map.iter_mut() {
        let Data::Map(inner) = value else { continue };
        if INCLUDING.contains(&key.as_str())
            && let Some(names) = inner.shift_remove("$include")
        {
            let mut included = Map::new();
            for name in fields::texts("$include", &names)? {
                included = merge(included, included_map(key, &name, items, chain)?);
            }
            *inner = merge(included, std::mem::take(inner));
        }
        include_all(inner, items, chain)?;
    }
    Ok(())
}

/// The map `key` of a configuration: `NAME`, or `NAME#ENTRY,ENTRY` for some of it.
fn included_map(key: &str, name: &str, items: &Items, chain: &mut Vec<String>) -> Result<Map, String> {
    let (name, entries) = match name.split_once('#') {
        Some((name, entries)) => (name, Some(entries)),
        None => (name, None),
    };
    enter("$include", name, chain)?;
    let mut config = extended(name, items, &mut Vec::new())?;
    include_all(&mut config, items, chain)?;
    chain.pop();
    let Some(Data::Map(mut map)) = config.shift_remove(key) else {
        return Ok(Map::new());
    };
    if let Some(entries) = entries {
        let wanted: Vec<&str> = entries.split(',').map(str::trim).collect();
        map.retain(|entry, _| wanted.contains(&entry.as_str()));
    }
    Ok(map)
}

/// Parameters, which may refer to each other.
fn resolved_params(params: Option<&Data>) -> Result<Map, String> {
    let mut params = match params {
        None | Some(Data::Null) => return Ok(Map::new()),
        Some(Data::Map(params)) => params.clone(),
        Some(other) => return Err(format!("invalid params value {other}: expected a mapping")),
    };
    // Each pass resolves at least one more level; a circle is left as it stands.
    for _ in 0..params.len().min(10) {
        let known = params.clone();
        for (name, value) in params.iter_mut() {
            let refers_to_itself = value
                .as_text()
                .is_some_and(|text| references(text).any(|other| other == name));
            if !refers_to_itself {
                *value = filled(std::mem::take(value), &known);
            }
        }
    }
    Ok(params)
}

fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
}

/// A value with parameters in the place of `{{name}}`; a text that is only that takes the value's type.
fn filled(value: Data, params: &Map) -> Data {
    match value {
        Data::Text(text) => fill_text(text, params),
        Data::List(items) => Data::List(items.into_iter().map(|item| filled(item, params)).collect()),
        Data::Map(map) => Data::Map(
            map.into_iter()
                .map(|(key, value)| (key, filled(value, params)))
                .collect(),
        ),
        other => other,
    }
}

fn fill_text(text: String, params: &Map) -> Data {
    let only = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(value) = only.and_then(|name| params.get(name.trim())) {
        return value.clone();
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after_name)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        match params.get(name.trim()).and_then(fields::text_of) {
            Some(value) => out.push_str(&value),
            None => {
                out.push_str("{{");
                rest = after;
                continue;
            }
        }
        rest = after_name;
    }
    out.push_str(rest);
    Data::Text(out)
}

/// Named resources, each a map with `sources`.
fn resources(data: Option<&Data>) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let map = match data {
        None | Some(Data::Null) => return Ok(serde_json::Map::new()),
        Some(Data::Map(map)) => map,
        Some(other) => return Err(format!("invalid resources value {other}: expected a mapping")),
    };
    let mut resources = serde_json::Map::new();
    for (name, data) in map {
        let resource = match data {
            Data::List(_) => {
                fields::sources(data)?;
                serde_json::json!({"sources": data.to_json()})
            }
            Data::Map(resource) => {
                fields::sources(resource.get("sources").unwrap_or(&Data::Null))?;
                data.to_json()
            }
            other => return Err(format!("invalid resource value {other}: expected a mapping or a list")),
        };
        resources.insert(name.clone(), resource);
    }
    Ok(resources)
}
