//! Which keys of which files are configuration, and the names users see for them. Patterns are texts such as
//! `train.py`, `conf/*.yaml#**.*`, `#opts.lr`, `-#secret`.

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SelectError {
    #[error("config path cannot be empty")]
    Empty,
    #[error("invalid config path '{pattern}': {reason}")]
    Path { pattern: String, reason: String },
    #[error("invalid config rename '{0}': expected 'OLD NEW'")]
    Rename(String),
}

/// One pattern.
#[derive(Debug, Clone)]
struct Pattern {
    exclude: bool,
    /// The file as written, and compiled; absent in `#key`.
    file: Option<(String, GlobMatcher)>,
    /// Absent in `file` and `-file`.
    key: Option<KeyPattern>,
}

/// Keys by name: `*` within a level, `**.` for any number of levels.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyPattern(Vec<String>);

/// Selected keys, in the terms of one `config` entry.
#[derive(Debug, Clone)]
pub struct Selector {
    patterns: Vec<Pattern>,
    prefix: String,
    strip_prefix: String,
    rename: Option<(String, String)>,
}

impl Selector {
    /// Reads patterns and the options that change names.
    pub fn new(
        patterns: &[String],
        prefix: Option<&str>,
        strip_prefix: Option<&str>,
        rename: Option<&str>,
    ) -> Result<Selector, SelectError> {
        let rename = match rename {
            None => None,
            Some(text) => match text.split_whitespace().collect::<Vec<_>>().as_slice() {
                [old, new] => Some((old.to_string(), new.to_string())),
                [old] => Some((old.to_string(), String::new())),
                _ => return Err(SelectError::Rename(text.to_string())),
            },
        };
        Ok(Selector {
            patterns: patterns.iter().map(|text| pattern(text)).collect::<Result<_, _>>()?,
            prefix: prefix.unwrap_or("").to_string(),
            strip_prefix: strip_prefix.unwrap_or("").to_string(),
            rename,
        })
    }

