//! What holds of rewriting for every file and value.

use proptest::prelude::*;

use super::{python, read, rewrite};
use crate::flags::{FlagValues, Value};

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        "[a-z '\"\\\\#:\\n\\t]{0,6}".prop_map(Value::Text),
        any::<String>().prop_map(Value::Text),
        "yes|null|1|1.5|~|y|1e3|0o17|012|2018-01-01|1:2|<<|=|- a".prop_map(Value::Text),
    ]
}

/// A file of each kind with the keys `a`, `b.c`, `d.0`, as its own author may have written them.
fn file(kind: usize) -> impl Strategy<Value = (&'static str, String)> {
    let values = prop::sample::select(vec![
        ["1", "'x'", "[1, 2]"],
        ["\"a\\\"b\"", "1.5", "[\"q\"]"],
        ["0.5", "\"x\"", "[3, [4]]"],
    ]);
    let comment = prop::sample::select(vec!["", "  # note é", " # 'x' [\"y\"]"]);
    let line_end = prop::sample::select(vec!["\n", "\r\n"]);
    (values, comment, line_end).prop_map(move |([a, c, d], note, end)| {
        let quoted = |text: &str| text.replace('\'', "\"");
        let (name, lines) = match kind {
            0 => (
                "x.py",
                vec![
                    format!("a = {a}{note}"),
                    format!("b = {{'c': {c}}}{note}"),
                    format!("d = {d}{note}"),
                ],
            ),
            1 => (
                "x.json",
                vec![
                    format!("{{ \"a\":{},", quoted(a)),
                    format!("  \"b\": {{\"c\" : {} }}, \"d\": {}", quoted(c), quoted(d)),
                    "}".into(),
                ],
            ),
            2 => (
                "x.yaml",
                vec![
                    format!("a: {a}{note}"),
                    "b:".into(),
                    format!("  c:   {c}{note}"),
                    format!("d: {d}{note}"),
                ],
            ),
            _ => (
                "x.toml",
                vec![
                    format!("a = {a}{note}"),
                    format!("d = {d}{note}"),
                    "[b]".into(),
                    format!("c =  {c}{note}"),
                ],
            ),
        };
        (name, lines.iter().map(|line| format!("{line}{end}")).collect())
    })
}

fn same(a: &Value, b: &Value) -> bool {
    matches!((a, b), (Value::Float(a), Value::Float(b)) if a.is_nan() && b.is_nan()) || a == b
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rewritten_files_hold_the_new_values(
        (name, text) in (0..4usize).prop_flat_map(file),
        a in any_scalar(),
        c in any_scalar(),
        d in any_scalar(),
    ) {
        let values: FlagValues = [("a", a), ("b.c", c), ("d.0", d)].map(|(k, v)| (k.to_string(), v)).into();
        let new = rewrite(name, &text, &values).unwrap().unwrap_or_else(|| text.clone());
        let keys = read(name, &new).unwrap();
        for (key, value) in &values {
            // JSON has no NaN: there it is the text.
            let wanted = match value {
                Value::Float(v) if name == "x.json" && !v.is_finite() => Value::from_json(&value.to_json()),
                other => other.clone(),
            };
            let found = keys.iter().find(|(k, _)| k == key).map(|(_, v)| v);
            // `read` leaves out what is no literal in Python.
            if let Some(found) = found {
                prop_assert!(same(found, &wanted), "{:?} became {:?} in\n{}", value, found, new);
            } else {
                prop_assert!(name == "x.py" && matches!(wanted, Value::Float(v) if !v.is_finite()), "{key} is gone in\n{new}");
            }
        }
        prop_assert_eq!(rewrite(name, &new, &values).unwrap(), None, "again in\n{}", new);
        prop_assert_eq!(text.matches('#').count() <= new.matches('#').count(), true, "a comment is gone in\n{}", new);
        prop_assert_eq!(text.matches("\r\n").count() <= new.matches("\r\n").count(), true, "{:?}", new);
    }

    #[test]
    fn any_text_is_rewritten_or_refused(
        text in "\\PC{0,30}|([a-z]{1,2}|[=:\\[\\](){},'\"#&*!|>~@-]|[0-9]| |\n|\n  |\"\"\"|: |- ){0,30}",
        value in any_scalar(),
    ) {
        let values: FlagValues =
            ["a", "b", "a.b", "a.0", "0", "x"].map(|key| (key.to_string(), value.clone())).into_iter().skip(1).collect();
        for name in ["x.py", "x.json", "x.yaml", "x.toml", "x.ini"] {
            let keys = read(name, &text);
            if let Ok(Some(new)) = rewrite(name, &text, &values) {
                prop_assert!(keys.is_ok());
                prop_assert!(read(name, &new).is_ok(), "{name}: {text:?} became {new:?}");
            }
            if let Ok(keys) = keys {
                // What a file says already changes nothing; where a key is there twice, nobody can tell.
                let values: FlagValues = keys.iter().cloned().collect();
                if values.len() == keys.len() && !values.keys().any(|key| key.contains("..") || key.is_empty()) {
                    let again = rewrite(name, &text, &values);
                    prop_assert!(matches!(again, Ok(None) | Err(_)), "{name}: {text:?} became {again:?}");
                }
            }
        }
        let _ = python::constants(&text);
    }
}
