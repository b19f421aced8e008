//! The source code of an operation, read once for a run or for all trials of a batch.

use std::path::Path;

use thiserror::Error;

use crate::project::{OpDef, ProjectError, source};
use crate::run::{RunError, Template};

/// Why source code cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Selects and reads the operation's files. Gives warnings for the user besides, without `WARNING: `.
pub fn template(op: &OpDef, runs_home: &Path) -> Result<(Template, Vec<String>), SourceError> {
    let root = match &op.sourcecode.root {
        Some(root) => op.project_dir.join(root),
        None => op.project_dir.clone(),
    };
    // What requirements put into the run is no source code besides.
    let mut leave_out = super::requires::project_files(op);
    leave_out.push(runs_home.to_path_buf());
    let selection = source::select(&root, &op.sourcecode, &leave_out)?;
    let dest = op.sourcecode.dest.as_deref();
    let template = Template::read(&root, &selection.files, dest, &op.sourcecode.patterns)?;
    Ok((template, selection.warnings))
}
