//! How floats are printed: in labels, on command lines, in Python source. Reading them is `scalar`'s.

/// The text of a float in labels and tables: shortest that reads back the same, always with `.` in the mantissa.
pub(super) fn encode(value: f64) -> String {
    if value.is_nan() {
        ".nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { ".inf" } else { "-.inf" }.into()
    } else {
        finite(value, true)
    }
}

/// The text of a float on a program's command line and in Python source: `1e-05`, `1.0`, `inf`, `nan`.
pub fn plain(value: f64) -> String {
    if value.is_nan() {
        "nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { "inf" } else { "-inf" }.into()
    } else {
        finite(value, false)
    }
}

/// Exponent form from 1e16 up and below 1e-4; `point` asks for a `.` in the mantissa also there.
fn finite(value: f64, point: bool) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        let text = value.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let dot = if point && !mantissa.contains('.') { ".0" } else { "" };
    format!("{mantissa}{dot}e{sign}{digits:0>2}")
}

/// Cuts the mantissa of an encoded float to five decimals, without rounding.
pub(super) fn cut(encoded: &str) -> String {
    let (mantissa, exponent) = match encoded.find('e') {
        Some(at) => encoded.split_at(at),
        None => (encoded, ""),
    };
    match mantissa.find('.') {
        Some(dot) if mantissa.len() > dot + 6 => format!("{}{exponent}", &mantissa[..dot + 6]),
        _ => encoded.to_string(),
    }
}

/// Rounds a float to 8 decimals, as items of sequences are; tiny magnitudes are left alone.
pub(super) fn round8(value: f64) -> f64 {
    if value.abs() > 1e-8 && value.abs() < 1e15 {
        format!("{value:.8}").parse().unwrap_or(value)
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_labels_show_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (12000.0, "12000.0"),
            (1e-5, "1.0e-05"),
            (1.2345e-5, "1.2345e-05"),
            (1e-4, "0.0001"),
            (1e100, "1.0e+100"),
            (1e16, "1.0e+16"),
            (1e15, "1000000000000000.0"),
            (-0.0, "-0.0"),
            (f64::INFINITY, ".inf"),
            (f64::NEG_INFINITY, "-.inf"),
            (f64::NAN, ".nan"),
        ] {
            assert_eq!(encode(value), text);
        }
        assert_eq!(plain(1e-5), "1e-05");
        assert_eq!(plain(1.5e300), "1.5e+300");
        assert_eq!(plain(2.0), "2.0");
        assert_eq!(plain(f64::NEG_INFINITY), "-inf");
    }

    #[test]
    fn long_mantissas_are_cut_not_rounded() {
        assert_eq!(cut("0.16666666"), "0.16666");
        assert_eq!(cut("1.23456789e-06"), "1.23456e-06");
        assert_eq!(cut("-0.99999999"), "-0.99999");
        assert_eq!(cut("1.0e-05"), "1.0e-05");
        assert_eq!(cut(".inf"), ".inf");
    }

    #[test]
    fn rounding_applies_to_the_magnitude() {
        assert_eq!(round8(0.1 + 0.2), 0.3);
        assert_eq!(round8(-(0.1 + 0.2)), -0.3);
        assert_eq!(round8(1e-12), 1e-12);
    }
}
