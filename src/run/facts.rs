//! What a run was made with, read back from its meta directory: what staging and starting need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::During;
use super::{Run, RunError, create, meta};
use crate::flags::FlagValues;
use crate::project::{Command, OpDef};

/// A run's own definition of itself.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The recorded name, as `opref` has it.
    pub name: String,
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
        Facts::read_at(run, "")
    }

    /// Reads the facts of a batch's proto run.
    pub fn of_proto(batch: &Run) -> Result<Facts, RunError> {
        Facts::read_at(batch, "proto/")
    }

    fn read_at(run: &Run, below: &str) -> Result<Facts, RunError> {
        let at = |name: &str| run.meta(&format!("{below}{name}"));
        let schema = match meta::read_text(&at("__schema__")).during("read", &at("__schema__"))? {
            Some(schema) => schema,
            None if at("opref").exists() => super::SCHEMA.to_string(),
            None => return Err(RunError::NoRun(run.id().to_string())),
        };
        if schema != super::SCHEMA {
            let id = run.id().to_string();
            return Err(RunError::Schema { id, schema });
        }
        let opref = meta::read_text(&at("opref")).ok().flatten().unwrap_or_default();
        let opdef: OpDef = read(&at("opdef.json"))?.unwrap_or_default();
        Ok(Facts {
            // The third word of an opref: `train+` for a batch of `train`.
            name: shlex::split(&opref)
                .and_then(|words| words.into_iter().nth(2))
                .unwrap_or_else(|| opdef.name.clone()),
            opdef,
            flags: read(&at("config.json"))?.unwrap_or_default(),
            command: read(&at("proc/cmd.json"))?,
            env: read(&at("proc/env.json"))?.unwrap_or_default(),
            seed: read::<Json>(&at("sys/random_seed.json"))?.and_then(|seed| seed.as_u64()),
            project_dir: create::project_dir(run),
        })
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RunError> {
    let corrupt = |reason| RunError::Corrupt {
        path: path.to_path_buf(),
        reason,
    };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| corrupt(e.to_string())),
        Err(error) if meta::is_missing(&error) => Ok(None),
        Err(error) => Err(error).during("read", path),
    }
}
