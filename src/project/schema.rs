//! What a gage operations file may hold: one table that checks a file and that the published JSON schema is
//! written from, so that they cannot disagree.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::flags::document::Data;

/// The shape of a value.
pub(super) enum Shape {
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

pub(super) struct Map {
    properties: Vec<(&'static str, &'static str, Shape)>,
    required: &'static [&'static str],
    /// Shape of all other keys; `None`: there are no others.
    others: Option<Box<Shape>>,
    /// Keys that begin with `$` are never among the others.
    settings: bool,
}

/// One thing that is wrong, and where: `/train/exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub location: String,
    pub message: String,
}

const TEXT: Shape = Shape::Text { min: 0, blanks: true };
const NAME: Shape = Shape::Text { min: 1, blanks: true };

fn list(items: Shape) -> Shape {
    Shape::List(Box::new(items))
}

fn either(shapes: impl IntoIterator<Item = Shape>) -> Shape {
    Shape::Either(shapes.into_iter().collect())
}

fn map_of(values: Shape) -> Shape {
    Shape::Map(Map {
        properties: Vec::new(),
        required: &[],
        others: Some(Box::new(values)),
        settings: false,
    })
}

fn map<const N: usize>(properties: [(&'static str, &'static str, Shape); N]) -> Map {
    Map {
        properties: properties.into(),
        required: &[],
        others: None,
        settings: false,
    }
}

fn names() -> Shape {
    either([NAME, list(NAME)])
}

fn scalar() -> Shape {
    either([TEXT, Shape::Number, Shape::Bool])
}

/// A whole operations file.
pub(super) fn file() -> Shape {
    let mut file = map([
        (
            "$runs-dir",
            "Directory of this project's runs, relative to the file",
            NAME,
        ),
        (
            "$schema",
            "Where an editor finds this schema; gage does not look at it",
            TEXT,
        ),
    ]);
    file.others = Some(Box::new(operation()));
    file.settings = true;
    Shape::Map(file)
}

fn operation() -> Shape {
    let version = either([Shape::Text { min: 1, blanks: false }, Shape::Number, Shape::Null]);
    let patterns = || either([TEXT, list(either([TEXT, map_of(TEXT)])), map_of(TEXT), Shape::Bool]);
    Shape::Map(map([
        ("version", "Part of the recorded name of a run's operation", version),
        ("description", "What it does; the first line is the summary", TEXT),
        ("default", "Run when no operation is named", Shape::Bool),
        (
            "exec",
            "What to run: a shell text, a list of words, or one of these per phase",
            exec(),
        ),
        (
            "sourcecode",
            "Patterns of the files copied for a run, or false for none",
            sourcecode(),
        ),
        ("config", "Files and keys that flags are written to", config()),
        (
            "depends",
            "Files and runs it needs",
            either([dependency(), list(dependency())]),
        ),
        (
            "progress",
            "Name of a progress parser, shown on terminals",
            either([NAME, map_of(NAME)]),
        ),
        (
            "output-summary",
            "Pattern of the summary in the output, or false for none",
            either([TEXT, Shape::Bool]),
        ),
        (
            "listing",
            "How its runs are listed",
            Shape::Map(map([(
                "description",
                "Columns shown in the last column of a list",
                names(),
            )])),
        ),
        ("flags", "Its flags: default values or definitions", map_of(flag())),
        (
            "flags-dest",
            "args, globals, dict:NAME, namespace:NAME, config:PATH or env",
            NAME,
        ),
        (
            "flags-import",
            "Flags of the script that count: all, none or these",
            either([Shape::Bool, NAME, list(NAME)]),
        ),
        ("flags-import-skip", "Flags of the script that do not count", names()),
        (
            "steps",
            "Operations to run one after the other",
            list(either([TEXT, map_of(Shape::Any)])),
        ),
        (
            "requires",
            "Resources it needs",
            either([NAME, map_of(Shape::Any), list(either([NAME, map_of(Shape::Any)]))]),
        ),
        (
            "optimizer",
            "The optimizer of 'gage run -O'",
            either([NAME, map_of(Shape::Any)]),
        ),
        (
            "optimizers",
            "Optimizers by name",
            either([
                list(either([NAME, map_of(Shape::Any)])),
                map_of(either([NAME, map_of(Shape::Any), Shape::Null])),
            ]),
        ),
        (
            "objective",
            "What a search minimizes: a column, '-' before it to maximize",
            either([
                NAME,
                Shape::Map(map([("minimize", "A column", NAME), ("maximize", "A column", NAME)])),
            ]),
        ),
        (
            "default-max-trials",
            "Trials of a batch when --max-trials is not given",
            Shape::Integer { min: 1 },
        ),
        (
            "output-scalars",
            "Patterns of scalars in the output, or false for none",
            patterns(),
        ),
        ("output-attrs", "Patterns of attributes in the output", patterns()),
        (
            "env",
            "Added to the environment of its runs",
            map_of(either([scalar(), Shape::Null])),
        ),
        ("label", "Template of the label of its runs", TEXT),
        ("tags", "Tags of its runs", names()),
        ("compare", "Columns of 'gage compare'", names()),
        (
            "stoppable",
            "A run that the user stops counts as completed",
            Shape::Bool,
        ),
        (
            "stop-signal",
            "Signal that 'gage stop' sends first",
            Shape::OneOf(&super::fields::STOP_SIGNALS),
        ),
        ("stop-after", "Minutes after which a run is stopped", Shape::Number),
        ("delete-on-success", "A run that succeeds is deleted", Shape::Bool),
        (
            "can-stage-trials",
            "As an optimizer: trials do not depend on results",
            Shape::Bool,
        ),
    ]))
}

