//! What a printed line must look like to log values: the default patterns, read by hand because every line of
//! every run goes through them, and an operation's own, which are regular expressions. Steps are `scanner`'s.

mod custom;
mod show;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::number;
pub use custom::{Find, Found};

/// The default patterns as an operations file would write them.
pub const DEFAULT: [&str; 2] = [
    r"^\key:\s+\value\s+\((?:step\s+)?(?P<step>\step)\)$",
    r"^(\key):\s+(\value)(?:\s+\(.*\))?$",
];

/// The patterns that a run's lines are matched against.
#[derive(Debug)]
pub struct Patterns(Kind);

#[derive(Debug)]
enum Kind {
    /// `KEY: VALUE`; keys that are the run's flags are left alone.
    Default { flags: BTreeSet<Vec<u8>> },
    /// Tried on each line, all of them.
    Custom(Vec<custom::Pattern>),
}

/// An `output-scalars` or `output-attrs` that no pattern can be read from.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PatternsError {
    #[error("invalid {key} {value}: expected string, list or mapping")]
    Invalid { key: &'static str, value: String },
}

/// What a line says under the default patterns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DefaultLine<'a> {
    pub key: &'a [u8],
    pub value: f64,
    /// The step in parentheses behind the value.
    pub step: Option<i64>,
}

impl Patterns {
    /// Reads `output-scalars` as the operation has it. Patterns that cannot be used are left out, with a warning
    /// each (the text behind `WARNING: `).
    pub fn new<'a>(
        spec: Option<&Json>,
        flags: impl IntoIterator<Item = &'a str>,
    ) -> Result<(Patterns, Vec<String>), PatternsError> {
        match spec {
            None | Some(Json::Null | Json::Bool(true)) => {
                let flags = flags.into_iter().map(|name| name.as_bytes().to_vec()).collect();
                Ok((Patterns(Kind::Default { flags }), Vec::new()))
            }
            Some(spec) => {
                let (patterns, warnings) = custom::read("output-scalars", spec, Find::Numbers)?;
                Ok((Patterns(Kind::Custom(patterns)), warnings))
            }
        }
    }

    /// True when no line can log anything.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Kind::Custom(patterns) if patterns.is_empty())
    }

    /// True for the default patterns.
    pub fn is_default(&self) -> bool {
        matches!(self.0, Kind::Default { .. })
    }

    /// What `line` says under the default patterns; nothing when these are not they.
    pub(super) fn default_line<'a>(&self, line: &'a [u8]) -> Option<DefaultLine<'a>> {
        let Kind::Default { flags } = &self.0 else { return None };
        let found = default_line(line)?;
        (flags.is_empty() || !flags.contains(found.key)).then_some(found)
    }

    /// Adds what the operation's own patterns find, in the order they find it.
    pub(super) fn custom_line<'a>(&self, line: &'a [u8], found: &mut Vec<(Cow<'a, str>, f64)>) {
        let Kind::Custom(patterns) = &self.0 else { return };
        for pattern in patterns {
            pattern.find(line, &mut |key, text| {
                if let Some(value) = number::parse(text) {
                    found.push((key.as_text(), value));
                }
            });
        }
    }

    /// The report of `--test-output-scalars` on one line: the line, then what each pattern captures and sets.
    pub fn test(&self, line: &[u8]) -> String {
        match &self.0 {
            Kind::Custom(patterns) => show::report(line, patterns, |_| true, Find::Numbers),
            Kind::Default { flags } => {
                let patterns: Vec<_> = DEFAULT
                    .into_iter()
                    .filter_map(custom::Pattern::default_scalars)
                    .collect();
                let is_no_flag = |line: &[u8]| default_line(line).is_none_or(|found| !flags.contains(found.key));
                show::report(line, &patterns, is_no_flag, Find::Numbers)
            }
        }
    }
}

/// Warnings about the patterns of an operation, before it is run: those that cannot be used.
pub fn check(scalars: Option<&Json>, attributes: Option<&Json>) -> Result<Vec<String>, PatternsError> {
    let (_, mut warnings) = Patterns::new(scalars, [])?;
    warnings.extend(Attributes::new(attributes)?.1);
    Ok(warnings)
}

