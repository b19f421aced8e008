//! What can be wrong with the flags of a command line. The text of an error is the whole of what the user reads
//! after `gage: `.

use thiserror::Error;

/// A fault in assignments, their values, or a batch file.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FlagError {
    #[error("invalid argument(s):\n{}\nexpected NAME=VAL", .0.join("\n"))]
    InvalidArguments(Vec<String>),
    #[error(
        "unsupported flag '{flag}'\nTry 'gage run {op} --help-op' for a list of flags or use --force-flags to skip \
         this check."
    )]
    Unsupported { op: String, flag: String },
    #[error("cannot specify both alias '{alias}' and name for flag '{name}'\nUse --force-flags to skip this check.")]
    AliasAndName { alias: String, name: String },
    #[error("invalid value {value} for {name}: {reason}")]
    InvalidValue {
        value: String,
        name: String,
        reason: String,
    },
    /// Values with their descriptions.
    #[error(
        "Unsupported value for '{name}' - supported values are:\n\n{}\n\nRun the command again using one of these \
         options.",
        columns(.choices)
    )]
    UnsupportedChoice {
        name: String,
        choices: Vec<(String, String)>,
    },
    /// Names with their descriptions.
    #[error(
        "Operation requires the following missing flags:\n\n{}\n\nRun the command again with these flags or try \
         'gage run {op} --help-op' for help.",
        columns(.flags)
    )]
    Missing { op: String, flags: Vec<(String, String)> },
    #[error("batch file {0} does not exist")]
    NoBatchFile(String),
    #[error("cannot read trials for {path}: {reason}")]
    BatchFile { path: String, reason: String },
}

/// Two columns, indented by two blanks and two apart.
fn columns(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows
        .iter()
        .map(|(left, right)| format!("  {left:width$}  {right}"))
        .collect();
    lines.join("\n")
}
