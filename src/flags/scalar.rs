//! What a plain word means: number, boolean, null or text, as YAML 1.1 without its surprises (no octal, no
//! base 60, no dates, no `_` in numbers). Command lines and operations files both read words this way.

use super::Value;

/// The value of an unquoted word. Never a list, a map or a function; the empty word is the empty text.
pub fn plain(text: &str) -> Value {
    known(text).unwrap_or_else(|| Value::Text(text.to_string()))
}

/// A number, bool or null written plainly; `None` means that the text is just a text.
pub(super) fn known(text: &str) -> Option<Value> {
    let text = text.trim();
    // The first byte decides for most texts that nothing below can match.
    let first = *text.as_bytes().first()?;
    if !matches!(
        first,
        b'0'..=b'9'
            | b'+'
            | b'-'
            | b'.'
            | b'~'
            | b'i'
            | b'I'
            | b'n'
            | b'N'
            | b't'
            | b'T'
            | b'f'
            | b'F'
            | b'y'
            | b'Y'
            | b'o'
            | b'O'
    ) {
        return None;
    }
    if let Some(v) = int(text) {
        return Some(Value::Int(v));
    }
    if let Some(v) = float(text) {
        return Some(Value::Float(v));
    }
    match text {
        "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    if let Some(v) = boolean(text) {
        return Some(Value::Bool(v));
    }
    let (sign, unsigned) = match first {
        b'-' => (-1i64, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Value::Float(sign as f64 * f64::INFINITY));
    }
    let (digits, radix) = unsigned
        .strip_prefix("0x")
        .map(|d| (d, 16))
        .or_else(|| unsigned.strip_prefix("0b").map(|d| (d, 2)))?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok().map(|v| Value::Int(sign * v))
}

/// A YAML 1.1 boolean, in lower, Title or UPPER case. `y` and `n` are texts.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A decimal integer: sign and leading zeros allowed, `_` not. `None` beyond 64 bits.
pub(super) fn int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_digits(digits) { text.parse().ok() } else { None }
}

/// True for the text of a decimal integer of any size.
pub(super) fn is_int_text(text: &str) -> bool {
    is_digits(text.strip_prefix(['+', '-']).unwrap_or(text))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A decimal float: digits with a point, an exponent or both; `inf`, `infinity` and `nan` in any case.
/// A text that looks finite but overflows, or looks positive but underflows to 0, is none.
pub(super) fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let first = *unsigned.as_bytes().first()?;
    if !first.is_ascii_digit() && first != b'.' {
        let special = ["inf", "infinity", "nan"]
            .iter()
            .any(|s| unsigned.eq_ignore_ascii_case(s));
        return if special { text.parse().ok() } else { None };
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_ok = (is_digits(whole) || whole.is_empty())
        && (is_digits(fraction) || fraction.is_empty())
        && !(whole.is_empty() && fraction.is_empty());
    if !mantissa_ok || !exponent.is_none_or(is_int_text) || (exponent.is_none() && !mantissa.contains('.')) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    let vanished = value == 0.0 && mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if value.is_infinite() || vanished {
        None
    } else {
        Some(value)
    }
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
        assert_eq!(known("abc"), None);
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
