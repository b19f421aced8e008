//! What has to hold after a step. Looks at the step's run and says what does not hold.

use std::path::Path;

use thiserror::Error;

use super::super::glob;
use crate::project::steps::Check;
use crate::run::{Run, reason};

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckFailure {
    #[error("no files matching {glob} in run {run}")]
    NoFiles { glob: String, run: String },
    #[error("{path} of run {run} does not contain '{text}'")]
    NotContained { path: String, run: String, text: String },
    #[error("{path} of run {run} differs from {with}")]
    Differs { path: String, run: String, with: String },
    #[error("no output matching '{pattern}' in run {run}")]
    NoOutput { pattern: String, run: String },
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
}

/// How checks came out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    pub passed: usize,
    pub failures: Vec<CheckFailure>,
}

/// Looks whether `checks` hold for a run that has ended. Files to compare with are those of `project`.
pub fn check(checks: &[Check], run: &Run, project: &Path) -> Checked {
    let mut checked = Checked::default();
    for one in checks {
        match holds(one, run, project) {
            Ok(()) => checked.passed += 1,
            Err(failure) => checked.failures.push(failure),
        }
    }
    checked
}

fn holds(check: &Check, run: &Run, project: &Path) -> Result<(), CheckFailure> {
    let id = || run.id().to_string();
    match check {
        Check::Output(pattern) => {
            let output = read(&run.meta("output/40_run"))?;
            let regex = regex::bytes::RegexBuilder::new(pattern).multi_line(true).build();
            match regex.is_ok_and(|regex| regex.is_match(&output)) {
                true => Ok(()),
                false => Err(CheckFailure::NoOutput {
                    pattern: pattern.clone(),
                    run: id(),
                }),
            }
        }
        Check::File {
            glob,
            contains,
            compare_to,
        } => {
            let found = glob::expand(&run.dir(), glob).unwrap_or_default();
            if found.is_empty() {
                return Err(CheckFailure::NoFiles {
                    glob: glob.clone(),
                    run: id(),
                });
            }
            for path in found {
                let shown = path.display().to_string();
                let full = run.dir().join(&path);
                if full.is_dir() {
                    continue;
                }
                if let Some(text) = contains
                    && memchr::memmem::find(&read(&full)?, text.as_bytes()).is_none()
                {
                    return Err(CheckFailure::NotContained {
                        path: shown,
                        run: id(),
                        text: text.clone(),
                    });
                }
                if let Some(with) = compare_to
                    && read(&full)? != read(&project.join(with))?
                {
                    return Err(CheckFailure::Differs {
                        path: shown,
                        run: id(),
                        with: with.clone(),
                    });
                }
            }
            Ok(())
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CheckFailure> {
    std::fs::read(path).map_err(|error| CheckFailure::Unreadable {
        path: path.display().to_string(),
        reason: reason(&error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_output_are_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "r");
        std::fs::create_dir_all(run.dir().join("d")).unwrap();
        std::fs::create_dir_all(run.meta("output")).unwrap();
        std::fs::write(run.dir().join("d/a.txt"), "hello").unwrap();
        std::fs::write(run.meta("output/40_run"), "loss: 1\nacc: 2\n").unwrap();
        std::fs::write(home.path().join("want.txt"), "hello").unwrap();
        let file = |glob: &str, contains: Option<&str>, with: Option<&str>| Check::File {
            glob: glob.into(),
            contains: contains.map(String::from),
            compare_to: with.map(String::from),
        };
        let good = [
            file("d/*.txt", Some("ell"), Some("want.txt")),
            Check::Output("^acc: \\d$".into()),
        ];
        assert_eq!(check(&good, &run, home.path()).passed, 2);
        let bad = [
            file("*.txt", None, None),
            file("d/*", Some("x"), None),
            file("d/*", None, Some("none.txt")),
            Check::Output("nothing".into()),
        ];
        let texts: Vec<String> = check(&bad, &run, home.path())
            .failures
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts[0], "no files matching *.txt in run r");
        assert_eq!(texts[1], "d/a.txt of run r does not contain 'x'");
        assert!(texts[2].starts_with("cannot read ") && texts[2].ends_with("none.txt: No such file or directory"));
        assert_eq!(texts[3], "no output matching 'nothing' in run r");
    }
}
