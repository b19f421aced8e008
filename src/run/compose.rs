//! From an operation and the flags of one run to what the run is made of: its command, environment and label.
//! The same for a single run, a trial and a step. Decides nothing about flags: they are checked and complete.

use std::collections::BTreeMap;

use super::RunSpec;
use crate::flags::{FlagValues, Value, deliver, label, plain};
use crate::project::{Command, FlagsDest, OpDef, Substitutes};

/// How the user names a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Naming {
    /// `--label`; empty for none at all.
    pub label: Option<String>,
    /// `--tag`s, besides those of the operation.
    pub tags: Vec<String>,
    pub comment: Option<String>,
}

/// What a run of `op` with these flags is made of. `resolved` are the runs it depends on, by the name of the
/// requirement: they show in the label. Gives warnings for the user besides, without `WARNING: `.
pub fn compose(
    op: &OpDef,
    flags: &FlagValues,
    naming: &Naming,
    resolved: &BTreeMap<String, String>,
) -> (RunSpec, Vec<String>) {
    let substitutes = substitutes(op, flags);
    let (label, warnings) = run_label(op, flags, naming, resolved);
    let mut tags = op.tags.clone();
    tags.extend(naming.tags.iter().filter(|tag| !op.tags.contains(tag)).cloned());
    let env = op
        .env
        .iter()
        .map(|(name, text)| (name.clone(), in_text(text, &substitutes)));
    let spec = RunSpec {
        opdef: op.clone(),
        flags: flags.clone(),
        command: op.exec.run.as_ref().map(|command| command.substitute(&substitutes)),
        env: env.collect(),
        label: Some(label).filter(|label| !label.is_empty()),
        tags,
        comment: naming.comment.clone(),
        ..RunSpec::default()
    };
    (spec, warnings)
}

/// What `${...}` stands for in the operation's command. Flags that the command names are not passed once more;
/// flags that are delivered by rewriting a file are not passed at all.
pub fn substitutes(op: &OpDef, flags: &FlagValues) -> Substitutes {
    let named = op.exec.run.as_ref().map(Command::references).unwrap_or_default();
    let by_words = matches!(op.flags_dest, FlagsDest::Args);
    let mut values: BTreeMap<String, String> = flags.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    let project = op.project_dir.to_string_lossy().into_owned();
    values.entry("project_dir".to_string()).or_insert(project);
    // Only where the variable holds the same text.
    let same = flags
        .keys()
        .filter(|name| op.flags.get(*name).is_none_or(|def| def.env_encoding.is_none()));
    let variables = same.map(|name| {
        let own = op.flags.get(name).and_then(|def| def.env_name.clone());
        (name.clone(), own.unwrap_or_else(|| deliver::variable(name)))
    });
    Substitutes {
        values,
        variables: variables.collect(),
        flag_args: if by_words {
            deliver::words(&op.flags, flags, &named)
        } else {
            Vec::new()
        },
    }
}

/// `${flag}` within a value that no shell will see.
fn in_text(text: &str, with: &Substitutes) -> String {
    match Command::Words(vec![text.to_string()]).substitute(with) {
        Command::Words(words) => words.into_iter().next().unwrap_or_default(),
        Command::Shell(text) => text,
    }
}

/// `--label` alone wins; otherwise the operation's template or all flags, after the tags given.
fn run_label(
    op: &OpDef,
    flags: &FlagValues,
    naming: &Naming,
    resolved: &BTreeMap<String, String>,
) -> (String, Vec<String>) {
    let mut shown = flags.clone();
    shown.extend(
        resolved
            .iter()
            .map(|(name, id)| (name.clone(), Value::Text(id.clone()))),
    );
    let default = label::label(&shown);
    let template = match (&naming.label, &op.label) {
        (Some(given), _) => given,
        (None, Some(template)) => template,
        (None, None) => return (with_tags(naming, &default), Vec::new()),
    };
    let (text, warnings) = label::render(template, flags, &default);
    match naming.label {
        Some(_) => (text, warnings),
        None => (with_tags(naming, &text), warnings),
    }
}

fn with_tags(naming: &Naming, label: &str) -> String {
    let parts = naming.tags.iter().map(String::as_str).chain([label]);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Exec;

    fn op(run: Command) -> OpDef {
        OpDef {
            name: "op".into(),
            exec: Exec {
                run: Some(run),
                ..Exec::default()
            },
            flags_dest: FlagsDest::Args,
            ..OpDef::default()
        }
    }

    fn words(text: &str) -> Command {
        Command::Words(text.split(' ').map(String::from).collect())
    }

    fn flags() -> FlagValues {
        FlagValues::from([("lr".to_string(), Value::Float(1e-5)), ("n".to_string(), Value::Int(2))])
    }

    fn composed(op: &OpDef, naming: Naming) -> RunSpec {
        compose(op, &flags(), &naming, &BTreeMap::new()).0
    }

    #[test]
    fn a_flag_that_the_command_names_is_not_passed_twice() {
        let spec = composed(&op(words("p --rate=${lr} ${flag_args}")), Naming::default());
        assert_eq!(spec.command, Some(words("p --rate=1e-05 --n 2")));
        let shell = op(Command::Shell("p ${n} && q ${flag_args}".into()));
        assert_eq!(
            composed(&shell, Naming::default()).command,
            Some(Command::Shell("p 2 && q --lr 1e-05".into()))
        );
    }

    #[test]
    fn flags_of_a_rewritten_script_are_no_words() {
        let op = OpDef {
            flags_dest: FlagsDest::Globals,
            ..op(words("python t.py ${flag_args}"))
        };
        assert_eq!(composed(&op, Naming::default()).command, Some(words("python t.py")));
    }

    #[test]
    fn labels() {
        let mut op = op(words("p"));
        let label = |op: &OpDef, label: Option<&str>, tags: &[&str]| {
            let naming = Naming {
                label: label.map(String::from),
                tags: tags.iter().map(ToString::to_string).collect(),
                comment: None,
            };
            composed(op, naming).label
        };
        assert_eq!(label(&op, None, &[]).as_deref(), Some("lr=1.0e-05 n=2"));
        assert_eq!(label(&op, None, &["a", "b"]).as_deref(), Some("a b lr=1.0e-05 n=2"));
        assert_eq!(label(&op, Some("mine"), &["a"]).as_deref(), Some("mine"));
        assert_eq!(label(&op, Some(""), &[]), None);
        op.label = Some("n is ${n}".into());
        assert_eq!(label(&op, None, &[]).as_deref(), Some("n is 2"));
        let resolved = BTreeMap::from([("data".to_string(), "abcd1234".to_string())]);
        op.label = None;
        let (spec, _) = compose(&op, &flags(), &Naming::default(), &resolved);
        assert_eq!(spec.label.as_deref(), Some("data=abcd1234 lr=1.0e-05 n=2"));
    }
}
