//! Regular expressions of sources: those that select paths, and those that rename them.

use regex::Regex;
use serde_json::Value as Json;

use super::text;
use crate::flags::Data;

pub(super) fn patterns(value: Option<&Json>) -> Result<Vec<Regex>, String> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Json::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    items
        .iter()
        .map(|item| pattern(Some(item), false).map(|p| p.expect("there is a value")))
        .collect()
}

/// A regular expression that begins where the path does.
pub(super) fn pattern(value: Option<&Json>, numbered: bool) -> Result<Option<Regex>, String> {
    let Some(value) = value else { return Ok(None) };
    let given = text(value).ok_or_else(|| format!("{} is not a regular expression", Data::from(value)))?;
    let regex = Regex::new(&format!("^(?:{given})")).map_err(|_| format!("'{given}' is not a regular expression"))?;
    if numbered && regex.captures_len() != 2 {
        return Err(format!("'{given}' needs one group, which holds a number"));
    }
    Ok(Some(regex))
}

/// `PATTERN SUB`, a map of both, or a list of these. `\1` in SUB is a group.
pub(super) fn renames(value: Option<&Json>) -> Result<Vec<(Regex, String)>, String> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Json::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let one = |item: &Json| {
        let invalid = || format!("invalid rename {}: expected 'PATTERN SUB'", Data::from(item));
        let (pattern, sub) = match item {
            Json::String(text) => {
                // A backslash is a regular expression's here, unless quotes ask for a shell's reading.
                let words = match text.contains(['\'', '"']) {
                    true => shlex::split(text).ok_or_else(invalid)?,
                    false => text.split_whitespace().map(str::to_string).collect(),
                };
                match words.as_slice() {
                    [pattern, sub] => (pattern.clone(), sub.clone()),
                    _ => return Err(invalid()),
                }
            }
            Json::Object(map) => match (map.get("pattern"), map.get("repl").or_else(|| map.get("sub"))) {
                (Some(Json::String(pattern)), Some(Json::String(sub))) => (pattern.clone(), sub.clone()),
                _ => return Err(invalid()),
            },
            _ => return Err(invalid()),
        };
        let regex = Regex::new(&pattern).map_err(|_| format!("'{pattern}' is not a regular expression"))?;
        Ok((regex, group_references(&sub)))
    };
    items.iter().map(one).collect()
}

/// `\1` and `\g<name>` as `${1}` and `${name}`.
fn group_references(sub: &str) -> String {
    let mut out = String::with_capacity(sub.len());
    let mut rest = sub;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match (c, after.chars().next()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str(&format!("${{{digit}}}"));
                rest = &after[1..];
            }
            ('\\', Some('g')) if after.starts_with("g<") && after.contains('>') => {
                let end = after.find('>').unwrap_or(after.len());
                out.push_str(&format!("${{{}}}", &after[2..end]));
                rest = &after[end + 1..];
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Whatever is written for a rename is understood or refused, and never panics.
        #[test]
        fn any_rename_is_read(text in "[a-z(\\\\\\[ '\"g<>$0-9é]{0,12}", name in "[a-z0-9é]{0,6}") {
            if let Ok(renames) = renames(Some(&Json::from(text))) {
                for (pattern, sub) in renames {
                    pattern.replace(&name, sub.as_str());
                }
            }
        }
    }

    #[test]
    fn groups_are_written_as_in_python() {
        assert_eq!(group_references("a$b\\g<n>\\x\\2"), "a$$b${n}\\x${2}");
    }
}
