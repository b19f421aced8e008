//! What a run was made with, read back from its meta directory: what staging and starting need.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Run, RunError, create, meta};
use crate::flags::FlagValues;
use crate::project::{Command, OpDef};

/// A run's own definition of itself.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub opdef: OpDef,
    pub flags: FlagValues,
    pub command: Option<Command>,
    pub env: BTreeMap<String, String>,
    pub seed: Option<u64>,
    /// The project the run came from, which may be gone.
    pub project_dir: Option<PathBuf>,
}

impl Facts {
    /// Reads the facts. A file that is absent is empty; one that cannot be read is an error, since the run would
    /// be another one without it.
    pub fn read(run: &Run) -> Result<Facts, RunError> {
        if !run.meta("").is_dir() {
            return Err(RunError::NoRun(run.id().to_string()));
        }
        if let Some(schema) = meta::read_text(&run.meta("__schema__")).ok().flatten()
            && schema != super::SCHEMA
        {
            let id = run.id().to_string();
            return Err(RunError::Schema { id, schema });
        }
        Ok(Facts {
            opdef: read(run, "opdef.json")?.unwrap_or_default(),
            flags: read(run, "config.json")?.unwrap_or_default(),
            command: read(run, "proc/cmd.json")?,
            env: read(run, "proc/env.json")?.unwrap_or_default(),
            seed: read::<Json>(run, "sys/random_seed.json")?.and_then(|seed| seed.as_u64()),
            project_dir: create::project_dir(run),
        })
    }

    /// The operation's recorded name, as `opref` has it.
    pub fn op_name(&self) -> &str {
        &self.opdef.name
    }
}

fn read<T: DeserializeOwned>(run: &Run, name: &str) -> Result<Option<T>, RunError> {
    let path = run.meta(name);
    let corrupt = |reason| RunError::Corrupt {
        path: path.clone(),
        reason,
    };
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| corrupt(e.to_string())),
        Err(error) if meta::is_missing(&error) => Ok(None),
        Err(error) => Err(corrupt(super::error::reason(&error))),
    }
}
