//! From the text of a flag to its value. The first rule that accepts the whole text wins: number, sequence,
//! search function, repeated list, YAML scalar or structure, and otherwise the text itself. Checks of a value
//! against a definition are in `check`.

use thiserror::Error;

use super::sequence::{MAX_ITEMS, Sequence};
use super::{Value, brackets, flow, scalar};

/// A decoded value, with what the user should hear about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub value: Value,
    pub warnings: Vec<Warning>,
}

/// Something in a flag's text that works but is probably not meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// A list such as `[1..10]`.
    NotARange { text: String, instead: String },
    /// More arguments than a sequence function takes; the rest is left out.
    ExtraArgs { function: &'static str, args: Vec<String> },
}

impl Warning {
    /// The warning for a flag of that name, without `WARNING: `.
    pub fn for_flag(&self, name: &str) -> String {
        match self {
            Warning::NotARange { text, instead } => format!("'{name}={text}' is not a range - use {instead}"),
            Warning::ExtraArgs { function, args } => {
                let comma = if args.len() == 1 { "," } else { "" };
                format!(
                    "unsupported arguments for {function} function: ({}{comma}) - ignoring",
                    args.join(", ")
                )
            }
        }
    }
}

/// Why a text is no value. The message is the inner part of `invalid value TEXT for NAME: ...`.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DecodeError {
    #[error("invalid arg '{0}': expected a number")]
    NotANumber(String),
    #[error("invalid arg '{0}': expected an integer")]
    NotAnInteger(String),
    #[error("invalid arg '{0}': expected a number greater than 0")]
    NotPositive(String),
    #[error("invalid arg '{0}': expected a number other than 0")]
    Zero(String),
    #[error("both ends must have the same sign")]
    MixedSigns,
    #[error("function requires at least {0} arg(s)")]
    TooFewArgs(usize),
    #[error("step cannot be zero")]
    ZeroStep,
    #[error("sequence is empty")]
    EmptySequence,
    #[error("sequence has more than {MAX_ITEMS} values")]
    TooManyItems,
    #[error("sequence has values that are too large")]
    NotFinite,
}

/// The value that `text` stands for, by the declared type `kind` if there is one (an unknown type counts as
/// none).
pub fn decode(text: &str, kind: Option<&str>) -> Result<Decoded, DecodeError> {
    let trimmed = text.trim();
    let value = match kind {
        Some("string" | "path" | "existing-path") if !text.starts_with(['[', '{', '\'', '"']) => {
            Some(Value::Text(text.to_string()))
        }
        Some("float") if scalar::is_int_text(trimmed) => trimmed.parse().ok().map(Value::Float),
        Some("number") if scalar::is_int_text(trimmed) && scalar::int(trimmed).is_none() => {
            trimmed.parse().ok().map(Value::Float)
        }
        Some("boolean") => match scalar::known(trimmed) {
            Some(Value::Int(v)) => Some(Value::Bool(v != 0)),
            Some(Value::Float(v)) => Some(Value::Bool(v != 0.0)),
            _ => None,
        },
        _ => None,
    };
    match value {
        Some(value) => Ok(Decoded {
            value,
            warnings: Vec::new(),
        }),
        None => untyped(text, trimmed),
    }
}

fn untyped(text: &str, trimmed: &str) -> Result<Decoded, DecodeError> {
    let mut warnings = Vec::new();
    let value = match scalar::known(trimmed) {
        Some(value) => Some(value),
        None => match bracketed(trimmed, &mut warnings)? {
            Some(value) => Some(value),
            None => flow::structure(trimmed),
        },
    };
    if let Some(Value::List(items)) = &value
        && let [Value::Text(only)] = items.as_slice()
        && let Some((low, high)) = only.split_once("..")
        && scalar::int(low).is_some()
        && scalar::int(high).is_some()
        && trimmed == format!("[{only}]")
    {
        warnings.push(Warning::NotARange {
            text: trimmed.to_string(),
            instead: format!("range[{low}:{high}]"),
        });
    }
    Ok(Decoded {
        value: value.unwrap_or_else(|| Value::Text(text.to_string())),
        warnings,
    })
}

