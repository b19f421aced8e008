//! Flags as one line: the description of a trial, the label of a run, and labels from templates.

use std::path::Path;

use super::{FlagValues, Value, encode, number, printf, reference};

/// Paths longer than this are shortened in labels, in characters.
const PATH_WIDTH: usize = 20;

/// `NAME=VALUE`, the value as encoded.
pub fn assignment(name: &str, value: &Value) -> String {
    format!("{name}={}", encode(value))
}

/// All assignments by name, joined by `, `: how a trial is announced. Nothing is cut.
pub fn description(values: &FlagValues) -> String {
    let assignments: Vec<String> = values.iter().map(|(name, value)| assignment(name, value)).collect();
    assignments.join(", ")
}

/// The default label: all assignments but nulls, joined by a blank, long floats cut and long paths shortened.
pub fn label(values: &FlagValues) -> String {
    let shown = values.iter().filter(|(_, value)| !value.is_null());
    let assignments: Vec<String> = shown
        .map(|(name, value)| format!("{name}={}", in_label(value)))
        .collect();
    assignments.join(" ")
}

/// A value as a label shows it.
pub fn in_label(value: &Value) -> String {
    let encoded = match value {
        Value::Float(v) => return number::cut(&number::encode(*v)),
        Value::Text(text) if text.contains('/') && text.chars().count() > PATH_WIDTH && Path::new(text).exists() => {
            encode(&Value::Text(shorten_path(text)))
        }
        Value::Text(_) => encode(value),
        _ => return encode(value),
    };
    if !encoded.contains(' ') {
        return encoded;
    }
    let text = match encoded.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None if encoded.starts_with('"') => return encoded,
        None => encoded,
    };
    if text.contains('\'') {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{text}'")
    }
}

/// Replaces middle parts by `…`: the first part and as many of the last ones as fit, the very last always.
fn shorten_path(path: &str) -> String {
    let (root, rest) = match path.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", path),
    };
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let [first, .., last] = parts.as_slice() else {
        return path.to_string();
    };
    let mut tail = last.to_string();
    let width = |tail: &str| root.len() + first.chars().count() + 3 + tail.chars().count();
    let mut dropped = parts.len() - 2;
    for part in parts[1..parts.len() - 1].iter().rev() {
        let longer = format!("{part}/{tail}");
        if width(&longer) > PATH_WIDTH {
            break;
        }
        tail = longer;
        dropped -= 1;
    }
    if dropped == 0 {
        path.to_string()
    } else {
        format!("{root}{first}/…/{tail}")
    }
}

/// A label from a template: `${flag}`, `${default_label}`, `${flag|filter}`. Flags without a value are empty.
/// Returns the label and warnings (without `WARNING: `); what cannot be rendered is `#error#`.
pub fn render(template: &str, values: &FlagValues, default_label: &str) -> (String, Vec<String>) {
    let mut warnings = Vec::new();
    let text = reference::expand(template, true, |inner| {
        let mut parts = inner.split('|');
        let name = parts.next().unwrap_or("").trim();
        let mut value = match name {
            "default_label" => Rendered::Text(default_label.to_string()),
            _ => match values.get(name).filter(|value| !value.is_null()) {
                Some(value) => Rendered::Value(value.clone()),
                None => Rendered::Nothing,
            },
        };
        for filter in parts {
            value = match apply(filter, value) {
                Ok(value) => value,
                Err(reason) => {
                    warnings.push(format!(
                        "cannot apply '{filter}' to '{name}' in label '{template}': {reason}"
                    ));
                    return Some("#error#".into());
                }
            };
        }
        Some(value.text())
    });
    (text, warnings)
}

/// A flag on its way through the filters.
enum Rendered {
    Nothing,
    Value(Value),
    Text(String),
}

impl Rendered {
    fn text(&self) -> String {
        match self {
            Rendered::Nothing => String::new(),
            Rendered::Value(value) => in_label(value),
            Rendered::Text(text) => text.clone(),
        }
    }

    /// The text without quotes and cuts.
    fn bare(&self) -> String {
        match self {
            Rendered::Value(Value::Text(text)) => text.clone(),
            Rendered::Value(value) => encode(value),
            _ => self.text(),
        }
    }
}

