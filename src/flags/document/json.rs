//! JSON with `//` comments. Comments are blanked out first, so that places in messages stay right.

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Data, DocumentError};

pub(super) fn read(text: &str) -> Result<Data, DocumentError> {
    let blanked = blank_comments(text);
    serde_json::from_str(&blanked).map_err(|error| {
        let shown = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        DocumentError {
            reason: shown.strip_suffix(&place).unwrap_or(&shown).to_string(),
            line: error.line().max(1),
            column: error.column().max(1),
        }
    })
}

/// Replaces comments that begin outside of texts by as many blanks.
fn blank_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        if quoted {
            out.push(c);
            if c == '\\' {
                out.extend(chars.next());
            } else if c == '"' {
                quoted = false;
            }
        } else if c == '/' && chars.peek() == Some(&'/') {
            out.push(' ');
            while let Some(skipped) = chars.next_if(|c| *c != '\n') {
                out.extend(std::iter::repeat_n(' ', skipped.len_utf8()));
            }
        } else {
            quoted = c == '"';
            out.push(c);
        }
    }
    out
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Data, E> {
        Ok(Data::Bool(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Data, E> {
        Ok(Data::Int(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Data, E> {
        Ok(i64::try_from(v).map_or(Data::Float(v as f64), Data::Int))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Data, E> {
        Ok(Data::Float(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Data, E> {
        Ok(Data::Text(v.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Data::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let mut map = IndexMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(Error::custom(format_args!("duplicate key '{key}'")));
            }
            map.insert(key, entries.next_value()?);
        }
        Ok(Data::Map(map))
    }
}
