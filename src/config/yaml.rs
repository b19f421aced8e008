//! Places of values in YAML text, and values as any YAML reader takes them. Keys that come in by a merge (`<<`)
//! belong to the map that they are written in.

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

use super::ConfigError;
use super::splice::Edit;
use super::tree::{Kind, Node};
use crate::flags::document::{self, Format};
use crate::flags::{Value, encode, scalar};
use std::collections::HashMap;
use std::ops::Range;

pub(super) fn entries(source: &str) -> Result<Vec<(String, Node)>, ConfigError> {
    // The shared reader refuses what is wrong; below only places are gathered.
    document::read(Format::Yaml, source)?;
    let mut build = Build::default();
    for event in Parser::new_from_str(source) {
        let Ok((event, span)) = event else {
            break;
        };
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let range = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => with_header(source, range),
                    ScalarStyle::Plain if range.is_empty() => behind_indicator(source, range.start),
                    _ => range,
                };
                let value = match (style, tag) {
                    (ScalarStyle::Plain, None) if text.is_empty() => Value::Null,
                    (ScalarStyle::Plain, None) => scalar::plain(&text),
                    (_, None) => Value::Text(text.to_string()),
                    (_, Some(_)) => {
                        // A tagged value keeps its tag: it is left to its author.
                        build.add(Some(&text), range, Kind::Other, anchor);
                        continue;
                    }
                };
                build.add(Some(&text), range, Kind::Scalar(value), anchor);
            }
            Event::Alias(anchor) => {
                let kind = build.anchors.get(&anchor).cloned().unwrap_or(Kind::Other);
                build.add(None, range, kind, 0);
            }
            Event::SequenceStart(style, anchor, _) => build.open(Kind::List(Vec::new()), range.start, anchor, style),
            Event::MappingStart(style, anchor, _) => build.open(Kind::Map(Vec::new()), range.start, anchor, style),
            Event::SequenceEnd | Event::MappingEnd => build.close(source, range.end),
            _ => {}
        }
    }
    Ok(match build.root.map(|node| node.kind) {
        Some(Kind::Map(entries)) => entries,
        Some(Kind::List(items)) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| (i.to_string(), item))
            .collect(),
        _ => Vec::new(),
    })
}

/// The place of a block text together with its header (`|`, `>-`), which its own place leaves out.
fn with_header(source: &str, range: Range<usize>) -> Range<usize> {
    let before = source[..range.start].trim_end();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let is_header = |at: usize| {
        let rest = before[at + 1..].trim_start_matches(|c: char| matches!(c, '-' | '+') || c.is_ascii_digit());
        rest.is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
    };
    let mut indicators = before[line..].match_indices(['|', '>']).map(|(at, _)| line + at);
    let start = indicators.rfind(|at| is_header(*at));
    start.unwrap_or(range.start)..range.end
}

