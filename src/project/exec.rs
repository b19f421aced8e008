//! What `${...}` stands for in a command. Values can never become shell syntax: in a shell text they are
//! quoted, in a list of words they stay within their word.

use std::collections::{BTreeMap, BTreeSet};

use super::Command;
use super::shell::{self, Meant};
use crate::flags::reference;

/// What a command may refer to.
#[derive(Debug, Clone, Default)]
pub struct Substitutes {
    /// Values by name: flags, `run_dir`, `run_id`, `project_dir`.
    pub values: BTreeMap<String, String>,
    /// The environment variables that hold values, by the same names, as far as there are.
    pub variables: BTreeMap<String, String>,
    /// The words of `${flag_args}`.
    pub flag_args: Vec<String>,
}

/// The name of the words that flags are passed as.
const FLAG_ARGS: &str = "flag_args";

impl Command {
    /// The command with every known `${name}` replaced; an unknown one stays as it is. In a text that another
    /// program than a shell reads (`#!/usr/bin/env python`), numbers are put in as they are and texts as JSON.
    pub fn substitute(&self, with: &Substitutes) -> Command {
        match self {
            Command::Shell(text) if !is_for_shell(text) => Command::Shell(reference::expand(text, false, |name| {
                let value = with.values.get(name)?;
                let number = value.parse::<f64>().is_ok_and(f64::is_finite);
                Some(if number {
                    value.clone()
                } else {
                    serde_json::Value::from(value.as_str()).to_string()
                })
            })),
            Command::Shell(text) => Command::Shell(shell::substitute(text, |name| {
                if name == FLAG_ARGS {
                    return Some(Meant::Words(with.flag_args.clone()));
                }
                Some(Meant::Value {
                    text: with.values.get(name)?.clone(),
                    variable: with.variables.get(name).cloned(),
                })
            })),
            Command::Words(words) => {
                let mut out = Vec::new();
                for word in words {
                    if word == "${flag_args}" {
                        out.extend(with.flag_args.iter().cloned());
                        continue;
                    }
                    out.push(reference::expand(word, false, |name| match name {
                        FLAG_ARGS => Some(with.flag_args.join(" ")),
                        name => with.values.get(name).cloned(),
                    }));
                }
                Command::Words(out)
            }
        }
    }

    /// The names it refers to as `${name}`: flags among them are not passed once more as arguments.
    pub fn references(&self) -> BTreeSet<String> {
        let texts = match self {
            Command::Shell(text) => std::slice::from_ref(text),
            Command::Words(words) => words.as_slice(),
        };
        let mut names = BTreeSet::new();
        for text in texts {
            for (at, _) in text.match_indices("${") {
                names.extend(text[at + 2..].split_once('}').map(|(name, _)| name.to_string()));
            }
        }
        names
    }
}

/// Whether a shell reads the text: always, but for a first line `#!PROG` with another program.
fn is_for_shell(text: &str) -> bool {
    let Some(line) = text.strip_prefix("#!").and_then(|rest| rest.lines().next()) else {
        return true;
    };
    let mut words = line
        .split_whitespace()
        .skip_while(|word| word.ends_with("/env") || word.starts_with('-'));
    words.next().is_none_or(|program| program.ends_with("sh"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with() -> Substitutes {
        let values = [
            ("lr", "0.1"),
            ("name", "it's; rm -rf /"),
            ("empty", ""),
            ("run_dir", "/r"),
        ];
        Substitutes {
            values: values.map(|(k, v)| (k.to_string(), v.to_string())).into(),
            variables: BTreeMap::new(),
            flag_args: ["--lr", "0.1", "--s", "x y"].map(String::from).into(),
        }
    }

    #[test]
    fn names_are_replaced() {
        let shell = |text: &str| match Command::Shell(text.into()).substitute(&with()) {
            Command::Shell(text) => text,
            Command::Words(_) => String::new(),
        };
        assert_eq!(
            shell("a ${lr} ${name}x ${empty} $HOME"),
            r#"a 0.1 'it'"'"'s; rm -rf /'x '' $HOME"#
        );
        assert_eq!(shell("a ${flag_args}"), "a --lr 0.1 --s 'x y'");
        assert_eq!(shell("a ${unknown:-${lr}} ${lr"), "a ${unknown:-0.1} ${lr");
        assert_eq!(
            shell("#!/usr/bin/env bash -e\na ${name}"),
            "#!/usr/bin/env bash -e\na 'it'\"'\"'s; rm -rf /'"
        );
        assert_eq!(
            shell("#!/usr/bin/env python\nx = ${lr}, ${name}"),
            "#!/usr/bin/env python\nx = 0.1, \"it's; rm -rf /\""
        );
        let words = ["p", "--x=${name}", "${flag_args}", "${who}"]
            .map(String::from)
            .to_vec();
        assert_eq!(
            Command::Words(words).substitute(&with()),
            Command::Words(
                ["p", "--x=it's; rm -rf /", "--lr", "0.1", "--s", "x y", "${who}"]
                    .map(String::from)
                    .to_vec()
            )
        );
    }

    #[test]
    fn references_are_found() {
        let names = Command::Shell("a ${lr} ${flag_args} ${HOME:-${x}}".into()).references();
        assert!(names.contains("lr") && names.contains("flag_args") && names.contains("x"));
    }

    proptest! {
        #[test]
        fn any_text_can_be_substituted(text in "[${}a-z ]{0,40}") {
            let command = Command::Shell(text.clone());
            command.references();
            prop_assert_eq!(command.substitute(&Substitutes::default()), Command::Shell(text.replace("${flag_args}", "")));
        }
    }
}
