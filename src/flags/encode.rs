//! From a value to the text that shows it. What is printed decodes to the same value again.

use super::{Value, decode::decode, number, scalar};

/// The text of a value, for labels, tables and previews.
pub fn encode(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Text(text) => {
            if is_plain(text) && matches!(decode(text, None), Ok(d) if matches!(d.value, Value::Text(_))) {
                out.push_str(text);
            } else {
                quote(&mut out, text);
            }
        }
        Value::List(items) => match items.as_slice() {
            // Alone between brackets a colon would make a search function of it.
            [Value::Text(only)] if only.contains(':') => {
                out.push('[');
                quote(&mut out, only);
                out.push(']');
            }
            _ => write(&mut out, value),
        },
        Value::Function(text) => out.push_str(text),
        _ => write(&mut out, value),
    }
    out
}

/// Writes a value as an item of a list or map.
fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(v) => out.push_str(if *v { "yes" } else { "no" }),
        Value::Int(v) => out.push_str(&v.to_string()),
        Value::Float(v) => out.push_str(&number::encode(*v)),
        Value::Text(text) | Value::Function(text) => {
            if is_plain(text) && !text.contains([',', '[', ']', '{', '}']) && scalar::known(text).is_none() {
                out.push_str(text);
            } else {
                quote(out, text);
            }
        }
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                if is_plain(key) && !key.contains([',', '[', ']', '{', '}', ':']) {
                    out.push_str(key);
                } else {
                    quote(out, key);
                }
                out.push_str(": ");
                write(out, value);
            }
            out.push('}');
        }
    }
}

/// The text of a value without quotes, as a program's command line or environment gets it: true is `1`, false
/// is empty.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(v) => if *v { "1" } else { "" }.into(),
        Value::Float(v) => number::plain(*v),
        Value::Text(text) => text.clone(),
        _ => encode(value),
    }
}

/// True if the text may stand unquoted in YAML: one line, no indicator in front, no comment or pair inside.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let second = chars.next();
    let indicator = match first {
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
        '-' | '?' | ':' => second.is_none_or(char::is_whitespace),
        _ => false,
    };
    !indicator
        && !first.is_whitespace()
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains(": ")
        && !text.contains(" #")
        && text != "---"
        && text != "..."
        && !text.chars().any(needs_escape)
}

/// Characters that would disturb a line of a terminal or a table.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn quote(out: &mut String, text: &str) {
    if !text.chars().any(needs_escape) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) && (c as u32) < 256 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if needs_escape(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_would_change_are_quoted() {
        for (text, encoded) in [
            ("a b", "a b"),
            ("a,b", "a,b"),
            ("it's", "it's"),
            ("a=b", "a=b"),
            ("é", "é"),
            ("1_000", "1_000"),
            ("1:2", "1:2"),
            ("2018-06-26", "2018-06-26"),
            ("2018_06_26", "2018_06_26"),
            ("0o17", "0o17"),
            ("deadbeef", "deadbeef"),
            ("-x", "-x"),
            ("1", "'1'"),
            ("1.0", "'1.0'"),
            ("yes", "'yes'"),
            ("null", "'null'"),
            ("", "''"),
            ("[1]", "'[1]'"),
            ("[1:2]", "'[1:2]'"),
            ("a[1]", "'a[1]'"),
            ("range[a:b]", "'range[a:b]'"),
            ("#x", "'#x'"),
            ("a: b", "'a: b'"),
            ("a # b", "'a # b'"),
            ("12e3", "'12e3'"),
            ("- 1", "'- 1'"),
            (" a", "' a'"),
            ("'a", "'''a'"),
            ("a\nb", "\"a\\nb\""),
            ("\u{85}\"", "\"\\x85\\\"\""),
        ] {
            assert_eq!(encode(&Value::Text(text.into())), encoded, "{text:?}");
        }
    }

    #[test]
    fn lists_and_maps_are_in_flow_style() {
        let text = |t: &str| Value::Text(t.into());
        let list = Value::List(vec![text("a"), Value::Int(1), Value::Bool(true)]);
        assert_eq!(encode(&list), "[a, 1, yes]");
        assert_eq!(encode(&Value::List(vec![text("1,2"), Value::Int(3)])), "['1,2', 3]");
        assert_eq!(encode(&Value::List(vec![text("1:2")])), "['1:2']");
        assert_eq!(encode(&Value::List(vec![])), "[]");
        let map = Value::Map([("k2".into(), text("v2")), ("k".into(), Value::Null)].into());
        assert_eq!(encode(&map), "{k: null, k2: v2}");
        assert_eq!(plain(&map), "{k: null, k2: v2}");
        assert_eq!(plain(&Value::Float(1e-5)), "1e-05");
        assert_eq!(plain(&text("1")), "1");
    }
}
