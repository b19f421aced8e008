//! `%.2f` and the like, for label templates. One conversion, text around it allowed.

use super::{Value, encode, plain};

struct Spec {
    left: bool,
    sign: Option<char>,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

/// Widths and precisions beyond this are refused: a label is one line.
const LIMIT: usize = 200;

/// Formats the value; `None` if the format is malformed or the value does not fit its conversion.
pub(super) fn format(format: &str, value: &Value) -> Option<String> {
    let mut out = String::new();
    let mut used = false;
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        if used {
            return None;
        }
        used = true;
        let (spec, after) = parse(rest)?;
        out.push_str(&convert(&spec, value)?);
        rest = after;
    }
    if used { Some(out + rest) } else { None }
}

fn parse(text: &str) -> Option<(Spec, &str)> {
    let mut spec = Spec {
        left: false,
        sign: None,
        zeros: false,
        width: 0,
        precision: None,
        conversion: 's',
    };
    let mut rest = text;
    while let Some(flag @ ('-' | '+' | ' ' | '0')) = rest.chars().next() {
        match flag {
            '-' => spec.left = true,
            '0' => spec.zeros = true,
            sign => spec.sign = Some(sign),
        }
        rest = &rest[1..];
    }
    (spec.width, rest) = number(rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after)?;
        spec.precision = Some(precision);
        rest = after;
    }
    spec.conversion = rest.chars().next()?;
    let after = &rest[spec.conversion.len_utf8()..];
    Some((spec, after))
}

fn number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let value = if end == 0 { 0 } else { text[..end].parse().ok()? };
    if value > LIMIT {
        None
    } else {
        Some((value, &text[end..]))
    }
}

fn convert(spec: &Spec, value: &Value) -> Option<String> {
    if spec.conversion == 's' {
        let text = match value {
            Value::Text(text) => text.clone(),
            Value::Bool(_) => encode(value),
            other => plain(other),
        };
        let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
        return Some(pad(spec, "", &text, false));
    }
    let float = match value {
        Value::Bool(v) => f64::from(u8::from(*v)),
        other => other.as_f64()?,
    };
    let precision = spec.precision.unwrap_or(6);
    let magnitude = float.abs();
    let digits = match spec.conversion {
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let whole = match value {
                Value::Int(v) => v.unsigned_abs(),
                _ if magnitude < 1.8e19 => magnitude as u64,
                _ => return None,
            };
            match spec.conversion {
                'x' => format!("{whole:x}"),
                'X' => format!("{whole:X}"),
                'o' => format!("{whole:o}"),
                _ => whole.to_string(),
            }
        }
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' if !float.is_finite() => if float.is_nan() { "nan" } else { "inf" }.into(),
        'f' | 'F' => format!("{magnitude:.precision$}"),
        'e' | 'E' => exponent(&format!("{magnitude:.precision$e}")),
        'g' | 'G' => general(magnitude, precision.max(1)),
        _ => return None,
    };
    let digits = if spec.conversion.is_ascii_uppercase() {
        digits.to_uppercase()
    } else {
        digits
    };
    let sign = if float.is_sign_negative() && !float.is_nan() {
        "-".to_string()
    } else {
        spec.sign.map(String::from).unwrap_or_default()
    };
    Some(pad(spec, &sign, &digits, spec.zeros && float.is_finite()))
}

/// Gives an exponent its sign and at least two digits.
fn exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// `%g`: the shorter of the two forms, without trailing zeros.
fn general(value: f64, precision: usize) -> String {
    let scientific = format!("{value:.*e}", precision - 1);
    let power: i64 = scientific
        .split_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        } else {
            text.to_string()
        }
    };
    if power < -4 || power >= precision as i64 {
        let (mantissa, e) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        exponent(&format!("{}e{e}", trim(mantissa)))
    } else {
        trim(&format!("{value:.*}", (precision as i64 - 1 - power).max(0) as usize))
    }
}

fn pad(spec: &Spec, sign: &str, text: &str, zeros: bool) -> String {
    let missing = spec.width.saturating_sub(sign.len() + text.chars().count());
    if spec.left {
        format!("{sign}{text}{}", " ".repeat(missing))
    } else if zeros {
        format!("{sign}{}{text}", "0".repeat(missing))
    } else {
        format!("{}{sign}{text}", " ".repeat(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_as_in_c() {
        let (half, tiny) = (Value::Float(0.5), Value::Float(1.5e-7));
        for (spec, value, text) in [
            ("%.2f", &half, "0.50"),
            ("%6.1f|", &half, "   0.5|"),
            ("%-6.1f|", &half, "0.5   |"),
            ("%+d", &Value::Int(7), "+7"),
            ("%05d", &Value::Int(-7), "-0007"),
            ("%x", &Value::Int(255), "ff"),
            ("%d", &Value::Float(3.9), "3"),
            ("%e", &tiny, "1.500000e-07"),
            ("%g", &tiny, "1.5e-07"),
            ("%g", &Value::Float(100000.0), "100000"),
            ("%g", &Value::Float(1e6), "1e+06"),
            ("%G", &Value::Float(0.0001), "0.0001"),
            ("%s", &Value::Text("a b".into()), "a b"),
            ("%.1s", &Value::Text("éa".into()), "é"),
            ("%d%%", &Value::Int(5), "5%"),
            ("%f", &Value::Float(f64::NAN), "nan"),
        ] {
            assert_eq!(format(spec, value).as_deref(), Some(text), "{spec}");
        }
        for spec in ["%", "%q", "%d %d", "x", "%999999f", "%.99999999999999999999f"] {
            assert_eq!(format(spec, &half), None, "{spec}");
        }
        assert_eq!(format("%f", &Value::Text("x".into())), None);
    }
}
