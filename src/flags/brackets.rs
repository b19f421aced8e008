//! Finds the bracket that closes another and the separators between, with quotes and nesting respected.
//! Knows nothing of what stands inside.

/// What stands between an opening bracket and the one that closes it.
pub(super) struct Bracketed<'a> {
    /// The parts between colons at the top level, trimmed. One part if there is no colon.
    pub args: Vec<&'a str>,
    /// True if there is a comma at the top level.
    pub comma: bool,
    /// Index just past the closing bracket.
    pub end: usize,
}

/// Scans `text` from the `[` at `open`. `None` if it is never closed, or closed by the wrong bracket.
pub(super) fn scan(text: &str, open: usize) -> Option<Bracketed<'_>> {
    let bytes = text.as_bytes();
    let mut closers = vec![b']'];
    let mut args = Vec::new();
    let mut comma = false;
    let mut start = open + 1;
    // A quote opens a quoted text only where an item begins: `it's` has none.
    let mut item_begins = true;
    let mut at = open + 1;
    while at < bytes.len() {
        let b = bytes[at];
        match b {
            b'\'' | b'"' if item_begins => {
                at = quote_end(bytes, at)?;
                item_begins = false;
                continue;
            }
            b'[' => closers.push(b']'),
            b'{' => closers.push(b'}'),
            b']' | b'}' => {
                if closers.pop() != Some(b) {
                    return None;
                }
                if closers.is_empty() {
                    args.push(text[start..at].trim());
                    return Some(Bracketed {
                        args,
                        comma,
                        end: at + 1,
                    });
                }
            }
            b':' if closers.len() == 1 => {
                args.push(text[start..at].trim());
                start = at + 1;
            }
            b',' if closers.len() == 1 => comma = true,
            _ => {}
        }
        item_begins = matches!(b, b'[' | b'{' | b',' | b':') || (item_begins && b.is_ascii_whitespace());
        at += 1;
    }
    None
}

/// Index just past the quoted text that begins at `at`. A doubled single quote and an escaped double quote do
/// not end it.
pub(super) fn quote_end(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = bytes[at];
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if quote == b'"' => i += 1,
            b if b == quote => {
                if quote == b'\'' && bytes.get(i + 1) == Some(&b'\'') {
                    i += 1;
                } else {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_count_only_at_the_top_level() {
        let b = scan("x[1: 'a:b' :[2:3]]*2", 1).unwrap();
        assert_eq!(b.args, ["1", "'a:b'", "[2:3]"]);
        assert!(!b.comma);
        assert_eq!(b.end, 18);
        assert!(scan("[it's, 1]", 0).unwrap().comma);
        assert!(scan("[1, 2", 0).is_none());
        assert!(scan("[1}", 0).is_none());
        assert!(scan("['a]", 0).is_none());
    }
}
