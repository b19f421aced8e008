//! The protocol buffer message in each record of an event file: the few fields that say tag, step and value.
//! Written and read by hand; what other writers add is passed over.
//!
//! A value is a float32 (`simple_value`) to every reader of such files. The double that it stands for is the one of
//! its shortest decimal; where that is not the double that was logged, the double is kept beside it under a field
//! number that no other reader knows, and so passes over.

use std::borrow::Cow;

use super::number;

/// A value of one tag at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// Seconds since the epoch.
    pub wall_time: f64,
    pub step: i64,
    pub tag: Cow<'a, str>,
    pub value: f64,
}

/// The field of `Summary.Value` that holds a double beside `simple_value`.
const DOUBLE: u64 = 1001;

// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// The first message of every event file.
pub fn file_version(wall_time: f64, out: &mut Vec<u8>) {
    put_f64(1, wall_time, out);
    put_bytes(3, b"brain.Event:2", out);
}

/// Appends the message of one value.
pub fn encode(wall_time: f64, step: i64, tag: &str, value: f64, out: &mut Vec<u8>) {
    let single = value as f32;
    let widened = number::widen(single);
    let double = widened.to_bits() != value.to_bits() && !(widened.is_nan() && value.is_nan());
    put_f64(1, wall_time, out);
    if step != 0 {
        put_varint(2 << 3 | VARINT, out);
        put_varint(step as u64, out);
    }
    let value_length = 1 + varint_length(tag.len() as u64) + tag.len() + 5 + if double { 10 } else { 0 };
    put_varint(5 << 3 | BYTES, out);
    put_varint((1 + varint_length(value_length as u64) + value_length) as u64, out);
    put_varint(1 << 3 | BYTES, out);
    put_varint(value_length as u64, out);
    put_bytes(1, tag.as_bytes(), out);
    put_varint(2 << 3 | FIXED32, out);
    out.extend_from_slice(&single.to_le_bytes());
    if double {
        put_f64(DOUBLE, value, out);
    }
}

/// Hands the values of a message to `take`. Messages that are no such, and values that are no single number, are
/// passed over.
pub fn decode<'a>(message: &'a [u8], take: &mut dyn FnMut(Event<'a>)) {
    let (mut wall_time, mut step) = (0.0, 0);
    let mut has_values = false;
    let read = fields(message, &mut |number, field| match (number, field) {
        (1, Field::Fixed64(bits)) => wall_time = f64::from_bits(bits),
        (2, Field::Varint(value)) => step = value as i64,
        (5, Field::Bytes(_)) => has_values = true,
        _ => {}
    });
    if read.is_none() || !has_values {
        return;
    }
    // The step may stand behind the values, so these are read in a second turn.
    fields(message, &mut |number, field| {
        let (5, Field::Bytes(summary)) = (number, field) else {
            return;
        };
        fields(summary, &mut |number, field| {
            let (1, Field::Bytes(value)) = (number, field) else {
                return;
            };
            if let Some((tag, value)) = decode_value(value) {
                take(Event {
                    wall_time,
                    step,
                    tag: String::from_utf8_lossy(tag),
                    value,
                });
            }
        });
    });
}

fn decode_value(message: &[u8]) -> Option<(&[u8], f64)> {
    let (mut tag, mut single, mut double, mut tensor) = (&b""[..], None, None, None);
    fields(message, &mut |number, field| match (number, field) {
        (1, Field::Bytes(bytes)) => tag = bytes,
        (2, Field::Fixed32(bits)) => single = Some(f32::from_bits(bits)),
        (8, Field::Bytes(bytes)) => tensor = Some(bytes),
        (DOUBLE, Field::Fixed64(bits)) => double = Some(f64::from_bits(bits)),
        _ => {}
    })?;
    let value = double
        .or_else(|| single.map(number::widen))
        .or_else(|| decode_tensor(tensor?))?;
    Some((tag, value))
}

