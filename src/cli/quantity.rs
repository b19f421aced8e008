//! Amounts as options take them: durations and sizes.

use std::str::FromStr;

/// Seconds of a duration: `90`, `90s`, `10m`, `1h30m`, `1.5 hours`. For clap's `value_parser`.
pub fn duration(text: &str) -> Result<f64, String> {
    let seconds = match text.trim().parse::<f64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => jiff::SignedDuration::from_str(text.trim())
            .ok()
            .map(|d| d.as_secs_f64()),
    };
    match seconds {
        Some(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        Some(seconds) if seconds.is_finite() => Err(format!("'{text}' is not longer than 0.")),
        _ => Err(format!("'{text}' is not a duration, such as 90s, 10m or 1h30m.")),
    }
}

/// Bytes of a size: `500M`, `1.5G`, `2GiB` by powers of 1024, `2GB` by powers of 1000, a number alone in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a size, such as 500M or 2G.");
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let unit = unit.trim().to_ascii_lowercase();
    let (prefix, base) = match unit.as_str() {
        "" | "b" => ("", 1024.0),
        _ if unit.ends_with("ib") && unit.len() > 2 => (&unit[..unit.len() - 2], 1024.0),
        _ if unit.ends_with('b') => (&unit[..unit.len() - 1], 1000.0),
        _ => (unit.as_str(), 1024.0_f64),
    };
    let power = match prefix {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    let bytes = (number * base.powi(power)).round();
    match bytes {
        _ if bytes.is_nan() => Err(wrong()),
        ..1.0 => Err(format!("'{text}' is less than a byte.")),
        // Beyond, a double is not every number; no machine has so much.
        9e15.. => Err(format!("'{text}' is more than any machine has.")),
        _ => Ok(bytes as u64),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn amounts_are_positive_or_refused(text in "[0-9.eE+ -]{0,6}[a-zA-Z ]{0,6}[0-9]{0,3}[a-z]{0,3}") {
            if let Ok(seconds) = duration(&text) {
                prop_assert!(seconds > 0.0 && seconds.is_finite());
            }
            if let Ok(bytes) = size(&text) {
                prop_assert!(bytes > 0);
            }
        }

        #[test]
        fn whole_amounts_are_exact(number in 1u32..1_000_000, unit in 0usize..4) {
            let (minutes, name) = [(1u64, "m"), (60, "h"), (1, " minutes"), (60, " hours")][unit];
            prop_assert_eq!(duration(&format!("{number}{name}")), Ok((u64::from(number) * minutes * 60) as f64));
            let (power, name) = [(0, ""), (1, "K"), (2, "MiB"), (1, "k")][unit];
            prop_assert_eq!(size(&format!("{number}{name}")), Ok(u64::from(number) << (10 * power)));
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("90", 90.0),
            ("0.5", 0.5),
            ("90s", 90.0),
            ("10m", 600.0),
            ("1h30m", 5400.0),
            ("1h 30m", 5400.0),
            ("1.5h", 5400.0),
            ("2 minutes", 120.0),
            ("250ms", 0.25),
            ("PT1M", 60.0),
        ] {
            assert_eq!(duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "x", "10 x", "m", "1e", "nan m", "10m ago and more"] {
            let error = duration(text).unwrap_err();
            assert!(error.contains("is not a duration"), "{error}");
        }
        for text in ["0", "-5", "0s", "-1m", "inf", "nan"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("800", 800),
            ("800b", 800),
            ("1k", 1024),
            ("500M", 500 << 20),
            ("2G", 2 << 30),
            ("1.5GiB", 3 << 29),
            ("2 GiB", 2 << 30),
            ("2GB", 2_000_000_000),
            ("1TiB", 1 << 40),
            ("1e3", 1000),
        ] {
            // An exponent looks like a unit.
            match text {
                "1e3" => assert!(size(text).is_err()),
                _ => assert_eq!(size(text), Ok(bytes), "{text}"),
            }
        }
        for text in [
            "", "G", "x", "2X", "1.2.3M", "0", "-1G", "1000000T", "nan", "infG", "2iB",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
