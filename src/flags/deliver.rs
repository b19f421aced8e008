//! How values reach a program: words of its command line, variables of its environment. Rewriting of scripts and
//! configuration files is `config`'s.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::check::same;
use super::{FlagDef, FlagValues, Value, plain};

type Defs = IndexMap<String, FlagDef>;

/// `--NAME VALUE` for each flag that has a value, sorted by the names the program knows. `leave_out` are flags that
/// the command names already.
pub fn words(defs: &Defs, values: &FlagValues, leave_out: &BTreeSet<String>) -> Vec<String> {
    let none = FlagDef::default();
    let mut passed: Vec<(&str, &FlagDef, &Value)> = values
        .iter()
        .filter(|(name, value)| !value.is_null() && !leave_out.contains(*name))
        .map(|(name, value)| {
            let def = defs.get(name).unwrap_or(&none);
            (def.arg_name.as_deref().unwrap_or(name), def, value)
        })
        .filter(|(_, def, _)| !def.arg_skip)
        .collect();
    passed.sort_by_key(|(name, ..)| *name);
    let mut words = Vec::new();
    for (name, def, value) in passed {
        if let Some(on) = &def.arg_switch {
            if same(value, on) {
                words.push(format!("--{name}"));
            }
            continue;
        }
        words.push(format!("--{name}"));
        let text = encoded(def.arg_encoding.as_deref(), value);
        match &def.arg_split {
            Some(how) if !matches!(how, Value::Bool(false) | Value::Null) => words.extend(split(value, &text, how)),
            _ => words.push(text),
        }
    }
    words
}

/// `FLAG_NAME`, or the name a definition gives, for each flag that has a value.
pub fn environment(defs: &Defs, values: &FlagValues) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
        let def = defs.get(name);
        let variable = def.and_then(|d| d.env_name.clone()).unwrap_or_else(|| variable(name));
        let encoding = def.and_then(|d| d.env_encoding.as_deref());
        env.insert(variable, encoded(encoding, value));
    }
    env
}

/// `FLAG_` and the name in upper case, `_` for every character that a variable cannot have.
pub fn variable(name: &str) -> String {
    let upper = name.chars().map(|c| match c.to_ascii_uppercase() {
        c @ ('A'..='Z' | '0'..='9') => c,
        _ => '_',
    });
    format!("FLAG_{}", upper.collect::<String>())
}

fn encoded(encoding: Option<&[(Value, String)]>, value: &Value) -> String {
    let own = encoding.and_then(|pairs| pairs.iter().find(|(v, _)| same(v, value)));
    own.map_or_else(|| plain(value), |(_, text)| text.clone())
}

/// The words of a value that is passed as several: items of a list, else the text split as a shell does or at a
/// separator.
fn split(value: &Value, text: &str, how: &Value) -> Vec<String> {
    if let Value::List(items) = value {
        return items.iter().map(plain).collect();
    }
    match how.as_text() {
        Some(separator) if separator != "shlex" && !separator.is_empty() => {
            text.split(separator).map(|part| part.trim().to_string()).collect()
        }
        _ => shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_string).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, Value)]) -> FlagValues {
        pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect()
    }

    fn passed(def: FlagDef, value: Value) -> Vec<String> {
        let defs = Defs::from([("x".to_string(), def)]);
        words(&defs, &values(&[("x", value)]), &BTreeSet::new())
    }

    #[test]
    fn words_are_sorted_by_the_names_the_program_knows() {
        let renamed = FlagDef {
            arg_name: Some("zz".into()),
            ..FlagDef::default()
        };
        let defs = Defs::from([("a".to_string(), renamed)]);
        let values = values(&[
            ("a", Value::Int(1)),
            ("b", Value::Bool(true)),
            ("c", Value::Bool(false)),
            ("d", Value::Null),
            ("e", Value::Float(1e-5)),
            ("f", Value::Text("x y".into())),
            ("g", Value::Int(9)),
        ]);
        assert_eq!(
            words(&defs, &values, &BTreeSet::from(["g".to_string()])),
            ["--b", "1", "--c", "", "--e", "1e-05", "--f", "x y", "--zz", "1"]
        );
    }

    #[test]
    fn switches_skips_and_encodings() {
        let switch = FlagDef {
            arg_switch: Some(Value::Bool(true)),
            ..FlagDef::default()
        };
        assert_eq!(passed(switch.clone(), Value::Bool(true)), ["--x"]);
        assert!(passed(switch, Value::Bool(false)).is_empty());
        assert!(
            passed(
                FlagDef {
                    arg_skip: true,
                    ..FlagDef::default()
                },
                Value::Int(1)
            )
            .is_empty()
        );
        let encoding = Some(vec![(Value::Bool(true), "on".to_string())]);
        assert_eq!(
            passed(
                FlagDef {
                    arg_encoding: encoding,
                    ..FlagDef::default()
                },
                Value::Bool(true)
            ),
            ["--x", "on"]
        );
    }

    #[test]
    fn several_words_of_one_value() {
        let split = |how: Value| FlagDef {
            arg_split: Some(how),
            ..FlagDef::default()
        };
        assert_eq!(
            passed(split(Value::Bool(true)), Value::Text("3 'a b'".into())),
            ["--x", "3", "a b"]
        );
        assert_eq!(
            passed(split(Value::Bool(true)), Value::Text("it's 4".into())),
            ["--x", "it's", "4"]
        );
        assert_eq!(
            passed(split(Value::Text(",".into())), Value::Text("1, 2".into())),
            ["--x", "1", "2"]
        );
        assert_eq!(
            passed(
                split(Value::Bool(true)),
                Value::List(vec![Value::Int(1), Value::Int(2)])
            ),
            ["--x", "1", "2"]
        );
    }

    #[test]
    fn variables_have_safe_names() {
        let named = FlagDef {
            env_name: Some("OWN".into()),
            ..FlagDef::default()
        };
        let defs = Defs::from([("y".to_string(), named)]);
        let env = environment(
            &defs,
            &values(&[("a-b.c", Value::Bool(true)), ("y", Value::Int(2)), ("z", Value::Null)]),
        );
        assert_eq!(
            env,
            BTreeMap::from([("FLAG_A_B_C".into(), "1".into()), ("OWN".into(), "2".into())])
        );
    }
}
