//! Run ids, short ids and pronounceable names.

/// A new random id of 32 lower-case hex digits.
pub fn new() -> std::io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// True for what may name a run: 32 hex digits, or a text of letters, digits, `_` and `-`.
pub fn is_valid(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The first 8 characters.
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// The proquint of the first 32 bits (Wilkerson 2009, arXiv:0901.4016); of an id that does not begin with
/// 8 hex digits, its short id.
pub fn name(id: &str) -> String {
    let Some(bits) = id.get(..8).and_then(|s| u32::from_str_radix(s, 16).ok()) else {
        return short(id).to_string();
    };
    let half = |h: u32| -> String {
        const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
        const VOWELS: &[u8; 4] = b"aiou";
        [
            CONSONANTS[(h >> 12 & 15) as usize],
            VOWELS[(h >> 10 & 3) as usize],
            CONSONANTS[(h >> 6 & 15) as usize],
            VOWELS[(h >> 4 & 3) as usize],
            CONSONANTS[(h & 15) as usize],
        ]
        .map(char::from)
        .iter()
        .collect()
    };
    format!("{}-{}", half(bits >> 16), half(bits & 0xffff))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_proquints() {
        assert_eq!(super::name("7f000001"), "lusab-babad");
        assert_eq!(super::name("3c0e83bd00000000"), "gubav-mavut");
        assert_eq!(super::name("b1f440ec"), "raluh-hagos");
        assert_eq!(super::name("my-run"), "my-run");
    }

    #[test]
    fn ids_are_hex_and_differ() {
        let (a, b) = (super::new().unwrap(), super::new().unwrap());
        assert_eq!(a.len(), 32);
        assert!(a.bytes().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(a, b);
    }
}