fn command() -> Shape {
    either([TEXT, list(NAME)])
}

fn exec() -> Shape {
    let phases = Shape::Map(map([
        ("stage-sourcecode", "After the source code was copied", command()),
        ("stage-runtime", "Prepares what the program runs in", command()),
        ("stage-dependencies", "After dependencies were resolved", command()),
        ("run", "The run itself", command()),
        ("finalize", "After the run", command()),
    ]));
    either([TEXT, list(NAME), phases])
}

fn sourcecode() -> Shape {
    either([NAME, list(NAME), Shape::Bool])
}

fn config() -> Shape {
    let entry = || {
        let mut entry = map([
            ("keys", "Patterns such as train.py, conf/*.yaml#**.* or -#x", names()),
            ("description", "What these are", TEXT),
            ("prefix", "Put before the names", TEXT),
            ("strip-prefix", "Taken off the names", TEXT),
            ("rename", "'OLD NEW': replaces the beginning of names", NAME),
        ]);
        entry.required = &["keys"];
        Shape::Map(entry)
    };
    either([NAME, list(either([NAME, entry()])), entry()])
}

fn dependency() -> Shape {
    Shape::Map(map([
        (
            "type",
            "Kind of dependency",
            Shape::OneOf(&["project-files", "run-files", "runs-summary"]),
        ),
        ("description", "What it is", TEXT),
        ("files", "Pattern of files", names()),
        ("link", "Link instead of copying", Shape::Bool),
        ("run-select", "Operation or filter of the run", NAME),
        ("runs-select", "Operation or filter of the runs", NAME),
        ("summary-filename", "File written with the summaries", NAME),
    ]))
}

fn flag() -> Shape {
    let mut definition = map([
        ("default", "Value when none is given", Shape::Any),
        ("description", "Help text", TEXT),
        (
            "type",
            "string, path, existing-path, int, float, number, boolean or auto",
            NAME,
        ),
        ("required", "A value must be given", Shape::Bool),
        (
            "choices",
            "Values, or maps of value, description, alias and flags",
            list(Shape::Any),
        ),
        ("allow-other", "Values beside the choices are accepted", Shape::Bool),
        ("min", "Smallest value", Shape::Number),
        ("max", "Largest value", Shape::Number),
        ("distribution", "For searches", Shape::OneOf(&["uniform", "loguniform"])),
        ("nullable", "Whether null is accepted", Shape::Bool),
        ("null-label", "Shown for null", TEXT),
        ("alias", "Another name to assign it by", NAME),
        ("arg-name", "Name on the command line", NAME),
        ("arg-switch", "Value for which the bare switch is passed", Shape::Any),
        ("arg-skip", "Never passed as an argument", Shape::Bool),
        (
            "arg-encoding",
            "Texts of values on the command line",
            map_of(Shape::Any),
        ),
        ("arg-split", "Passed as several words", either([Shape::Bool, TEXT])),
        ("env-name", "Environment variable", NAME),
        ("env-encoding", "Texts of values in the environment", map_of(Shape::Any)),
    ]);
    definition.others = Some(Box::new(Shape::Any));
    either([scalar(), Shape::Null, list(Shape::Any), Shape::Map(definition)])
}

/// What is wrong with a file, outermost first.
pub(super) fn check(data: &Data) -> Vec<Fault> {
    let mut faults = Vec::new();
    file().check(data, "", 0, &mut faults);
    faults.sort_by_key(|(depth, _)| *depth);
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// The published JSON schema.
pub fn json_schema() -> Json {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gage operations file",
    });
    if let (Json::Object(schema), Json::Object(shape)) = (&mut schema, file().json()) {
        schema.extend(shape);
    }
    schema
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

    fn check(&self, data: &Data, location: &str, depth: usize, faults: &mut Vec<(usize, Fault)>) {
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

    fn json(&self) -> Json {
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
