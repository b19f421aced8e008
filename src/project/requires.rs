//! What an operation requires: the named resources it refers to, from its own or another model.

use serde_json::{Map, Value as Json};

use super::declared::Declared;
use super::fields::SOURCE_KEYS;
use super::{Project, ProjectError};

/// The resources that an operation refers to by name, as `NAME` or `MODEL:NAME` like it does.
pub(super) fn resources(declared: &Declared, project: &Project) -> Result<Map<String, Json>, ProjectError> {
    let op = &declared.def.name;
    let fail = |reason: String| ProjectError::new(format!("invalid definition for operation '{op}': {reason}"));
    let mut found = Map::new();
    for required in &declared.def.requires {
        let name = match required {
            Json::String(name) => name,
            Json::Object(map) => match map.get("resource") {
                Some(Json::String(name)) => name,
                _ => continue,
            },
            _ => continue,
        };
        let (model, resource) = match name.split_once(':') {
            Some((model, resource)) => (model, resource),
            None => (declared.model.as_str(), name.as_str()),
        };
        let Some(model) = project.models.iter().find(|m| m.name == model) else {
            // `file:data.csv` is a source of its own.
            if SOURCE_KEYS.contains(&model) {
                found.insert(name.clone(), serde_json::json!({"sources": [{model: resource}]}));
                continue;
            }
            let reason = match name.contains(':') {
                true => format!("model '{model}' in resource '{name}' required by operation '{op}' is not defined"),
                false => format!("resource '{name}' required by operation '{op}' is not defined"),
            };
            return Err(fail(reason));
        };
        let Some(resource) = model.resources.get(resource) else {
            return Err(fail(format!(
                "resource '{name}' required by operation '{op}' is not defined"
            )));
        };
        found.insert(name.clone(), resource.clone());
    }
    Ok(found)
}