    /// Files named without a wildcard: the user expects them to be there.
    pub fn named_files(&self) -> Vec<&str> {
        let files = self
            .patterns
            .iter()
            .filter(|p| !p.exclude)
            .filter_map(|p| p.file.as_ref());
        let mut names: Vec<&str> = files
            .map(|(text, _)| text.as_str())
            .filter(|text| !is_glob(text))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// True if a pattern may select files that it does not name.
    pub fn has_globs(&self) -> bool {
        let files = self
            .patterns
            .iter()
            .filter(|p| !p.exclude)
            .filter_map(|p| p.file.as_ref());
        files.into_iter().any(|(text, _)| is_glob(text))
    }

    /// True if any key of the file (relative, with `/`) may be selected.
    pub fn selects_file(&self, file: &str) -> bool {
        let of_file = |p: &&Pattern| p.file.as_ref().is_some_and(|(_, glob)| glob.is_match(file));
        let mut selected = false;
        for p in self.patterns.iter().filter(of_file) {
            if !p.exclude {
                selected = true;
            } else if p.key.is_none() {
                selected = false;
            }
        }
        selected
    }

    /// True if the key of the file is selected. The last pattern that says something decides.
    pub fn selects(&self, file: &str, key: &str) -> bool {
        if !self.selects_file(file) {
            return false;
        }
        let mut selected = false;
        for p in &self.patterns {
            let file_fits = p.file.as_ref().is_none_or(|(_, glob)| glob.is_match(file));
            let key_fits = match &p.key {
                Some(pattern) => pattern.matches(key),
                None => p.exclude || !key.contains('.'),
            };
            if file_fits && key_fits {
                selected = !p.exclude;
            }
        }
        selected
    }

    /// The name users see for a key: the prefix before the renamed, stripped key.
    pub fn name(&self, key: &str) -> String {
        let mut name = key
            .strip_prefix(&self.strip_prefix)
            .filter(|rest| !rest.is_empty())
            .unwrap_or(key)
            .to_string();
        if let Some((old, new)) = &self.rename
            && let Some(rest) = name.strip_prefix(old.as_str())
            && (rest.is_empty() || rest.starts_with('.') || old.ends_with('.'))
        {
            let rest = if new.is_empty() {
                rest.trim_start_matches('.')
            } else {
                rest
            };
            name = format!("{new}{rest}");
        }
        format!("{}{name}", self.prefix)
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn pattern(text: &str) -> Result<Pattern, SelectError> {
    let (exclude, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (file, key) = match rest.split_once('#') {
        Some((file, key)) => (file, Some(key)),
        None => (rest, None),
    };
    if file.is_empty() && key.is_none_or(str::is_empty) {
        return Err(SelectError::Empty);
    }
    let fault = |reason: &str| SelectError::Path {
        pattern: text.to_string(),
        reason: reason.to_string(),
    };
    let key = match key {
        Some("") => return Err(fault("no key behind '#'")),
        other => other.map(KeyPattern::new),
    };
    let file = match file.strip_prefix("./").unwrap_or(file) {
        "" => None,
        file => {
            let glob = GlobBuilder::new(file).literal_separator(true).build();
            let glob = glob.map_err(|error| fault(&error.kind().to_string()))?;
            Some((file.to_string(), glob.compile_matcher()))
        }
    };
    Ok(Pattern { exclude, file, key })
}

impl KeyPattern {
    pub fn new(text: &str) -> KeyPattern {
        KeyPattern(text.split('.').map(str::to_string).collect())
    }

    /// True if the pattern matches the whole dotted key.
    pub fn matches(&self, key: &str) -> bool {
        let parts: Vec<&str> = key.split('.').collect();
        levels(&self.0, &parts)
    }
}

fn levels(pattern: &[String], parts: &[&str]) -> bool {
    match (pattern, parts) {
        ([], []) => true,
        // `**` stands for levels above something, never for that something.
        ([deep, rest @ ..], _) if deep == "**" => {
            !rest.is_empty() && (0..=parts.len()).any(|skipped| levels(rest, &parts[skipped..]))
        }
        ([first, pattern @ ..], [part, parts @ ..]) => {
            wildcard(first.as_bytes(), part.as_bytes()) && levels(pattern, parts)
        }
        _ => false,
    }
}

/// Matches `*` greedily, going back to the last one when what follows does not fit.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, matched)) = star {
            star = Some((at, matched + 1));
            p = at + 1;
            t = matched + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(patterns: &[&str]) -> Selector {
        let patterns: Vec<String> = patterns.iter().map(|p| p.to_string()).collect();
        Selector::new(&patterns, None, None, None).unwrap()
    }

    #[test]
    fn key_patterns_match_level_by_level() {
        for (patterns, keys, result) in [
            (&["x.py#*"][..], "a b c.d", "a b"),
            (&["x.py#c.*"], "a b c.d", "c.d"),
            (&["x.py#b*"], "aaa bab bcb", "bab bcb"),
            (&["x.py#**.*"], "a a.b a.b.c", "a a.b a.b.c"),
            (&["x.py#**.b"], "a a.b a.b.c", "a.b"),
            (&["x.py#a.**.*", "-#**.d"], "a a.b a.b.c a.b.c.d", "a.b a.b.c"),
            (&["x.py#**"], "a a.b", ""),
            (&["x.py"], "a b c.d", "a b"),
            (&["x.py", "#c.d"], "a c.d c.e", "a c.d"),
            (&["x.py", "-x.py#b"], "a b", "a"),
            (&["x.py", "-#b"], "a b", "a"),
            (&["*.py", "-x.py"], "a b", ""),
            (&["y.py"], "a b", ""),
            (&["#a"], "a b", ""),
            (&["x.py#a*b*c"], "abc aXbYc ab abcd", "abc aXbYc"),
        ] {
            let selector = selector(patterns);
            let found: Vec<&str> = keys.split(' ').filter(|key| selector.selects("x.py", key)).collect();
            assert_eq!(found.join(" "), result, "{patterns:?}");
        }
    }

    #[test]
    fn files_are_globs_of_one_level() {
        let selector = selector(&["conf/*.yaml#**.*", "./train.py", "-conf/secret.yaml"]);
        assert!(selector.selects_file("conf/a.yaml"));
        assert!(!selector.selects_file("conf/sub/a.yaml"));
        assert!(!selector.selects_file("conf/secret.yaml"));
        assert_eq!(selector.named_files(), ["train.py"]);
    }

    #[test]
    fn names_are_stripped_renamed_and_prefixed() {
        let name = |prefix, strip, rename, key| {
            Selector::new(&["x.py".to_string()], prefix, strip, rename)
                .unwrap()
                .name(key)
        };
        assert_eq!(name(None, None, None, "a.b"), "a.b");
        assert_eq!(name(Some("p."), Some("a."), None, "a.b"), "p.b");
        assert_eq!(name(None, None, Some("a z"), "a.b"), "z.b");
        assert_eq!(name(None, None, Some("a z"), "ab"), "ab");
        assert_eq!(
            name(Some("x-"), Some("model."), Some("opt o"), "model.opt.lr"),
            "x-o.lr"
        );
    }

    #[test]
    fn bad_patterns_are_refused() {
        for (pattern, message) in [
            ("", "config path cannot be empty"),
            ("-", "config path cannot be empty"),
            ("#", "config path cannot be empty"),
            ("x.py#", "invalid config path 'x.py#': no key behind '#'"),
            ("[", "invalid config path '[': unclosed character class; missing ']'"),
        ] {
            let found = Selector::new(&[pattern.to_string()], None, None, None).unwrap_err();
            assert_eq!(found.to_string(), message);
        }
    }
}
