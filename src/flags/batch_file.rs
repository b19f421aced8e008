//! Batch files: rows of flags from CSV, JSON, YAML or TOML. Values of files that have types keep them; which texts
//! are search functions depends on the flag's type, so that `check` decides it.

use std::path::Path;

use super::decode::decode;
use super::document::{self, Data, Format};
use super::{FlagError, FlagValues};

/// Reads the rows of the file `path`, taken from `cwd`. Errors name it as it was written.
pub fn read(path: &Path, cwd: &Path) -> Result<Vec<FlagValues>, FlagError> {
    let shown = path.display().to_string();
    let failed = |reason: String| FlagError::BatchFile {
        path: shown.clone(),
        reason,
    };
    let kind = match path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()) {
        None => None,
        Some(suffix) if suffix == "csv" => None,
        Some(suffix) => Some(Format::of(&format!("x.{suffix}")).ok_or_else(|| failed("unsupported extension".into()))?),
    };
    let bytes = std::fs::read(cwd.join(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FlagError::NoBatchFile(shown.clone()),
        _ => failed(
            error
                .to_string()
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .to_string(),
        ),
    })?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        failed(format!("not UTF-8 text, line {line}"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match kind {
        None => table(text).map_err(failed),
        Some(format) => {
            let data = document::read(format, text).map_err(|e| failed(e.to_string()))?;
            rows(format, data).map_err(failed)
        }
    }
}

/// Rows of a CSV: names first. An empty cell means that the flag is not given.
fn table(text: &str) -> Result<Vec<FlagValues>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|e| e.to_string())?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() > names.len() {
            return Err(format!(
                "{} values for {} names, line {line}",
                record.len(),
                names.len()
            ));
        }
        let mut row = FlagValues::new();
        for (name, cell) in names.iter().zip(&record).filter(|(_, cell)| !cell.trim().is_empty()) {
            if name.trim().is_empty() {
                return Err(format!("value '{cell}' has no name in the first row, line {line}"));
            }
            let value = decode(cell, None).map_err(|e| format!("invalid value {cell} for {name}: {e}, line {line}"))?;
            row.insert(name.trim().to_string(), value.value);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Rows of a document: a list of maps, one map, or the tables `trial` of a TOML file.
fn rows(format: Format, data: Data) -> Result<Vec<FlagValues>, String> {
    let data = match (format, data) {
        (Format::Toml, Data::Map(mut map)) if map.len() == 1 && matches!(map.get("trial"), Some(Data::List(_))) => {
            map.swap_remove("trial").unwrap_or_default()
        }
        (_, data) => data,
    };
    let list = match data {
        Data::List(items) => items,
        Data::Map(_) => vec![data],
        other => {
            return Err(format!(
                "invalid data type for trials: expected list or dict, got {}",
                type_name(&other)
            ));
        }
    };
    let row = |data: &Data| match data.as_map() {
        Some(map) => Ok(map.iter().map(|(name, v)| (name.clone(), v.to_value())).collect()),
        None => Err(format!("invalid data type for trial {data}: expected dict")),
    };
    list.iter().map(row).collect()
}

/// What a user of Python calls the type.
fn type_name(data: &Data) -> &'static str {
    match data {
        Data::Null => "null",
        Data::Bool(_) => "bool",
        Data::Int(_) => "int",
        Data::Float(_) => "float",
        Data::Text(_) => "string",
        Data::List(_) => "list",
        Data::Map(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Value;

    fn read_text(name: &str, text: &str) -> Result<Vec<FlagValues>, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        read(Path::new(name), dir.path()).map_err(|e| e.to_string())
    }

    fn row(pairs: &[(&str, Value)]) -> FlagValues {
        pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect()
    }

    #[test]
    fn a_row_in_every_format() {
        let want = [
            row(&[("lr", Value::Float(0.1)), ("act", "relu".into())]),
            row(&[("lr", Value::Int(2))]),
        ];
        for (name, text) in [
            ("t.csv", "lr,act\n0.1,relu\n2,\n"),
            ("t", "lr,act\n0.1,relu\n2\n"),
            ("t.json", r#"[{"lr": 0.1, "act": "relu"}, {"lr": 2}]"#),
            ("t.yaml", "- lr: 0.1\n  act: relu\n- {lr: 2}\n"),
            ("t.toml", "[[trial]]\nlr = 0.1\nact = 'relu'\n[[trial]]\nlr = 2\n"),
        ] {
            assert_eq!(read_text(name, text).unwrap(), want, "{name}");
        }
    }

    #[test]
    fn one_map_is_one_row() {
        let rows = read_text("t.json", r#"{"x": "uniform[0:1]", "y": "[1]", "z": [1, 2]}"#).unwrap();
        assert_eq!(rows[0]["x"], Value::Text("uniform[0:1]".into()));
        assert_eq!(rows[0]["y"], Value::Text("[1]".into()));
        assert_eq!(rows[0]["z"], Value::List(vec![Value::Int(1), Value::Int(2)]));
        assert_eq!(
            read_text("t.csv", "x\n\"[1,2]\"\n").unwrap()[0]["x"],
            Value::List(vec![Value::Int(1), Value::Int(2)])
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let says = |name: &str, text: &str| read_text(name, text).unwrap_err();
        assert_eq!(
            says("t.xml", "x"),
            "cannot read trials for t.xml: unsupported extension"
        );
        assert_eq!(
            says("t.json", "1"),
            "cannot read trials for t.json: invalid data type for trials: expected list or dict, got int"
        );
        assert_eq!(
            says("t.json", "[123]"),
            "cannot read trials for t.json: invalid data type for trial 123: expected dict"
        );
        assert!(says("t.json", "[").contains("line 1"));
        assert_eq!(
            says("t.csv", "a\n1,2\n"),
            "cannot read trials for t.csv: 2 values for 1 names, line 2"
        );
        let missing = read(Path::new("none.csv"), Path::new("/")).unwrap_err();
        assert_eq!(missing.to_string(), "batch file none.csv does not exist");
    }
}
