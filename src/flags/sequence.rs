//! Sequence functions: `range[1:5]`, `linspace[0:1]`, `logspace[-5:-1]`, `geomspace[1:100]`. They expand while a
//! flag is decoded and are lists from then on.

use super::decode::{DecodeError, Warning, decode};
use super::{Value, number};

/// A sequence longer than this is taken for a slip of the pen.
pub const MAX_ITEMS: usize = 1_000_000;

/// A sequence function by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sequence {
    Range,
    Linspace,
    Logspace,
    Geomspace,
}

impl Sequence {
    pub(super) fn named(name: &str) -> Option<Sequence> {
        match name {
            "range" => Some(Sequence::Range),
            "linspace" => Some(Sequence::Linspace),
            "logspace" => Some(Sequence::Logspace),
            "geomspace" => Some(Sequence::Geomspace),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Sequence::Range => "range",
            Sequence::Linspace => "linspace",
            Sequence::Logspace => "logspace",
            Sequence::Geomspace => "geomspace",
        }
    }

    fn arg_counts(self) -> (usize, usize) {
        match self {
            Sequence::Range => (1, 3),
            Sequence::Linspace | Sequence::Geomspace => (2, 3),
            Sequence::Logspace => (2, 4),
        }
    }

    /// The values for the texts between the colons.
    pub(super) fn expand(self, args: &[&str], warnings: &mut Vec<Warning>) -> Result<Vec<Value>, DecodeError> {
        let args = if args == [""] { &[] } else { args };
        let (least, most) = self.arg_counts();
        if args.len() < least {
            return Err(DecodeError::TooFewArgs(least));
        }
        let numbers = args.iter().map(|arg| Number::read(arg)).collect::<Result<Vec<_>, _>>();
        let numbers = numbers?;
        if args.len() > most {
            let extra = numbers[most..].iter().map(Number::text).collect();
            warnings.push(Warning::ExtraArgs {
                function: self.name(),
                args: extra,
            });
        }
        let numbers = &numbers[..numbers.len().min(most)];
        let values = match self {
            Sequence::Range => range(numbers)?,
            Sequence::Linspace => {
                let (start, end) = (numbers[0].float, numbers[1].float);
                spaced(start, end, count(numbers, args)?)?
                    .into_iter()
                    .map(Value::Float)
                    .collect()
            }
            Sequence::Logspace => logspace(numbers, args)?,
            Sequence::Geomspace => geomspace(numbers, args)?,
        };
        if values.is_empty() {
            return Err(DecodeError::EmptySequence);
        }
        Ok(values)
    }
}

#[derive(Clone, Copy)]
struct Number {
    int: Option<i64>,
    float: f64,
}

impl Number {
    fn read(arg: &str) -> Result<Number, DecodeError> {
        let number = match decode(arg, None)?.value {
            Value::Int(v) => Some(Number {
                int: Some(v),
                float: v as f64,
            }),
            Value::Float(v) if v.is_finite() => Some(Number { int: None, float: v }),
            _ => None,
        };
        number.ok_or_else(|| DecodeError::NotANumber(arg.to_string()))
    }

    fn text(&self) -> String {
        self.int.map_or_else(|| number::plain(self.float), |v| v.to_string())
    }
}

fn checked_count(count: f64) -> Result<usize, DecodeError> {
    if count > MAX_ITEMS as f64 {
        Err(DecodeError::TooManyItems)
    } else {
        Ok(count.max(0.0) as usize)
    }
}

