//! A run as JSON. The shape is documented in `docs/json.md` and carries [`FORMAT`]; a key is never renamed or given
//! another meaning without a new number, new keys may appear.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::time;
use crate::flags::FlagValues;
use crate::run::Exceeded;
use crate::scalars::TagSummary;
use crate::store::RunRow;

/// Version of the shape.
pub const FORMAT: u32 = 1;

/// Everything a list says about a run.
#[derive(Serialize)]
struct RunJson<'a> {
    format: u32,
    id: &'a str,
    name: String,
    run_dir: PathBuf,
    meta_dir: PathBuf,
    operation: &'a str,
    opref: &'a str,
    status: String,
    remote: Option<&'a str>,
    initialized: Time,
    started: Time,
    stopped: Time,
    exit_status: Option<i64>,
    exceeded: Option<&'static str>,
    label: Option<&'a str>,
    tags: &'a [String],
    marked: bool,
    comments: Vec<CommentJson<'a>>,
    project: Option<&'a PathBuf>,
    sourcecode_digest: Option<&'a str>,
    cmd: &'a Json,
    flags: &'a FlagValues,
    scalars: BTreeMap<String, Number>,
}

#[derive(Serialize)]
struct CommentJson<'a> {
    author: &'a str,
    time: Time,
    text: &'a str,
}

/// Microseconds, written as RFC 3339.
struct Time(Option<i64>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.and_then(time::rfc3339).serialize(serializer)
    }
}

/// A double; NaN and infinities are the texts `nan`, `inf`, `-inf`.
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::flags::Value::Float(self.0).serialize(serializer)
    }
}

/// A list of runs, one a line.
pub fn runs<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> Vec<u8> {
    let mut out = b"[".to_vec();
    for (index, row) in rows.into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut out, &shape(row)).expect("a run has text keys only and a buffer takes it");
    }
    out.extend_from_slice(if out.len() == 1 { b"]\n" } else { b"\n]\n" });
    out
}

/// One run, as a map that may be added to.
pub fn run(row: &RunRow) -> serde_json::Map<String, Json> {
    match serde_json::to_value(shape(row)).expect("a run has text keys only") {
        Json::Object(map) => map,
        _ => unreachable!("a struct is a map"),
    }
}

fn shape(row: &RunRow) -> RunJson<'_> {
    RunJson {
        format: FORMAT,
        id: row.run.id(),
        name: row.run.name(),
        run_dir: row.run.dir(),
        meta_dir: row.run.meta(""),
        operation: &row.operation,
        opref: &row.opref,
        status: row.status.to_string(),
        remote: row.remote.as_deref(),
        initialized: Time(row.initialized),
        started: Time(row.started),
        stopped: Time(row.stopped),
        exit_status: row.exit,
        exceeded: row.exceeded.map(Exceeded::as_str),
        label: row.label.as_deref(),
        tags: &row.tags,
        marked: row.marked,
        comments: row
            .comments
            .iter()
            .map(|c| CommentJson {
                author: &c.author,
                time: Time(i64::try_from(c.timestamp).ok()),
                text: &c.text,
            })
            .collect(),
        project: row.project.as_ref(),
        sourcecode_digest: row.sourcecode_digest.as_deref(),
        cmd: &row.cmd,
        flags: &row.flags,
        scalars: last_values(&row.scalars),
    }
}

/// Last value of each tag under the name users write. A run's own output scalars win where two share a name.
fn last_values(scalars: &[TagSummary]) -> BTreeMap<String, Number> {
    let mut map = BTreeMap::new();
    for own in [false, true] {
        for scalar in scalars.iter().filter(|s| s.is_output() == own) {
            map.insert(scalar.key(), Number(scalar.last_val));
        }
    }
    map
}
