//! Values put into a shell text so that they can never become shell syntax, wherever the reference stands:
//! outside of quotes, within either kind, in `$(...)` or a comment. A text whose quoting cannot be followed
//! with certainty (here-documents, backquotes) gets references to environment variables instead of values.

/// What a reference stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// One word; and the environment variable that holds it, if one does.
    Value { text: String, variable: Option<String> },
    /// Several words.
    Words(Vec<String>),
}

/// Where in a shell text one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Outside of quotes; with the parentheses that are open in a `$(`.
    Plain {
        open: usize,
    },
    Single,
    Double,
    Comment,
    /// In `${...}` that is the shell's own.
    Brace,
}

/// Replaces each `${name}` that `meant` knows. The others are the shell's.
pub(super) fn substitute(text: &str, meant: impl Fn(&str) -> Option<Meant>) -> String {
    let uncertain = is_uncertain(text);
    let mut out = String::with_capacity(text.len());
    let mut stack = vec![Context::Plain { open: 0 }];
    let mut rest = text;
    let mut word_start = true;
    while let Some(c) = rest.chars().next() {
        let context = stack.last().copied().unwrap_or(Context::Plain { open: 0 });
        if let Some((name, after)) = reference(rest)
            && let Some(meaning) = meant(name)
        {
            match uncertain {
                true => put_uncertain(&mut out, &meaning),
                false => put(&mut out, &meaning, context, stack.contains(&Context::Double)),
            }
            rest = after;
            word_start = false;
            continue;
        }
        let mut length = c.len_utf8();
        if context != Context::Single && context != Context::Comment && rest.starts_with("$(") {
            stack.push(Context::Plain { open: 0 });
            length = 2;
        } else if context != Context::Single && context != Context::Comment && rest.starts_with("${") {
            stack.push(Context::Brace);
            length = 2;
        } else {
            step(c, context, word_start, &mut stack);
            if c == '\\' && !matches!(context, Context::Single | Context::Comment) {
                // The next character means itself; a reference after it is still one.
                let next = rest[1..]
                    .chars()
                    .next()
                    .filter(|_| reference(&rest[1..]).is_none_or(|(name, _)| meant(name).is_none()));
                length += next.map_or(0, char::len_utf8);
            }
        }
        out.push_str(&rest[..length]);
        word_start = rest[..length].ends_with([' ', '\t', '\n', ';', '&', '|', '(']);
        rest = &rest[length..];
    }
    out
}

/// `name` and what follows, of a text that begins with `${name}`.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("${")?.split_once('}')?;
    Some((name, rest))
}

/// Follows one character that is no reference.
fn step(c: char, context: Context, word_start: bool, stack: &mut Vec<Context>) {
    match (context, c) {
        (Context::Single, '\'') | (Context::Double, '"') | (Context::Comment, '\n') | (Context::Brace, '}') => {
            stack.pop();
        }
        (Context::Plain { .. } | Context::Brace, '"') => stack.push(Context::Double),
        (Context::Plain { .. }, '\'') => stack.push(Context::Single),
        // Within double quotes an apostrophe means itself, in `"${x:-'}"` as well.
        (Context::Brace, '\'') if !stack.contains(&Context::Double) => stack.push(Context::Single),
        (Context::Plain { .. }, '#') if word_start => stack.push(Context::Comment),
        (Context::Plain { open }, '(') => set_open(stack, open + 1),
        (Context::Plain { open: 0 }, ')') if stack.len() > 1 => {
            stack.pop();
        }
        (Context::Plain { open }, ')') => set_open(stack, open.saturating_sub(1)),
        _ => {}
    }
}

fn set_open(stack: &mut [Context], open: usize) {
    if let Some(last) = stack.last_mut() {
        *last = Context::Plain { open };
    }
}

/// Whether quoting needs more of the shell's grammar than is followed here.
fn is_uncertain(text: &str) -> bool {
    let substitution_with_case = text.contains("$(") && text.split_whitespace().any(|word| word == "case");
    let quotes_in_braces = text
        .split("${")
        .skip(1)
        .any(|rest| rest.split('}').next().is_some_and(|inner| inner.contains(['"', '\''])));
    text.contains("<<") || text.contains(['`']) || text.contains("$'") || substitution_with_case || quotes_in_braces
}

