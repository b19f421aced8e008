//! Places of values in TOML text, and values as TOML. Dates and times have no key: gage has no such values.

use super::ConfigError;
use super::splice::Edit;
use super::tree::{Kind, Node};
use crate::flags::document::{self, Format};
use crate::flags::{Value, plain_float};
use toml_edit::{Document, Item, Table};

pub(super) fn entries(text: &str) -> Result<Vec<(String, Node)>, ConfigError> {
    match Document::parse(text) {
        Ok(document) => Ok(table(document.as_table())),
        Err(error) => match document::read(Format::Toml, text) {
            Err(error) => Err(error.into()),
            Ok(_) => {
                let at = error.span().map_or(0, |span| span.start);
                let line = text.as_bytes()[..at.min(text.len())]
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count()
                    + 1;
                Err(ConfigError::Syntax { line })
            }
        },
    }
}

fn table(table: &Table) -> Vec<(String, Node)> {
    table
        .iter()
        .map(|(key, entry)| (key.to_string(), item(entry)))
        .collect()
}

fn item(entry: &Item) -> Node {
    match entry {
        Item::None => Node {
            range: 0..0,
            kind: Kind::Other,
        },
        Item::Value(v) => value(v),
        // Tables have no text of their own to replace: only what is in them.
        Item::Table(t) => Node {
            range: 0..0,
            kind: Kind::Map(table(t)),
        },
        Item::ArrayOfTables(tables) => Node {
            range: 0..0,
            kind: Kind::List(
                tables
                    .iter()
                    .map(|t| Node {
                        range: 0..0,
                        kind: Kind::Map(table(t)),
                    })
                    .collect(),
            ),
        },
    }
}

fn value(v: &toml_edit::Value) -> Node {
    let kind = match v {
        toml_edit::Value::String(v) => Kind::Scalar(Value::Text(v.value().clone())),
        toml_edit::Value::Integer(v) => Kind::Scalar(Value::Int(*v.value())),
        toml_edit::Value::Float(v) => Kind::Scalar(Value::Float(*v.value())),
        toml_edit::Value::Boolean(v) => Kind::Scalar(Value::Bool(*v.value())),
        toml_edit::Value::Datetime(_) => Kind::Other,
        toml_edit::Value::Array(items) => Kind::List(items.iter().map(value).collect()),
        toml_edit::Value::InlineTable(t) => Kind::Map(t.iter().map(|(key, v)| (key.to_string(), value(v))).collect()),
    };
    match v.span() {
        Some(range) => Node { range, kind },
        // A table made by dotted keys inside of an inline table.
        None => Node { range: 0..0, kind },
    }
}

/// The value as TOML. There is no null.
pub(super) fn literal(key: &str, node: &Node, value: &Value) -> Result<Edit, ConfigError> {
    if node.range.is_empty() {
        return Err(ConfigError::NotInPlace(key.to_string()));
    }
    match written(value) {
        Some(text) => Ok(Edit::new(node.range.clone(), text)),
        None => Err(ConfigError::NoSuchValue {
            key: key.to_string(),
            value: "null".into(),
            format: "TOML",
        }),
    }
}

fn written(value: &Value) -> Option<String> {
    let text = |text: &str| toml_edit::Value::from(text).to_string();
    Some(match value {
        Value::Null => return None,
        Value::Bool(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => plain_float(*v),
        Value::Text(v) | Value::Function(v) => text(v),
        Value::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(written).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Map(map) => {
            let entries: Option<Vec<String>> = map
                .iter()
                .map(|(key, v)| Some(format!("{} = {}", text(key), written(v)?)))
                .collect();
            format!("{{ {} }}", entries?.join(", "))
        }
    })
}
