//! The steps of an operation, as they are written: what each runs, its settings and its checks. All of them
//! are looked at before the first one runs.

use serde_json::{Map, Value as Json};

use super::{OpDef, ProjectError};
use crate::flags::document::Data;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its `run` text, and the same as words: options of `gage run`, the operation, flags and batch files.
    pub text: String,
    pub run: Vec<String>,
    /// The whole step as messages show it.
    pub shown: String,
    pub name: Option<String>,
    /// Added to the flags of `run`; null removes one.
    pub flags: Map<String, Json>,
    pub checks: Vec<Check>,
    /// `yes`: requirements are met by runs of this steps run only; `no`: by any run; not said: by those of this
    /// steps run first.
    pub isolate_runs: Option<bool>,
    /// Skipped when a matching run exists.
    pub needed: bool,
    /// The other keys, named like options of `gage run`.
    pub settings: Map<String, Json>,
}

/// What has to hold after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Files that match a glob exist, and possibly hold a text or equal a file.
    File {
        glob: String,
        contains: Option<String>,
        compare_to: Option<String>,
    },
    /// The output matches a regular expression.
    Output(String),
}

/// The steps of an operation.
pub fn of(def: &OpDef) -> Result<Vec<Step>, ProjectError> {
    def.steps
        .iter()
        .map(|step| Step::read(step).map_err(ProjectError::new))
        .collect()
}

impl Step {
    fn read(json: &Json) -> Result<Step, String> {
        let shown = || Data::from(json);
        let mut map = match json {
            Json::String(text) => Map::from_iter([("run".to_string(), Json::from(text.as_str()))]),
            Json::Object(map) => map.clone(),
            _ => return Err(format!("invalid step data: {}", shown())),
        };
        let run = match map.shift_remove("run") {
            Some(Json::String(text)) => text,
            _ => String::new(),
        };
        let words = shlex::split(&run).ok_or_else(|| format!("invalid step {}: a quote is not closed", shown()))?;
        if words.is_empty() {
            return Err(format!("invalid step {}: must define run", shown()));
        }
        let mut step = Step {
            text: run.trim().to_string(),
            run: words,
            shown: shown().to_string(),
            name: None,
            flags: Map::new(),
            checks: Vec::new(),
            isolate_runs: None,
            needed: false,
            settings: Map::new(),
        };
        for (key, value) in map {
            let invalid = |expected: &str| {
                let value = Data::from(&value);
                format!(
                    "invalid step {}: invalid {key} value {value}: expected {expected}",
                    shown()
                )
            };
            match (key.as_str(), &value) {
                (_, Json::Null) => {}
                ("name", Json::String(name)) if is_link_name(name) => step.name = Some(name.clone()),
                ("name", _) => return Err(invalid("a file name")),
                ("flags", Json::Object(flags)) => step.flags = flags.clone(),
                ("flags", _) => return Err(invalid("a mapping")),
                ("needed", Json::Bool(needed)) => step.needed = *needed,
                ("isolate-runs", Json::Bool(isolate)) => step.isolate_runs = Some(*isolate),
                ("needed" | "isolate-runs", _) => return Err(invalid("yes or no")),
                ("checks" | "expect", checks) => {
                    let checks = match checks {
                        Json::Array(items) => items.as_slice(),
                        one => std::slice::from_ref(one),
                    };
                    for check in checks {
                        let check =
                            Check::read(check).map_err(|reason| format!("invalid step {}: {reason}", shown()))?;
                        step.checks.push(check);
                    }
                }
                _ => {
                    step.settings.insert(key, value);
                }
            }
        }
        Ok(step)
    }
}

/// A step's name is the name of its link in the run directory.
fn is_link_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && name != "." && name != ".."
}

impl Check {
    fn read(json: &Json) -> Result<Check, String> {
        let invalid = || {
            let shown = Data::from(json);
            format!("invalid check {shown}: expected a mapping with 'file' or 'output'")
        };
        let map = json.as_object().ok_or_else(invalid)?;
        let text = |key: &str| match map.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(invalid()),
        };
        match (text("file")?, text("output")?) {
            (Some(glob), None) => Ok(Check::File {
                glob,
                contains: text("contains")?,
                compare_to: text("compare-to")?,
            }),
            (None, Some(pattern)) => match regex::Regex::new(&pattern) {
                Ok(_) => Ok(Check::Output(pattern)),
                Err(_) => Err(format!("invalid check: '{pattern}' is not a regular expression")),
            },
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::document::{Format, read};

    fn steps(yaml: &str) -> Result<Vec<Step>, String> {
        let steps = super::super::fields::steps(&read(Format::Yaml, yaml).unwrap())?;
        let def = OpDef {
            steps,
            ..OpDef::default()
        };
        of(&def).map_err(|error| error.to_string())
    }

    #[test]
    fn steps_are_texts_or_maps() {
        let steps = steps(
            "- m:train lr=0.1 'x=a b' @b.csv\n\
             - {run: --needed eval, name: e, flags: {a: ~, b: 1}, needed: yes, isolate-runs: no, max-trials: 3,\n\
             \x20  checks: [{file: '*.txt', contains: x}, {output: 'a.*'}]}\n",
        )
        .unwrap();
        assert_eq!(steps[0].run, ["m:train", "lr=0.1", "x=a b", "@b.csv"]);
        assert_eq!(
            (steps[1].name.as_deref(), steps[1].needed, steps[1].isolate_runs),
            (Some("e"), true, Some(false))
        );
        assert_eq!(serde_json::to_string(&steps[1].flags).unwrap(), r#"{"a":null,"b":1}"#);
        assert_eq!(steps[1].settings["max-trials"], 3);
        assert_eq!(steps[1].checks[1], Check::Output("a.*".into()));
    }

    #[test]
    fn bad_steps_are_explained() {
        for (yaml, error) in [
            ("3", "invalid steps data 3: expected a list"),
            ("[{foo: 1}]", "invalid step {'foo': 1}: must define run"),
            ("[[1, 2, 3]]", "invalid step data: [1, 2, 3]"),
            ("[~]", "invalid step data: None"),
            ("[{run: '   '}]", "invalid step {'run': '   '}: must define run"),
            ("[{}]", "invalid step {}: must define run"),
            ("[a 'b]", "invalid step \"a 'b\": a quote is not closed"),
            (
                "[{run: a, needed: 3}]",
                "invalid step {'run': 'a', 'needed': 3}: invalid needed value 3: expected yes or no",
            ),
            (
                "[{run: a, name: ../x}]",
                "invalid step {'run': 'a', 'name': '../x'}: invalid name value '../x': expected a file name",
            ),
            (
                "[{run: a, checks: [{output: '('}]}]",
                "invalid step {'run': 'a', 'checks': [{'output': '('}]}: invalid check: '(' is not a regular expression",
            ),
        ] {
            assert_eq!(steps(yaml).unwrap_err(), error, "{yaml}");
        }
    }
}
