//! Keys of script and configuration files: read their values, rewrite them in place. Text to text, never
//! touching a file itself. Python constants, JSON, YAML, TOML, INI. May use `flags` only.
//!
//! A key is a dotted path: `lr`, `opts.lr`, `layers.0`. Rewriting changes the characters of values and nothing
//! else: comments, order, blank lines and line ends stay.

mod ini;
mod json;
#[cfg(test)]
mod properties;
pub mod python;
pub mod select;
mod splice;
#[cfg(test)]
mod tests;
mod toml;
mod tree;
mod yaml;

pub use select::Selector;

use thiserror::Error;

use crate::flags::document::DocumentError;
use crate::flags::{FlagValues, Value};

/// Why a file's keys cannot be read or rewritten. Displays as the reason alone; the caller names the file.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ConfigError {
    /// Only Python, JSON, YAML, TOML and INI are known.
    #[error("not a kind of file that holds configuration (one of py, json, yaml, toml, ini, cfg)")]
    Unsupported,
    #[error("invalid syntax, line {line}")]
    Syntax { line: usize },
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("'{key}' cannot be nested: conflicts with {{'{with}': {value}}}")]
    Nested { key: String, with: String, value: String },
    #[error("'{0}' and '{1}' are one value and cannot be set to different ones")]
    Shared(String, String),
    #[error("'{key}' cannot be {value} in {format}")]
    NoSuchValue {
        key: String,
        value: String,
        format: &'static str,
    },
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    #[error("cannot start a thread: {0}")]
    NoThread(String),
    #[error("'{0}' cannot be rewritten in place")]
    NotInPlace(String),
}

/// The formats that hold keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Python,
    Json,
    Yaml,
    Toml,
    Ini,
}

/// By the name's suffix; `.in` behind it does not count (`train.yaml.in`).
fn kind(file_name: &str) -> Option<Kind> {
    let name = file_name.strip_suffix(".in").unwrap_or(file_name);
    match name.rsplit_once('.')?.1 {
        "py" => Some(Kind::Python),
        "json" => Some(Kind::Json),
        "yaml" | "yml" => Some(Kind::Yaml),
        "toml" => Some(Kind::Toml),
        "ini" | "cfg" => Some(Kind::Ini),
        _ => None,
    }
}

/// True if keys of a file of this name can be read and rewritten.
pub fn is_supported(file_name: &str) -> bool {
    kind(file_name).is_some()
}

/// The keys of a file with their values, in file order. The text may begin with a byte order mark.
pub fn read(file_name: &str, text: &str) -> Result<Vec<(String, Value)>, ConfigError> {
    let (_, text) = split_mark(text);
    let mut entries = entries(kind(file_name).ok_or(ConfigError::Unsupported)?, text)?;
    entries.retain(|(_, node)| !python::is_call(&text[node.range.clone()], node));
    Ok(tree::leaves(&entries))
}

/// True if the file has the key, of a value or of a list or map of values.
pub fn has(file_name: &str, text: &str, key: &str) -> Result<bool, ConfigError> {
    let entries = entries(kind(file_name).ok_or(ConfigError::Unsupported)?, split_mark(text).1)?;
    Ok(tree::find(&entries, key).is_some_and(|node| node.kind != tree::Kind::Other))
}

/// The text with the values of keys replaced; `None` if that changes nothing. Keys that the file does not have are
/// left out.
pub fn rewrite(file_name: &str, text: &str, values: &FlagValues) -> Result<Option<String>, ConfigError> {
    let kind = kind(file_name).ok_or(ConfigError::Unsupported)?;
    let (mark, body) = split_mark(text);
    let mut current = body.to_string();
    // A value of a YAML file may be set through an alias of another one: only a second look shows.
    for round in 0.. {
        let entries = entries(kind, &current)?;
        let edits = splice::edits(&entries, values, &mut |key, node, value| {
            let old = &current[node.range.clone()];
            let text = match kind {
                Kind::Python => python::literal(old, value),
                Kind::Json => json::literal(value),
                Kind::Yaml => return Ok(yaml::literal(&current, node, value)),
                Kind::Toml => return toml::literal(key, node, value),
                Kind::Ini => ini::literal(old, value),
            };
            Ok(splice::Edit::new(node.range.clone(), text))
        })?;
        if edits.is_empty() {
            break;
        }
        if round == 3 {
            let unset = splice::unset(&entries, values).unwrap_or_default();
            return Err(ConfigError::NotInPlace(unset));
        }
        current = splice::apply(&current, edits);
        if kind != Kind::Yaml {
            break;
        }
    }
    Ok((current != body).then(|| format!("{mark}{current}")))
}

fn entries(kind: Kind, text: &str) -> Result<Vec<(String, tree::Node)>, ConfigError> {
    match kind {
        Kind::Python => python::entries(text, &python::Scope::Globals),
        Kind::Json => json::entries(text),
        Kind::Yaml => yaml::entries(text),
        Kind::Toml => toml::entries(text),
        Kind::Ini => Ok(ini::entries(text)),
    }
}

/// The byte order mark, if there is one, and the rest.
fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    })
}
