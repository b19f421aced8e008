//! What holds of the flag language for every text and value.

use std::path::Path;

use proptest::prelude::*;

use super::{Assignments, FlagValues, Value, decode, encode, label, plain, resolve, search};

/// Texts that look like the language: separators, brackets, quotes, numbers and words.
fn likely_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[\\[\\]{}:,'\"*#&!|>%@`~?. \t\n\\\\-]{1,3}",
        Just("range[".to_string()),
        Just("uniform[".to_string()),
        Just("loguniform[".to_string()),
        Just("logspace[".to_string()),
        Just("step=".to_string()),
        Just("null".to_string()),
        Just("yes".to_string()),
        Just("1e5".to_string()),
        Just("0x1F".to_string()),
        Just(".inf".to_string()),
        "-?[0-9]{1,4}(\\.[0-9]{0,3})?",
        "[a-zé]{1,3}",
        "\\PC{1,3}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![likely_text(), any::<String>()]
}

/// Every value that a text can stand for, but functions.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any_text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map(any_text(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
        }
        _ => a == b,
    }
}

/// The rows of a table of `docs/flags.md`, cells without their code marks.
fn documented(heading: &str) -> Vec<Vec<&'static str>> {
    let page = include_str!("../../docs/flags.md");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        row.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().trim_matches('`'))
            .collect()
    })
    .collect()
}

#[test]
fn the_reference_page_is_true() {
    for heading in ["What a text means", "Lists and sequences"] {
        for row in documented(heading) {
            let decoded = decode(row[0], None).unwrap();
            assert_eq!(
                (encode(&decoded.value).as_str(), decoded.warnings.len()),
                (row[1], 0),
                "{row:?}"
            );
        }
    }
    let searches = documented("Ranges: search");
    assert_eq!(searches.len(), 10);
    for row in searches {
        match decode(row[0], None).unwrap().value {
            Value::Function(text) => {
                let found = search::parse(&text).unwrap();
                let numbers = ["numbers", "0.0", "the same"].iter().any(|word| row[1].contains(word));
                assert_eq!(found.is_integer(), !numbers, "{row:?}");
            }
            other => assert!(matches!(other, Value::List(_)), "{row:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_printed_decodes_to_the_same(value in any_value()) {
        let text = encode(&value);
        let back = decode(&text, None).unwrap().value;
        prop_assert!(same(&value, &back), "{:?} prints as {:?} and is read as {:?}", value, text, back);
    }

    #[test]
    fn what_decodes_round_trips(text in any_text()) {
        for kind in [None, Some("string"), Some("int"), Some("float"), Some("number"), Some("boolean"), Some("path")] {
            if let Ok(decoded) = decode(&text, kind) {
                let shown = encode(&decoded.value);
                let back = decode(&shown, None).unwrap().value;
                prop_assert!(same(&decoded.value, &back), "{:?} -> {:?} -> {:?}", text, shown, back);
                plain(&decoded.value);
            }
        }
    }

    #[test]
    fn labels_are_one_line_and_never_fail(text in any_text(), value in any_value()) {
        let values = FlagValues::from([("x".to_string(), value)]);
        let default = label::label(&values);
        prop_assert!(!default.contains(['\n', '\r', '\t']), "{:?}", default);
        label::description(&values);
        label::render(&text, &values, &default);
        label::render(&format!("${{x|{text}}}"), &values, &default);
        label::render(&format!("${{x|%{text}}}"), &values, &default);
    }

    #[test]
    fn search_functions_are_read_or_refused(text in likely_text()) {
        for text in [text.clone(), format!("uniform[{text}]"), format!("[{text}]"), format!("loguniform[1:9:{text}]")] {
            match search::parse(&text) {
                Ok(found) => {
                    let again = search::parse(&found.text());
                    prop_assert_eq!(again.as_ref(), Ok(&found), "{:?}", text);
                    found.tidy(0.1 + 0.2);
                }
                Err(error) => prop_assert!(!error.for_flag("x", &text).is_empty()),
            }
        }
    }

    #[test]
    fn words_are_resolved_or_refused(words in prop::collection::vec("[a-d](=|)\\PC{0,12}|@\\PC{0,5}|~?\\PC{0,5}", 0..4), force: bool) {
        let defs = serde_json::from_str(r#"{
            "a": {"type": "float", "min": 0, "max": 10, "alias": "d"},
            "b": {"type": "boolean", "required": true},
            "c": {"choices": [{"value": 1}, {"value": "x", "alias": "one", "flags": {"a": 2}}]}
        }"#).unwrap();
        if let Ok(given) = Assignments::parse(&words) {
            match resolve("op", &defs, &given, &FlagValues::new(), force, Path::new("/")) {
                Ok(resolved) => prop_assert!(resolved.user.keys().all(|name| resolved.values.contains_key(name))),
                Err(error) => prop_assert!(!force, "{}", error),
            }
        }
    }
}