fn apply(filter: &str, value: Rendered) -> Result<Rendered, String> {
    let filter = filter.trim_start();
    if let Some(default) = filter.strip_prefix("default:") {
        return Ok(match value {
            Rendered::Nothing => Rendered::Text(default.to_string()),
            other => other,
        });
    }
    if filter.starts_with('%') {
        let shown = match &value {
            Rendered::Nothing => return Ok(value),
            Rendered::Value(v) => printf::format(filter, v),
            Rendered::Text(t) => printf::format(filter, &Value::Text(t.clone())),
        };
        return shown
            .map(Rendered::Text)
            .ok_or_else(|| format!("'{}' does not fit the format", value.bare()));
    }
    match filter.trim_end() {
        "basename" => {
            let bare = value.bare();
            let name = bare.trim_end_matches('/').rsplit('/').next().unwrap_or("");
            Ok(Rendered::Text(name.to_string()))
        }
        "unquote" => Ok(Rendered::Text(match &value {
            Rendered::Value(Value::Text(text)) => text.clone(),
            other => other.text(),
        })),
        _ => Err("unknown filter - use default:TEXT, %FMT, basename or unquote".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, Value)]) -> FlagValues {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect()
    }

    fn text(t: &str) -> Value {
        Value::Text(t.into())
    }

    #[test]
    fn labels_quote_and_cut() {
        for (value, shown) in [
            (text("a b"), "'a b'"),
            (text("a b 'c d e'"), "\"a b 'c d e'\""),
            (text("it's"), "it's"),
            (text("a: it's"), "\"a: it's\""),
            (text("1"), "'1'"),
            (text(""), "''"),
            (text("a\nb c"), "\"a\\nb c\""),
            (Value::Float(0.16666666), "0.16666"),
            (Value::Float(1.23456789e-6), "1.23456e-06"),
            (Value::Float(1e-5), "1.0e-05"),
            (Value::Bool(true), "yes"),
            (Value::List(vec![Value::Int(1), text("a b")]), "[1, a b]"),
            (Value::Function("uniform[0:1]".into()), "uniform[0:1]"),
        ] {
            assert_eq!(label(&values(&[("x", value)])), format!("x={shown}"));
        }
        let all = values(&[
            ("b", Value::Int(2)),
            ("a", Value::Float(0.123456789)),
            ("n", Value::Null),
            ("s", text("x y")),
        ]);
        assert_eq!(label(&all), "a=0.12345 b=2 s='x y'");
        assert_eq!(description(&all), "a=0.123456789, b=2, n=null, s=x y");
    }

    #[test]
    fn long_paths_lose_their_middle() {
        assert_eq!(
            shorten_path("/home/ann/projects/mnist/data/train"),
            "/home/…/data/train"
        );
        assert_eq!(
            shorten_path("data/very-long-name-of-a-file-indeed.csv"),
            "data/very-long-name-of-a-file-indeed.csv"
        );
        assert_eq!(
            shorten_path("data/sub/very-long-name-of-a-file.csv"),
            "data/…/very-long-name-of-a-file.csv"
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some/where/deep");
        std::fs::create_dir_all(&path).unwrap();
        let shown = label(&values(&[("p", text(path.to_str().unwrap()))]));
        assert!(shown.contains('…') && shown.ends_with("deep"), "{shown}");
        let absent = text("/no/such/directory/anywhere/here");
        assert_eq!(label(&values(&[("p", absent)])), "p=/no/such/directory/anywhere/here");
    }

    #[test]
    fn templates_are_filled() {
        let values = values(&[
            ("lr", Value::Float(0.123456789)),
            ("n", Value::Int(3)),
            ("s", text("a b")),
            ("p", text("x/y/data.csv")),
            ("z", Value::Null),
        ]);
        for (template, shown) in [
            ("lr ${lr} ${n}", "lr 0.12345 3"),
            ("${lr|%.2f}", "0.12"),
            ("${n|%03d}", "003"),
            ("${s}", "'a b'"),
            ("${s|unquote}", "a b"),
            ("${p|basename}", "data.csv"),
            ("${z|default:none}", "none"),
            ("${z|default:a|basename}", "a"),
            ("${nope|default:x y}", "x y"),
            ("[${z}]", "[]"),
            ("best ${default_label}", "best D"),
            ("$${lr} $x ${", "${lr} $x ${"),
            ("${lr|nope}", "#error#"),
            ("${s|%.2f}", "#error#"),
        ] {
            let (label, warnings) = render(template, &values, "D");
            assert_eq!(label, shown, "{template}");
            assert_eq!(warnings.len(), usize::from(shown == "#error#"), "{warnings:?}");
        }
    }
}
