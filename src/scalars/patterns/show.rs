//! What patterns make of a line, for `--test-output-scalars` and `--test-output-attrs`.

use super::custom::{Find, Pattern};
use crate::scalars::{ansi, number};

/// The line, then indented each pattern with its captures and what they set. Ends with a line end. A line that does
/// not count shows no captures.
pub fn report(line: &[u8], patterns: &[Pattern], counts: impl Fn(&[u8]) -> bool, find: Find) -> String {
    let mut plain = Vec::new();
    ansi::strip(line, &mut plain);
    let mut out = format!("{}\n", String::from_utf8_lossy(&plain));
    for pattern in patterns {
        let matches = pattern.matches(&plain);
        if matches.is_empty() || !counts(&plain) {
            out.push_str(&format!("  '{}': <no matches>\n", pattern.text));
            continue;
        }
        let captures: Vec<String> = matches.iter().map(|m| tuple(&m.groups)).collect();
        let mut set: Vec<(String, String)> = Vec::new();
        for (key, text) in matches.into_iter().flat_map(|m| m.pairs) {
            let value = match find {
                Find::Texts => Some(String::from_utf8_lossy(text).into_owned()),
                Find::Numbers => number::parse(text).map(|value| format!("{value:?}")),
            };
            if let Some(value) = value {
                set.retain(|(known, _)| *known != key);
                set.push((key, value));
            }
        }
        set.sort();
        let set: Vec<String> = set.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        out.push_str(&format!(
            "  '{}': [{}] ({})\n",
            pattern.text,
            captures.join(", "),
            set.join(", ")
        ));
    }
    out
}

/// Captures as a tuple of texts; a group that took no part is `None`.
fn tuple(groups: &[Option<&[u8]>]) -> String {
    let texts: Vec<String> = groups
        .iter()
        .map(|group| group.map_or("None".into(), |text| format!("'{}'", String::from_utf8_lossy(text))))
        .collect();
    match texts.as_slice() {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use crate::scalars::Patterns;

    #[test]
    fn shows_captures_and_values() {
        let (patterns, _) = Patterns::new(None, ["lr"]).unwrap();
        assert_eq!(patterns.test(b"lr: 0.1").matches("<no matches>").count(), 2);
        assert_eq!(
            patterns.test(b"\x1b[1mloss\x1b[0m: 1.5"),
            r"loss: 1.5
  '^\key:\s+\value\s+\((?:step\s+)?(?P<step>\step)\)$': <no matches>
  '^(\key):\s+(\value)(?:\s+\(.*\))?$': [('loss', '1.5')] (loss=1.5)
"
        );
        assert_eq!(
            patterns.test(b"acc: 1 (3)"),
            r"acc: 1 (3)
  '^\key:\s+\value\s+\((?:step\s+)?(?P<step>\step)\)$': [('3',)] (step=3.0)
  '^(\key):\s+(\value)(?:\s+\(.*\))?$': [('acc', '1')] (acc=1.0)
"
        );
    }
}
