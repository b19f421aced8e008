//! The command line before and after clap: options of several letters behind one dash, `runs SUBCOMMAND`, and
//! usage errors in gage's own words. Knows no command's meaning.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{CommandResult, Failure, print};

/// Options of several letters, per command; clap knows only their long forms. A command that is not listed
/// takes those of [`FILTERS`].
const SHORTS: &[(&str, &[(&str, &str)])] = &[
    (
        "run",
        &[
            ("-Fo", "--opt-flag"),
            ("-bl", "--batch-label"),
            ("-bt", "--batch-tag"),
            ("-bc", "--batch-comment"),
            ("-ec", "--edit-comment"),
            ("-ebc", "--edit-batch-comment"),
        ],
    ),
    ("cat", &[("-pa", "--page")]),
    (
        "label",
        // A label's words were once called tags; the filter of that name keeps its short form.
        &[
            ("-rm", "--remove"),
            ("--untag", "--remove"),
            ("--tag", "--prepend"),
            ("-Ft", "--tag"),
        ],
    ),
    ("diff", &[("-w", "--working")]),
    ("compare", &[("-cc", "--only")]),
];

/// Filter options, shared by all commands that choose runs.
const FILTERS: &[(&str, &str)] = &[
    ("-w", "--filter"),
    ("-Fo", "--operation"),
    ("-Fl", "--label"),
    ("-Fu", "--unlabeled"),
    ("-Ft", "--tag"),
    ("-Fc", "--comment"),
    ("-Fm", "--marked"),
    ("-Fn", "--unmarked"),
    ("-Fs", "--started"),
    ("-Fd", "--digest"),
];

/// Commands that may also be written `gage runs NAME`.
const RUNS_COMMANDS: &[&str] = &[
    "list", "info", "show", "delete", "rm", "restore", "purge", "label", "tag", "comment", "mark", "stop", "cat", "ls",
    "open", "diff", "select", "compare", "export", "import", "watch",
];

/// Rewrites the words of the command line into those clap understands.
pub fn rewrite(mut words: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let Some(mut at) = command_position(&words) else {
        return Ok(words);
    };
    if words[at] == "runs" {
        let options = words[at + 1..]
            .iter()
            .take_while(|w| w.to_string_lossy().starts_with('-'))
            .count();
        if let Some(word) = words.get(at + 1 + options).and_then(|w| w.to_str())
            && RUNS_COMMANDS.contains(&word)
        {
            if options > 0 {
                return Err(Failure::new(format!(
                    "options cannot be listed before command ('{word}')"
                )));
            }
            if word == "list" {
                words.remove(at + 1);
            } else {
                words.remove(at);
            }
        }
    }
    let command = words[at].to_string_lossy().into_owned();
    let own = SHORTS
        .iter()
        .find(|(name, _)| *name == command)
        .map_or(&[][..], |(_, shorts)| shorts);
    let filters = if command == "run" { &[][..] } else { FILTERS };
    while at + 1 < words.len() && words[at + 1] != "--" {
        at += 1;
        let word = &words[at];
        if let Some((_, long)) = own.iter().chain(filters).find(|(short, _)| word == short) {
            words[at] = OsString::from(long);
        }
    }
    Ok(words)
}

/// Where the command's name stands: the first word that is neither an option nor a global option's value.
fn command_position(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while at < words.len() {
        match words[at].to_str()? {
            "-C" | "-H" | "--home" => at += 2,
            word if word.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
    None
}

/// Prints help or the version; says what else is wrong as gage says it.
pub fn usage_error(error: clap::Error, words: &[OsString], root: &clap::Command) -> CommandResult {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        print(&error.render().to_string());
        return Ok(0);
    }
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    let usage = called(words, root);
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            format!(
                "No such command '{}'.",
                context(ContextKind::InvalidSubcommand).unwrap_or_default()
            )
        }
        ErrorKind::UnknownArgument if !argument.starts_with('-') => format!("Unexpected argument '{argument}'."),
        ErrorKind::UnknownArgument => format!("No such option: {argument}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("Option {} requires an argument.", names(&argument)),
        ErrorKind::InvalidValue => {
            let choices = context(ContextKind::ValidValue).unwrap_or_default();
            let choices: Vec<String> = choices.split(", ").map(|c| format!("'{c}'")).collect();
            format!(
                "Invalid value for {}: '{value}' is not one of {}.",
                names(&argument),
                choices.join(", ")
            )
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("Invalid value for {}: {reason}", names(&argument))
        }
        ErrorKind::MissingRequiredArgument => format!("Missing argument: {argument}"),
        ErrorKind::ArgumentConflict => {
            let prior = context(ContextKind::PriorArg).unwrap_or_default();
            let long = |text: &str| text.split_whitespace().next().unwrap_or(text).to_string();
            return Err(Failure::misuse(
                format!("{} and {} cannot both be used", long(&argument), long(&prior)),
                &usage,
            ));
        }
        _ => error
            .to_string()
            .trim()
            .trim_start_matches("error: ")
            .lines()
            .next()
            .unwrap_or_default()
            .to_string(),
    };
    Err(Failure::usage(message, &usage))
}