fn range(args: &[Number]) -> Result<Vec<Value>, DecodeError> {
    let one = Number {
        int: Some(1),
        float: 1.0,
    };
    let zero = Number {
        int: Some(0),
        float: 0.0,
    };
    let (start, end, step, inclusive) = match *args {
        [end] => (zero, end, one, false),
        [start, end] => (start, end, one, true),
        [start, end, step, ..] => (start, end, step, true),
        [] => return Err(DecodeError::TooFewArgs(1)),
    };
    if step.float == 0.0 {
        return Err(DecodeError::ZeroStep);
    }
    if let (Some(start), Some(end), Some(step)) = (start.int, end.int, step.int) {
        // In 128 bits nothing below can overflow.
        let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
        let last = if inclusive { end } else { end - 1 };
        let span = last - start;
        if span != 0 && (span < 0) != (step < 0) {
            return Ok(Vec::new());
        }
        let count = checked_count((span / step + 1) as f64)?;
        return Ok((0..count)
            .map(|i| Value::Int((start + i as i128 * step) as i64))
            .collect());
    }
    let (start, end, step) = (start.float, end.float, step.float);
    let count = if inclusive {
        ((end - start) / step + 1e-9).floor() + 1.0
    } else {
        end.ceil()
    };
    let count = checked_count(count)?;
    let values = (0..count).map(|i| Value::Float(number::round8(start + i as f64 * step)));
    Ok(values.collect())
}

/// The third argument, a whole number; 5 if absent.
fn count(numbers: &[Number], args: &[&str]) -> Result<usize, DecodeError> {
    match numbers.get(2) {
        None => Ok(5),
        Some(Number { int: Some(v), .. }) => checked_count(*v as f64),
        Some(_) => Err(DecodeError::NotAnInteger(args[2].to_string())),
    }
}

/// `count` values from `start` to `end`, both included.
fn spaced(start: f64, end: f64, count: usize) -> Result<Vec<f64>, DecodeError> {
    let steps = count.saturating_sub(1) as f64;
    let value = |i: usize| {
        if i == 0 {
            start
        } else if i + 1 == count {
            end
        } else {
            start + (end / steps - start / steps) * i as f64
        }
    };
    let values: Vec<f64> = (0..count).map(|i| number::round8(value(i))).collect();
    finite(values)
}

fn finite(values: Vec<f64>) -> Result<Vec<f64>, DecodeError> {
    if values.iter().all(|v| v.is_finite()) {
        Ok(values)
    } else {
        Err(DecodeError::NotFinite)
    }
}

fn logspace(numbers: &[Number], args: &[&str]) -> Result<Vec<Value>, DecodeError> {
    let base = numbers.get(3).map_or(10.0, |n| n.float);
    if base <= 0.0 {
        return Err(DecodeError::NotPositive(args[3].to_string()));
    }
    let exponents = spaced(numbers[0].float, numbers[1].float, count(numbers, args)?)?;
    let powers = exponents.into_iter().map(|e| number::round8(power(base, e))).collect();
    Ok(finite(powers)?.into_iter().map(Value::Float).collect())
}

/// `base` to the `exponent`. Whole powers of ten are read as text, which is exact where `powf` may be off by one
/// unit in the last place.
fn power(base: f64, exponent: f64) -> f64 {
    if base == 10.0 && exponent.fract() == 0.0 && exponent.abs() < 400.0 {
        format!("1e{exponent}").parse().unwrap_or_else(|_| base.powf(exponent))
    } else {
        base.powf(exponent)
    }
}

