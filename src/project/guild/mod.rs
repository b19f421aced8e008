//! The Guild dialect: models, shared configurations, includes and parameters, down to operations. Unknown keys
//! are no errors here; they are kept as warnings for `gage check`.

mod include;
mod model;
mod operation;
mod sourcecode;
#[cfg(test)]
mod tests;

use std::path::Path;

use indexmap::IndexMap;

use super::declared::Declared;
use super::{Model, ProjectError, find};
use crate::flags::document::Data;

/// What a Guild file defines.
#[derive(Debug, Default)]
pub(super) struct Guildfile {
    pub models: Vec<Model>,
    pub operations: Vec<Declared>,
    /// Keys that mean nothing, and the like.
    pub warnings: Vec<String>,
}

/// Kinds of items at the top of a file.
const TYPES: [&str; 4] = ["config", "include", "model", "package"];

/// The items of a file and all it includes, by kind.
#[derive(Default)]
struct Items {
    /// Models by name, as written.
    models: IndexMap<String, IndexMap<String, Data>>,
    configs: IndexMap<String, IndexMap<String, Data>>,
    package: bool,
}

/// Reads a file whose text is `data`. `shown` is its name in messages.
pub(super) fn read(file: &Path, shown: &str, data: Data) -> Result<Guildfile, ProjectError> {
    let mut items = Items::default();
    let mut chain = include::Chain::new(file, shown);
    include::splice(data, &mut chain, &mut items)?;
    let mut guildfile = Guildfile::default();
    for name in items.models.keys() {
        model::read(name, &items, &mut guildfile).map_err(|reason| find::guild_error(shown, &reason))?;
    }
    Ok(guildfile)
}

impl Items {
    /// Adds one item of the list at the top of a file.
    fn add(&mut self, item: Data) -> Result<Option<Data>, String> {
        let Data::Map(mut map) = item else {
            return Err(format!("invalid item {item}: expected a mapping"));
        };
        let types: Vec<&str> = TYPES.into_iter().filter(|kind| map.contains_key(*kind)).collect();
        let kind = match types[..] {
            [kind] => kind,
            [] if map.contains_key("operations") => {
                map.insert("model".into(), "".into());
                "model"
            }
            [] => {
                return Err(format!(
                    "missing required type (one of: {}) in {}",
                    TYPES.join(", "),
                    Data::Map(map)
                ));
            }
            _ => return Err(format!("multiple types ({}) in {}", types.join(", "), Data::Map(map))),
        };
        let name = map.shift_remove(kind).unwrap_or_default();
        match kind {
            "include" => return Ok(Some(name)),
            "package" if self.package => return Err("multiple package definitions".into()),
            "package" => self.package = true,
            _ => {
                let Data::Text(name) = name else {
                    return Err(format!("invalid {kind} name {name}: expected a string"));
                };
                let items = if kind == "model" {
                    &mut self.models
                } else {
                    &mut self.configs
                };
                if items.contains_key(&name) {
                    return Err(format!("duplicate {kind} '{name}'"));
                }
                items.insert(name, map);
            }
        }
        Ok(None)
    }

    /// A model or configuration by name.
    fn named(&self, name: &str) -> Option<&IndexMap<String, Data>> {
        self.configs.get(name).or_else(|| self.models.get(name))
    }
}