/// The command that `words` call, such as `gage runs` or `gage study serve`.
fn called(words: &[OsString], root: &clap::Command) -> String {
    let mut name = String::from("gage");
    let mut command = root;
    for word in words.iter().skip(1).filter_map(|w| w.to_str()) {
        if let Some(next) = command.find_subcommand(word) {
            name = format!("{name} {word}");
            command = next;
        }
        if !command.has_subcommands() {
            break;
        }
    }
    name
}

/// `--max-trials <N>` as `'-m' / '--max-trials' / '--trials'`.
fn names(argument: &str) -> String {
    let long = argument.split([' ', '=', '[']).next().unwrap_or(argument);
    const ALL: &[(&str, &str)] = &[
        ("--max-trials", "'-m' / '--max-trials' / '--trials'"),
        ("--limit", "'-n' / '--limit'"),
        ("--shell", "'-s' / '--shell'"),
        ("--jobs", "'-j' / '--jobs'"),
    ];
    ALL.iter()
        .find(|(name, _)| *name == long)
        .map_or_else(|| format!("'{long}'"), |(_, all)| all.to_string())
}

/// A number in a closed range, refused in the words of the specification. For clap's `value_parser`.
pub fn number_from(text: &str, low: u64, high: Option<u64>) -> Result<u64, String> {
    let value: i128 = text.parse().map_err(|_| format!("'{text}' is not a valid integer."))?;
    match high {
        _ if value < i128::from(low) && high.is_none() => Err(format!("{value} is not in the range x>={low}.")),
        Some(high) if !(i128::from(low)..=i128::from(high)).contains(&value) => {
            Err(format!("{value} is not in the range {low}<=x<={high}."))
        }
        _ => u64::try_from(value).map_err(|_| format!("{value} is not in the range x<={}.", u64::MAX)),
    }
}

/// A count of at least one.
pub fn at_least_one(text: &str) -> Result<u64, String> {
    number_from(text, 1, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    fn rewritten(text: &str) -> String {
        let words = rewrite(words(text)).unwrap();
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn several_letters_behind_one_dash() {
        assert_eq!(
            rewritten("gage run op -Fo a=1 -bl x"),
            "gage run op --opt-flag a=1 --batch-label x"
        );
        assert_eq!(rewritten("gage -H h runs -Fo op"), "gage -H h runs --operation op");
        assert_eq!(rewritten("gage run op -- -Fo"), "gage run op -- -Fo");
        assert_eq!(
            rewritten("gage compare -cc loss -Fl a"),
            "gage compare --only loss --label a"
        );
    }

    #[test]
    fn runs_takes_the_other_commands() {
        assert_eq!(rewritten("gage runs stop -y"), "gage stop -y");
        assert_eq!(rewritten("gage runs list -s"), "gage runs -s");
        assert_eq!(
            rewrite(words("gage runs -s stop")).unwrap_err().message,
            "options cannot be listed before command ('stop')"
        );
    }

    #[test]
    fn ranges_are_told() {
        assert_eq!(at_least_one("0").unwrap_err(), "0 is not in the range x>=1.");
        assert_eq!(at_least_one("x").unwrap_err(), "'x' is not a valid integer.");
        assert_eq!(
            number_from("4294967296", 0, Some(u64::from(u32::MAX))).unwrap_err(),
            "4294967296 is not in the range 0<=x<=4294967295."
        );
    }
}
