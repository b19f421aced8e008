//! From an `exec` form to the words a process is started with: which shell if any, and where the program is.
//! Starts nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Facts, Run};
use crate::project::{Command, Substitutes};

/// The words to start, of a command of `proc/cmd.json` or a hook. `None` runs nothing.
pub fn argv(command: &Command) -> Option<Vec<String>> {
    match command {
        Command::Words(words) => (!words.is_empty()).then(|| words.clone()),
        Command::Shell(text) if text.trim().is_empty() => None,
        Command::Shell(text) => {
            if let Some(rest) = text.strip_prefix("#!") {
                let (program, script) = rest.split_once('\n').unwrap_or((rest, ""));
                let mut words = shlex::split(program.trim()).unwrap_or_else(|| vec![program.trim().to_string()]);
                if !words.is_empty() {
                    words.extend(["-c".to_string(), script.to_string()]);
                    return Some(words);
                }
            }
            Some(vec!["sh".into(), "-c".into(), text.clone()])
        }
    }
}

/// The same command without a shell where a shell would only split the words: a process less per run, and a
/// program that is not there can be told from one that failed.
pub fn without_needless_shell(command: Command) -> Command {
    match &command {
        Command::Shell(text) => match plain_words(text) {
            Some(words) => Command::Words(words),
            None => command,
        },
        Command::Words(_) => command,
    }
}

/// The command with `${run_dir}`, `${run_id}` and `${project_dir}` in it, which are known only when it is started.
/// A shell finds them in its environment.
pub(crate) fn placed(command: &Command, run: &Run, facts: &Facts) -> Command {
    if matches!(command, Command::Shell(text) if !text.starts_with("#!")) {
        return command.clone();
    }
    let project = facts.project_dir.as_deref().unwrap_or(Path::new(""));
    let values = [
        ("run_dir", run.dir().to_string_lossy().into_owned()),
        ("run_id", run.id().to_string()),
        ("project_dir", project.to_string_lossy().into_owned()),
    ];
    command.substitute(&Substitutes {
        values: values.map(|(name, value)| (name.to_string(), value)).into(),
        // Those of the flags are in place already; what looks like a reference now came with a value.
        flag_args: vec!["${flag_args}".to_string()],
        variables: Default::default(),
    })
}

/// Words that mean something to the shell itself and are not (or not only) programs.
const SHELL_WORDS: &[&str] = &[
    ".", ":", "[", "[[", "!", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "declare", "do",
    "done", "elif", "else", "esac", "eval", "exec", "exit", "export", "fc", "fg", "fi", "for", "function", "getopts",
    "hash", "if", "jobs", "let", "local", "read", "readonly", "return", "select", "set", "shift", "shopt", "source",
    "then", "time", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait",
    "while", "{", "}",
];

/// The words of a text in which a shell would expand nothing, else `None`.
fn plain_words(text: &str) -> Option<Vec<String>> {
    let mut quote = None;
    for c in text.trim().chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), _) if c == q => quote = None,
            (Some('"'), '$' | '`' | '\\' | '!') => return None,
            (Some(_), _) => {}
            (None, ' ' | '\t') => {}
            (None, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' | '/' | ':' | ',' | '@' | '%' | '+' | '=') => {}
            (None, _) => return None,
        }
    }
    let words = shlex::split(text)?;
    let first = words.first()?;
    let plain = !first.is_empty() && !first.contains('=') && !SHELL_WORDS.contains(&first.as_str());
    plain.then_some(words)
}

/// Why a program cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotFind {
    #[error("command not found: {0}")]
    NotFound(String),
    #[error("{0} is not executable")]
    NotExecutable(String),
}

impl CannotFind {
    /// The exit code that shells give for it.
    pub fn exit_code(&self) -> i32 {
        match self {
            CannotFind::NotFound(_) => 127,
            CannotFind::NotExecutable(_) => 126,
        }
    }
}

