//! An operation, whichever file or script defined it: what a run keeps as `opdef.json`.
//! Holds what was said, not what it resolves to on this machine (`project_dir` apart).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::path::PathBuf;

use crate::flags::{FlagDef, Value};

/// Definition of an operation, dialect-free.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct OpDef {
    /// Displayed and recorded name, with its model: `train`, `mnist:train`, `train.py`.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub default: bool,
    /// A script or program that no operations file names: its flags were found, not declared.
    #[serde(skip_serializing_if = "is_default")]
    pub bare: bool,
    pub exec: Exec,
    /// The Python script that flags were detected in or that `globals` delivery rewrites, relative to the
    /// source directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_script: Option<String>,
    /// Selects the source code; `None` is the default selection of the dialect.
    pub sourcecode: SourceCode,
    /// Selected keys of files to rewrite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigSelect>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub flags: IndexMap<String, FlagDef>,
    #[serde(skip_serializing_if = "is_default")]
    pub flags_dest: FlagsDest,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env_secrets: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Vec<String>>,
    /// As written: text, list, map or `false`; absent means the default patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_scalars: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_attrs: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_summary: Option<Json>,
    /// Column spec, with a leading `-` for maximise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub optimizers: Vec<OptimizerDef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_trials: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Json>,
    /// Dependencies in the gage dialect: maps as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Json>,
    /// Named resources of the model, for `requires`.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub resources: serde_json::Map<String, Json>,
    /// Column specs of the list's last column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listing: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Json>,
    #[serde(skip_serializing_if = "is_default")]
    pub stoppable: bool,
    /// Signal name that `stop` sends first, such as `INT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<f64>,
    #[serde(skip_serializing_if = "is_default")]
    pub delete_on_success: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub can_stage_trials: bool,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub run_attrs: serde_json::Map<String, Json>,
    /// Directories put on the module path, relative to the run directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub python_path: Vec<String>,
    /// What to say of the definition before it is run, without `WARNING: `.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// Directory of the operations file, or the one `gage` was started in.
    #[serde(skip)]
    pub project_dir: PathBuf,
}

impl OpDef {
    /// Whether it is only for other operations, and not listed: the name after its model begins with `_`.
    pub fn is_private(&self) -> bool {
        self.name.rsplit(':').next().is_some_and(|name| name.starts_with('_'))
    }
}

/// What to run in each phase; `None` runs nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Exec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_sourcecode: Option<Command>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_runtime: Option<Command>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_dependencies: Option<Command>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Command>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalize: Option<Command>,
}

/// A command: a text for the shell (or, with a `#!PROG` first line, for PROG), or words run directly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Command {
    Shell(String),
    Words(Vec<String>),
}

/// Which files a run gets a copy of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SourceCode {
    /// Patterns of `runs.md` 4 in full (defaults already joined in); empty: nothing is copied.
    pub patterns: Vec<String>,
    /// Guild's default rules instead of patterns: git's own file list, `.guildignore`, size limits.
    #[serde(skip_serializing_if = "is_default")]
    pub guild_rules: bool,
    /// Source directory relative to the project, if not the project itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Where below the run directory the files go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest: Option<String>,
}

/// One entry of `config`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ConfigSelect {
    /// Patterns such as `train.py`, `conf/*.yaml#**.*`, `-#x`.
    pub keys: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rename: Option<String>,
}

/// How flags reach the program.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagsDest {
    /// Command-line words.
    Args,
    /// Top-level assignments of the main script.
    Globals,
    /// Keys of the top-level dict of that name.
    Dict(String),
    /// Attributes of the top-level namespace of that name.
    Namespace(String),
    /// A copy of that file is rewritten.
    Config(String),
    /// Environment variables only; also where `config` does the work.
    #[default]
    Env,
}

impl FlagsDest {
    /// As an operations file says it, and as `FLAGS_DEST` tells the program.
    pub fn text(&self) -> String {
        match self {
            FlagsDest::Args => "args".into(),
            FlagsDest::Globals => "globals".into(),
            FlagsDest::Dict(name) => format!("dict:{name}"),
            FlagsDest::Namespace(name) => format!("namespace:{name}"),
            FlagsDest::Config(path) => format!("config:{path}"),
            FlagsDest::Env => "env".into(),
        }
    }
}

/// An optimizer that an operation declares.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct OptimizerDef {
    /// Name within the operation.
    pub name: String,
    /// The optimizer or operation behind it.
    pub algorithm: String,
    #[serde(skip_serializing_if = "is_default")]
    pub default: bool,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub flags: IndexMap<String, Value>,
}

fn is_default<T: Default + PartialEq>(v: &T) -> bool {
    *v == T::default()
}
