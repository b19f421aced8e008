//! Replacing values in a text by their places.

use std::ops::Range;

use super::ConfigError;
use super::tree::{self, Kind, Node};
use crate::flags::{Data, FlagValues, Value};

/// Bytes to replace and what comes instead.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

impl Edit {
    pub(super) fn new(range: Range<usize>, text: String) -> Edit {
        Edit { range, text }
    }
}

/// How a format writes a value in the place of a node.
pub(super) type Write<'a> = &'a mut dyn FnMut(&str, &Node, &Value) -> Result<Edit, ConfigError>;

/// The edits that give the keys their values; keys that hold theirs already need none.
pub(super) fn edits(
    entries: &[(String, Node)],
    values: &FlagValues,
    write: Write<'_>,
) -> Result<Vec<Edit>, ConfigError> {
    let mut targets: Vec<(&str, &Node, Value)> = values
        .iter()
        .filter_map(|(key, value)| {
            let node = tree::find(entries, key).filter(|node| node.kind != Kind::Other)?;
            Some((key.as_str(), node, node.meant(value)))
        })
        .collect();
    // Of two places one of which holds the other, the outer one comes first.
    targets.sort_by_key(|(_, node, _)| (node.range.start, std::cmp::Reverse(node.range.end)));
    let mut edits: Vec<Edit> = Vec::new();
    let mut outer: Option<&(&str, &Node, Value)> = None;
    for target in &targets {
        let (key, node, value) = target;
        if let Some((with, before, other)) = outer {
            if before.range == node.range && !node.range.is_empty() {
                if !tree::same(other, value) {
                    return Err(ConfigError::Shared(with.to_string(), key.to_string()));
                }
                continue;
            }
            if node.range.start < before.range.end {
                return Err(ConfigError::Nested {
                    key: key.to_string(),
                    with: with.to_string(),
                    value: Data::from(other.clone()).to_string(),
                });
            }
        }
        outer = Some(target);
        if !node.holds(value) {
            edits.push(write(key, node, value)?);
        }
    }
    Ok(edits)
}

/// The first key that does not hold its value.
pub(super) fn unset(entries: &[(String, Node)], values: &FlagValues) -> Option<String> {
    let differs = |(key, value): &(&String, &Value)| {
        tree::find(entries, key).is_some_and(|node| node.kind != Kind::Other && !node.holds(&node.meant(value)))
    };
    values.iter().find(differs).map(|(key, _)| key.clone())
}

/// Applies edits that are in order and do not overlap.
pub(super) fn apply(text: &str, edits: Vec<Edit>) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.range.start]);
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out.push_str(&text[at..]);
    out
}