/// The number of a tensor that has one element of a numeric kind.
fn decode_tensor(message: &[u8]) -> Option<f64> {
    let (mut kind, mut elements, mut content) = (0, 1u64, None);
    let mut first = None;
    fields(message, &mut |number, field| match (number, field) {
        (1, Field::Varint(value)) => kind = value,
        (2, Field::Bytes(shape)) => elements = element_count(shape),
        (4, Field::Bytes(bytes)) => content = Some(bytes).filter(|bytes| !bytes.is_empty()),
        // A field for each kind: packed, or element by element.
        (5 | 6 | 7 | 10 | 13, field) => first = first.or(Some((number, field))),
        _ => {}
    })?;
    if elements != 1 {
        return None;
    }
    let small = |bytes: Option<&[u8]>| bytes.and_then(|b| b.first_chunk::<4>().copied());
    let large = |bytes: Option<&[u8]>| bytes.and_then(|b| b.first_chunk::<8>().copied());
    let packed = |wanted| match first {
        Some((number, Field::Bytes(bytes))) if number == wanted => Some(bytes),
        _ => None,
    };
    let integer = |wanted| match first {
        Some((number, Field::Varint(value))) if number == wanted => Some(value),
        _ => packed(wanted).and_then(|mut bytes| varint(&mut bytes)),
    };
    // A tensor without data stands for zeros.
    if content.is_none() && first.is_none() {
        return matches!(kind, 1 | 2 | 3 | 9 | 19).then_some(0.0);
    }
    match kind {
        1 => match first {
            Some((5, Field::Fixed32(bits))) => Some(number::widen(f32::from_bits(bits))),
            _ => small(content.or(packed(5))).map(|bytes| number::widen(f32::from_le_bytes(bytes))),
        },
        2 => match first {
            Some((6, Field::Fixed64(bits))) => Some(f64::from_bits(bits)),
            _ => large(content.or(packed(6))).map(f64::from_le_bytes),
        },
        3 => match content {
            Some(_) => small(content).map(|bytes| f64::from(i32::from_le_bytes(bytes))),
            None => integer(7).map(|value| f64::from(value as i32)),
        },
        9 => match content {
            Some(_) => large(content).map(|bytes| i64::from_le_bytes(bytes) as f64),
            None => integer(10).map(|value| value as i64 as f64),
        },
        19 => match content {
            Some(bytes) => bytes.first_chunk::<2>().map(|bytes| half(u16::from_le_bytes(*bytes))),
            None => integer(13).map(|value| half(value as u16)),
        },
        _ => None,
    }
}

/// Product of a tensor's dimensions; 0 for a shape that is not known.
fn element_count(shape: &[u8]) -> u64 {
    let mut count = 1u64;
    let read = fields(shape, &mut |number, field| match (number, field) {
        (2, Field::Bytes(dimension)) => {
            let mut size = 0;
            fields(dimension, &mut |number, field| {
                if let (1, Field::Varint(value)) = (number, field) {
                    size = value;
                }
            });
            count = count.saturating_mul(size);
        }
        (3, Field::Varint(1)) => count = 0,
        _ => {}
    });
    read.map_or(0, |()| count)
}

