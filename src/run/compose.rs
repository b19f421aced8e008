//! From an operation and the flags of one run to what the run is made of: its command, environment and label.
//! The same for a single run, a trial and a step. Decides nothing about flags: they are checked and complete.

use std::collections::{BTreeMap, BTreeSet};

use super::{RunSpec, command};
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

/// System attribute that keeps a label template which is not the operation's own, for a restart.
pub const LABEL_TEMPLATE: &str = "label_template";

/// System attribute of a steps run: what its steps take over from it.
pub const STEP_PARAMS: &str = "run_params";

/// The program of a steps operation: gage itself, see [`super::supervise()`].
pub const STEPS_PROGRAM: [&str; 2] = ["gage", "steps"];

/// What a run of `op` with these flags is made of. `resolved` are the runs it depends on, by the name of the
/// requirement: they show in the label. Gives warnings for the user besides, without `WARNING: `.
///
/// Where the run will be is not known here and may change while it is staged: `${run_dir}`, `${run_id}` and
/// `${project_dir}` stay in the command until it is started.
pub fn compose(
    op: &OpDef,
    flags: &FlagValues,
    naming: &Naming,
    resolved: &BTreeMap<String, String>,
) -> (RunSpec, Vec<String>) {
    let template = template(op, naming);
    let (label, warnings) = render(template.as_deref(), flags, resolved);
    let mut attrs = BTreeMap::new();
    if template != op.label
        && let Some(template) = template
    {
        attrs.insert(LABEL_TEMPLATE.to_string(), template.into());
    }
    if !op.steps.is_empty() {
        let params = serde_json::json!({"label": naming.label, "tags": naming.tags});
        attrs.insert(STEP_PARAMS.to_string(), params);
    }
    let mut tags = op.tags.clone();
    tags.extend(naming.tags.iter().filter(|tag| !op.tags.contains(tag)).cloned());
    let with = substitutes(op, flags, BTreeSet::new());
    let env = op.env.iter().map(|(name, text)| (name.clone(), in_text(text, &with)));
    let spec = RunSpec {
        opdef: op.clone(),
        flags: flags.clone(),
        command: match op.steps.is_empty() {
            true => op.exec.run.as_ref().map(|run| command_of(run, op, flags)),
            false => Some(Command::Words(STEPS_PROGRAM.map(String::from).to_vec())),
        },
        env: env.collect(),
        attrs,
        label: Some(label).filter(|label| !label.is_empty()),
        tags,
        comment: naming.comment.clone(),
        ..RunSpec::default()
    };
    (spec, warnings)
}

/// A command of the operation with the flags in place, and without a shell where none is needed. Flags that it names
/// are not passed once more; flags that are delivered by rewriting a file are not passed at all.
pub(crate) fn command_of(given: &Command, op: &OpDef, flags: &FlagValues) -> Command {
    let with = substitutes(op, flags, given.references());
    command::without_needless_shell(given.substitute(&with))
}

fn substitutes(op: &OpDef, flags: &FlagValues, named: BTreeSet<String>) -> Substitutes {
    let by_words = matches!(op.flags_dest, FlagsDest::Args);
    let values = flags.iter().map(|(name, value)| (name.clone(), plain(value)));
    // Only where the variable holds the same text.
    let same = flags
        .keys()
        .filter(|name| op.flags.get(*name).is_none_or(|def| def.env_encoding.is_none()));
    let variables = same.map(|name| {
        let own = op.flags.get(name).and_then(|def| def.env_name.clone());
        (name.clone(), own.unwrap_or_else(|| deliver::variable(name)))
    });
    Substitutes {
        values: values.collect(),
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
fn template(op: &OpDef, naming: &Naming) -> Option<String> {
    match &naming.label {
        Some(given) => Some(given.clone()),
        None if naming.tags.is_empty() => op.label.clone(),
        None => {
            let tags = naming.tags.join(" ").replace("${", "$${");
            Some(format!("{tags} {}", op.label.as_deref().unwrap_or("${default_label}")))
        }
    }
}

fn render(template: Option<&str>, flags: &FlagValues, resolved: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let mut shown = flags.clone();
    // A short id is shown as it is, also one that reads as a number.
    shown.extend(
        resolved
            .iter()
            .map(|(name, id)| (name.clone(), Value::Function(id.clone()))),
    );
    let default = label::label(&shown);
    match template {
        None => (default, Vec::new()),
        Some(template) => {
            let (text, warnings) = label::render(template, flags, &default);
            (text.trim().to_string(), warnings)
        }
    }
}

/// The label of a run that is started again: its template, the saved one or the operation's, with its flags of now.
pub fn label_again(op: &OpDef, saved: Option<&str>, flags: &FlagValues, resolved: &BTreeMap<String, String>) -> String {
    render(saved.or(op.label.as_deref()), flags, resolved).0
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
        let digits = BTreeMap::from([("data".to_string(), "12345678".to_string())]);
        let (spec, _) = compose(&op, &flags(), &Naming::default(), &digits);
        assert_eq!(spec.label.as_deref(), Some("data=12345678 lr=1.0e-05 n=2"));
    }

    #[test]
    fn a_restart_renders_the_saved_template_again() {
        let mut op = op(words("p"));
        op.label = Some("n is ${n}".into());
        assert!(composed(&op, Naming::default()).attrs.is_empty());
        let naming = Naming {
            tags: vec!["t".into()],
            ..Naming::default()
        };
        let spec = composed(&op, naming);
        let saved = spec.attrs[LABEL_TEMPLATE].as_str();
        let flags = FlagValues::from([("n".to_string(), Value::Int(9))]);
        assert_eq!(label_again(&op, saved, &flags, &BTreeMap::new()), "t n is 9");
        assert_eq!(label_again(&op, None, &flags, &BTreeMap::new()), "n is 9");
    }

    #[test]
    fn a_shell_is_left_out_and_places_wait_for_the_start() {
        let mut op = op(Command::Shell("p --rate ${lr} ${flag_args}".into()));
        op.env.insert("RATE".into(), "x${lr}".into());
        let spec = composed(&op, Naming::default());
        assert_eq!(spec.command, Some(words("p --rate 1e-05 --n 2")));
        assert_eq!(spec.env["RATE"], "x1e-05");
        op.exec.run = Some(words("p ${run_dir} ${project_dir}"));
        assert_eq!(composed(&op, Naming::default()).command, op.exec.run);
    }
}
