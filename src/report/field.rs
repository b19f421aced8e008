//! How a table, a CSV file and JSON write a value of a comparison.

use serde_json::Value as Json;

use super::{number, time};
use crate::flags::{self, Value};
use crate::store::Field;

/// For a table: floats with six significant digits, local times.
pub fn shown(field: &Field) -> String {
    match field {
        Field::Number(v) | Field::Flag(Value::Float(v)) => number::short(*v),
        other => exact(other),
    }
}

/// For CSV: floats in full.
pub fn exact(field: &Field) -> String {
    match field {
        Field::Missing => String::new(),
        Field::Number(v) | Field::Flag(Value::Float(v)) => flags::plain_float(*v),
        Field::Whole(v) => v.to_string(),
        Field::Flag(Value::Text(text)) => text.clone(),
        Field::Flag(value) => flags::encode(value),
        Field::Text(text) => text.clone(),
        Field::Time(us) => time::local(*us),
        Field::Span(us) => time::span(*us),
    }
}

/// Typed. Spans are seconds.
pub fn json(field: &Field) -> Json {
    match field {
        Field::Missing => Json::Null,
        Field::Number(v) => Value::Float(*v).to_json(),
        Field::Whole(v) => Json::from(*v),
        Field::Flag(value) => value.to_json(),
        Field::Text(text) => Json::from(text.as_str()),
        Field::Time(us) => time::rfc3339(*us).map_or(Json::Null, Json::from),
        Field::Span(us) => Json::from(*us as f64 / 1e6),
    }
}

/// True for what stands right in a table.
pub fn is_numeric(field: &Field) -> bool {
    matches!(
        field,
        Field::Number(_) | Field::Whole(_) | Field::Span(_) | Field::Flag(Value::Int(_) | Value::Float(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_short_and_files_are_exact() {
        let third = Field::Number(1.0 / 3.0);
        assert_eq!(shown(&third), "0.333333");
        assert_eq!(exact(&third), "0.3333333333333333");
        assert_eq!(json(&third).to_string(), "0.3333333333333333");
        assert_eq!(json(&Field::Number(f64::NAN)), "nan");
        assert_eq!(shown(&Field::Flag(Value::Int(2))), "2");
        assert_eq!(shown(&Field::Flag(Value::Float(2.0))), "2.0");
        assert_eq!(exact(&Field::Missing), "");
        assert_eq!(json(&Field::Span(1_500_000)), 1.5);
    }
}
