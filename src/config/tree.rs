//! Values of a file with their places in its text, the same for every format.

use std::ops::Range;

use crate::flags::{Value, scalar};

/// A value and the bytes it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub range: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// Something that is no constant: it has no key and no value.
    Other,
}

impl Node {
    /// The whole value, if every part of it is a constant.
    pub(super) fn value(&self) -> Option<Value> {
        match &self.kind {
            Kind::Scalar(value) => Some(value.clone()),
            Kind::List(items) => items
                .iter()
                .map(Node::value)
                .collect::<Option<Vec<_>>>()
                .map(Value::List),
            Kind::Map(entries) => {
                let pairs = entries.iter().map(|(key, node)| Some((key.clone(), node.value()?)));
                pairs.collect::<Option<_>>().map(Value::Map)
            }
            Kind::Other => None,
        }
    }

    /// The value in the terms of this node: where a list stands, blank-separated words mean a list.
    pub(super) fn meant(&self, value: &Value) -> Value {
        if !matches!(self.kind, Kind::List(_)) {
            return value.clone();
        }
        match value {
            Value::Text(text) => Value::List(text.split_whitespace().map(scalar::plain).collect()),
            Value::Null | Value::List(_) | Value::Map(_) => value.clone(),
            single => Value::List(vec![single.clone()]),
        }
    }

    /// True if the node holds this value already, of the same type.
    pub(super) fn holds(&self, value: &Value) -> bool {
        self.value().is_some_and(|old| same(&old, value))
    }
}

/// Equality of type and value, with NaN equal to itself.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
        }
        _ => a == b,
    }
}

/// Every scalar with its dotted key. Empty lists and maps have none.
pub(super) fn leaves(entries: &[(String, Node)]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, node) in entries {
        collect(key, node, &mut found);
    }
    found
}

fn collect(key: &str, node: &Node, found: &mut Vec<(String, Value)>) {
    match &node.kind {
        Kind::Scalar(value) => found.push((key.to_string(), value.clone())),
        Kind::List(items) => {
            for (i, item) in items.iter().enumerate() {
                collect(&format!("{key}.{i}"), item, found);
            }
        }
        Kind::Map(entries) => {
            for (name, node) in entries {
                collect(&format!("{key}.{name}"), node, found);
            }
        }
        Kind::Other => {}
    }
}

/// The node of a dotted key. Names may hold dots themselves, so every way to split is tried.
pub(super) fn find<'a>(entries: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    entries.iter().find_map(|(name, node)| below(name, node, key))
}

fn below<'a>(name: &str, node: &'a Node, key: &str) -> Option<&'a Node> {
    let rest = key.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(node);
    }
    let rest = rest.strip_prefix('.')?;
    match &node.kind {
        Kind::Map(entries) => find(entries, rest),
        Kind::List(items) => {
            let (index, deeper) = rest
                .split_once('.')
                .map_or((rest, None), |(index, deeper)| (index, Some(deeper)));
            let at: usize = index.parse().ok()?;
            let item = items.get(at).filter(|_| at.to_string() == index)?;
            match deeper {
                None => Some(item),
                Some(deeper) => below("", item, &format!(".{deeper}")),
            }
        }
        _ => None,
    }
}
