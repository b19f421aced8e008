//! A step's text and settings as options of `gage run`: which of them it takes, in which order they are shown, and
//! what is left over.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Args, Command};
use serde_json::Value as Json;

use crate::cli::run::RunArgs;
use crate::cli::{Failure, args};
use crate::flags::{Data, Value, plain};
use crate::project::OpDef;
use crate::project::steps::{self, Step};

/// Options of `gage run` that a step may have, in the order in which they are shown.
const TAKEN: [&str; 24] = [
    "label",
    "tag",
    "comment",
    "batch-label",
    "batch-tag",
    "batch-comment",
    "max-trials",
    "optimizer",
    "optimize",
    "opt-flag",
    "minimize",
    "maximize",
    "random-seed",
    "jobs",
    "deterministic",
    "fail-on-trial-error",
    "force-flags",
    "force-deps",
    "gpus",
    "no-gpus",
    "stop-after",
    "dep",
    "needed",
    "remote",
];

/// Keys of a step's map that are options under another name.
const RENAMED: [(&str, &str); 6] = [
    ("tags", "tag"),
    ("batch-tags", "batch-tag"),
    ("opt-flags", "opt-flag"),
    ("trials", "max-trials"),
    ("gpu", "gpus"),
    ("no-gpu", "no-gpus"),
];

/// Options that may be given several times: those of the map are added to those of the text.
const ADDED: [&str; 4] = ["tag", "batch-tag", "opt-flag", "dep"];

/// A step as it was read.
#[derive(Debug, Clone)]
pub struct ReadStep {
    pub step: Step,
    /// The operation as written.
    pub operation: String,
    /// Assignments of the text.
    pub flags: Vec<(String, String)>,
    /// Without `@`.
    pub batch_files: Vec<String>,
    /// Long names without dashes, and their values; none for a switch.
    pub options: Vec<(String, Vec<String>)>,
    /// Options that steps do not take, sorted.
    pub ignored: Vec<String>,
}

/// Reads all steps of an operation.
pub fn all(op: &OpDef) -> Result<Vec<ReadStep>, Failure> {
    steps::of(op)?.into_iter().map(read).collect()
}

fn read(step: Step) -> Result<ReadStep, Failure> {
    let invalid = |reason: String| Failure::new(format!("invalid step {}: {reason}", step.shown));
    let text = parse(&step.run).map_err(invalid)?;
    let mut words = text.words.into_iter();
    let operation = words
        .next()
        .filter(|word| !word.is_empty() && !word.contains('=') && !word.starts_with('@'))
        .ok_or_else(|| invalid("must name an operation".into()))?;
    let mut flags = Vec::new();
    let mut batch_files = Vec::new();
    for word in words {
        match (word.strip_prefix('@'), word.split_once('=')) {
            (Some(path), _) if !path.is_empty() => batch_files.push(path.to_string()),
            (None, Some((name, text))) if !name.is_empty() => flags.push((name.to_string(), text.to_string())),
            _ => return Err(invalid(format!("invalid argument '{word}': expected NAME=VAL"))),
        }
    }
    let (words, unknown) = settings(&step, &mut batch_files).map_err(invalid)?;
    let map = parse(&words).map_err(invalid)?;
    let mut options = text.options;
    for (name, values) in map.options {
        match options.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) if ADDED.contains(&name.as_str()) => old.extend(values),
            Some((_, old)) => *old = values,
            None => options.push((name, values)),
        }
    }
    if step.needed && !options.iter().any(|(name, _)| name == "needed") {
        options.push(("needed".into(), Vec::new()));
    }
    let place = |name: &str| TAKEN.iter().position(|taken| *taken == name);
    let (mut options, left): (Vec<_>, Vec<_>) = options.into_iter().partition(|(name, _)| place(name).is_some());
    options.sort_by_key(|(name, _)| place(name));
    let mut ignored: Vec<String> = left.into_iter().map(|(name, _)| name).chain(unknown).collect();
    ignored.sort();
    Ok(ReadStep {
        step,
        operation,
        flags,
        batch_files,
        options,
        ignored,
    })
}

struct Parsed {
    words: Vec<String>,
    options: Vec<(String, Vec<String>)>,
}

/// What `gage run` would understand.
fn parse(words: &[String]) -> Result<Parsed, String> {
    let line = ["gage", "run"].map(OsString::from).into_iter();
    let line = args::rewrite(line.chain(words.iter().map(OsString::from)).collect()).map_err(|f| f.message)?;
    let mut command = RunArgs::augment_args(Command::new("run"));
    let matches = command
        .try_get_matches_from_mut(&line[1..])
        .map_err(|error| refused(error, &line, &command))?;
    let mut parsed = Parsed {
        words: Vec::new(),
        options: Vec::new(),
    };
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let raw = || matches.get_raw(id).into_iter().flatten();
        let values: Vec<String> = raw().map(|value| value.to_string_lossy().into_owned()).collect();
        match argument.get_long() {
            None => parsed.words = values,
            Some(long) => {
                let values = if argument.get_action().takes_values() {
                    values
                } else {
                    Vec::new()
                };
                parsed.options.push((long.to_string(), values));
            }
        }
    }
    Ok(parsed)
}