/// The place of an absent value: behind the colon or dash that announces it.
fn behind_indicator(source: &str, at: usize) -> Range<usize> {
    let rest = &source[at..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let at = if rest[blanks..].starts_with([':', '-']) {
        at + blanks + 1
    } else {
        at
    };
    at..at
}

struct Open {
    node: Node,
    anchor: usize,
    key: Option<String>,
    flow: bool,
}

#[derive(Default)]
struct Build {
    open: Vec<Open>,
    anchors: HashMap<usize, Kind>,
    root: Option<Node>,
}

impl Build {
    fn open(&mut self, kind: Kind, start: usize, anchor: usize, style: StructureStyle) {
        self.open.push(Open {
            node: Node {
                range: start..start,
                kind,
            },
            anchor,
            key: None,
            flow: style == StructureStyle::Flow,
        });
    }

    fn close(&mut self, text: &str, end: usize) {
        let Some(mut open) = self.open.pop() else {
            return;
        };
        let mut start = open.node.range.start;
        // A list that is not indented is said to begin behind its first dash.
        let dash = |at: usize| {
            text[at..]
                .strip_prefix('-')
                .is_some_and(|rest| rest.trim_start() != rest || rest.is_empty())
        };
        if matches!(open.node.kind, Kind::List(_)) && !open.flow && !dash(start) {
            let bare = text[..start].trim_end();
            start = if bare.ends_with('-') { bare.len() - 1 } else { start };
            open.node.range.start = start;
        }
        // The end of a block may lie behind blank lines and comments; its last part says better.
        open.node.range.end = match (&open.node.kind, open.flow) {
            (Kind::Map(entries), false) => entries.iter().map(|(_, node)| node.range.end).max().unwrap_or(start),
            (Kind::List(items), false) => items.iter().map(|node| node.range.end).max().unwrap_or(start),
            _ => end,
        };
        let end = open.node.range.end.max(start);
        open.node.range.end = start + text.get(start..end).map_or(0, |t| t.trim_end().len());
        self.add(None, open.node.range, open.node.kind, open.anchor);
    }

    fn add(&mut self, text: Option<&str>, range: Range<usize>, kind: Kind, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, kind.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(Node { range, kind });
            return;
        };
        match &mut open.node.kind {
            Kind::List(items) => items.push(Node { range, kind }),
            Kind::Map(entries) => match open.key.take() {
                None => {
                    let of_alias = || match &kind {
                        Kind::Scalar(Value::Text(text)) => text.clone(),
                        _ => String::new(),
                    };
                    open.key = Some(text.map_or_else(of_alias, str::to_string));
                }
                Some(key) if key == "<<" => {}
                Some(key) => entries.push((key, Node { range, kind })),
            },
            _ => {}
        }
    }
}

/// The edit that writes `value` over the node.
pub(super) fn literal(text: &str, node: &Node, value: &Value) -> Edit {
    let old = &text[node.range.clone()];
    let before = &text[..node.range.start];
    let written = match value {
        Value::Text(new) if old.starts_with('\'') && !new.chars().any(char::is_control) => single(new),
        Value::Text(new) if old.starts_with('"') => double(new),
        Value::Bool(v) => bool_like(old, *v),
        other => flow(other),
    };
    // A block scalar or collection goes as a whole, back to the colon it hangs on.
    if old.contains('\n') || matches!(node.kind, Kind::List(_) | Kind::Map(_)) {
        let bare = before.trim_end();
        let line_end = &old[old.trim_end().len()..];
        if bare.ends_with(':') {
            return Edit::new(bare.len()..node.range.end, format!(" {written}{line_end}"));
        }
        return Edit::new(node.range.clone(), format!("{written}{line_end}"));
    }
    // An empty value stands right behind its colon or dash.
    let blank = if old.is_empty() && !before.ends_with([' ', '\t', '\n']) {
        " "
    } else {
        ""
    };
    Edit::new(node.range.clone(), format!("{blank}{written}"))
}

fn flow(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Function(text) => {
            if is_safe(text) {
                text.clone()
            } else if text.chars().any(char::is_control) {
                double(text)
            } else {
                single(text)
            }
        }
        Value::Bool(v) => if *v { "true" } else { "false" }.into(),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let text = |key: &str| flow(&Value::Text(key.to_string()));
            let entries: Vec<String> = map
                .iter()
                .map(|(key, v)| format!("{}: {}", text(key), flow(v)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => encode(other),
    }
}

/// True for a text that every reader of YAML, old and new, takes for that text.
fn is_safe(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '/'))
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '/' | '-' | '.' | ' '))
        && !text.ends_with(' ')
        && !matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "none")
        && matches!(scalar::plain(text), Value::Text(_))
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A bool in the words of the old value, so that `on` becomes `off`.
fn bool_like(old: &str, value: bool) -> String {
    let pairs = [
        ("yes", "no"),
        ("Yes", "No"),
        ("YES", "NO"),
        ("on", "off"),
        ("On", "Off"),
        ("ON", "OFF"),
        ("True", "False"),
        ("TRUE", "FALSE"),
    ];
    let pair = pairs
        .iter()
        .find(|(yes, no)| old == *yes || old == *no)
        .unwrap_or(&("true", "false"));
    if value { pair.0 } else { pair.1 }.to_string()
}
