//! What the steps of an operation come to, given the flags of the steps run: each step's link, its flags and what is
//! checked after it. Starts nothing, and knows no options of `gage run`.

mod checks;
mod links;

pub use checks::{CheckFailure, Checked, check};
pub use links::{lead_elsewhere, link, linked, links, steps_run_of, unlink_dead};

use crate::flags::{FlagDef, FlagValues, Value, encode, plain, reference};
use crate::project::steps::Step;
use crate::project::{OpDef, Project};

/// System attribute of a step's run: the steps run it belongs to.
pub const STEPS_RUN: &str = "steps_run";

/// How a step is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Its own name, or its operation as written.
    pub name: String,
    /// The operation as written in `run`.
    pub written: String,
    /// The operation with its model.
    pub operation: String,
}

impl Called {
    /// `written` is the operation that `step` names; one without a model is that of the steps operation `of`, unless
    /// it is a script of the project.
    pub fn new(step: &Step, written: &str, of: &OpDef, project: Option<&Project>) -> Called {
        let operation = match of.name.rsplit_once(':') {
            Some((model, _)) if !written.contains(':') => {
                let own = format!("{model}:{written}");
                let script = project.is_some_and(|p| p.operation(Some(&own)).is_err() && p.is_script(written));
                if script { written.to_string() } else { own }
            }
            _ => written.trim_start_matches(':').to_string(),
        };
        Called {
            name: step.name.clone().unwrap_or_else(|| written.to_string()),
            written: written.to_string(),
            operation,
        }
    }

    /// What may stand before a flag of the steps operation that is meant for this step, the most telling last.
    fn prefixes(&self) -> Vec<&str> {
        let bare = self.operation.rsplit(':').next().unwrap_or_default();
        let mut prefixes = vec![bare];
        // A name that is only the operation's says no more than that.
        let own = (self.name != self.written).then_some(&self.name);
        for name in [&self.written, &self.operation].into_iter().chain(own) {
            prefixes.retain(|p| p != name);
            prefixes.push(name);
        }
        prefixes
    }

    /// The flag of this step that `name`, a flag of the steps operation, is meant for, and how telling it is.
    fn meant<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        let prefixes = self.prefixes();
        let found = prefixes.iter().enumerate().rev().find_map(|(rank, prefix)| {
            let flag = name.strip_prefix(prefix)?.strip_prefix(':')?;
            Some((rank, flag))
        });
        found.filter(|(_, flag)| !flag.is_empty())
    }
}

/// The flags that a step gets, as (name, text): those of its text `written`, those of its map, and those that were
/// assigned to it by way of the steps operation. References are to `own`, the flags of the steps run.
pub fn flags(step: &Step, called: &Called, written: &[(String, String)], own: &FlagValues) -> Vec<(String, String)> {
    let mut flags: Vec<(String, Option<String>)> = Vec::new();
    let mut set = |name: &str, text: Option<String>| match flags.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = text,
        None => flags.push((name.to_string(), text)),
    };
    for (name, text) in written {
        set(name, in_text(text, own));
    }
    for (name, json) in &step.flags {
        set(name, value(&Value::from_json(json), own));
    }
    let mut meant: Vec<(usize, &str, &Value)> = own
        .iter()
        .filter_map(|(name, value)| called.meant(name).map(|(rank, flag)| (rank, flag, value)))
        .collect();
    meant.sort_by_key(|(rank, ..)| *rank);
    for (_, flag, value) in meant {
        set(flag, known(value));
    }
    flags
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .collect()
}

/// A null value is none at all.
fn known(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| encode(value))
}

/// The text of an assignment with its references replaced; one that is only a reference takes the flag's value.
fn in_text(text: &str, own: &FlagValues) -> Option<String> {
    match sole(text, own) {
        Some(value) => known(value),
        None => Some(reference::expand(text, false, |name| own.get(name).map(plain))),
    }
}

