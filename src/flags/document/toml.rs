//! TOML. Dates and times are texts as written.

use toml_edit::{Document, Item, Value};

use super::{Data, DocumentError};

pub(super) fn read(text: &str) -> Result<Data, DocumentError> {
    let document = Document::parse(text).map_err(|error| {
        let reason = error.message().lines().collect::<Vec<_>>().join(", ");
        DocumentError::at(text, error.span().map_or(0, |span| span.start), reason)
    })?;
    Ok(table(document.as_table().iter()))
}

fn table<'a>(entries: impl Iterator<Item = (&'a str, &'a Item)>) -> Data {
    Data::Map(entries.map(|(key, entry)| (key.to_string(), item(entry))).collect())
}

fn item(entry: &Item) -> Data {
    match entry {
        Item::None => Data::Null,
        Item::Value(v) => value(v),
        Item::Table(t) => table(t.iter()),
        Item::ArrayOfTables(tables) => Data::List(tables.iter().map(|t| table(t.iter())).collect()),
    }
}

fn value(v: &Value) -> Data {
    match v {
        Value::String(v) => Data::Text(v.value().clone()),
        Value::Integer(v) => Data::Int(*v.value()),
        Value::Float(v) => Data::Float(*v.value()),
        Value::Boolean(v) => Data::Bool(*v.value()),
        Value::Datetime(v) => Data::Text(v.value().to_string()),
        Value::Array(items) => Data::List(items.iter().map(value).collect()),
        Value::InlineTable(t) => Data::Map(t.iter().map(|(k, v)| (k.to_string(), value(v))).collect()),
    }
}