fn geomspace(numbers: &[Number], args: &[&str]) -> Result<Vec<Value>, DecodeError> {
    let (start, end) = (numbers[0].float, numbers[1].float);
    if let Some(zero) = [start, end].iter().position(|v| *v == 0.0) {
        return Err(DecodeError::Zero(args[zero].to_string()));
    }
    if (start < 0.0) != (end < 0.0) {
        return Err(DecodeError::MixedSigns);
    }
    let count = count(numbers, args)?;
    let (low, high) = (start.abs().log10(), end.abs().log10());
    let steps = count.saturating_sub(1) as f64;
    let value = |i: usize| {
        if i == 0 {
            start
        } else if i + 1 == count {
            end
        } else {
            power(10.0, low + (high - low) / steps * i as f64).copysign(start)
        }
    };
    let values = (0..count).map(|i| number::round8(value(i))).collect();
    Ok(finite(values)?.into_iter().map(Value::Float).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::encode;

    fn expand(text: &str) -> Result<String, String> {
        decode(text, None).map(|d| encode(&d.value)).map_err(|e| e.to_string())
    }

    #[test]
    fn sequences_expand_as_documented() {
        for (text, list) in [
            ("range[10]", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"),
            ("range[1]", "[0]"),
            ("range[1:5]", "[1, 2, 3, 4, 5]"),
            ("range[ 1 : 5 ]", "[1, 2, 3, 4, 5]"),
            ("range[1:5:2]", "[1, 3, 5]"),
            ("range[1:6:2]", "[1, 3, 5]"),
            ("range[5:1:-1]", "[5, 4, 3, 2, 1]"),
            ("range[5:1:-2]", "[5, 3, 1]"),
            ("range[1:2:0.5]", "[1.0, 1.5, 2.0]"),
            ("range[0.1:0.5:0.1]", "[0.1, 0.2, 0.3, 0.4, 0.5]"),
            ("range[1.5:4]", "[1.5, 2.5, 3.5]"),
            ("range[-0.3:-0.1:0.1]", "[-0.3, -0.2, -0.1]"),
            ("range[2.5]", "[0.0, 1.0, 2.0]"),
            ("range[3:3]", "[3]"),
            ("linspace[0:1]", "[0.0, 0.25, 0.5, 0.75, 1.0]"),
            ("linspace[1:5:4]", "[1.0, 2.33333333, 3.66666667, 5.0]"),
            ("linspace[0:1:1]", "[0.0]"),
            ("logspace[0:3:4]", "[1.0, 10.0, 100.0, 1000.0]"),
            ("logspace[0:3]", "[1.0, 5.62341325, 31.6227766, 177.827941, 1000.0]"),
            ("logspace[-5:-1:5]", "[1.0e-05, 0.0001, 0.001, 0.01, 0.1]"),
            ("logspace[-12:-10:3]", "[1.0e-12, 1.0e-11, 1.0e-10]"),
            ("logspace[0:3:4:2]", "[1.0, 2.0, 4.0, 8.0]"),
            ("geomspace[1:16]", "[1.0, 2.0, 4.0, 8.0, 16.0]"),
            ("geomspace[-1:-100:3]", "[-1.0, -10.0, -100.0]"),
            ("range[1:2]*2", "[1, 2, 1, 2]"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(list), "{text}");
        }
    }

    #[test]
    fn bad_sequences_say_what_is_wrong() {
        for (text, reason) in [
            ("range[a:b]", "invalid arg 'a': expected a number"),
            ("range[1:true]", "invalid arg 'true': expected a number"),
            ("range[1:inf]", "invalid arg 'inf': expected a number"),
            ("range[]", "function requires at least 1 arg(s)"),
            ("linspace[5]", "function requires at least 2 arg(s)"),
            ("range[1:2:0]", "step cannot be zero"),
            ("range[5:1]", "sequence is empty"),
            ("range[0]", "sequence is empty"),
            ("range[5.0:1.0]", "sequence is empty"),
            ("linspace[0:1:0]", "sequence is empty"),
            ("linspace[0:1:2.5]", "invalid arg '2.5': expected an integer"),
            ("range[1e9]", "sequence has more than 1000000 values"),
            (
                "range[-9223372036854775808:9223372036854775807]",
                "sequence has more than 1000000 values",
            ),
            ("geomspace[0:1]", "invalid arg '0': expected a number other than 0"),
            ("geomspace[-1:1]", "both ends must have the same sign"),
            (
                "logspace[0:1:2:-1]",
                "invalid arg '-1': expected a number greater than 0",
            ),
            ("logspace[0:400]", "sequence has values that are too large"),
            ("[1]*1000001", "sequence has more than 1000000 values"),
        ] {
            assert_eq!(expand(text), Err(reason.to_string()), "{text}");
        }
    }
}