/// Reads `KEY: VALUE`, `KEY: VALUE (STEP)` and `KEY: VALUE (anything)`. Blanks are those of ASCII.
pub fn default_line(line: &[u8]) -> Option<DefaultLine<'_>> {
    if !line.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') {
        return None;
    }
    let gap = line.iter().position(|b| is_blank(*b))?;
    if gap < 2 || line[gap - 1] != b':' {
        return None;
    }
    let rest = skip_blanks(&line[gap..]);
    let (value, end) = number::prefix(rest)?;
    let step = match behind(&rest[end..])? {
        Some(inner) => inline_step(inner),
        None => None,
    };
    Some(DefaultLine {
        key: &line[..gap - 1],
        value,
        step,
    })
}

/// What is in the parentheses that end a line: `None` when the text is anything else than such or nothing.
fn behind(text: &[u8]) -> Option<Option<&[u8]>> {
    if text.is_empty() {
        return Some(None);
    }
    let inner = skip_blanks(text);
    let inner = (inner.len() < text.len()).then_some(inner)?;
    let inner = inner.strip_prefix(b"(")?.strip_suffix(b")")?;
    // A pattern's point is any byte but a line end.
    memchr::memchr(b'\n', inner).is_none().then_some(Some(inner))
}

/// `10` and `step 10`; other remarks are no step.
fn inline_step(inner: &[u8]) -> Option<i64> {
    let digits = match inner.strip_prefix(b"step") {
        Some(rest) if rest.first().is_some_and(|b| is_blank(*b)) => skip_blanks(rest),
        Some(_) => return None,
        None => inner,
    };
    let only_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    only_digits
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let begin = text.iter().position(|b| !is_blank(*b)).unwrap_or(text.len());
    &text[begin..]
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r')
}

/// `output-attrs`: patterns whose values are texts. Nothing is recognised unless the operation asks.
#[derive(Debug)]
pub struct Attributes(AttributesKind);

#[derive(Debug)]
enum AttributesKind {
    /// `KEY: VALUE` lines that are no scalars.
    Default,
    Custom(Vec<custom::Pattern>),
}

impl Attributes {
    /// Reads `output-attrs` as the operation has it; warnings as for [`Patterns::new`].
    pub fn new(spec: Option<&Json>) -> Result<(Attributes, Vec<String>), PatternsError> {
        match spec {
            None | Some(Json::Null) => Ok((Attributes(AttributesKind::Custom(Vec::new())), Vec::new())),
            Some(Json::Bool(true)) => Ok((Attributes(AttributesKind::Default), Vec::new())),
            Some(spec) => {
                let (patterns, warnings) = custom::read("output-attrs", spec, Find::Texts)?;
                Ok((Attributes(AttributesKind::Custom(patterns)), warnings))
            }
        }
    }

    /// True when no line can set anything.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, AttributesKind::Custom(patterns) if patterns.is_empty())
    }

    /// Hands each attribute of `line` (without escapes and line end) to `set`, in order: later ones win.
    pub fn line(&self, line: &[u8], mut set: impl FnMut(&str, &str)) {
        match &self.0 {
            AttributesKind::Default => {
                if let Some((key, value)) = attribute_line(line) {
                    set(&String::from_utf8_lossy(key), &String::from_utf8_lossy(value));
                }
            }
            AttributesKind::Custom(patterns) => {
                for pattern in patterns {
                    pattern.find(line, &mut |key, text| {
                        set(&key.as_text(), &String::from_utf8_lossy(text))
                    });
                }
            }
        }
    }

    /// The report of `--test-output-attrs` on one line.
    pub fn test(&self, line: &[u8]) -> String {
        match &self.0 {
            AttributesKind::Custom(patterns) => show::report(line, patterns, |_| true, Find::Texts),
            AttributesKind::Default => {
                let pattern = custom::Pattern::default_attributes();
                show::report(line, pattern.as_slice(), |_| true, Find::Texts)
            }
        }
    }
}

