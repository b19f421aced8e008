//! Writing values as Python literals.

use crate::flags::{Value, plain_float};

/// The literal for `value` in the place of the text `old`, whose quote character it keeps.
pub(in crate::config) fn literal(old: &str, value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let old = old.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let quote = old.chars().next().filter(|c| matches!(c, '\'' | '"')).unwrap_or('\'');
            let mut out = String::new();
            write_text(&mut out, text, quote);
            out
        }
        _ => {
            let mut out = String::new();
            write(&mut out, value);
            out
        }
    }
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(v) => out.push_str(if *v { "True" } else { "False" }),
        Value::Int(v) => out.push_str(&v.to_string()),
        Value::Float(v) if v.is_finite() => out.push_str(&plain_float(*v)),
        Value::Float(v) => out.push_str(&format!("float(\"{}\")", plain_float(*v))),
        Value::Text(text) | Value::Function(text) => {
            let quote = if text.contains('\'') && !text.contains('"') {
                '"'
            } else {
                '\''
            };
            write_text(out, text, quote);
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
                write(out, &Value::Text(key.clone()));
                out.push_str(": ");
                write(out, value);
            }
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str, quote: char) {
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
}
