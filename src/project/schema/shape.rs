//! Shapes of values: what does not fit one, in words, and a shape as JSON schema. Knows of no operation.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::flags::document::Data;

/// The shape of a value.
pub enum Shape {
    Any,
    /// At least so many characters, possibly with no blank among them.
    Text {
        min: usize,
        blanks: bool,
    },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    Bool,
    Integer {
        min: i64,
    },
    Number,
    Null,
    List(Box<Shape>),
    Map(Map),
    /// The alternative of the value's own type counts.
    Either(Vec<Shape>),
}

pub struct Map {
    pub properties: Vec<(&'static str, &'static str, Shape)>,
    pub required: &'static [&'static str],
    /// Shape of all other keys; `None`: there are no others.
    pub others: Option<Box<Shape>>,
    /// Keys that begin with `$` are never among the others.
    pub settings: bool,
}

/// One thing that is wrong, and where: `/train/exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub location: String,
    pub message: String,
}

impl Shape {
    /// JSON schema's name of the type; `None` for any.
    fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Shape::Any | Shape::Either(_) => return None,
            Shape::Text { .. } | Shape::OneOf(_) => "string",
            Shape::Bool => "boolean",
            Shape::Integer { .. } => "integer",
            Shape::Number => "number",
            Shape::Null => "null",
            Shape::List(_) => "array",
            Shape::Map(_) => "object",
        })
    }

    fn has_type_of(&self, data: &Data) -> bool {
        match (self, data) {
            (Shape::Any, _)
            | (Shape::Text { .. } | Shape::OneOf(_), Data::Text(_))
            | (Shape::Bool, Data::Bool(_))
            | (Shape::Integer { .. }, Data::Int(_))
            | (Shape::Number, Data::Int(_) | Data::Float(_))
            | (Shape::Null, Data::Null)
            | (Shape::List(_), Data::List(_))
            | (Shape::Map(_), Data::Map(_)) => true,
            (Shape::Integer { .. }, Data::Float(v)) => v.fract() == 0.0,
            (Shape::Either(shapes), data) => shapes.iter().any(|shape| shape.has_type_of(data)),
            _ => false,
        }
    }

    /// Names of the types it allows, in order.
    fn kinds(&self) -> Vec<&'static str> {
        match self {
            Shape::Either(shapes) => shapes.iter().flat_map(Shape::kinds).collect(),
            other => other.kind().into_iter().collect(),
        }
    }

    /// Adds what does not fit, each with its depth.
    pub fn check(&self, data: &Data, location: &str, depth: usize, faults: &mut Vec<(usize, Fault)>) {
        let mut fault = |message: String| {
            let location = if location.is_empty() { "/" } else { location }.to_string();
            faults.push((depth, Fault { location, message }));
        };
        if !self.has_type_of(data) {
            let kinds: Vec<String> = self.kinds().iter().map(|kind| format!("\"{kind}\"")).collect();
            let kinds = match kinds.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => kinds.join(""),
            };
            fault(format!("The instance must be of type {kinds}"));
            return;
        }
        match (self, data) {
            (Shape::Text { min, blanks }, Data::Text(text)) => {
                if text.chars().count() < *min {
                    fault(format!("The text is too short (minimum {min} characters)"));
                } else if !blanks && text.contains(char::is_whitespace) {
                    fault("The text must not contain blanks".into());
                }
            }
            (Shape::OneOf(texts), Data::Text(text)) if !texts.contains(&text.as_str()) => {
                fault(format!("The text must be one of: {}", texts.join(", ")));
            }
            (Shape::Integer { min }, Data::Int(_) | Data::Float(_)) if data.to_value().as_f64() < Some(*min as f64) => {
                fault(format!("The number is too small (minimum {min})"));
            }
            (Shape::List(shape), Data::List(items)) => {
                let mut inner = Vec::new();
                let mut wrong = Vec::new();
                for (i, item) in items.iter().enumerate() {
                    let before = inner.len();
                    shape.check(item, &format!("{location}/{i}"), depth + 1, &mut inner);
                    if inner.len() > before {
                        wrong.push(Data::Int(i as i64));
                    }
                }
                if !wrong.is_empty() {
                    fault(format!("Items {} are invalid", Data::List(wrong)));
                }
                faults.extend(inner);
            }
            (Shape::Map(map), Data::Map(entries)) => {
                let mut inner = Vec::new();
                let messages = map.check(entries, location, depth, &mut inner);
                messages.into_iter().for_each(&mut fault);
                faults.extend(inner);
            }
            (Shape::Either(shapes), data) => {
                if let Some(shape) = shapes.iter().find(|shape| shape.has_type_of(data)) {
                    shape.check(data, location, depth, faults);
                }
            }
            _ => {}
        }
    }

    /// As JSON schema.
    pub fn json(&self) -> Json {
        match self {
            Shape::Any => json!({}),
            Shape::Text { min, blanks } => {
                let mut text = json!({"type": "string"});
                if *min > 0 {
                    text["minLength"] = json!(min);
                }
                if !blanks {
                    text["pattern"] = json!("^\\S*$");
                }
                text
            }
            Shape::OneOf(texts) => json!({"type": "string", "enum": texts}),
            Shape::Integer { min } => json!({"type": "integer", "minimum": min}),
            Shape::List(items) => json!({"type": "array", "items": items.json()}),
            Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(Shape::json).collect::<Vec<_>>()}),
            Shape::Map(map) => map.json(),
            Shape::Bool | Shape::Number | Shape::Null => json!({"type": self.kind()}),
        }
    }
}

