//! Numbers, counts and sizes as tables and messages show them. Files and JSON keep every digit and do not come
//! here.

/// A double with at most six significant digits and at least one decimal: `3.0`, `0.1`, `1.0e-05`.
pub fn short(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    if value == 0.0 {
        return "0.0".into();
    }
    // Rounding may carry into the next power of ten, so the exponent is taken after it.
    let rounded = format!("{value:.5e}");
    let (mantissa, exponent) = rounded.split_once('e').expect("`e` formatting has an exponent");
    let exponent: i32 = exponent.parse().expect("`e` formatting has an integer exponent");
    if (-4..6).contains(&exponent) {
        let decimals = (5 - exponent).max(0) as usize;
        with_decimal(&format!("{value:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", with_decimal(mantissa), exponent.abs())
    }
}

/// Cuts trailing zeros of a decimal text, all but one.
fn with_decimal(text: &str) -> String {
    match text.split_once('.') {
        None => format!("{text}.0"),
        Some((whole, decimals)) => match decimals.trim_end_matches('0') {
            "" => format!("{whole}.0"),
            kept => format!("{whole}.{kept}"),
        },
    }
}

/// Bytes for people: `512`, `1.5K`, `20M`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["", "K", "M", "G", "T"] {
        if value < 1000.0 || unit == "T" {
            return match unit {
                "" => format!("{bytes}"),
                _ if value < 10.0 => format!("{value:.1}{unit}"),
                _ => format!("{value:.0}{unit}"),
            };
        }
        value /= 1024.0;
    }
    unreachable!("the last unit always returns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_significant_digits_and_one_decimal() {
        for (value, text) in [
            (3.0, "3.0"),
            (0.1, "0.1"),
            (1e-5, "1.0e-05"),
            (1.5e-7, "1.5e-07"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333"),
            (-2.0 / 3.0, "-0.666667"),
            (123456.0, "123456.0"),
            (123456.7, "123457.0"),
            (999999.9, "1.0e+06"),
            (1234567.0, "1.23457e+06"),
            (0.0001, "0.0001"),
            (0.00012345678, "0.000123457"),
            (0.0, "0.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::MAX, "1.79769e+308"),
        ] {
            assert_eq!(short(value), text, "{value}");
        }
    }

    #[test]
    fn sizes_keep_two_digits() {
        for (bytes, text) in [
            (0, "0"),
            (999, "999"),
            (1536, "1.5K"),
            (20 << 20, "20M"),
            (3 << 40, "3.0T"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
