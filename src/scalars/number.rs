//! Number texts: what counts as a number in printed output, and doubles of single precision values.
//! Nothing here knows of flags, whose numbers follow other rules.

/// Powers of ten that a double holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads the longest number at the beginning of `text`: its value and its length in bytes.
///
/// A number is an optional sign, then digits with an optional point and an optional exponent, or `nan` or `inf`
/// in any case. What follows it is the caller's business.
pub fn prefix(text: &[u8]) -> Option<(f64, usize)> {
    let signed = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let mut at = signed;
    let mut mantissa = 0u64;
    let mut significant = 0;
    let mut scale = 0i32;
    let whole = digits(text, &mut at, &mut mantissa, &mut significant);
    let mut decimals = 0;
    if text.get(at) == Some(&b'.') && (whole > 0 || text.get(at + 1).is_some_and(u8::is_ascii_digit)) {
        at += 1;
        decimals = digits(text, &mut at, &mut mantissa, &mut significant);
        scale = -(decimals as i32);
    }
    if whole + decimals == 0 {
        return word(text, signed);
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let negative = text.get(at + 1) == Some(&b'-');
        let mut end = at + 1 + sign;
        let begin = end;
        let mut exponent = 0i32;
        while let Some(digit) = text.get(end).filter(|b| b.is_ascii_digit()) {
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
            end += 1;
        }
        if end > begin {
            at = end;
            scale = scale.saturating_add(if negative { -exponent } else { exponent });
        }
    }
    // Up to 15 digits and a power of ten that is exact: one correctly rounded operation (Clinger 1990).
    let value = if significant <= 15 && scale.unsigned_abs() <= 22 {
        let digits = mantissa as f64;
        let ten = TENS[scale.unsigned_abs() as usize];
        let value = if scale < 0 { digits / ten } else { digits * ten };
        if text[0] == b'-' { -value } else { value }
    } else {
        std::str::from_utf8(&text[..at]).ok()?.parse().ok()?
    };
    Some((value, at))
}

/// Adds the digits at `at` to the mantissa and says how many there were. Leading zeros are not significant.
fn digits(text: &[u8], at: &mut usize, mantissa: &mut u64, significant: &mut usize) -> usize {
    let begin = *at;
    while let Some(digit) = text.get(*at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        *significant += usize::from(*significant > 0 || digit > 0);
        *at += 1;
    }
    *at - begin
}

fn word(text: &[u8], signed: usize) -> Option<(f64, usize)> {
    let letters = text.get(signed..signed + 3)?;
    let value = if letters.eq_ignore_ascii_case(b"nan") {
        f64::NAN
    } else if letters.eq_ignore_ascii_case(b"inf") {
        f64::INFINITY
    } else {
        return None;
    };
    Some((if text[0] == b'-' { -value } else { value }, signed + 3))
}

/// The number that `text` is as a whole.
pub fn parse(text: &[u8]) -> Option<f64> {
    prefix(text)
        .filter(|(_, end)| *end == text.len())
        .map(|(value, _)| value)
}

/// The step that a number stands for: its whole part. NaN, infinities and what 64 bits do not hold are none.
pub fn step(value: f64) -> Option<i64> {
    (value.is_finite() && value.abs() < 9.2e18).then_some(value as i64)
}

/// The double whose decimal text is the shortest one that reads back as this float32: 0.1 for 0.1, where widening
/// gives 0.10000000149011612.
pub fn widen(value: f32) -> f64 {
    let wide = f64::from(value);
    // A decimal of few digits, tried by its number of decimals. Below four million two neighbouring decimals
    // cannot both stand for one float32, so the first that fits is the shortest.
    for ten in &TENS[..8] {
        let digits = (wide * ten).round();
        if digits.abs() > 4e6 {
            break;
        }
        let decimal = digits / ten;
        if decimal as f32 == value {
            // Zero keeps its sign.
            return if digits == 0.0 { wide } else { decimal };
        }
    }
    if !wide.is_finite() {
        return wide;
    }
    format!("{value:e}").parse().unwrap_or(wide)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_numbers() {
        for (text, value) in [
            ("1.5", 1.5),
            ("1.", 1.0),
            (".5", 0.5),
            ("-1e-3", -0.001),
            ("+3E+2", 300.0),
            ("0.1", 0.1),
            ("123456789012345678901234567890", 1.2345678901234568e29),
            ("1e400", f64::INFINITY),
            ("0.30000000000000004", 0.30000000000000004),
            ("1e23", 1e23),
            ("-inf", f64::NEG_INFINITY),
            ("INF", f64::INFINITY),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse(b"-NaN").unwrap().is_nan());
        assert_eq!(parse(b"-0").unwrap().to_bits(), (-0.0f64).to_bits());
        for text in [
            "", "e6", ".", "-", "1,000", "1 ", "0x10", "infinity", "1e", "1_0", "--1",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(prefix(b"1e5x"), Some((1e5, 3)));
        assert_eq!(prefix(b"1ex"), Some((1.0, 1)));
    }

    #[test]
    fn steps_are_truncated() {
        assert_eq!(step(1.7), Some(1));
        assert_eq!(step(-2.0), Some(-2));
        assert_eq!(step(f64::NAN), None);
        assert_eq!(step(1e300), None);
    }

    #[test]
    fn single_precision_reads_as_its_shortest_decimal() {
        for (single, double) in [
            (0.1f32, 0.1),
            (3.0, 3.0),
            (1e-5, 1e-5),
            (0.333, 0.333),
            (1.5e30, 1.5e30),
        ] {
            assert_eq!(widen(single), double);
        }
        assert_eq!(widen(-0.0).to_bits(), (-0.0f64).to_bits());
        assert!(widen(f32::NAN).is_nan());
        assert_eq!(widen(f32::NEG_INFINITY), f64::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn reads_what_the_standard_library_reads(value in any::<f64>()) {
            for text in [format!("{value:e}"), format!("{value}")] {
                if !value.is_nan() {
                    prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{}", text);
                }
            }
        }

        #[test]
        fn reads_short_decimals_exactly(text in "-?[0-9]{1,12}\\.[0-9]{1,12}(e-?[0-9]{1,3})?") {
            prop_assert_eq!(parse(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn widens_to_the_shortest_decimal(bits in any::<u32>(), small in -9_999_999i32..9_999_999, decimals in 0u32..9) {
            for value in [f32::from_bits(bits), (f64::from(small) / 10f64.powi(decimals as i32)) as f32] {
                if value.is_finite() {
                    let text = format!("{value:e}");
                    prop_assert_eq!(widen(value).to_bits(), text.parse::<f64>().unwrap().to_bits(), "{}", text);
                }
            }
        }

        #[test]
        fn never_panics(text in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, end)) = prefix(&text) {
                prop_assert!(end <= text.len());
            }
        }
    }
}
