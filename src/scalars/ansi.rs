//! Taking terminal escapes out of a line, so that a coloured program logs what it shows.

/// Copies `line` to `plain` without escape sequences: CSI (colours, cursor), OSC (titles, links) and the short
/// ones. An unfinished sequence reaches to the end of the line.
pub fn strip(line: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    let mut rest = line;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at + sequence(&rest[at..])..];
    }
    plain.extend_from_slice(rest);
}

/// Length of the escape sequence that `text` begins with.
fn sequence(text: &[u8]) -> usize {
    let end = |from: usize, last: &dyn Fn(u8) -> bool| {
        text[from..]
            .iter()
            .position(|b| last(*b))
            .map_or(text.len(), |at| from + at + 1)
    };
    match text.get(1) {
        Some(b'[') => end(2, &|b| (0x40..=0x7e).contains(&b)),
        Some(b']' | b'P' | b'_' | b'^' | b'X') => {
            let stop = end(2, &|b| b == 0x07 || b == 0x1b);
            // ESC \ ends a text too.
            stop + usize::from(text[stop - 1] == 0x1b && text.get(stop) == Some(&b'\\'))
        }
        Some(0x20..=0x2f) => end(2, &|b| (0x30..=0x7e).contains(&b)),
        Some(_) => 2,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn plain(line: &[u8]) -> String {
        let mut out = Vec::new();
        super::strip(line, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn escapes_go_and_text_stays() {
        assert_eq!(plain(b"\x1b[1;31mloss\x1b[0m: 1.5"), "loss: 1.5");
        assert_eq!(plain(b"\x1b]8;;http://x\x1b\\loss: 1\x1b]8;;\x07"), "loss: 1");
        assert_eq!(plain(b"\x1b(Bloss: 1\x1b[K"), "loss: 1");
        assert_eq!(plain(b"loss: 1\x1b["), "loss: 1");
        assert_eq!(plain(b"loss: 1\x1b"), "loss: 1");
        assert_eq!(plain(b"no escape"), "no escape");
    }

    proptest! {
        #[test]
        fn never_panics_and_leaves_no_escape(line in prop::collection::vec(prop_oneof![Just(0x1bu8), Just(b'['), any::<u8>()], 0..40)) {
            let mut out = Vec::new();
            super::strip(&line, &mut out);
            prop_assert!(out.len() <= line.len());
        }
    }
}
