//! What `${...}` stands for in a command. Values can never become shell syntax: in a shell text they are
//! quoted, in a list of words they stay within their word.

use std::collections::{BTreeMap, BTreeSet};

use super::Command;

/// What a command may refer to.
#[derive(Debug, Clone, Default)]
pub struct Substitutes {
    /// Values by name: flags, `run_dir`, `run_id`, `project_dir`.
    pub values: BTreeMap<String, String>,
    /// The words of `${flag_args}`.
    pub flag_args: Vec<String>,
}

/// The name of the words that flags are passed as.
const FLAG_ARGS: &str = "flag_args";

impl Command {
    /// The command with every known `${name}` replaced; an unknown one stays as it is.
    pub fn substitute(&self, with: &Substitutes) -> Command {
        match self {
            Command::Shell(text) => Command::Shell(replace(text, |name| {
                if name == FLAG_ARGS {
                    let words: Vec<String> = with.flag_args.iter().map(|word| quoted(word)).collect();
                    return Some(words.join(" "));
                }
                with.values.get(name).map(|value| quoted(value))
            })),
            Command::Words(words) => {
                let mut out = Vec::new();
                for word in words {
                    if word == "${flag_args}" {
                        out.extend(with.flag_args.iter().cloned());
                        continue;
                    }
                    out.push(replace(word, |name| {
                        if name == FLAG_ARGS {
                            return Some(with.flag_args.join(" "));
                        }
                        with.values.get(name).cloned()
                    }));
                }
                Command::Words(out)
            }
        }
    }

    /// The names it refers to as `${name}`: flags among them are not passed once more as arguments.
    pub fn references(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let texts = match self {
            Command::Shell(text) => std::slice::from_ref(text),
            Command::Words(words) => words.as_slice(),
        };
        for text in texts {
            replace(text, |name| {
                names.insert(name.to_string());
                None
            });
        }
        names
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+:,@%=".contains(c);
    // A `~` or `=` at the beginning means something to some shells.
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('=') {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

fn replace(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let end = start + length + 1;
        out.push_str(&rest[..start]);
        match value(&rest[start + 2..end - 1]) {
            Some(value) => {
                out.push_str(&value);
                rest = &rest[end..];
            }
            None => {
                out.push_str("${");
                rest = &rest[start + 2..];
            }
        }
    }
    out.push_str(rest);
    out
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
        fn a_value_is_always_one_shell_word(value in "[^\0]{0,40}") {
            prop_assert_eq!(shlex::split(&quoted(&value)), Some(vec![value]));
        }

        #[test]
        fn any_text_can_be_substituted(text in "[${}a-z ]{0,40}") {
            let command = Command::Shell(text.clone());
            command.references();
            prop_assert_eq!(command.substitute(&Substitutes::default()), Command::Shell(text.replace("${flag_args}", "")));
        }
    }
}
