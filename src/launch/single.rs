//! One ordinary run, from its flags to the moment before it starts. Starting it is `run::supervise`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use thiserror::Error;

use super::{SourceError, requires, vcs_commit};
use crate::flags::{FlagValues, Resolved};
use crate::project::OpDef;
use crate::run::compose::{Naming, compose};
use crate::run::{self, Caller, Run, RunError, Staging, Template};

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Single<'a> {
    pub op: &'a OpDef,
    pub flags: &'a Resolved,
    pub naming: Naming,
    /// What its requirements came to.
    pub requires: &'a requires::Resolved,
    pub seed: u32,
    /// Environment to add, such as `CUDA_VISIBLE_DEVICES`.
    pub env: BTreeMap<String, String>,
    /// Further system attributes.
    pub attrs: BTreeMap<String, Json>,
    pub id: Option<String>,
    pub dir: Option<PathBuf>,
}

/// Why a run could not be made.
#[derive(Debug, Error)]
pub enum LaunchError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("cannot draw a random seed: {0}")]
    Seed(std::io::Error),
}

impl LaunchError {
    /// The code `gage` exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            LaunchError::Run(error) | LaunchError::Source(SourceError::Run(error)) => error.exit_code(),
            _ => 1,
        }
    }
}

/// Makes and stages the run. Gives warnings for the user besides, without `WARNING: `.
pub fn make(home: &Path, single: &Single<'_>, source: &Template) -> Result<(Run, Vec<String>), LaunchError> {
    let (mut spec, mut warnings) = compose(single.op, &single.flags.values, &single.naming, &single.requires.runs);
    spec.env.extend(single.env.clone());
    spec.attrs
        .extend(attributes(single.op, &single.flags.user, single.seed, source));
    spec.attrs.extend(single.attrs.clone());
    if !single.requires.record.is_null() {
        spec.attrs
            .insert(requires::DEPS.to_string(), single.requires.record.clone());
    }
    spec.id.clone_from(&single.id);
    spec.dir.clone_from(&single.dir);
    let run = run::create(home, &spec)?;
    let staging = Staging {
        source,
        dependencies: &single.requires.dependencies,
        resolved: &single.requires.text,
        unmet: None,
        caller: Caller::here(),
        stop: None,
    };
    warnings.extend(run::stage(&run, &staging)?);
    Ok((run, warnings))
}

/// System attributes of a run of `op`: where it comes from and what the user said.
pub fn attributes(op: &OpDef, user: &FlagValues, seed: u32, source: &Template) -> BTreeMap<String, Json> {
    let mut attrs = run::system_attrs();
    attrs.extend(op.run_attrs.iter().map(|(name, value)| (name.clone(), value.clone())));
    attrs.insert("random_seed".to_string(), Json::from(seed));
    attrs.insert("sourcecode_digest".to_string(), Json::from(source.digest()));
    let user: serde_json::Map<String, Json> = user.iter().map(|(n, v)| (n.clone(), v.to_json())).collect();
    attrs.insert("user_flags".to_string(), Json::Object(user));
    if let Some(commit) = vcs_commit(&op.project_dir) {
        attrs.insert("vcs_commit".to_string(), Json::from(commit));
    }
    attrs
}

/// The seed given, else a random one in the same range.
pub fn seed(given: Option<u64>) -> Result<u32, LaunchError> {
    if let Some(seed) = given {
        return Ok(u32::try_from(seed).unwrap_or(u32::MAX));
    }
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|e| LaunchError::Seed(e.into()))?;
    Ok(u32::from_le_bytes(bytes))
}
