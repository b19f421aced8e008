//! A configuration file of the project with flag values written into it.

use std::path::Path;

use crate::config;
use crate::flags::FlagValues;
use crate::run::reason;

/// The name of the file in the run directory, and its text. `params` are written first, then flags; both only to keys
/// that the file has.
pub fn text(full: &Path, shown: &str, params: &FlagValues, flags: &FlagValues) -> Result<(String, String), String> {
    let text = std::fs::read_to_string(full).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("cannot find source file '{shown}'"),
        _ => format!("cannot read '{shown}': {}", reason(&error)),
    })?;
    let name = full.file_name().and_then(|n| n.to_str()).unwrap_or(shown);
    let mut values = params.clone();
    values.extend(flags.iter().map(|(name, value)| (name.clone(), value.clone())));
    let new = config::rewrite(name, &text, &values).map_err(|error| format!("cannot write to '{shown}': {error}"))?;
    let name = name.strip_suffix(".in").unwrap_or(name).to_string();
    Ok((name, new.unwrap_or(text)))
}
