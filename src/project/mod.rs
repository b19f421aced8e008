//! What can be run here: operations files (gage and Guild dialects), bare scripts with their detected flags,
//! source selection. Ends in an [`OpDef`]. Uses `flags` and `config`; never `run` or `batch`.

pub mod opdef;

pub use opdef::{Command, ConfigSelect, Exec, FlagsDest, OpDef, OptimizerDef, SourceCode};
