//! Files of values: JSON, YAML and TOML text to one ordered tree. Knows nothing of what the values are for,
//! and opens no file itself.

mod json;
mod show;
mod toml;
mod yaml;

use indexmap::IndexMap;

use super::Value;

/// A value in a file. Maps keep the order of the file; keys are texts as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Data {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Data>),
    Map(IndexMap<String, Data>),
}

/// Which syntax a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Toml,
    Yaml,
}

/// Why a text could not be read. Displays as `REASON, line N, column M`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, line {line}, column {column}")]
pub struct DocumentError {
    pub reason: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Format {
    /// By the suffix of a file's name.
    pub fn of(file_name: &str) -> Option<Format> {
        match file_name.rsplit_once('.')?.1 {
            "json" => Some(Format::Json),
            "toml" => Some(Format::Toml),
            "yaml" | "yml" => Some(Format::Yaml),
            _ => None,
        }
    }
}

/// Reads a whole document. A byte order mark is skipped, JSON may hold `//` comments, a key given twice is an
/// error, an empty YAML text is null.
pub fn read(format: Format, text: &str) -> Result<Data, DocumentError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Json => json::read(text),
        Format::Toml => toml::read(text),
        Format::Yaml => yaml::read(text),
    }
}

impl DocumentError {
    /// The error at a byte offset of `text`.
    fn at(text: &str, offset: usize, reason: impl Into<String>) -> DocumentError {
        let before = text.get(..offset).unwrap_or(text);
        let start_of_line = before.rfind('\n').map_or(0, |i| i + 1);
        DocumentError {
            reason: reason.into(),
            line: before.matches('\n').count() + 1,
            column: before[start_of_line..].chars().count() + 1,
        }
    }
}

impl Data {
    /// The same as a flag value: the order of map keys is lost, nothing else.
    pub fn to_value(&self) -> Value {
        match self {
            Data::Null => Value::Null,
            Data::Bool(v) => Value::Bool(*v),
            Data::Int(v) => Value::Int(*v),
            Data::Float(v) => Value::Float(*v),
            Data::Text(v) => Value::Text(v.clone()),
            Data::List(items) => Value::List(items.iter().map(Data::to_value).collect()),
            Data::Map(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), v.to_value())).collect()),
        }
    }

    /// The same as JSON, in order; NaN and infinities are the texts `nan`, `inf`, `-inf`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Data::List(items) => items.iter().map(Data::to_json).collect(),
            Data::Map(map) => map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
            scalar => scalar.to_value().to_json(),
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Data::Text(v) => Some(v),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&IndexMap<String, Data>> {
        match self {
            Data::Map(v) => Some(v),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Data]> {
        match self {
            Data::List(v) => Some(v),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Data::Null)
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Data> {
        self.as_map()?.get(key)
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Data {
        match value {
            Value::Null => Data::Null,
            Value::Bool(v) => Data::Bool(v),
            Value::Int(v) => Data::Int(v),
            Value::Float(v) => Data::Float(v),
            Value::Text(v) | Value::Function(v) => Data::Text(v),
            Value::List(items) => Data::List(items.into_iter().map(Data::from).collect()),
            Value::Map(map) => Data::Map(map.into_iter().map(|(k, v)| (k, v.into())).collect()),
        }
    }
}

impl From<&serde_json::Value> for Data {
    fn from(json: &serde_json::Value) -> Data {
        match json {
            serde_json::Value::Array(items) => Data::List(items.iter().map(Data::from).collect()),
            serde_json::Value::Object(map) => Data::Map(map.iter().map(|(k, v)| (k.clone(), v.into())).collect()),
            scalar => Value::from_json(scalar).into(),
        }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Text(text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_format_gives_the_same_tree() {
        let json = "\u{feff}{\"b\": 1, // one\n \"a\": [true, null, 0.5, \"x//y\"], \"c\": {\"d\": \"e\"}}";
        let yaml = "b: 1 # one\na: [yes, ~, .5, x//y]\nc:\n  d: e\n";
        let json = read(Format::Json, json).unwrap();
        assert_eq!(json, read(Format::Yaml, yaml).unwrap());
        assert_eq!(
            json.to_json().to_string(),
            r#"{"b":1,"a":[true,null,0.5,"x//y"],"c":{"d":"e"}}"#
        );
        let toml = read(Format::Toml, "b = 1 # one\nc = { d = 'e' }\nwhen = 2020-01-02\n").unwrap();
        assert_eq!(
            toml.to_json().to_string(),
            r#"{"b":1,"c":{"d":"e"},"when":"2020-01-02"}"#
        );
    }

    #[test]
    fn errors_say_where() {
        for (format, text, error) in [
            (
                Format::Json,
                "{\"a\": 1,\n \"a\": 2}",
                "duplicate key 'a', line 2, column ",
            ),
            (Format::Json, "{\"a\" 1}", "expected `:`, line 1, column 6"),
            (Format::Json, "", "EOF while parsing a value, line 1, column "),
            (
                Format::Yaml,
                "a: 1\nb:\n  c: 1\n  c: 2\n",
                "duplicate key 'c', line 4, column 3",
            ),
            (Format::Yaml, "a: [1\n", ", line "),
            (Format::Yaml, "a: *b\n", "unknown anchor, line 1, column 4"),
            (Format::Toml, "a = 1\na = 2\n", "duplicate key, line 2, column 1"),
            (Format::Toml, "a = \n", ", line 1, column "),
        ] {
            let shown = read(format, text).unwrap_err().to_string();
            assert!(shown.contains(error), "{text:?}: {shown}");
            assert!(!shown.contains('\n'), "{text:?}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[\\[\\]{}:,&*!<\\-\\n \"'#a1=/]{0,60}") {
            for format in [Format::Json, Format::Yaml, Format::Toml] {
                let _ = read(format, &text);
            }
        }
    }
}
