//! What a plain word means: number, boolean, null or text, as YAML 1.1 without its surprises (no octal, no
//! base 60, no dates, no `_` in numbers). Command lines and operations files both read words this way.

use super::Value;

/// The value of an unquoted word. Never a list, a map or a function; the empty word is the empty text.
pub fn plain(text: &str) -> Value {
    let word = text.trim();
    if let Some(v) = integer(word) {
        return Value::Int(v);
    }
    if let Some(v) = float(word) {
        return Value::Float(v);
    }
    match word {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Value::Bool(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => Value::Bool(false),
        "null" | "Null" | "NULL" | "~" => Value::Null,
        _ => based_integer(word).map_or_else(|| Value::Text(text.to_string()), Value::Int),
    }
}

/// A decimal integer; leading zeros are only zeros.
fn integer(word: &str) -> Option<i64> {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| word.parse().ok())
        .flatten()
}

/// A decimal float that a double can hold: what would overflow, or vanish, was not meant as a number.
fn float(word: &str) -> Option<f64> {
    let (sign, body) = match word.strip_prefix('-') {
        Some(body) => (-1.0, body),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    };
    if [".inf", ".Inf", ".INF"].contains(&body)
        || body.eq_ignore_ascii_case("inf")
        || body.eq_ignore_ascii_case("infinity")
    {
        return Some(sign * f64::INFINITY);
    }
    if [".nan", ".NaN", ".NAN"].contains(&body) || body.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let mantissa = body.split(['e', 'E']).next().unwrap_or_default();
    if !mantissa.bytes().all(|b| b.is_ascii_digit() || b == b'.') || mantissa.len() == body.len() && !body.contains('.')
    {
        return None;
    }
    let value: f64 = body.parse().ok()?;
    let vanished = value == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'));
    (value.is_finite() && !vanished).then_some(sign * value)
}

/// `0x1F` or `0b101`.
fn based_integer(word: &str) -> Option<i64> {
    let (sign, body) = match word.strip_prefix('-') {
        Some(body) => ("-", body),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let (radix, digits) = match body.split_at_checked(2)? {
        ("0x" | "0X", digits) => (16, digits),
        ("0b" | "0B", digits) => (2, digits),
        _ => return None,
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_have_the_documented_values() {
        use Value::{Bool, Float, Int, Null, Text};
        let text = |s: &str| Text(s.into());
        for (word, value) in [
            ("1", Int(1)),
            ("+1", Int(1)),
            ("001", Int(1)),
            ("-0", Int(0)),
            (" 1 ", Int(1)),
            ("1.", Float(1.0)),
            (".5", Float(0.5)),
            ("1e3", Float(1000.0)),
            ("1E+3", Float(1000.0)),
            ("-1e-3", Float(-0.001)),
            ("0x10", Int(16)),
            ("0b11", Int(3)),
            ("017", Int(17)),
            ("-0x1f", Int(-31)),
            ("0.0", Float(0.0)),
            ("0e5", Float(0.0)),
            ("inf", Float(f64::INFINITY)),
            ("-Infinity", Float(f64::NEG_INFINITY)),
            (".inf", Float(f64::INFINITY)),
            ("yes", Bool(true)),
            ("Off", Bool(false)),
            ("~", Null),
            ("null", Null),
            ("0o17", text("0o17")),
            ("1_000", text("1_000")),
            ("None", text("None")),
            ("y", text("y")),
            ("1e2345", text("1e2345")),
            ("1e-400", text("1e-400")),
            ("1e", text("1e")),
            (".", text(".")),
            ("+-1.0", text("+-1.0")),
            ("0x-1", text("0x-1")),
            ("2018-06-26", text("2018-06-26")),
            ("99999999999999999999", text("99999999999999999999")),
            ("", text("")),
            (" a ", text(" a ")),
        ] {
            assert_eq!(plain(word), value, "{word:?}");
        }
        assert!(matches!(plain("nan"), Float(v) if v.is_nan()));
    }

    proptest! {
        #[test]
        fn any_text_has_a_value(text in "\\PC*") {
            plain(&text);
        }

        #[test]
        fn doubles_are_read_exactly(v in proptest::num::f64::NORMAL) {
            prop_assert_eq!(plain(&format!("{v:e}")).as_f64(), Some(v));
        }
    }
}
