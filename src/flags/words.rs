//! The words after an operation's name: assignments `NAME=TEXT` and batch files `@PATH`. Splits and expands home
//! directories; what a text means is decided later, when the flag's type is known.

use std::path::PathBuf;

use super::FlagError;

/// What was assigned on a command line, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignments {
    /// Names and texts; of repeated names the last one counts.
    pub values: Vec<(String, String)>,
    pub batch_files: Vec<PathBuf>,
}

impl Assignments {
    /// Reads the words. The first `=` splits; a leading `~/` or `~user/` of the text is expanded.
    pub fn parse(words: &[String]) -> Result<Assignments, FlagError> {
        let mut assignments = Assignments::default();
        let mut bad = Vec::new();
        for word in words {
            if let Some(path) = word.strip_prefix('@').filter(|path| !path.is_empty()) {
                assignments.batch_files.push(PathBuf::from(expand_home(path)));
                continue;
            }
            match word.split_once('=') {
                Some((name, text)) if !name.is_empty() && !name.starts_with('@') => {
                    assignments.values.push((name.to_string(), expand_home(text)));
                }
                _ => bad.push(word.clone()),
            }
        }
        if bad.is_empty() {
            Ok(assignments)
        } else {
            Err(FlagError::InvalidArguments(bad))
        }
    }

    /// The text assigned to `name`, if any.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, text)| text.as_str())
    }
}

/// Expands `~/...` and `~user/...`. `~` alone is null in the flag language and stays; so does the home of an
/// unknown user.
fn expand_home(text: &str) -> String {
    let Some((user, rest)) = text
        .strip_prefix('~')
        .and_then(|t| t.find('/').map(|at| t.split_at(at)))
    else {
        return text.to_string();
    };
    let home = if user.is_empty() {
        std::env::var("HOME")
            .ok()
            .filter(|home| !home.is_empty())
            .or_else(own_home)
    } else {
        let user = nix::unistd::User::from_name(user).ok().flatten();
        user.and_then(|user| user.dir.into_os_string().into_string().ok())
    };
    match home {
        Some(home) => home.trim_end_matches('/').to_string() + rest,
        None => text.to_string(),
    }
}

fn own_home() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten()?;
    user.dir.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Assignments, String> {
        let words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
        Assignments::parse(&words).map_err(|e| e.to_string())
    }

    #[test]
    fn words_are_assignments_or_batch_files() {
        let a = parse(&["a=1", "@t.csv", "b=x=y", "a=2", "c=", "m:op:x.y-z_/#=~"]).unwrap();
        assert_eq!(a.get("a"), Some("2"));
        assert_eq!(a.get("b"), Some("x=y"));
        assert_eq!(a.get("c"), Some(""));
        assert_eq!(a.get("m:op:x.y-z_/#"), Some("~"));
        assert_eq!(a.get("d"), None);
        assert_eq!(a.batch_files, [PathBuf::from("t.csv")]);
    }

    #[test]
    fn other_words_are_listed() {
        let text = "invalid argument(s):\nfoo\n=1\n@\nexpected NAME=VAL";
        assert_eq!(parse(&["a=1", "foo", "=1", "@"]), Err(text.to_string()));
    }

    #[test]
    fn homes_are_expanded() {
        let root = nix::unistd::User::from_name("root")
            .unwrap()
            .map(|u| u.dir.display().to_string());
        if let Some(root) = root {
            let a = parse(&["p=~root/x"]).unwrap();
            assert_eq!(a.get("p").unwrap(), format!("{}/x", root.trim_end_matches('/')));
        }
        let a = parse(&["p=~/x", "q=~no-such-user/x", "r=a~/x"]).unwrap();
        assert!(a.get("p").unwrap().starts_with('/') && a.get("p").unwrap().ends_with("/x"));
        assert_eq!(a.get("q"), Some("~no-such-user/x"));
        assert_eq!(a.get("r"), Some("a~/x"));
    }
}