fn put(out: &mut String, meaning: &Meant, context: Context, in_double: bool) {
    let words = match meaning {
        Meant::Value { text, .. } => std::slice::from_ref(text),
        Meant::Words(words) => words.as_slice(),
    };
    for (i, word) in words.iter().enumerate() {
        out.push_str(if i > 0 { " " } else { "" });
        match context {
            Context::Plain { .. } => out.push_str(&quoted(word)),
            Context::Brace if !in_double => out.push_str(&quoted(word)),
            Context::Double => escape(out, word, &['\\', '"', '$', '`']),
            Context::Brace => escape(out, word, &['\\', '"', '$', '`', '}']),
            Context::Single => out.push_str(&word.replace('\'', r"'\''")),
            Context::Comment => out.push_str(&word.replace(char::is_control, " ")),
        }
    }
}

/// A variable is never read as syntax. What no variable holds is escaped to the last character, which is
/// harmless, though not always exact, in any context that expands anything.
fn put_uncertain(out: &mut String, meaning: &Meant) {
    match meaning {
        Meant::Value {
            variable: Some(name), ..
        } => {
            out.push_str("${");
            out.push_str(name);
            out.push('}');
        }
        Meant::Value { text, .. } => escape_all(out, text),
        Meant::Words(words) => {
            for (i, word) in words.iter().enumerate() {
                out.push_str(if i > 0 { " " } else { "" });
                escape_all(out, word);
            }
        }
    }
}

fn escape(out: &mut String, text: &str, special: &[char]) {
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}

fn escape_all(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            // A line end would end a comment or a here-document.
            c if c.is_control() => out.push_str("\\ "),
            c if c.is_ascii_alphanumeric() || "_-./+:,@%=".contains(c) || !c.is_ascii() => out.push(c),
            c => out.extend(['\\', c]),
        }
    }
}

/// A text as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+:,@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('=') {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn with(text: &str, value: &str) -> String {
        substitute(text, |name| {
            (name == "v").then(|| Meant::Value {
                text: value.to_string(),
                variable: Some("FLAG_V".to_string()),
            })
        })
    }

    fn run(text: &str, value: &str) -> String {
        let output = Command::new("sh")
            .args(["-c", text])
            .env("FLAG_V", value)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Texts that print the value of `${v}` and nothing else, by a real shell.
    const TEXTS: [&str; 14] = [
        "printf %s ${v}",
        "printf %s \"${v}\"",
        "printf %s '${v}'",
        "x=\"$(printf %s \"${v}\"; echo x)\"; printf %s \"${x%x}\"",
        "x=$(printf %s ${v}; echo x); printf %s \"${x%x}\"",
        "x=${v}; printf %s \"$x\"",
        "printf %s \"${NONE:-${v}}\"",
        "printf %s \\\n${v} # it's ${v} here\n",
        "echo it\\'s >/dev/null; printf %s ${v}",
        "(printf %s ${v})",
        "f() { printf %s \"$1\"; }; f ${v}",
        "printf %s ''\"\"${v}",
        "echo \"it's\" >/dev/null; printf %s ${v}",
        "printf %s \"`echo >/dev/null`${v}\"",
    ];

    #[test]
    fn a_value_arrives_as_it_is_wherever_the_reference_stands() {
        for value in [
            "0.1",
            "",
            "a b",
            "it's \"x\"",
            "$(echo bad)",
            "`echo bad`",
            "; echo bad",
            "\\",
            "a\\",
            "}",
            "#",
            "*",
            "a\nb",
            "~",
            "é€",
            "!x",
        ] {
            for text in TEXTS {
                assert_eq!(run(&with(text, value), value), value, "{text:?} {value:?}");
            }
        }
    }

    #[test]
    fn here_documents_get_variables() {
        assert_eq!(with("cat <<E\n${v} ${w}\nE\n", "$(x)"), "cat <<E\n${FLAG_V} ${w}\nE\n");
        assert_eq!(
            run(&with("cat <<E\n${v}\nE\n", "$(echo bad)"), "$(echo bad)"),
            "$(echo bad)\n"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_value_is_ever_syntax(value in "[a'\"$(){}`;&|<>\\\\ \n#!*~=-]{0,12}", text in prop::sample::select(TEXTS.to_vec())) {
            prop_assert_eq!(run(&with(text, &value), &value), value);
        }
    }

    proptest! {
        #[test]
        fn a_value_is_always_one_shell_word(value in "[^\0]{0,40}") {
            prop_assert_eq!(shlex::split(&quoted(&value)), Some(vec![value]));
        }

        #[test]
        fn a_text_without_references_stays(text in "[${}()a-z'\"\\\\#\n `<é]{0,40}") {
            prop_assert_eq!(substitute(&text, |_| None), text);
        }
    }
}