/// `KEY: VALUE` where the value is one word and the line is no scalar.
fn attribute_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if !line.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') || default_line(line).is_some() {
        return None;
    }
    let gap = line.iter().position(|b| is_blank(*b))?;
    let key = line[..gap].strip_suffix(b":").filter(|key| !key.is_empty())?;
    let value = skip_blanks(&line[gap..]);
    (!value.is_empty() && !value.iter().any(|b| is_blank(*b))).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Option<(String, f64, Option<i64>)> {
        default_line(line.as_bytes()).map(|d| (String::from_utf8_lossy(d.key).into_owned(), d.value, d.step))
    }

    #[test]
    fn default_patterns_take_key_and_value() {
        for (line, key, value, step) in [
            ("loss: 1.5", "loss", 1.5, None),
            ("loss: 1.5 (10)", "loss", 1.5, Some(10)),
            ("loss: 1.5 (step 10)", "loss", 1.5, Some(10)),
            ("loss: 1.5 (best so far)", "loss", 1.5, None),
            ("loss: 1.5 (steps 10)", "loss", 1.5, None),
            ("acc/val: 1e-3", "acc/val", 0.001, None),
            ("x: 1.", "x", 1.0, None),
            ("y: .5", "y", 0.5, None),
            ("a/b: -inf", "a/b", f64::NEG_INFINITY, None),
            ("loss:  1.5", "loss", 1.5, None),
            ("loss:\t1.5", "loss", 1.5, None),
            ("a:b: 2", "a:b", 2.0, None),
            ("_x: 2 ()", "_x", 2.0, None),
        ] {
            assert_eq!(read(line), Some((key.into(), value, step)), "{line}");
        }
        assert!(read("loss: nan").unwrap().1.is_nan());
    }

    #[test]
    fn default_patterns_leave_other_lines() {
        for line in [
            " loss: 1",
            "loss = 1",
            "loss:1",
            "loss: 1 apples",
            "1loss: 1",
            "a b: 1",
            "q: 1,000",
            "x: e6",
            "",
            ":",
            ": 1",
            "loss:",
            "loss: ",
            "loss: 1(2)",
            "loss: 1 (2) x",
            "loss: 1 ",
            "loss: infinity",
            "-loss: 1",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn flags_are_not_logged() {
        let (patterns, warnings) = Patterns::new(None, ["lr"]).unwrap();
        assert_eq!(patterns.default_line(b"lr: 0.1 (3)"), None);
        assert!(patterns.default_line(b"loss: 0.1").is_some());
        assert!(warnings.is_empty());
    }

    #[test]
    fn attributes_are_words_behind_a_key() {
        let (attributes, _) = Attributes::new(Some(&Json::Bool(true))).unwrap();
        let mut seen = Vec::new();
        for line in ["model: resnet", "loss: 1.5", "note: two words", "device:  cuda:0"] {
            attributes.line(line.as_bytes(), |key, value| seen.push(format!("{key}={value}")));
        }
        assert_eq!(seen, ["model=resnet", "device=cuda:0"]);
        assert!(Attributes::new(None).unwrap().0.is_empty());
    }

    proptest! {
        /// The scan by hand and the documented expressions agree on every line.
        #[test]
        fn hand_scan_equals_the_expressions(
            key in "[ a_1:]{0,3}[a-z/:_. ]{0,6}", colon in "[:= ]{0,2}", blanks in "[ \t]{0,2}",
            value in "[-+]?[0-9.einaf]{0,6}", rest in "( ?\\((step)? ?[0-9a ]{0,4}\\)?)?[ )]?",
        ) {
            let line = format!("{key}{colon}{blanks}{value}{rest}");
            let value = r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|(?i:nan|inf))";
            let expand = |text: &str| {
                let text = text.replace(r"\key", r"[_a-zA-Z]\S*").replace(r"\value", value).replace(r"\step", "[0-9]+");
                regex::bytes::Regex::new(&format!("(?-u){text}")).unwrap()
            };
            let [with_step, with_value] = DEFAULT.map(expand);
            let found = default_line(line.as_bytes());
            let captures = with_value.captures(line.as_bytes());
            prop_assert_eq!(found.is_some(), captures.is_some(), "{}", line);
            if let (Some(found), Some(captures)) = (found, captures) {
                prop_assert_eq!(found.key, &captures[1]);
                let expected: f64 = std::str::from_utf8(&captures[2]).unwrap().parse().unwrap();
                prop_assert!(found.value == expected || found.value.is_nan() && expected.is_nan());
                let step = with_step.captures(line.as_bytes()).map(|c| std::str::from_utf8(&c["step"]).unwrap().parse().unwrap());
                prop_assert_eq!(found.step, step, "{}", line);
            }
        }
    }
}