impl Map {
    /// The faults of the map itself; those of its values go to `inner`.
    fn check(
        &self,
        entries: &IndexMap<String, Data>,
        location: &str,
        depth: usize,
        inner: &mut Vec<(usize, Fault)>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut additional = Vec::new();
        for (key, value) in entries {
            let known = self
                .properties
                .iter()
                .find(|(name, ..)| name == key)
                .map(|(_, _, shape)| shape);
            let others = self
                .others
                .as_deref()
                .filter(|_| !(self.settings && key.starts_with('$')));
            let Some(shape) = known.or(others) else {
                additional.push(Data::from(key.as_str()));
                continue;
            };
            let before = inner.len();
            let pointer = key.replace('~', "~0").replace('/', "~1");
            shape.check(value, &format!("{location}/{pointer}"), depth + 1, inner);
            if inner.len() > before {
                wrong.push(Data::from(key.as_str()));
            }
        }
        let missing: Vec<Data> = self
            .required
            .iter()
            .filter(|name| !entries.contains_key(**name))
            .map(|name| Data::from(*name))
            .collect();
        let mut messages = Vec::new();
        if !wrong.is_empty() {
            messages.push(format!("Properties {} are invalid", Data::List(wrong)));
        }
        if !additional.is_empty() {
            messages.push(format!("Additional properties: {}", Data::List(additional)));
        }
        if !missing.is_empty() {
            messages.push(format!("Missing properties: {}", Data::List(missing)));
        }
        messages
    }

    fn json(&self) -> Json {
        let mut map = json!({"type": "object"});
        if !self.properties.is_empty() {
            let properties = self.properties.iter().map(|(name, description, shape)| {
                let mut property = shape.json();
                property["description"] = json!(description);
                (name.to_string(), property)
            });
            map["properties"] = Json::Object(properties.collect());
        }
        if !self.required.is_empty() {
            map["required"] = json!(self.required);
        }
        match &self.others {
            None => map["additionalProperties"] = json!(false),
            Some(shape) if self.settings => {
                map["patternProperties"] = json!({"^([^$]|$)": shape.json()});
                map["additionalProperties"] = json!(false);
            }
            Some(shape) => map["additionalProperties"] = shape.json(),
        }
        map
    }
}
