//! Matching of displayed operation names, `pkg/model:op`: whole, by part, with `*`, or by regular expression.

use regex::Regex;

/// What `--operation` was given.
#[derive(Debug, Clone)]
pub struct OperationPattern(Regex, bool);

/// A pattern that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid operation pattern '{pattern}': {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl OperationPattern {
    /// Reads a pattern. One that begins with `^` or ends with `$` is a regular expression on the whole name.
    pub fn parse(pattern: &str) -> Result<OperationPattern, PatternError> {
        let whole = pattern.starts_with('^') || pattern.ends_with('$');
        let expression = if whole {
            pattern.to_string()
        } else {
            let parts: Vec<String> = pattern.split('*').map(regex::escape).collect();
            format!("^{}$", parts.join(".*"))
        };
        let regex = Regex::new(&expression).map_err(|error| PatternError {
            pattern: pattern.to_string(),
            // The last line says what is wrong; those before it draw the place.
            reason: error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_string(),
        })?;
        Ok(OperationPattern(regex, whole))
    }

    /// True when `name`, or for a plain pattern any part of it, matches.
    pub fn matches(&self, name: &str) -> bool {
        let OperationPattern(regex, whole_only) = self;
        if regex.is_match(name) {
            return true;
        }
        if *whole_only {
            return false;
        }
        let (package, local) = match name.rsplit_once('/') {
            Some((package, local)) => (Some(package), local),
            None => (None, name),
        };
        let (model, operation) = match local.split_once(':') {
            Some((model, operation)) => (Some(model), operation),
            None => (None, local),
        };
        [package, Some(local), model, Some(operation)]
            .into_iter()
            .flatten()
            .any(|part| regex.is_match(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        OperationPattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn names_match_whole_or_by_part() {
        for name in ["op", "m:op", "pkg/m:op"] {
            assert!(matches("op", name), "{name}");
        }
        assert!(matches("m:op", "pkg/m:op"));
        assert!(matches("pkg", "pkg/m:op"));
        assert!(matches("m", "pkg/m:op"));
        assert!(matches("train.py", "train.py"));
        assert!(matches("train.py", "scripts/train.py"));
        assert!(!matches("train", "train.py"));
        assert!(!matches("trainxpy", "train.py"));
        assert!(!matches("op", "op+"));
        assert!(matches("op+", "op+"));
        assert!(matches("+", "+"));
    }

    #[test]
    fn stars_match_anything() {
        assert!(matches("train*", "train.py"));
        assert!(matches("*.py", "m:train.py"));
        assert!(matches("*", "pkg/m:op"));
        assert!(!matches("a*", "train.py"));
    }

    #[test]
    fn regular_expressions_see_the_whole_name() {
        assert!(matches("^pkg/", "pkg/m:op"));
        assert!(matches("op$", "pkg/m:op"));
        assert!(!matches("^op", "pkg/m:op"));
        let error = OperationPattern::parse("^(a").unwrap_err().to_string();
        assert_eq!(error, "invalid operation pattern '^(a': unclosed group");
    }
}
