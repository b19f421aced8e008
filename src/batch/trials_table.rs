//! Trials as text: the table of `--print-trials` and the files of `--save-trials`. Runs nothing.

use std::collections::BTreeSet;
use std::path::Path;

use thiserror::Error;
use unicode_width::UnicodeWidthStr;

use crate::flags::{FlagValues, encode};

/// Why trials cannot be saved.
#[derive(Debug, Error)]
pub enum SaveError {
    #[error("Unsupported extension '.{0}' - use '.csv', '.json', or no extension")]
    Extension(String),
    #[error("cannot write {path}: {error}")]
    Write { path: String, error: std::io::Error },
}

/// `#` and every flag of any trial, padded, without trailing blanks; nothing if there are no trials.
pub fn table(trials: &[FlagValues]) -> String {
    if trials.is_empty() {
        return String::new();
    }
    let names = names(trials);
    let mut rows = vec![
        std::iter::once("#".to_string())
            .chain(names.iter().map(|n| n.to_string()))
            .collect(),
    ];
    for (number, trial) in (1..).zip(trials) {
        let mut row: Vec<String> = vec![format!("{number}")];
        row.extend(
            names
                .iter()
                .map(|name| trial.get(*name).map(encode).unwrap_or_default()),
        );
        rows.push(row);
    }
    let widths: Vec<usize> = (0..=names.len())
        .map(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Writes the trials as a batch file, by the suffix of `path`. The suffix is checked before anything is written.
pub fn save(path: &Path, trials: &[FlagValues]) -> Result<(), SaveError> {
    let text = match path.extension().map(|e| e.to_string_lossy().into_owned()).as_deref() {
        Some("json") => json(trials),
        Some("csv") | None => csv(trials),
        Some(other) => return Err(SaveError::Extension(other.to_string())),
    };
    std::fs::write(path, text).map_err(|error| SaveError::Write {
        path: path.display().to_string(),
        error,
    })
}

fn names(trials: &[FlagValues]) -> Vec<&str> {
    let names: BTreeSet<&str> = trials.iter().flat_map(|t| t.keys()).map(String::as_str).collect();
    names.into_iter().collect()
}

fn csv(trials: &[FlagValues]) -> String {
    let names = names(trials);
    if names.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let mut line = |cells: Vec<String>| {
        text.push_str(&cells.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(","));
        text.push('\n');
    };
    line(names.iter().map(|n| n.to_string()).collect());
    for trial in trials {
        line(
            names
                .iter()
                .map(|name| trial.get(*name).map(encode).unwrap_or_default())
                .collect(),
        );
    }
    text
}

/// A cell of RFC 4180.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

fn json(trials: &[FlagValues]) -> String {
    serde_json::to_string_pretty(trials).expect("flags are JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Value;

    fn trials() -> Vec<FlagValues> {
        let trial = |pairs: &[(&str, Value)]| pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        vec![
            trial(&[("lr", Value::Float(0.1)), ("name", "a b".into()), ("n", Value::Int(1))]),
            trial(&[
                ("lr", Value::Float(1e-5)),
                ("name", "x,\"y\"".into()),
                ("ok", Value::Bool(true)),
            ]),
        ]
    }

    #[test]
    fn a_table_is_padded_without_trailing_blanks() {
        assert_eq!(
            table(&trials()),
            "#  lr       n  name   ok\n\
             1  0.1      1  a b\n\
             2  1.0e-05     x,\"y\"  yes\n"
        );
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn saved_trials_are_batch_files() {
        assert_eq!(
            csv(&trials()),
            "lr,n,name,ok\n0.1,1,a b,\n1.0e-05,,\"x,\"\"y\"\"\",yes\n"
        );
        assert_eq!(
            json(&trials()[..1]),
            "[\n  {\n    \"lr\": 0.1,\n    \"n\": 1,\n    \"name\": \"a b\"\n  }\n]\n"
        );
    }

    #[test]
    fn other_suffixes_are_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.xml");
        assert_eq!(
            save(&path, &trials()).unwrap_err().to_string(),
            "Unsupported extension '.xml' - use '.csv', '.json', or no extension"
        );
        assert!(!path.exists());
        save(&dir.path().join("plain"), &trials()).unwrap();
    }
}
