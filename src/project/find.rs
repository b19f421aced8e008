//! Which file of a directory names its operations, and reading it.

use std::path::{Path, PathBuf};

use super::ProjectError;
use super::declared::Dialect;
use crate::flags::document::{self, Data, Format};

/// First that exists.
const FILES: [(&str, Dialect); 9] = [
    (".gage/gage.toml", Dialect::Gage),
    (".gage/gage.yaml", Dialect::Gage),
    (".gage/gage.json", Dialect::Gage),
    ("gage.toml", Dialect::Gage),
    ("gage.yaml", Dialect::Gage),
    ("gage.yml", Dialect::Gage),
    ("gage.json", Dialect::Gage),
    ("guild.yml", Dialect::Guild),
    ("guild.yaml", Dialect::Guild),
];

/// The operations file of a directory, relative to it. Parents are not searched.
pub(super) fn operations_file(dir: &Path) -> Option<(&'static str, Dialect)> {
    FILES.into_iter().find(|(name, _)| dir.join(name).is_file())
}

/// The Guild file that is not read because there is a gage file.
pub(super) fn hidden_file(dir: &Path, found: Dialect) -> Option<PathBuf> {
    let mut guild = FILES
        .iter()
        .filter(|(_, dialect)| *dialect == Dialect::Guild && found == Dialect::Gage);
    guild.find_map(|(name, _)| Some(dir.join(name)).filter(|file| file.is_file()))
}

/// The dialect of a file that is named on the command line.
pub(super) fn dialect(file: &Path) -> Dialect {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.starts_with("guild.") {
        true => Dialect::Guild,
        false => Dialect::Gage,
    }
}

/// The directory that a file's project is in: where it is, or above `.gage`.
pub(super) fn project_dir(file: &Path) -> PathBuf {
    let dir = file.parent().unwrap_or(Path::new(""));
    match dir.file_name().is_some_and(|name| name == ".gage") {
        true => dir.parent().unwrap_or(Path::new("")).to_path_buf(),
        false => dir.to_path_buf(),
    }
}

/// Bytes of an operations file: far more than any has, and read in no time.
const LARGEST: u64 = 16 << 20;

/// Reads a file, as the syntax of its suffix.
pub(super) fn read(file: &Path) -> Result<Data, String> {
    if let Ok(metadata) = std::fs::metadata(file) {
        if !metadata.is_file() {
            return Err("not a regular file".into());
        }
        if metadata.len() > LARGEST {
            return Err(format!("larger than {LARGEST} bytes"));
        }
    }
    let bytes = std::fs::read(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_string(),
        _ => error.to_string(),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!(
            "invalid UTF-8, line {}, column {}",
            valid.iter().filter(|b| **b == b'\n').count() + 1,
            valid.iter().rev().take_while(|b| **b != b'\n').count() + 1
        )
    })?;
    let format =
        Format::of(&file.to_string_lossy()).ok_or("unsupported file type (expected .toml, .yaml, .yml or .json)")?;
    document::read(format, &text).map_err(|error| error.to_string())
}

/// The error of a gage file that is not valid: one line per fault.
pub(super) fn gage_error(shown: &str, faults: &[String]) -> ProjectError {
    ProjectError::reported(format!("There are errors in {shown}\n{}", faults.join("\n")), "")
}

/// The error of a guild file that is not valid.
pub(super) fn guild_error(shown: &str, reason: &str) -> ProjectError {
    ProjectError::reported(
        format!("ERROR: error in {shown}: {reason}"),
        "guildfile in the current directory contains an error (see above for details)",
    )
}
