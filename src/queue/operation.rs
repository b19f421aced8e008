//! The queue as a built-in operation, `gage run queue`: a run whose program is `gage queue`, which finds its flags in
//! its run. So it can be shown, started in the background, stopped and watched as any other.

use std::path::Path;
use std::time::Duration;

use super::{NAME, Options};
use crate::flags::{FlagDef, FlagValues, Value, encode};
use crate::project::{Command, OpDef};
use crate::run::{RunSpec, system_attrs};
use crate::store::Filter;
use crate::store::expression::{Expr, ExprError};

/// The option that has `gage queue` take its settings from the run that it is the program of.
pub const OF_RUN: &str = "--of-run";

/// The flags, as an operations file would define them.
const FLAGS: [(&str, &str, &str); 6] = [
    (
        "filter",
        "string",
        "Take only runs for which this holds, such as 'label contains night'",
    ),
    (
        "gpus",
        "string",
        "Take only runs with these GPUs or none, which then get them",
    ),
    ("jobs", "int", "Runs at a time"),
    (
        "poll-interval",
        "number",
        "Look for staged runs at least every so many seconds",
    ),
    ("run-once", "boolean", "Start what is staged, then end"),
    (
        "wait-for-running",
        "boolean",
        "Start nothing while other runs are running",
    ),
];

/// The operation. `gage` is its program.
pub fn operation(gage: &Path) -> OpDef {
    let flags = FLAGS.map(|(name, kind, description)| {
        let (default, min) = match name {
            "jobs" => (Value::Int(1), Some(Value::Int(1))),
            "poll-interval" => (Value::Int(10), Some(Value::Float(0.01))),
            "run-once" | "wait-for-running" => (Value::Bool(false), None),
            _ => (Value::Null, None),
        };
        let def = FlagDef {
            default,
            min,
            kind: Some(kind.into()),
            description: description.into(),
            ..FlagDef::default()
        };
        (name.to_string(), def)
    });
    let words = [&gage.to_string_lossy(), "queue", OF_RUN];
    let mut op = OpDef {
        name: NAME.into(),
        description: "Start staged runs, oldest first, and wait for more".into(),
        flags: flags.into(),
        stoppable: true,
        delete_on_success: true,
        // What its runs print is theirs.
        output_scalars: Some(false.into()),
        ..OpDef::default()
    };
    op.exec.run = Some(Command::Words(words.map(String::from).into()));
    op
}

impl Options {
    /// The settings of a queue that is the program of a run with these flags.
    pub fn of_flags(flags: &FlagValues, home: &Path, gage: &Path) -> Result<Options, ExprError> {
        let text = |name: &str| match flags.get(name)? {
            Value::Null => None,
            Value::Text(text) => Some(text.clone()),
            other => Some(encode(other)),
        };
        let number = |name: &str| {
            flags
                .get(name)
                .and_then(Value::as_f64)
                .filter(|n| n.is_finite() && *n > 0.0)
        };
        let is_set = |name: &str| flags.get(name) == Some(&Value::Bool(true));
        let expressions: Result<_, _> = text("filter").iter().map(|text| Expr::parse(text)).collect();
        Ok(Options {
            home: home.to_path_buf(),
            gage: gage.to_path_buf(),
            filter: Filter {
                expressions: expressions?,
                ..Filter::default()
            },
            jobs: number("jobs").map_or(1, |n| n as usize),
            once: is_set("run-once"),
            wait_for_running: is_set("wait-for-running"),
            interval: Duration::from_secs_f64(number("poll-interval").unwrap_or(10.0).min(1e6)),
            gpus: text("gpus"),
        })
    }

    /// The same settings as flags.
    fn flags(&self) -> FlagValues {
        let flags = [
            ("gpus", self.gpus.clone().map_or(Value::Null, Value::Text)),
            ("jobs", Value::Int(i64::try_from(self.jobs).unwrap_or(i64::MAX))),
            ("poll-interval", Value::Float(self.interval.as_secs_f64())),
            ("run-once", Value::Bool(self.once)),
            ("wait-for-running", Value::Bool(self.wait_for_running)),
        ];
        flags.map(|(name, value)| (name.to_string(), value)).into()
    }
}

/// The run that a queue itself is, where it is not the program of one.
pub fn spec(options: &Options) -> RunSpec {
    RunSpec {
        opdef: operation(&options.gage),
        flags: options.flags(),
        attrs: system_attrs(),
        ..RunSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_from_flags_and_go_back() {
        let op = operation(Path::new("/bin/gage"));
        let mut flags: FlagValues = op
            .flags
            .iter()
            .map(|(n, def)| (n.clone(), def.default.clone()))
            .collect();
        let options = |flags: &FlagValues| Options::of_flags(flags, Path::new("/home"), Path::new("/bin/gage"));
        let plain = options(&flags).unwrap();
        assert_eq!((plain.jobs, plain.once, plain.gpus.as_deref()), (1, false, None));
        assert_eq!(plain.interval, Duration::from_secs(10));
        flags.extend(
            [
                ("gpus", Value::Int(1)),
                ("jobs", Value::Int(3)),
                ("run-once", Value::Bool(true)),
                ("filter", Value::Text("x = 1".into())),
            ]
            .map(|(n, v)| (n.to_string(), v)),
        );
        let given = options(&flags).unwrap();
        assert_eq!((given.jobs, given.once, given.gpus.as_deref()), (3, true, Some("1")));
        assert_eq!(given.filter.expressions.len(), 1);
        let again = options(&given.flags()).unwrap();
        assert_eq!((again.jobs, again.once, again.gpus), (3, true, given.gpus));
        flags.insert("filter".into(), Value::Text("x =".into()));
        assert!(options(&flags).is_err());
    }
}
