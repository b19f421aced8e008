//! `sourcecode` of Guild files: texts and include or exclude rules, to the patterns of a selection.

use crate::flags::document::Data;
use crate::project::{SourceCode, fields};

/// Directories that are left out whatever is included.
const BASE: [&str; 2] = ["-**/.* dir", "-**/* dir sentinel=bin/activate"];

/// Reads `sourcecode`. Rules are added to the default rules; plain texts replace them.
pub(super) fn read(data: &Data) -> Result<SourceCode, String> {
    match data {
        Data::Null | Data::Bool(true) => Ok(rules(Vec::new(), false)),
        Data::Bool(false) => Ok(SourceCode::nothing()),
        Data::Text(_) => select(std::slice::from_ref(data)),
        Data::List(items) if items.is_empty() => Ok(SourceCode::nothing()),
        Data::List(items) => select(items),
        Data::Map(map) if map.contains_key("include") || map.contains_key("exclude") => {
            select(std::slice::from_ref(data))
        }
        Data::Map(map) => {
            let mut source = read(map.get("select").unwrap_or(&Data::Null))?;
            let field = |key: &str| map.get(key).map_or(Ok(None), |value| fields::text(key, value));
            source.root = field("root")?;
            source.dest = field("dest")?;
            Ok(source)
        }
        other => Err(invalid(other)),
    }
}

fn invalid(data: &Data) -> String {
    format!("invalid select files spec {data}: expected a string, list, or mapping")
}

fn rules(patterns: Vec<String>, replace: bool) -> SourceCode {
    let base = BASE.map(String::from).into_iter().filter(|_| replace);
    SourceCode {
        patterns: base.chain(patterns).collect(),
        guild_rules: !replace,
        ..SourceCode::default()
    }
}

fn select(items: &[Data]) -> Result<SourceCode, String> {
    let mut patterns = Vec::new();
    let mut replace = false;
    for item in items {
        match item {
            Data::Text(text) => {
                replace |= !text.starts_with('-');
                match text.strip_prefix('-') {
                    Some(excluded) => patterns.push(format!("-{}", pattern(excluded))),
                    None => patterns.push(pattern(text)),
                }
            }
            Data::Map(map) if !map.is_empty() => {
                for (key, value) in map {
                    let sign = match key.as_str() {
                        "include" => "",
                        "exclude" => "-",
                        _ => return Err(invalid(item)),
                    };
                    rule(sign, value, &mut patterns)?;
                }
            }
            other => return Err(invalid(other)),
        }
    }
    Ok(rules(patterns, replace))
}

fn rule(sign: &str, data: &Data, patterns: &mut Vec<String>) -> Result<(), String> {
    match data {
        Data::Text(text) => patterns.push(format!("{sign}{}", pattern(text))),
        Data::List(items) => items.iter().try_for_each(|item| rule(sign, item, patterns))?,
        Data::Map(map) => {
            for (kind, globs) in map {
                if !["text", "binary", "dir"].contains(&kind.as_str()) {
                    return Err(invalid(data));
                }
                for glob in fields::texts("sourcecode", globs)? {
                    patterns.push(format!("{sign}{} {kind}", pattern(&glob)));
                }
            }
        }
        other => return Err(invalid(other)),
    }
    Ok(())
}

/// A glob with no `/` matches at any depth.
fn pattern(glob: &str) -> String {
    let glob = glob.trim();
    let deep = match glob.trim_end_matches('/').contains('/') {
        true => glob.to_string(),
        false => format!("**/{glob}"),
    };
    match deep.contains([' ', '\t', '"', '\'', '\\', '#']) {
        true => shlex::try_quote(&deep).map_or(deep.clone(), |quoted| quoted.into_owned()),
        false => deep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::document::{Format, read as read_document};

    #[test]
    fn every_form_has_its_patterns() {
        let base = "-**/.* dir, -**/* dir sentinel=bin/activate";
        for (text, guild_rules, patterns) in [
            ("~", true, String::new()),
            ("no", false, String::new()),
            ("[]", false, String::new()),
            ("'*.py'", false, format!("{base}, **/*.py")),
            ("[a.py, data/x.csv]", false, format!("{base}, **/a.py, data/x.csv")),
            (
                "[{exclude: '*.csv'}, {include: [a, b]}]",
                true,
                "-**/*.csv, **/a, **/b".into(),
            ),
            (
                "[{exclude: {dir: data}}, {include: {text: a b}}]",
                true,
                "-**/data dir, '**/a b' text".into(),
            ),
            ("{exclude: x}", true, "-**/x".into()),
            ("{root: src, dest: code, select: '*'}", false, format!("{base}, **/*")),
            ("{root: src}", true, String::new()),
        ] {
            let source = read(&read_document(Format::Yaml, text).unwrap()).unwrap();
            assert_eq!(
                (source.guild_rules, source.patterns.join(", ")),
                (guild_rules, patterns),
                "{text}"
            );
            crate::project::source::select(
                std::path::Path::new("."),
                &SourceCode {
                    guild_rules: false,
                    ..source
                },
                &[],
            )
            .unwrap();
        }
        let error = read(&Data::Int(3)).unwrap_err();
        assert_eq!(
            error,
            "invalid select files spec 3: expected a string, list, or mapping"
        );
    }
}