/// The text of a typed value with the references in its texts replaced.
fn value(value: &Value, own: &FlagValues) -> Option<String> {
    fn filled(value: &Value, own: &FlagValues) -> Value {
        match value {
            Value::Text(text) => match sole(text, own) {
                Some(value) => value.clone(),
                None => Value::Text(reference::expand(text, false, |name| own.get(name).map(plain))),
            },
            Value::List(items) => Value::List(items.iter().map(|item| filled(item, own)).collect()),
            Value::Map(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), filled(v, own))).collect()),
            other => other.clone(),
        }
    }
    match filled(value, own) {
        // `lr: uniform[0:1]` and `x: [1, 2]` mean the same in a file as on the command line.
        Value::Text(text) if matches!(value, Value::Text(_)) && is_search(&text) => Some(text),
        filled => known(&filled),
    }
}

fn is_search(text: &str) -> bool {
    crate::flags::decode(text, None).is_ok_and(|decoded| matches!(decoded.value, Value::Function(_)))
}

fn sole<'a>(text: &str, own: &'a FlagValues) -> Option<&'a Value> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    own.get(name)
}

/// Defines the flags of a steps operation that `names` of its steps' operations: `OP:x` for a flag `x` of a step
/// that runs `OP`. Others are left undefined.
pub fn define_scoped<'a>(op: &mut OpDef, steps: &[Called], names: impl Iterator<Item = &'a str>, project: &Project) {
    for name in names {
        if op.flags.contains_key(name) {
            continue;
        }
        let def = steps.iter().find_map(|called| {
            let (_, flag) = called.meant(name)?;
            let of_step = project.operation(Some(&called.operation)).ok()?;
            flag_of(&of_step, flag)
        });
        if let Some(def) = def {
            op.flags.insert(name.to_string(), def);
        }
    }
}

/// The definition of a flag, which a steps operation passes on as it was written.
fn flag_of(op: &OpDef, flag: &str) -> Option<FlagDef> {
    // The flags of inner steps are checked when these are started.
    let inner = !op.steps.is_empty() && flag.contains(':');
    match op.flags.get(flag) {
        None if inner => Some(FlagDef::default()),
        None => None,
        Some(def) => Some(FlagDef {
            default: Value::Null,
            required: false,
            alias: None,
            ..def.clone()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(flags: serde_json::Value) -> Step {
        let json = serde_json::json!({"run": "m:op", "flags": flags});
        let op = OpDef {
            steps: vec![json],
            ..OpDef::default()
        };
        crate::project::steps::of(&op).unwrap().remove(0)
    }

    fn called(name: &str) -> Called {
        Called {
            name: name.into(),
            written: "op".into(),
            operation: "m:op".into(),
        }
    }

    fn own(pairs: &[(&str, Value)]) -> FlagValues {
        pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect()
    }

    fn texts(step: &Step, written: &[(&str, &str)], own: &FlagValues) -> Vec<String> {
        let written: Vec<(String, String)> = written.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
        let flags = flags(step, &called("first"), &written, own);
        flags.into_iter().map(|(name, text)| format!("{name}={text}")).collect()
    }

    #[test]
    fn values_are_merged_and_references_filled() {
        let own = own(&[
            ("lr", Value::Float(0.1)),
            ("name", Value::Text("1".into())),
            ("none", Value::Null),
        ]);
        let step =
            step(serde_json::json!({"b": "${lr}", "c": null, "d": "x-${lr}", "e": [1, "${name}"], "f": "[1:2]"}));
        let written = [
            ("a", "${name}"),
            ("c", "3"),
            ("g", "${none}"),
            ("h", "${who}"),
            ("b", "0"),
        ];
        assert_eq!(
            texts(&step, &written, &own),
            ["a='1'", "h=${who}", "b=0.1", "d=x-0.1", "e=[1, '1']", "f=[1:2]"]
        );
    }

    #[test]
    fn the_more_complete_name_wins() {
        let step = step(serde_json::json!({"x": 0}));
        let one = |pairs: &[(&str, i64)]| {
            let own = own(&pairs.iter().map(|(n, v)| (*n, Value::Int(*v))).collect::<Vec<_>>());
            texts(&step, &[], &own).join(" ")
        };
        assert_eq!(one(&[("op:x", 1)]), "x=1");
        assert_eq!(one(&[("m:op:x", 2), ("op:x", 1)]), "x=2");
        assert_eq!(one(&[("first:x", 3), ("m:op:x", 2), ("op:x", 1)]), "x=3");
        assert_eq!(one(&[("other:x", 3), ("op:", 1)]), "x=0");
    }
}
