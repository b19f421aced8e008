//! The frame around each record of an event file: its length and two checksums. What is in a record is `event`'s.

/// Bytes before a record's data: its length and the length's checksum.
pub const HEAD: usize = 12;
/// Bytes behind a record's data: its checksum.
pub const TAIL: usize = 4;

/// CRC-32C, turned and shifted as event files have it, so that data that holds checksums is no special case.
pub fn checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Appends a record with this data.
pub fn append(data: &[u8], out: &mut Vec<u8>) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(&length).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&checksum(data).to_le_bytes());
}

/// What bytes begin with.
#[derive(Debug, PartialEq)]
pub enum Next<'a> {
    /// A record with this data; it is `size` bytes long with its frame.
    Record { data: &'a [u8], size: usize },
    /// The beginning of a record that is `size` bytes long, as far as that can be told.
    Part { size: u64 },
    /// A checksum that is wrong.
    Corrupt,
}

/// Looks at the record that `bytes` begins with.
pub fn next(bytes: &[u8]) -> Next<'_> {
    let Some((length_bytes, rest)) = bytes.split_first_chunk::<8>() else {
        return Next::Part { size: HEAD as u64 };
    };
    let Some((length_check, rest)) = rest.split_first_chunk::<4>() else {
        return Next::Part { size: HEAD as u64 };
    };
    if checksum(length_bytes) != u32::from_le_bytes(*length_check) {
        return Next::Corrupt;
    }
    let length = u64::from_le_bytes(*length_bytes);
    let size = length.saturating_add((HEAD + TAIL) as u64);
    let part = Next::Part { size };
    let Some((data, rest)) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
    else {
        return part;
    };
    let Some(check) = rest.first_chunk::<4>() else {
        return part;
    };
    if checksum(data) != u32::from_le_bytes(*check) {
        return Next::Corrupt;
    }
    Next::Record {
        data,
        size: HEAD + data.len() + TAIL,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn checksum_is_castagnoli() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    proptest! {
        #[test]
        fn what_is_appended_is_next(data in prop::collection::vec(any::<u8>(), 0..100), cut in 0usize..120) {
            let mut bytes = Vec::new();
            append(&data, &mut bytes);
            prop_assert_eq!(next(&bytes), Next::Record { data: &data, size: bytes.len() });
            let cut = cut.min(bytes.len() - 1);
            prop_assert!(matches!(next(&bytes[..cut]), Next::Part { size } if size > cut as u64), "a part of a record");
        }

        #[test]
        fn a_changed_byte_is_noticed(data in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), xor in 1u8..) {
            let mut bytes = Vec::new();
            append(&data, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= xor;
            prop_assert_eq!(next(&bytes), Next::Corrupt);
        }
    }
}
