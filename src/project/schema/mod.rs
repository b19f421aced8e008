//! What a gage operations file may hold: one table that checks a file and that the published JSON schema is
//! written from, so that they cannot disagree.

mod shape;
#[cfg(test)]
mod tests;

use serde_json::{Value as Json, json};

use crate::flags::document::Data;

pub use shape::Fault;
use shape::{Map, Shape};

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
            Shape::OneOf(&crate::project::fields::STOP_SIGNALS),
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
