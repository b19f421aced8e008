//! The YAML part of the flag language: plain and quoted scalars, flow lists and maps. Stricter than YAML where
//! YAML would make something of a text that the user did not write (dates, base 60, octal, tags, anchors,
//! comments): those stay text.

use std::collections::BTreeMap;

use super::{Value, brackets, scalar};

/// Nesting beyond this is no list but a text: a value must never exhaust the stack.
const MAX_DEPTH: usize = 64;

/// A list, map or quoted text that is the whole of `text` (blanks around apart), else `None`.
pub(super) fn structure(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['[', '{', '\'', '"']) {
        return None;
    }
    let mut parser = Parser { text, at: 0 };
    let value = parser.node(0)?;
    if parser.at == text.len() { Some(value) } else { None }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn node(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'[' => self.list(depth),
            b'{' => self.map(depth),
            b'\'' | b'"' => self.quoted().map(Value::Text),
            _ => {
                let text = self.plain()?;
                Some(scalar::plain(text))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            if self.peek()? == b']' {
                self.at += 1;
                return Some(Value::List(items));
            }
            items.push(self.item(depth)?);
            self.separator(b']')?;
        }
    }

    /// An item of a list: a node, or `key: value`, a map of one.
    fn item(&mut self, depth: usize) -> Option<Value> {
        let start = self.at;
        let quoted = matches!(self.peek()?, b'\'' | b'"');
        let structure = matches!(self.peek()?, b'[' | b'{');
        let item = self.node(depth + 1)?;
        if structure || !self.colon(quoted) {
            return Some(item);
        }
        self.at = start;
        let (key, value) = self.pair(depth)?;
        Some(Value::Map(BTreeMap::from([(key, value)])))
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut map = BTreeMap::new();
        loop {
            self.blanks();
            if self.peek()? == b'}' {
                self.at += 1;
                return Some(Value::Map(map));
            }
            let (key, value) = self.pair(depth)?;
            map.insert(key, value);
            self.separator(b'}')?;
        }
    }

    fn pair(&mut self, depth: usize) -> Option<(String, Value)> {
        let quoted = matches!(self.peek()?, b'\'' | b'"');
        let key = match self.peek()? {
            b'[' | b'{' => return None,
            _ if quoted => self.quoted()?,
            _ => self.plain()?.to_string(),
        };
        if !self.colon(quoted) {
            return Some((key, Value::Null));
        }
        self.blanks();
        let value = match self.peek()? {
            b',' | b']' | b'}' => Value::Null,
            _ => self.node(depth + 1)?,
        };
        Some((key, value))
    }

    /// Steps over the colon of a pair. After a plain key it needs a blank or the end of the pair behind it.
    fn colon(&mut self, after_quote: bool) -> bool {
        self.blanks();
        if self.peek() == Some(b':') && (after_quote || ends_key(self.text.as_bytes(), self.at)) {
            self.at += 1;
            return true;
        }
        false
    }

    /// Steps over a comma; the closing bracket is left for the caller.
    fn separator(&mut self, closer: u8) -> Option<()> {
        self.blanks();
        match self.peek()? {
            b',' => {
                self.at += 1;
                Some(())
            }
            b if b == closer => Some(()),
            _ => None,
        }
    }

    /// A plain text up to the separator. Brackets inside of it must pair up: `range[1:3]` is one text.
    fn plain(&mut self) -> Option<&str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut closers = Vec::new();
        while let Some(b) = self.peek() {
            match b {
                b'[' => closers.push(b']'),
                b'{' => closers.push(b'}'),
                b']' | b'}' if closers.last() == Some(&b) => {
                    closers.pop();
                }
                b']' | b'}' if closers.is_empty() => break,
                b']' | b'}' => return None,
                b',' if closers.is_empty() => break,
                b':' if closers.is_empty() && ends_key(bytes, self.at) => break,
                _ => {}
            }
            self.at += 1;
        }
        let text = self.text[start..self.at].trim();
        if text.is_empty() { None } else { Some(text) }
    }

    fn quoted(&mut self) -> Option<String> {
        let start = self.at;
        self.at = brackets::quote_end(self.text.as_bytes(), start)?;
        let inner = &self.text[start + 1..self.at - 1];
        if self.text.as_bytes()[start] == b'\'' {
            Some(inner.replace("''", "'"))
        } else {
            unescape(inner)
        }
    }
}

fn ends_key(bytes: &[u8], colon: usize) -> bool {
    match bytes.get(colon + 1) {
        None => true,
        Some(b) => b.is_ascii_whitespace() || matches!(b, b',' | b']' | b'}' | b'[' | b'{'),
    }
}

/// The text of a double-quoted inner part; `None` at an unknown escape.
fn unescape(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let digits = match chars.next()? {
            '0' => {
                out.push('\0');
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => {
                out.push(match other {
                    'a' => '\x07',
                    'b' => '\x08',
                    't' => '\t',
                    'n' => '\n',
                    'v' => '\x0b',
                    'f' => '\x0c',
                    'r' => '\r',
                    'e' => '\x1b',
                    ' ' | '"' | '/' | '\\' => other,
                    'N' => '\u{85}',
                    '_' => '\u{a0}',
                    'L' => '\u{2028}',
                    'P' => '\u{2029}',
                    _ => return None,
                });
                continue;
            }
        };
        let mut code = 0u32;
        for _ in 0..digits {
            code = code * 16 + chars.next()?.to_digit(16)?;
        }
        out.push(char::from_u32(code)?);
    }
    Some(out)
}
