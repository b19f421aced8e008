//! One pattern of a source selection: `[-]GLOB [token ...]`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use crate::project::ProjectError;

/// How many bytes decide whether a file is text.
const TEXT_SAMPLE: u64 = 8000;

pub(super) struct Pattern {
    pub include: bool,
    glob: GlobMatcher,
    /// The path itself, if it has no wildcards: it then stands for all that is below it, too.
    literal: Option<String>,
    text: Option<bool>,
    pub dir: bool,
    smaller_than: Option<u64>,
    larger_than: Option<u64>,
    pub max_matches: Option<usize>,
    sentinel: Option<String>,
    /// Files it decided on.
    pub matches: usize,
}

/// What a pattern says of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Match {
    No,
    Yes,
    /// All but the size fits.
    TooLarge,
}

pub(super) fn parse(patterns: &[String]) -> Result<Vec<Pattern>, ProjectError> {
    patterns.iter().map(|pattern| Pattern::parse(pattern)).collect()
}

impl Pattern {
    fn parse(pattern: &str) -> Result<Pattern, ProjectError> {
        let fail = |reason: String| ProjectError::new(format!("invalid sourcecode pattern '{pattern}': {reason}"));
        let (include, rest) = match pattern.trim().strip_prefix('-') {
            Some(rest) => (false, rest),
            None => (true, pattern.trim()),
        };
        let words = shlex::split(rest).ok_or_else(|| fail("a quote is not closed".into()))?;
        let Some((glob, tokens)) = words.split_first() else {
            return Err(fail("a path or glob is missing".into()));
        };
        let path = glob.trim_start_matches("./").trim_end_matches('/');
        let matcher = GlobBuilder::new(path)
            .literal_separator(true)
            .build()
            .map_err(|error| fail(error.kind().to_string()))?
            .compile_matcher();
        let mut parsed = Pattern {
            include,
            glob: matcher,
            literal: (!path.contains(['*', '?', '[', '{', '\\'])).then(|| format!("{path}/")),
            text: None,
            dir: false,
            smaller_than: None,
            larger_than: None,
            max_matches: None,
            sentinel: None,
            matches: 0,
        };
        for token in tokens {
            let number = |text: &str| {
                text.parse::<u64>()
                    .map_err(|_| fail(format!("'{token}' needs a number")))
            };
            if token == "text" || token == "binary" {
                parsed.text = Some(token == "text");
            } else if token == "dir" {
                parsed.dir = true;
            } else if let Some(size) = token.strip_prefix("size<") {
                parsed.smaller_than = Some(number(size)?);
            } else if let Some(size) = token.strip_prefix("size>") {
                parsed.larger_than = Some(number(size)?);
            } else if let Some(count) = token.strip_prefix("max-matches=") {
                parsed.max_matches = Some(usize::try_from(number(count)?).unwrap_or(usize::MAX));
            } else if let Some(path) = token.strip_prefix("sentinel=") {
                parsed.sentinel = Some(path.to_string());
            } else {
                return Err(fail(format!(
                    "unknown token '{token}' (expected text, binary, dir, size<N, size>N, max-matches=N or \
                     sentinel=PATH; quote a path that has blanks)"
                )));
            }
        }
        Ok(parsed)
    }

    /// Whether a directory may not be entered, or may after all; only patterns with `dir` say so.
    pub fn matches_dir(&self, path: &str, dir: &Path) -> bool {
        self.dir
            && self.fits(path)
            && self
                .sentinel
                .as_ref()
                .is_none_or(|sentinel| dir.join(sentinel).exists())
    }

    /// Whether the path alone fits.
    pub fn fits(&self, path: &str) -> bool {
        self.glob.is_match(path)
            || self
                .literal
                .as_ref()
                .is_some_and(|literal| path.starts_with(literal.as_str()))
    }

    /// What it says of a file. `text` is asked at most once per file, and only when it matters.
    pub fn matches_file(&self, path: &str, size: u64, text: &mut dyn FnMut() -> bool) -> Match {
        if self.dir
            || self.sentinel.is_some()
            || !self.fits(path)
            || self.larger_than.is_some_and(|bound| size <= bound)
        {
            return Match::No;
        }
        if self.text.is_some_and(|wanted| text() != wanted) {
            return Match::No;
        }
        match self.smaller_than {
            Some(bound) if size >= bound => Match::TooLarge,
            _ => Match::Yes,
        }
    }

    /// The upper bound of sizes, for messages.
    pub fn size_limit(&self) -> Option<u64> {
        self.smaller_than
    }

    pub fn exhausted(&self) -> bool {
        self.max_matches.is_some_and(|max| self.matches >= max)
    }
}

/// Whether a file is text: no NUL and valid UTF-8 in its first 8000 bytes.
pub fn is_text(path: &Path) -> std::io::Result<bool> {
    let mut sample = Vec::new();
    File::open(path)?.take(TEXT_SAMPLE).read_to_end(&mut sample)?;
    if sample.contains(&0) {
        return Ok(false);
    }
    Ok(match std::str::from_utf8(&sample) {
        Ok(_) => true,
        // A character cut in two by the end of the sample.
        Err(error) => error.error_len().is_none() && sample.len() as u64 == TEXT_SAMPLE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern).unwrap().fits(path)
    }

    #[test]
    fn globs_know_levels() {
        for (pattern, path, expected) in [
            ("*", "a", true),
            ("*", "a/b", false),
            ("**/*", "a", true),
            ("**/*", "a/b/c", true),
            ("*.py", ".x.py", true),
            ("sub/**", "sub/a/b", true),
            ("sub", "sub/a/b", true),
            ("./sub/", "sub/a/b", true),
            ("sub", "subway", false),
            ("a?c[de]", "abcd", true),
            ("'a b' text", "a b", true),
            ("-**/.*", "x/.git", true),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn bad_patterns_are_explained() {
        for (pattern, reason) in [
            ("**/* sise<3", "unknown token 'sise<3'"),
            ("* size<x", "'size<x' needs a number"),
            ("-", "a path or glob is missing"),
            ("a[", "unclosed character class"),
            ("'a", "a quote is not closed"),
        ] {
            let error = Pattern::parse(pattern).err().unwrap().to_string();
            assert!(error.contains(reason) && error.contains(pattern), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_refused(pattern in "\\PC{0,30}", path in "[a-z/.*]{0,20}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.fits(&path);
            }
        }
    }
}
