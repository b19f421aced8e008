//! What can be wrong with a batch before it begins. The texts are those users see, after `gage: `.

use gage_optimizers::options::OptionError;
use gage_optimizers::space::SpaceError;
use thiserror::Error;

use super::super::grid::MOST;
use super::super::objective::ObjectiveError;

/// Why a batch cannot be run. The texts are whole.
#[derive(Debug, Error, PartialEq)]
pub enum PlanError {
    #[error("flag {0} has no values to choose from")]
    NoValues(String),
    #[error(
        "flags for batch ({0}) do not contain any search dimensions\nTry specifying a range for one or more flags as NAME=[MIN:MAX]."
    )]
    NoDimensions(String),
    #[error("{0}")]
    Function(String),
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error("the grid has {0} points - use '--max-trials' to run some of them")]
    GridTooLarge(u64),
    #[error("the grid has more points than can be counted - use shorter lists")]
    TooManyCells,
    #[error("{0} trials are more than gage plans at a time ({most})", most = MOST)]
    TooManyTrials(u64),
    #[error(
        "optimizer '{optimizer}' cannot search {rows} rows of a batch file at once\nUse a single row, or '--optimizer +' to run the grid of all rows."
    )]
    Rows { optimizer: String, rows: usize },
    #[error(
        "unsupported flag '{flag}'\nTry 'gage run {optimizer} --help-op' for a list of flags or use --force-flags to skip this check."
    )]
    UnknownOption { flag: String, optimizer: String },
    #[error("{0}")]
    Option(OptionError),
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    #[error(
        "cannot find operation {0}\nYou may need to include a model in the form MODEL:OPERATION. Try 'gage operations' for a list of available operations."
    )]
    UnknownOptimizer(String),
    #[error("cannot start a thread: {0}")]
    NoThread(String),
    #[error("operation '{0}' does not support --stage-trials")]
    CannotStageTrials(String),
    #[error("optimizer does not support {0}")]
    NotKnown(&'static str),
}