/// The rules for texts with a bracket: sequence functions, search functions and repeated lists.
fn bracketed(text: &str, warnings: &mut Vec<Warning>) -> Result<Option<Value>, DecodeError> {
    let Some((name, inner)) = call(text) else {
        return Ok(None);
    };
    let rest = &text[inner.end..];
    let sequence = Sequence::named(name);
    if rest.is_empty() {
        if let Some(sequence) = sequence {
            return sequence.expand(&inner.args, warnings).map(|v| Some(Value::List(v)));
        }
        if !name.is_empty() {
            return Ok(Some(Value::Function(text.to_string())));
        }
        if inner.comma || inner.args.len() == 1 {
            return Ok(None);
        }
        if inner.args.len() == 2 && inner.args.iter().any(|arg| arg.is_empty()) {
            return Err(DecodeError::TooFewArgs(2));
        }
        return Ok(Some(Value::Function(text.to_string())));
    }
    let times = rest.trim_start().strip_prefix('*').map(str::trim);
    let Some(times) = times.filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())) else {
        return Ok(None);
    };
    let items = match sequence {
        Some(sequence) => sequence.expand(&inner.args, warnings)?,
        None if name.is_empty() && (inner.comma || inner.args.len() == 1) => {
            match flow::structure(&text[..inner.end]) {
                Some(Value::List(items)) => items,
                _ => return Ok(None),
            }
        }
        None => return Ok(None),
    };
    let times: usize = times.parse().map_err(|_| DecodeError::TooManyItems)?;
    let Some(total) = items.len().checked_mul(times).filter(|n| *n <= MAX_ITEMS) else {
        return Err(DecodeError::TooManyItems);
    };
    Ok(Some(Value::List(items.into_iter().cycle().take(total).collect())))
}

