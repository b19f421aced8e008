//! What a run has under a column: a typed value. How it is written is `report`'s.

use super::RunRow;
use crate::flags::Value;
use crate::scalars::ColSpec;
use crate::scalars::columns::ColKind;

/// One value of a comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Field {
    /// The run has no such thing.
    #[default]
    Missing,
    Number(f64),
    /// A step or another count.
    Whole(i64),
    Flag(Value),
    Text(String),
    /// Microseconds since the epoch.
    Time(i64),
    /// A span in microseconds.
    Span(i64),
}

impl Field {
    /// What `row` has under `column`. An unknown column is missing, not an error.
    pub fn of(column: &ColSpec, row: &RunRow) -> Field {
        match &column.kind {
            ColKind::Flag(name) => row.flags.get(name).cloned().map_or(Field::Missing, Field::Flag),
            ColKind::Attribute(name) => Field::attribute(name, row),
            ColKind::Scalar(scalar) => match scalar.value(&row.scalars) {
                None => Field::Missing,
                Some(value) if scalar.is_whole() => Field::Whole(value as i64),
                Some(value) => Field::Number(value),
            },
            ColKind::Base => Field::Missing,
        }
    }

    /// An attribute: times and spans as such.
    pub fn attribute(name: &str, row: &RunRow) -> Field {
        let time = |micros: Option<i64>| micros.map_or(Field::Missing, Field::Time);
        match name {
            "initialized" => time(row.initialized),
            "started" => time(row.began()),
            "stopped" => time(row.stopped),
            "time" => row.duration().map_or(Field::Missing, Field::Span),
            _ => match row.attribute(name) {
                None | Some(Value::Null) => Field::Missing,
                Some(Value::Text(text)) => Field::Text(text),
                Some(Value::List(items)) => {
                    let texts: Vec<String> = items.iter().map(crate::flags::encode).collect();
                    Field::Text(texts.join(" "))
                }
                Some(other) => Field::Flag(other),
            },
        }
    }

    /// The number to sort by.
    pub fn number(&self) -> Option<f64> {
        match self {
            Field::Number(v) => Some(*v),
            Field::Whole(v) | Field::Time(v) | Field::Span(v) => Some(*v as f64),
            Field::Flag(value) => value.as_f64(),
            Field::Missing | Field::Text(_) => None,
        }
    }
}