fn refused(error: clap::Error, line: &[OsString], command: &Command) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelp {
        return "--help is not for steps".to_string();
    }
    match args::usage_error(error, line, command) {
        Err(failure) => {
            let text = failure.message.lines().next().unwrap_or_default();
            text.trim_end_matches('.').to_string()
        }
        Ok(_) => "it asks for help".to_string(),
    }
}

/// The settings of a step's map as words of `gage run`, and the keys that are none.
fn settings(step: &Step, batch_files: &mut Vec<String>) -> Result<(Vec<String>, Vec<String>), String> {
    let mut words = Vec::new();
    let mut unknown = Vec::new();
    for (key, value) in &step.settings {
        let invalid = |expected: &str| format!("invalid {key} value {}: expected {expected}", Data::from(value));
        let texts = match value {
            Json::Array(items) => items.iter().map(text).collect::<Option<Vec<_>>>(),
            Json::Object(map) if key == "opt-flags" => {
                let pairs = map.iter().map(|(name, value)| Some(format!("{name}={}", text(value)?)));
                pairs.collect()
            }
            one => text(one).map(|text| vec![text]),
        };
        if key == "batch-files" {
            batch_files.extend(texts.ok_or_else(|| invalid("a string or a list of strings"))?);
            continue;
        }
        let renamed = RENAMED.iter().find(|(from, _)| from == key);
        let option = renamed.map_or(key.as_str(), |(_, to)| to);
        if !TAKEN.contains(&option) {
            unknown.push(key.clone());
            continue;
        }
        match value {
            Json::Bool(true) => words.push(format!("--{option}")),
            Json::Bool(false) => {}
            Json::Array(_) if !ADDED.contains(&option) => return Err(invalid("one value")),
            _ => {
                let texts = texts.ok_or_else(|| invalid("a string"))?;
                words.extend(texts.iter().map(|text| format!("--{option}={text}")));
            }
        }
    }
    Ok((words, unknown))
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::Array(_) | Json::Object(_) | Json::Null => None,
        Json::Bool(v) => Some(if *v { "yes" } else { "no" }.to_string()),
        scalar => Some(plain(&Value::from_json(scalar))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(step: Json) -> Result<ReadStep, String> {
        let op = OpDef {
            steps: vec![step],
            ..OpDef::default()
        };
        all(&op).map(|mut all| all.remove(0)).map_err(|failure| failure.message)
    }

    #[test]
    fn options_come_from_text_and_map_in_one_order() {
        let step = one(json!({
            "run": "--tag a -m 3 --stage m:op -Fo xi=1 x=[1,2] @b.csv --run-dir /tmp",
            "tags": ["b"], "max-trials": 5, "optimize": true, "no-gpus": false, "label": "l 1", "batch-files": "c.csv",
            "opt-flags": {"kappa": 2.5}, "nonsense": 1
        }))
        .unwrap();
        assert_eq!(step.operation, "m:op");
        assert_eq!(step.flags, [("x".to_string(), "[1,2]".to_string())]);
        assert_eq!(step.batch_files, ["b.csv", "c.csv"]);
        let options: Vec<String> = step
            .options
            .iter()
            .map(|(n, v)| format!("{n} {}", v.join(",")))
            .collect();
        assert_eq!(
            options,
            [
                "label l 1",
                "tag a,b",
                "max-trials 5",
                "optimize ",
                "opt-flag xi=1,kappa=2.5"
            ]
        );
        assert_eq!(step.ignored, ["nonsense", "run-dir", "stage"]);
    }

    proptest::proptest! {
        /// Any text is a step or refused; what is understood names an operation.
        #[test]
        fn any_text_is_read(text in "[a-z=@:\\-' \"\\[\\],1é]{0,24}") {
            if let Ok(step) = one(json!(text)) {
                proptest::prop_assert!(!step.operation.is_empty());
            }
        }
    }

    #[test]
    fn what_run_would_refuse_is_refused() {
        for (step, error) in [
            (
                json!("op --max-trials 0"),
                "invalid step 'op --max-trials 0': Invalid value for '-m' / '--max-trials' / '--trials': 0 is not in the range x>=1",
            ),
            (json!("op --nope"), "invalid step 'op --nope': No such option: --nope"),
            (json!("x=1"), "invalid step 'x=1': must name an operation"),
            (
                json!("op foo"),
                "invalid step 'op foo': invalid argument 'foo': expected NAME=VAL",
            ),
            (
                json!({"run": "op", "max-trials": {"a": 1}}),
                "invalid step {'run': 'op', 'max-trials': {'a': 1}}: invalid max-trials value {'a': 1}: expected a string",
            ),
        ] {
            assert_eq!(one(step).unwrap_err(), error);
        }
    }
}
