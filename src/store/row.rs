//! One run as lists, comparisons and filters see it: everything that is asked often, read once.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::flags::{FlagValues, Value};
use crate::run::status::{self, Status};
use crate::run::user::{self, Comment};
use crate::run::{self, Exceeded, Run, meta};
use crate::scalars::columns::{Qualifier, ScalarCol};
use crate::scalars::{self, TagSummary};

/// A run and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub run: Run,
    /// Displayed name, such as `train.py` or `gpkg/model:train`.
    pub operation: String,
    /// `1 NS NAME`, as recorded.
    pub opref: String,
    pub status: Status,
    /// The remote that the run is running on.
    pub remote: Option<String>,
    /// Microseconds since the epoch, as all times here.
    pub initialized: Option<i64>,
    pub started: Option<i64>,
    pub stopped: Option<i64>,
    /// Negative: the signal that ended the run.
    pub exit: Option<i64>,
    /// The limit that it went beyond, if it ended by that.
    pub exceeded: Option<Exceeded>,
    pub label: Option<String>,
    pub tags: Vec<String>,
    pub marked: bool,
    pub comments: Vec<Comment>,
    pub flags: FlagValues,
    /// Sorted by prefix and tag.
    pub scalars: Vec<TagSummary>,
    pub cmd: Json,
    /// Where the run came from; may be gone.
    pub project: Option<PathBuf>,
    pub sourcecode_digest: Option<String>,
    /// True for a run that starts trials.
    pub batch: bool,
}

impl RunRow {
    /// Reads a run's files. What is absent or cannot be read is empty; `warnings` says what could not be read.
    pub fn read(run: &Run, warnings: &mut Vec<String>) -> RunRow {
        let mut row = Self::read_facts(run, warnings);
        let (scalars, corrupt) = scalars::of_run(&run.dir(), &run.meta(""));
        warnings.extend(corrupt);
        row.scalars = scalars;
        row
    }

    /// Reads a run's files without its scalars.
    pub(super) fn read_facts(run: &Run, warnings: &mut Vec<String>) -> RunRow {
        let mut json = |name: &str| {
            let path = run.meta(name);
            meta::read_json(&path).unwrap_or_else(|reason| {
                warnings.push(format!("cannot read {}: {reason}", path.display()));
                None
            })
        };
        let flags = match json("config.json") {
            Some(Json::Object(map)) => map.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect(),
            _ => FlagValues::new(),
        };
        let cmd = json("proc/cmd.json").unwrap_or_default();
        let digest = json("sys/sourcecode_digest.json");
        let time = |name: &str| meta::read_number(&run.meta(name));
        let opref = meta::read_text(&run.meta("opref")).ok().flatten().unwrap_or_default();
        let user = user::read(run);
        warnings.extend(user.warnings);
        let exit = status::exit_code(run);
        RunRow {
            operation: operation(&opref),
            opref,
            status: exit.map_or_else(|| status::of(run), Status::of_exit),
            remote: if exit.is_some() { None } else { status::remote(run) },
            initialized: time("initialized"),
            started: time("started"),
            stopped: time("stopped"),
            exit,
            exceeded: exit.and_then(|code| Exceeded::of_exit(run, code)),
            label: user.label,
            tags: user.tags,
            marked: user.marked,
            comments: user.comments,
            flags,
            scalars: Vec::new(),
            cmd,
            project: run::project_dir(run),
            sourcecode_digest: digest.and_then(|d| d.as_str().map(str::to_string)),
            batch: run.meta("proto").is_dir(),
            run: run.clone(),
        }
    }

    /// When the run began: its start, or its initialisation when it was not started.
    pub fn began(&self) -> Option<i64> {
        self.started.or(self.initialized)
    }

    /// Microseconds that the run took, or takes so far.
    pub fn duration(&self) -> Option<i64> {
        let started = self.started?;
        let end = match self.stopped.filter(|stopped| *stopped >= started) {
            Some(stopped) => stopped,
            None if self.status == Status::Running => jiff::Timestamp::now().as_microsecond(),
            None => return None,
        };
        Some((end - started).max(0))
    }

    /// Package, model and operation of the displayed name.
    pub fn model(&self) -> Option<&str> {
        let local = self.operation.rsplit('/').next()?;
        local.split_once(':').map(|(model, _)| model)
    }

    /// The last value of a scalar, named as users write it: `loss`, `train#loss`.
    pub fn scalar(&self, name: &str) -> Option<f64> {
        let (prefix, tag) = match name.split_once('#') {
            Some((prefix, tag)) => (Some(prefix.to_string()), tag),
            None => (None, name),
        };
        let column = ScalarCol {
            qualifier: Qualifier::Last,
            prefix,
            tag: tag.to_string(),
            step: false,
        };
        column.value(&self.scalars)
    }

    /// An attribute for filters and columns; `None` if the run has none of that name. Times are local texts, so
    /// that they compare as they read.
    pub fn attribute(&self, name: &str) -> Option<Value> {
        let text = |text: &str| Some(Value::from(text));
        let time = |micros: Option<i64>| micros.and_then(local).map(Value::Text);
        match name {
            "id" => text(self.run.id()),
            "run" => text(self.run.short_id()),
            "name" => Some(Value::Text(self.run.name())),
            "operation" => text(&self.operation),
            "op" => text(self.operation.rsplit([':', '/']).next()?),
            "model" => self.model().map(Value::from),
            "from" => self.project.as_ref().map(|p| Value::Text(p.display().to_string())),
            "label" => self.label.as_deref().map(Value::from),
            "status" => text(self.status.as_str()),
            "initialized" => time(self.initialized),
            "started" => time(self.started),
            "stopped" => time(self.stopped),
            "time" => Some(Value::Float(self.duration()? as f64 / 1e6)),
            "marked" => Some(Value::Bool(self.marked)),
            "exit_status" => self.exit.map(Value::Int),
            "sourcecode" | "sourcecode_digest" => self.sourcecode_digest.as_deref().map(Value::from),
            "tags" => Some(Value::List(self.tags.iter().map(|t| Value::from(t.as_str())).collect())),
            "comment" | "comments" => {
                let texts: Vec<&str> = self.comments.iter().map(|c| c.text.as_str()).collect();
                (!texts.is_empty()).then(|| Value::Text(texts.join("\n")))
            }
            "dir" => Some(Value::Text(self.run.dir().display().to_string())),
            _ => self.stored(name),
        }
    }

    /// Any other attribute is a file of its own, read when it is asked for.
    fn stored(&self, name: &str) -> Option<Value> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            return None;
        }
        let path = self.run.meta(&format!("sys/{name}.json"));
        meta::read_json(&path)
            .ok()
            .flatten()
            .map(|json| Value::from_json(&json))
    }
}

/// The name within an opref: `1 NS NAME` or `2 NS NAME VERSION`.
fn operation(opref: &str) -> String {
    shlex::split(opref)
        .and_then(|parts| parts.into_iter().nth(2))
        .unwrap_or_else(|| "?".to_string())
}

/// Local `YYYY-MM-DD HH:MM:SS`.
fn local(micros: i64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    Some(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
