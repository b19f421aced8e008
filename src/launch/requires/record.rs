//! What runs have recorded of the requirements they were made with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::DEPS;
use crate::flags::{FlagValues, Value};
use crate::run::{Run, id, meta};

/// The runs that a run depends on, as it has recorded: short ids by the names of what required them.
pub fn recorded(run: &Run) -> BTreeMap<String, String> {
    recorded_at(&run.meta(&format!("sys/{DEPS}.json")))
}

/// The same of a batch, as its proto has recorded.
pub fn recorded_of_batch(batch: &Run) -> BTreeMap<String, String> {
    recorded_at(&batch.meta(&format!("proto/sys/{DEPS}.json")))
}

fn recorded_at(path: &Path) -> BTreeMap<String, String> {
    let record = meta::read_json(path).ok().flatten();
    let record = record.unwrap_or_default();
    let entries = record.as_array().into_iter().flatten();
    let runs = entries.filter_map(|entry| Some((entry["name"].as_str()?, entry["run"].as_str()?)));
    runs.map(|(name, run)| (name.to_string(), id::short(run).to_string()))
        .collect()
}

/// Files and directories (relative to the run directory) that a run has recorded as dependencies.
pub fn recorded_files(run: &Run) -> Vec<PathBuf> {
    let record = meta::read_json(&run.meta(&format!("sys/{DEPS}.json"))).ok().flatten();
    let record = record.unwrap_or_default();
    let entries = record.as_array().into_iter().flatten();
    let files = entries.flat_map(|entry| entry["files"].as_array().into_iter().flatten());
    files.filter_map(|file| file.as_str().map(PathBuf::from)).collect()
}

/// Values that keep every run of a record, for a run that repeats another one's choice: what a batch has found at its
/// beginning holds for all of its trials.
pub fn chosen(record: &Json) -> FlagValues {
    let entries = record.as_array().into_iter().flatten();
    let runs = entries.filter_map(|entry| Some((entry["flag"].as_str()?, entry["run"].as_str()?)));
    runs.map(|(name, run)| (name.to_string(), Value::Text(run.to_string())))
        .collect()
}
