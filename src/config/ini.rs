//! Places of values in INI text: `[section]`, `key = value` or `key: value`, comments behind `#` or `;`. Keys are
//! `section.key`, those before any section just `key`. Nothing in such a file is wrong: what is no entry is kept.

use std::ops::Range;

use super::tree::{Kind, Node};
use crate::flags::{Value, plain, scalar};

pub(super) fn entries(text: &str) -> Vec<(String, Node)> {
    let mut found: Vec<(String, Node)> = Vec::new();
    let mut section = String::new();
    let mut at = 0;
    // Lines that begin with a blank go on with the entry before them.
    let mut open = false;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let trimmed = line.trim();
        let indented = line.starts_with([' ', '\t']);
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if indented && open {
            if let Some((_, node)) = found.last_mut() {
                node.range.end = start + line.trim_end().len();
                node.kind = Kind::Scalar(value(&text[node.range.clone()]));
            }
            continue;
        }
        open = false;
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.to_string();
            continue;
        }
        let Some(equals) = line.find(['=', ':']) else {
            continue;
        };
        let name = line[..equals].trim();
        let key = if section.is_empty() {
            name.to_string()
        } else {
            format!("{section}.{name}")
        };
        let range = value_range(line, equals + 1);
        let range = start + range.start..start + range.end;
        let kind = Kind::Scalar(value(&text[range.clone()]));
        let node = Node { range, kind };
        // A key given twice: the last one counts, as for the programs that read such files.
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = node,
            None => {
                found.push((key, node));
                open = true;
            }
        }
    }
    found
}

/// The value in a line from `from`, without blanks around and without a comment that follows a blank.
fn value_range(line: &str, from: usize) -> Range<usize> {
    let rest = line[from..].trim_end();
    let end = rest
        .char_indices()
        .find(|(i, c)| matches!(c, '#' | ';') && rest[..*i].ends_with([' ', '\t']))
        .map_or(rest.len(), |(i, _)| i);
    let rest = &rest[..end];
    let start = from + (rest.len() - rest.trim_start().len());
    start..start.max(from + rest.trim_end().len())
}

fn value(text: &str) -> Value {
    if text.is_empty() {
        Value::Text(String::new())
    } else {
        scalar::plain(text)
    }
}

/// The value as such a file writes it. A bool keeps the words of the old one.
pub(super) fn literal(old: &str, value: &Value) -> String {
    let text = match value {
        Value::Bool(v) => {
            let lower = old.to_ascii_lowercase();
            let (yes, no) = match lower.as_str() {
                "yes" | "no" => ("yes", "no"),
                "on" | "off" => ("on", "off"),
                _ => ("true", "false"),
            };
            let word = if *v { yes } else { no };
            let title = |word: &str| word[..1].to_uppercase() + &word[1..];
            match old.chars().next() {
                Some(c) if c.is_uppercase() && old.len() > 1 && old[1..].chars().all(char::is_uppercase) => {
                    word.to_uppercase()
                }
                Some(c) if c.is_uppercase() => title(word),
                _ => word.to_string(),
            }
        }
        other => plain(other),
    };
    text.replace("\r\n", "\n").replace(['\n', '\r'], "\n    ")
}
