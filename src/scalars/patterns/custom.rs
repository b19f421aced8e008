//! Patterns that an operation defines: compiling them, and what their captures mean.

use std::borrow::Cow;

use regex::bytes::{Captures, Regex};
use serde_json::Value as Json;

use super::PatternsError;

/// What the captures of a pattern are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    Numbers,
    Texts,
}

impl Find {
    /// What `\value` stands for.
    fn value(self) -> &'static str {
        match self {
            Find::Numbers => r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|(?i:nan|inf))",
            Find::Texts => r"\S+",
        }
    }
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    /// As written.
    pub text: String,
    regex: Regex,
    meaning: Meaning,
}

/// How captures become keys and values.
#[derive(Debug)]
enum Meaning {
    /// Named captures: a tag each.
    Named {
        tags: Vec<(usize, String)>,
        pair: Option<(usize, usize)>,
    },
    /// Two captures: key, value.
    Pair,
    /// One capture, of this key.
    Of(String),
}

/// One match of a pattern.
pub struct Match<'l> {
    /// The texts of all groups; `None` for one that took no part.
    pub groups: Vec<Option<&'l [u8]>>,
    /// The keys and texts that they stand for.
    pub pairs: Vec<(String, &'l [u8])>,
}

/// The key of a capture: the pattern's or the line's own.
pub enum Found<'p, 'l> {
    Pattern(&'p str),
    Line(&'l [u8]),
}

impl<'l> Found<'_, 'l> {
    /// The key as text; bytes of a line that are not UTF-8 are replaced.
    pub fn as_text(&self) -> Cow<'l, str> {
        match self {
            Found::Pattern(key) => Cow::Owned((*key).to_string()),
            Found::Line(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}

/// Reads the forms of `output-scalars` and `output-attrs`, with a warning for each pattern that is of no use.
pub fn read(key: &'static str, spec: &Json, find: Find) -> Result<(Vec<Pattern>, Vec<String>), PatternsError> {
    let (mut patterns, mut warnings) = (Vec::new(), Vec::new());
    let mut add = |of: Option<&str>, text: &str| match Pattern::new(of, text, find) {
        Ok(pattern) => patterns.push(pattern),
        Err(warning) => warnings.push(warning),
    };
    let items = match spec {
        Json::Bool(false) => &[],
        Json::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let invalid = |value: &Json| PatternsError::Invalid {
        key,
        value: value.to_string(),
    };
    for item in items {
        match item {
            Json::String(text) => add(None, text),
            Json::Object(map) => {
                for (of, text) in map {
                    add(Some(of), text.as_str().ok_or_else(|| invalid(text))?);
                }
            }
            other => return Err(invalid(other)),
        }
    }
    Ok((patterns, warnings))
}

impl Pattern {
    fn new(of: Option<&str>, text: &str, find: Find) -> Result<Pattern, String> {
        let regex = Regex::new(&expand(text, find))
            .map_err(|error| format!("error compiling pattern {text}: {}", reason(&error.to_string())))?;
        let names: Vec<Option<&str>> = regex.capture_names().collect();
        let named = |name: &str| names.iter().position(|n| *n == Some(name));
        let tags: Vec<_> = names
            .iter()
            .enumerate()
            .filter_map(|(at, name)| name.map(|name| (at, name.to_string())))
            .filter(|(_, name)| name != "_key" && name != "_val")
            .collect();
        let what = match find {
            Find::Numbers => "output scalar",
            Find::Texts => "output attribute",
        };
        let pair = match (named("_key"), named("_val")) {
            (Some(key), Some(value)) => Some((key, value)),
            (None, None) => None,
            _ => {
                return Err(format!(
                    "{what} pattern '{text}' needs both (?P<_key>...) and (?P<_val>...)"
                ));
            }
        };
        let meaning = match (names.len() - 1, of) {
            _ if pair.is_some() || !tags.is_empty() => Meaning::Named { tags, pair },
            (0, _) => {
                return Err(format!(
                    "{what} pattern '{text}' captures nothing: put parentheses around the value"
                ));
            }
            (1, Some(key)) => Meaning::Of(key.to_string()),
            (1, None) => {
                return Err(format!(
                    "{what} pattern '{text}' needs a key: use 'NAME: PATTERN' or (?P<NAME>...)"
                ));
            }
            (2, None) => Meaning::Pair,
            (count, Some(key)) => {
                return Err(format!(
                    "{what} pattern '{text}' for '{key}' has {count} captures: use one"
                ));
            }
            (count, None) => {
                return Err(format!(
                    "{what} pattern '{text}' has {count} captures: use one for the key and one for the value, or names"
                ));
            }
        };
        Ok(Pattern {
            text: text.to_string(),
            regex,
            meaning,
        })
    }

    /// One of the default patterns, for showing what it captures.
    pub fn default_scalars(text: &str) -> Option<Pattern> {
        Pattern::new(None, text, Find::Numbers).ok()
    }

    /// The default pattern of attributes, for showing what it captures.
    pub fn default_attributes() -> Option<Pattern> {
        Pattern::new(None, r"^(\key):\s+(\value)$", Find::Texts).ok()
    }

    /// Hands each key and captured text to `take`, match after match.
    pub fn find<'l>(&self, line: &'l [u8], take: &mut dyn FnMut(Found<'_, 'l>, &'l [u8])) {
        for captures in self.regex.captures_iter(line) {
            self.of_match(&captures, take);
        }
    }

    /// Every match, with its captures.
    pub fn matches<'l>(&self, line: &'l [u8]) -> Vec<Match<'l>> {
        self.regex
            .captures_iter(line)
            .map(|captures| {
                let groups = captures
                    .iter()
                    .skip(1)
                    .map(|group| group.map(|m| m.as_bytes()))
                    .collect();
                let mut pairs = Vec::new();
                self.of_match(&captures, &mut |key, text| {
                    pairs.push((key.as_text().into_owned(), text))
                });
                Match { groups, pairs }
            })
            .collect()
    }

    fn of_match<'l>(&self, captures: &Captures<'l>, take: &mut dyn FnMut(Found<'_, 'l>, &'l [u8])) {
        let group = |at: usize| captures.get(at).map(|m| m.as_bytes());
        match &self.meaning {
            Meaning::Named { tags, pair } => {
                for (at, tag) in tags {
                    if let Some(text) = group(*at) {
                        take(Found::Pattern(tag), text);
                    }
                }
                if let Some((key, value)) = pair
                    && let (Some(key), Some(text)) = (group(*key), group(*value))
                {
                    take(Found::Line(key), text);
                }
            }
            Meaning::Pair => {
                if let (Some(key), Some(text)) = (group(1), group(2)) {
                    take(Found::Line(key), text);
                }
            }
            Meaning::Of(key) => {
                if let Some(text) = group(1) {
                    take(Found::Pattern(key), text);
                }
            }
        }
    }
}

/// Puts what `\key`, `\value` and `\step` stand for in their place. A backslash that is itself escaped is none.
fn expand(text: &str, find: Find) -> String {
    let mut out = String::with_capacity(text.len() + 80);
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [
            (r"\key", r"(?:[_a-zA-Z]\S*)".to_string()),
            (r"\value", format!("(?:{})", find.value())),
            (r"\step", "(?:[0-9]+)".to_string()),
        ];
        if let Some((escape, meaning)) = known.iter().find(|(escape, _)| rest.starts_with(escape)) {
            out.push_str(meaning);
            rest = &rest[escape.len()..];
        } else {
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out + rest
}

/// The last line of a regex error is its reason; the lines above draw a picture of it.
fn reason(error: &str) -> &str {
    let last = error.lines().last().unwrap_or(error);
    last.strip_prefix("error: ").unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(spec: Json, line: &str) -> Vec<String> {
        let (patterns, warnings) = read("output-scalars", &spec, Find::Numbers).unwrap();
        assert_eq!(warnings, [""; 0]);
        let mut out = Vec::new();
        for pattern in &patterns {
            pattern.find(line.as_bytes(), &mut |key, text| {
                out.push(format!("{}={}", key.as_text(), String::from_utf8_lossy(text)));
            });
        }
        out
    }

    #[test]
    fn captures_mean_tags() {
        assert_eq!(
            found(json!(r"loss=(?P<loss>\value) acc=(?P<acc>\value)"), "e loss=1 acc=.5"),
            ["loss=1", "acc=.5"]
        );
        assert_eq!(found(json!(r"(\key)=(\value)"), "a=1 b=2e3"), ["a=1", "b=2e3"]);
        assert_eq!(found(json!({"loss": r"l=(\value)"}), "l=1 l=2"), ["loss=1", "loss=2"]);
        assert_eq!(
            found(
                json!([{"a": r"(?P<b>\value)"}, r"(?P<_val>\value) (?P<_key>\key)"]),
                "3 c"
            ),
            ["b=3", "c=3"]
        );
        assert_eq!(found(json!(r"(?P<step>\step):"), "12: x"), ["step=12"]);
        assert_eq!(found(json!(false), "loss: 1"), [""; 0]);
        assert_eq!(found(json!([]), "loss: 1"), [""; 0]);
    }

    #[test]
    fn useless_patterns_are_told() {
        let warn = |spec: Json| read("output-scalars", &spec, Find::Numbers).unwrap().1;
        assert_eq!(
            warn(json!(r"x: (\value)")),
            [r"output scalar pattern 'x: (\value)' needs a key: use 'NAME: PATTERN' or (?P<NAME>...)"]
        );
        assert_eq!(
            warn(json!(["x (", r"(\key) (\value)"])),
            ["error compiling pattern x (: unclosed group"]
        );
        for spec in [
            json!("x"),
            json!({"x": r"(\key) (\value)"}),
            json!({"x": "y"}),
            json!("(?P<_key>x)"),
            json!("(a)(b)(c)"),
        ] {
            assert_eq!(warn(spec.clone()).len(), 1, "{spec}");
        }
    }

    #[test]
    fn other_kinds_are_refused() {
        for (spec, text) in [(json!(3), "3"), (json!([1]), "1"), (json!({"x": 2}), "2")] {
            assert_eq!(
                read("output-scalars", &spec, Find::Numbers).unwrap_err().to_string(),
                format!("invalid output-scalars {text}: expected string, list or mapping")
            );
        }
    }

    #[test]
    fn escaped_backslashes_stay() {
        assert_eq!(expand(r"\\key \d", Find::Numbers), r"\\key \d");
        assert_eq!(expand(r"\\\step é\", Find::Numbers), r"\\(?:[0-9]+) é\");
    }
}
