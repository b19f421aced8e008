//! The value of a flag, and its JSON form. Must not know how values are written on a command line
//! (`decode`, `encode`).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// Flags by name; the order of names is the order everywhere.
pub type FlagValues = BTreeMap<String, Value>;

/// What a flag's text means.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Unsets the flag.
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// A search function as written, such as `loguniform[1e-5:1]`; planned into a dimension by a batch.
    Function(String),
}

impl Value {
    /// The JSON form: typed, except that NaN and infinities are the texts `nan`, `inf`, `-inf` and a search
    /// function is its text.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Bool(v) => Json::Bool(*v),
            Value::Int(v) => Json::from(*v),
            Value::Float(v) if v.is_nan() => Json::from("nan"),
            Value::Float(v) if v.is_infinite() => Json::from(if *v > 0.0 { "inf" } else { "-inf" }),
            Value::Float(v) => Json::from(*v),
            Value::Text(v) | Value::Function(v) => Json::from(v.as_str()),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
        }
    }

    /// The value of a JSON form. Texts stay texts; integers beyond 64 bits become floats.
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(v) => Value::Bool(*v),
            Json::Number(n) => n
                .as_i64()
                .map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Int),
            Json::String(v) => Value::Text(v.clone()),
            Json::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            Json::Object(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect()),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The number, of an int or a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(v) => Some(*v as f64),
            Value::Float(v) => Some(*v),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(v) => Some(v),
            _ => None,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Value::from_json(&Json::deserialize(deserializer)?))
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_types_and_doubles() {
        let text = r#"{"a":[1,1.0,0.1,"nan",null,true],"b":1e+300}"#;
        let value = Value::from_json(&serde_json::from_str(text).unwrap());
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(Value::Float(f64::NAN).to_json(), "nan");
        assert_eq!(Value::Float(f64::NEG_INFINITY).to_json(), "-inf");
    }
}
