//! Places of values in JSON text, comments allowed. The text is checked by the shared reader first; here it is
//! only walked.

use super::ConfigError;
use super::tree::{Kind, Node};
use crate::flags::document::{self, Data, Format};
use crate::flags::{Value, plain_float};

pub(super) fn entries(text: &str) -> Result<Vec<(String, Node)>, ConfigError> {
    let data = document::read(Format::Json, text)?;
    let mut walk = Walk {
        bytes: text.as_bytes(),
        at: 0,
    };
    Ok(match walk.node(&data).kind {
        Kind::Map(entries) => entries,
        Kind::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| (i.to_string(), item))
            .collect(),
        _ => Vec::new(),
    })
}

/// Walks the text beside the tree that was read from it, which is known to fit.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn node(&mut self, data: &Data) -> Node {
        self.blanks();
        let start = self.at;
        let kind = match data {
            Data::List(items) => {
                self.at += 1;
                let items = items.iter().map(|item| {
                    let node = self.node(item);
                    self.separator();
                    node
                });
                let items = items.collect();
                self.close();
                Kind::List(items)
            }
            Data::Map(map) => {
                self.at += 1;
                let entries = map.iter().map(|(key, value)| {
                    self.blanks();
                    self.text();
                    self.blanks();
                    self.at += 1;
                    let node = self.node(value);
                    self.separator();
                    (key.clone(), node)
                });
                let entries = entries.collect();
                self.close();
                Kind::Map(entries)
            }
            Data::Text(_) => {
                self.text();
                Kind::Scalar(data.to_value())
            }
            _ => {
                while self
                    .peek()
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                {
                    self.at += 1;
                }
                Kind::Scalar(data.to_value())
            }
        };
        Node {
            range: start..self.at,
            kind,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over blanks and comments.
    fn blanks(&mut self) {
        while let Some(b) = self.peek() {
            if b == b'/' {
                while self.peek().is_some_and(|b| b != b'\n') {
                    self.at += 1;
                }
            } else if b.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    fn text(&mut self) {
        self.at += 1;
        while let Some(b) = self.peek() {
            self.at += 1 + usize::from(b == b'\\');
            if b == b'"' {
                break;
            }
        }
    }

    fn separator(&mut self) {
        self.blanks();
        if self.peek() == Some(b',') {
            self.at += 1;
        }
    }

    fn close(&mut self) {
        self.blanks();
        self.at += 1;
    }
}

/// The value as JSON, blanks behind `,` and `:`.
pub(super) fn literal(value: &Value) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, v)| format!("{}: {}", text(key), literal(v)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Float(v) if v.is_finite() => plain_float(*v),
        other => other.to_json().to_string(),
    }
}
