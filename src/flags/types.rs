//! Declared types: which values a type accepts and what it makes of them.

use std::path::{Component, Path, PathBuf};

use super::{Value, encode, plain, search};

/// The types an operation may declare, `auto` apart.
pub(super) fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "string" | "path" | "existing-path" | "int" | "float" | "number" | "boolean" | "auto"
    )
}

/// The value as a flag of that type holds it. Lists are converted item by item; null is of any type. The error is
/// the reason, for `invalid value ... for NAME: REASON`.
pub(super) fn convert(value: Value, kind: Option<&str>, cwd: &Path) -> Result<Value, String> {
    let Some(kind) = kind else {
        return Ok(value);
    };
    let wrong = || Err(format!("invalid value for type '{kind}'"));
    match value {
        Value::Null => return Ok(Value::Null),
        Value::List(items) => {
            let items: Result<Vec<Value>, String> = items.into_iter().map(|v| convert(v, Some(kind), cwd)).collect();
            return items.map(Value::List);
        }
        Value::Function(text) => return function(text, kind),
        _ => {}
    }
    match kind {
        "int" if matches!(value, Value::Int(_)) => Ok(value),
        "float" => match value {
            Value::Int(v) => Ok(Value::Float(v as f64)),
            Value::Float(_) => Ok(value),
            _ => wrong(),
        },
        "number" if matches!(value, Value::Int(_) | Value::Float(_)) => Ok(value),
        "boolean" => match value {
            Value::Bool(_) => Ok(value),
            Value::Int(v) => Ok(Value::Bool(v != 0)),
            Value::Float(v) => Ok(Value::Bool(v != 0.0)),
            _ => wrong(),
        },
        "int" | "number" => wrong(),
        "string" => Ok(Value::Text(text_of(value))),
        "path" => Ok(Value::Text(absolute(&text_of(value), cwd))),
        "existing-path" => {
            let given = text_of(value);
            let path = absolute(&given, cwd);
            if Path::new(&path).exists() {
                Ok(Value::Text(path))
            } else {
                Err(format!("{given} does not exist"))
            }
        }
        _ => Ok(value),
    }
}

fn text_of(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Bool(_) => encode(&value),
        other => plain(&other),
    }
}

/// A relative path against the directory where gage was started, without `.` parts. `..` stays: behind a link it
/// is not the parent that the text suggests.
fn absolute(text: &str, cwd: &Path) -> String {
    if text.is_empty() {
        return String::new();
    }
    let path: PathBuf = cwd
        .join(text)
        .components()
        .filter(|c| *c != Component::CurDir)
        .collect();
    path.to_string_lossy().into_owned()
}

/// A search function for a typed flag: `float` makes its bounds floats, `int` a log range one over integers.
/// Functions that cannot be read are left for the batch, which says what is wrong with them.
fn function(text: String, kind: &str) -> Result<Value, String> {
    let Ok(found) = search::parse(&text) else {
        return Ok(Value::Function(text));
    };
    let wrong = || Err(format!("invalid value for type '{kind}'"));
    let numeric = found.low.as_f64().is_some();
    match kind {
        "float" | "int" | "number" if !numeric => wrong(),
        "float" if found.is_integer() && found.distribution == search::Distribution::Uniform => {
            let float = |value: &Value| value.as_f64().map_or(Value::Null, Value::Float);
            let floats = search::Search {
                low: float(&found.low),
                high: float(&found.high),
                initial: found.initial.as_ref().map(float),
                step: found.step.as_ref().map(float),
                ..found
            };
            Ok(Value::Function(floats.text()))
        }
        "int" if !found.is_integer() => {
            let whole = text.strip_suffix(']').map(|start| format!("{start}:step=1]"));
            match whole {
                Some(whole) if search::parse(&whole).is_ok_and(|s| s.is_integer()) => Ok(Value::Function(whole)),
                _ => wrong(),
            }
        }
        _ => Ok(Value::Function(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_follow_the_declared_type() {
        for (text, kind, result) in [
            ("[0:1]", "float", Ok("uniform[0.0:1.0]")),
            ("[0:10:5:step=5]", "float", Ok("uniform[0.0:10.0:5.0:step=5.0]")),
            ("[0:1]", "int", Ok("[0:1]")),
            ("[0:1]", "number", Ok("[0:1]")),
            ("[0:1]", "string", Ok("[0:1]")),
            ("[0.5:1]", "int", Err(())),
            ("[a:b]", "number", Err(())),
            ("[a:b]", "string", Ok("[a:b]")),
            ("loguniform[1:1000]", "int", Ok("loguniform[1:1000:step=1]")),
            ("loguniform[1:1000]", "float", Ok("loguniform[1:1000]")),
            ("loguniform[1.5:1000]", "int", Err(())),
            ("floop[1]", "int", Ok("floop[1]")),
        ] {
            let value = convert(Value::Function(text.into()), Some(kind), Path::new("/"));
            let expected = result.map(|t| Value::Function(t.into()));
            assert_eq!(value.map_err(|_| ()), expected, "{text} {kind}");
        }
    }

    #[test]
    fn paths_become_absolute() {
        let path = |text: &str| convert(Value::Text(text.into()), Some("path"), Path::new("/work")).unwrap();
        assert_eq!(path("a/b"), Value::Text("/work/a/b".into()));
        assert_eq!(path("./a"), Value::Text("/work/a".into()));
        assert_eq!(path("../a"), Value::Text("/work/../a".into()));
        assert_eq!(path("/a"), Value::Text("/a".into()));
        assert_eq!(path(""), Value::Text("".into()));
    }
}