/// The file that `word` names, looked up in `search` (a PATH) from directory `dir`, as a shell would.
/// `python` that is not there is `python3`.
pub fn find_program(word: &str, search: &str, dir: &Path) -> Result<PathBuf, CannotFind> {
    if word.contains('/') {
        let path = dir.join(word);
        return match kind(&path) {
            Kind::Program => Ok(path),
            Kind::Other => Err(CannotFind::NotExecutable(word.to_string())),
            Kind::Missing => Err(CannotFind::NotFound(word.to_string())),
        };
    }
    if word.is_empty() {
        return Err(CannotFind::NotFound("''".to_string()));
    }
    let mut refused = false;
    for entry in search.split(':') {
        let path = dir.join(entry).join(word);
        match kind(&path) {
            Kind::Program => return Ok(path),
            Kind::Other => refused |= path.is_file(),
            Kind::Missing => {}
        }
    }
    match word {
        "python" => find_program("python3", search, dir).map_err(|_| CannotFind::NotFound(word.to_string())),
        _ if refused => Err(CannotFind::NotExecutable(word.to_string())),
        _ => Err(CannotFind::NotFound(word.to_string())),
    }
}

enum Kind {
    Program,
    Other,
    Missing,
}

fn kind(path: &Path) -> Kind {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Kind::Program,
        Ok(_) => Kind::Other,
        Err(_) => Kind::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Command {
        Command::Words(list.iter().map(|s| s.to_string()).collect())
    }

    fn shell(text: &str) -> Command {
        Command::Shell(text.to_string())
    }

    #[test]
    fn a_shell_is_left_out_only_where_it_would_do_nothing() {
        assert_eq!(
            without_needless_shell(shell("python say.py")),
            words(&["python", "say.py"])
        );
        assert_eq!(
            without_needless_shell(shell("python -c \"print('Stage source')\"")),
            words(&["python", "-c", "print('Stage source')"])
        );
        for text in [
            "echo $HOME",
            "a; b",
            "a && b",
            "a | b",
            "a > b",
            "echo *",
            "X=1 prog",
            "exit 3",
            "cd /tmp",
            "echo ~",
            "echo \"$x\"",
            "echo a\\ b",
            "a &",
            "(a)",
            "a\nb",
            "echo 'open",
            "",
            "echo {a,b}",
            "echo #x",
            "'' a",
        ] {
            assert_eq!(without_needless_shell(shell(text)), shell(text), "{text}");
        }
    }

    #[test]
    fn forms_of_exec() {
        let list = |w: &[&str]| Some(w.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(argv(&shell("a; b")), list(&["sh", "-c", "a; b"]));
        assert_eq!(argv(&shell("#!bash\na\nb")), list(&["bash", "-c", "a\nb"]));
        assert_eq!(
            argv(&shell("#!/usr/bin/env python\nprint(1)")),
            list(&["/usr/bin/env", "python", "-c", "print(1)"])
        );
        assert_eq!(argv(&words(&["a", "b c"])), list(&["a", "b c"]));
        assert_eq!(argv(&shell(" \n")), None);
        assert_eq!(argv(&words(&[])), None);
    }

    #[test]
    fn programs_are_found_in_order_and_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, mode: u32| {
            std::fs::write(dir.path().join(name), "").unwrap();
            std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file("prog", 0o755);
        file("text", 0o644);
        file("python3", 0o755);
        let path = format!("/no/such:{}", dir.path().display());
        let find = |word: &str| find_program(word, &path, Path::new("/"));
        assert_eq!(find("prog").unwrap(), dir.path().join("prog"));
        assert_eq!(find("python").unwrap(), dir.path().join("python3"));
        assert_eq!(find("text").unwrap_err().exit_code(), 126);
        let missing = find("foo").unwrap_err();
        assert_eq!(
            (missing.exit_code(), missing.to_string()),
            (127, "command not found: foo".to_string())
        );
        assert_eq!(
            find_program("./prog", "", dir.path()).unwrap(),
            dir.path().join("./prog")
        );
        assert!(find_program("./none", "", dir.path()).is_err());
        assert!(find("").is_err());
    }
}