/// The double of a half precision value: exact.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Hands each field of a message to `take`; `None` when it is not a message.
fn fields<'a>(message: &'a [u8], take: &mut dyn FnMut(u64, Field<'a>)) -> Option<()> {
    let mut rest = message;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let field = match key & 7 {
            VARINT => Field::Varint(varint(&mut rest)?),
            FIXED64 => {
                let (bytes, behind) = rest.split_first_chunk::<8>()?;
                rest = behind;
                Field::Fixed64(u64::from_le_bytes(*bytes))
            }
            BYTES => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, behind) = rest.split_at_checked(length)?;
                rest = behind;
                Field::Bytes(bytes)
            }
            FIXED32 => {
                let (bytes, behind) = rest.split_first_chunk::<4>()?;
                rest = behind;
                Field::Fixed32(u32::from_le_bytes(*bytes))
            }
            _ => return None,
        };
        take(key >> 3, field);
    }
    Some(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn put_bytes(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(number << 3 | BYTES, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_f64(number: u64, value: f64, out: &mut Vec<u8>) {
    put_varint(number << 3 | FIXED64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(message: &[u8]) -> Vec<(String, i64, f64)> {
        let mut out = Vec::new();
        decode(message, &mut |event| {
            out.push((event.tag.into_owned(), event.step, event.value))
        });
        out
    }

    /// A message with one value, given as the fields behind its tag.
    fn with_value(fields: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        put_bytes(1, b"x", &mut value);
        value.extend_from_slice(fields);
        let (mut summary, mut event) = (Vec::new(), Vec::new());
        put_bytes(1, &value, &mut summary);
        put_bytes(5, &summary, &mut event);
        // The step behind the values, as some writers have it.
        event.extend_from_slice(&[2 << 3, 7]);
        event
    }

    fn tensor(fields: &[u8]) -> Vec<(String, i64, f64)> {
        let mut value = Vec::new();
        put_bytes(8, fields, &mut value);
        decoded(&with_value(&value))
    }

    #[test]
    fn messages_are_those_of_the_format() {
        let mut out = Vec::new();
        encode(0.0, 1, "x", 3.0, &mut out);
        let expected = [
            0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0x2a, 0x0a, 0x0a, 0x08, 0x0a, 1, 0x78, 0x15, 0, 0, 0x40, 0x40,
        ];
        assert_eq!(out, expected);
        // What a float32 stands for needs no double beside it.
        let length = |value| {
            let mut out = Vec::new();
            encode(0.0, 1, "x", value, &mut out);
            out.len()
        };
        assert_eq!(length(0.1), expected.len());
        assert_eq!(length(0.123456789), expected.len() + 10);
    }

    #[test]
    fn tensors_of_one_number_are_values() {
        let one = |value: f64| vec![("x".to_string(), 7, value)];
        assert_eq!(
            tensor(&[&[8, 1, 18, 0, 0x22, 4][..], &0.1f32.to_le_bytes()].concat()),
            one(0.1)
        );
        assert_eq!(
            tensor(&[&[8, 1, 0x2a, 4][..], &2.5f32.to_le_bytes()].concat()),
            one(2.5)
        );
        assert_eq!(tensor(&[&[8, 1, 0x2d][..], &2.5f32.to_le_bytes()].concat()), one(2.5));
        assert_eq!(
            tensor(&[&[8, 2, 0x22, 8][..], &0.1f64.to_le_bytes()].concat()),
            one(0.1)
        );
        assert_eq!(tensor(&[&[8, 2, 0x31][..], &0.1f64.to_le_bytes()].concat()), one(0.1));
        assert_eq!(tensor(&[8, 3, 0x3a, 1, 5]), one(5.0));
        assert_eq!(
            tensor(&[8, 3, 0x38, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            one(-1.0)
        );
        assert_eq!(tensor(&[8, 9, 0x52, 1, 9]), one(9.0));
        assert_eq!(tensor(&[8, 19, 0x6a, 2, 0x80, 0x7c]), one(1.5));
        assert_eq!(tensor(&[8, 19, 0x22, 2, 0, 0xc0]), one(-2.0));
        // One element by its shape (1 x 1), none (0), several (2), a text.
        assert_eq!(tensor(&[8, 3, 18, 8, 18, 2, 8, 1, 18, 2, 8, 1, 0x3a, 1, 5]), one(5.0));
        assert_eq!(tensor(&[8, 3, 18, 4, 18, 2, 8, 0]), []);
        assert_eq!(tensor(&[8, 3, 18, 4, 18, 2, 8, 2, 0x3a, 2, 5, 6]), []);
        assert_eq!(tensor(&[8, 7, 0x42, 1, 65]), []);
    }

    #[test]
    fn halves_are_exact() {
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0x0001), 2f64.powi(-24));
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in ".{0,40}", step in any::<i64>(), value in any::<f64>()) {
            let mut out = Vec::new();
            encode(1.5, step, &tag, value, &mut out);
            let read = decoded(&out);
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!((&read[0].0, read[0].1), (&tag, step));
            prop_assert!(read[0].2.to_bits() == value.to_bits() || read[0].2.is_nan() && value.is_nan());
        }

        #[test]
        fn any_bytes_are_no_trouble(bytes in prop::collection::vec(prop_oneof![0u8..64, any::<u8>()], 0..80)) {
            decoded(&bytes);
            decoded(&with_value(&bytes));
            tensor(&bytes);
        }
    }
}