/// Splits `NAME[...]` or `[...]`, with whatever follows the bracket left over.
pub(super) fn call(text: &str) -> Option<(&str, brackets::Bracketed<'_>)> {
    let open = text.find('[')?;
    let name = &text[..open];
    let is_name = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !is_name {
        return None;
    }
    Some((name, brackets::scan(text, open)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::encode;

    fn text(v: &str) -> Value {
        Value::Text(v.into())
    }

    fn ints(v: &[i64]) -> Value {
        Value::List(v.iter().map(|v| Value::Int(*v)).collect())
    }

    fn auto(v: &str) -> Value {
        decode(v, None).unwrap().value
    }

    #[test]
    fn texts_decode_as_the_table_says() {
        use Value::{Bool, Float, Int, Null};
        for (from, to) in [
            ("1", Int(1)),
            ("+1", Int(1)),
            ("001", Int(1)),
            ("-0", Int(0)),
            (" 1 ", Int(1)),
            ("1.0", Float(1.0)),
            ("1.", Float(1.0)),
            (".5", Float(0.5)),
            ("1e3", Float(1000.0)),
            ("1E3", Float(1000.0)),
            ("1e+3", Float(1000.0)),
            ("1e-3", Float(0.001)),
            ("12e3", Float(12000.0)),
            ("0x10", Int(16)),
            ("-0x1F", Int(-31)),
            ("0b11", Int(3)),
            ("017", Int(17)),
            ("inf", Float(f64::INFINITY)),
            ("-inf", Float(f64::NEG_INFINITY)),
            ("Infinity", Float(f64::INFINITY)),
            (".inf", Float(f64::INFINITY)),
            ("-.inf", Float(f64::NEG_INFINITY)),
            ("true", Bool(true)),
            ("True", Bool(true)),
            ("TRUE", Bool(true)),
            ("yes", Bool(true)),
            ("on", Bool(true)),
            ("Yes", Bool(true)),
            ("no", Bool(false)),
            ("off", Bool(false)),
            ("FALSE", Bool(false)),
            ("null", Null),
            ("Null", Null),
            ("~", Null),
            ("'1'", text("1")),
            ("\"1\"", text("1")),
            ("'a b'", text("a b")),
            ("'it''s'", text("it's")),
            ("\"a\\n\\u00e9\"", text("a\né")),
            ("[1,2]", ints(&[1, 2])),
            ("[]", ints(&[])),
            ("[1,2]*2", ints(&[1, 2, 1, 2])),
            ("[1] * 3", ints(&[1, 1, 1])),
            ("[1]*0", ints(&[])),
            ("{}", Value::Map(Default::default())),
        ] {
            assert_eq!(auto(from), to, "{from}");
        }
        assert!(matches!(auto("nan"), Float(v) if v.is_nan()));
        assert_eq!(auto("[1, a, '1']"), Value::List(vec![Int(1), text("a"), text("1")]));
        assert_eq!(auto("[range[1:3]]"), Value::List(vec![text("range[1:3]")]));
        assert_eq!(auto("[1:2,3:4]"), Value::List(vec![text("1:2"), text("3:4")]));
        assert_eq!(auto("['a:b']"), Value::List(vec![text("a:b")]));
        assert_eq!(encode(&auto("{a: 1, b: {c: [x, yes]}}")), "{a: 1, b: {c: [x, yes]}}");
        assert_eq!(encode(&auto("[a: 1, b: 2]")), "[{a: 1}, {b: 2}]");
    }

    #[test]
    fn texts_stay_what_the_user_wrote() {
        for from in [
            "",
            "0o17",
            "1_000",
            "2018_06_26",
            "1:2",
            "12:30:45",
            "1-2",
            "1/2",
            "1e",
            "y",
            "n",
            "None",
            "none",
            "a b",
            "it's",
            "1,2",
            "deadbeef",
            "1e2345",
            "123e4567",
            "1e-400",
            "2018-06-26",
            "2018-06-26 10:11:12",
            "#x",
            "a # b",
            "a: 1",
            "- 1",
            "!!set {a}",
            "a\nb",
            "&a",
            "*a",
            " a ",
            "  ",
            "[1",
            "]",
            "[1,,2]",
            "['a' b]",
            "\"a\\q\"",
            "'a' b",
            "{a",
            "{: 1}",
            "[1]x",
            "range[1:3]x",
            "range [1:3]",
            "9223372036854775808",
            "0x",
            "0x-1",
            "--1",
            ".",
            "+",
            "1.5.2",
            "infinite",
            "0b2",
        ] {
            assert_eq!(auto(from), text(from), "{from:?}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(auto(&deep), text(&deep));
    }

    #[test]
    fn search_functions_are_kept_for_later() {
        for from in [
            "[1:2]",
            "[0:0.5]",
            "[0:1.0]",
            "[ 1 : 2 ]",
            "[a:b]",
            "[1:2:3]",
            "uniform[0:1]",
            "a[1]",
            "[1:100:step=5]",
        ] {
            assert_eq!(auto(from), Value::Function(from.into()), "{from}");
        }
        assert_eq!(auto("[1:2] "), Value::Function("[1:2]".into()));
        for from in ["[1:]", "[:1]", "[:]"] {
            assert_eq!(decode(from, None), Err(DecodeError::TooFewArgs(2)), "{from}");
        }
    }

    #[test]
    fn declared_types_decide() {
        use Value::{Bool, Float, Int};
        for (kind, from, to) in [
            ("string", "1", text("1")),
            ("string", "1e23", text("1e23")),
            ("string", "null", text("null")),
            ("string", "range[1:2]", text("range[1:2]")),
            ("string", "'1'", text("1")),
            ("string", "[a,b]", Value::List(vec![text("a"), text("b")])),
            ("path", "007", text("007")),
            ("int", "017", Int(17)),
            ("int", "1.5", Float(1.5)),
            ("float", "1", Float(1.0)),
            ("float", "9223372036854775808", Float(9223372036854775808.0)),
            ("float", "abc", text("abc")),
            ("number", "1", Int(1)),
            ("number", "1.0", Float(1.0)),
            ("number", "9223372036854775808", Float(9223372036854775808.0)),
            ("boolean", "yes", Bool(true)),
            ("boolean", "0", Bool(false)),
            ("boolean", "0.5", Bool(true)),
            ("boolean", "maybe", text("maybe")),
            ("strange", "1", Int(1)),
        ] {
            assert_eq!(decode(from, Some(kind)).unwrap().value, to, "{kind} {from}");
        }
    }

    #[test]
    fn probable_slips_are_named() {
        let decoded = decode("[1..10]", None).unwrap();
        assert_eq!(decoded.value, Value::List(vec![text("1..10")]));
        assert_eq!(
            decoded.warnings[0].for_flag("x"),
            "'x=[1..10]' is not a range - use range[1:10]"
        );
        let decoded = decode("range[1:2:1:1]", None).unwrap();
        assert_eq!(decoded.value, ints(&[1, 2]));
        assert_eq!(
            decoded.warnings[0].for_flag("x"),
            "unsupported arguments for range function: (1,) - ignoring"
        );
    }
}
