//! From assignments, a batch-file row and definitions to the checked values of a run. Everything that can be
//! wrong with a flag is found here, before any run is made.

use std::path::Path;

use indexmap::IndexMap;

use super::decode::decode;
use super::{Assignments, Choice, FlagDef, FlagError, FlagValues, Value, encode, search, types};

/// Flags ready to run with, or to plan a batch from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolved {
    /// Every flag that has a value or was set to null; lists and search functions are in.
    pub values: FlagValues,
    /// Those that the user gave, on the command line or in the row.
    pub user: FlagValues,
    /// Texts without `WARNING: `.
    pub warnings: Vec<String>,
}

type Defs = IndexMap<String, FlagDef>;

/// Merges defaults < row < command line, converts to declared types and checks. `force` keeps unknown flags
/// and values that a check would refuse. Relative paths are taken from `cwd`.
pub fn resolve(
    op_name: &str,
    defs: &Defs,
    given: &Assignments,
    row: &FlagValues,
    force: bool,
    cwd: &Path,
) -> Result<Resolved, FlagError> {
    let mut resolved = Resolved::default();
    let command_line = given.values.iter().map(|(name, _)| name.as_str());
    for names in [
        row.keys().map(String::as_str).collect::<Vec<_>>(),
        command_line.collect(),
    ] {
        if !force {
            check_names(op_name, defs, &names)?;
        }
    }
    // What the user wrote, for messages.
    let mut written: IndexMap<&str, &str> = IndexMap::new();
    for (name, value) in row {
        let name = real_name(defs, name);
        let value = match defs.get(name).and_then(|def| def.kind.as_deref()) {
            Some("string" | "path" | "existing-path") => value.clone(),
            _ => search::promote(value.clone()),
        };
        resolved.user.insert(name.to_string(), value);
    }
    for (name, text) in &given.values {
        let name = real_name(defs, name);
        let kind = defs.get(name).and_then(|def| def.kind.as_deref());
        let value = match decode(text, kind) {
            Ok(decoded) => {
                resolved
                    .warnings
                    .extend(decoded.warnings.iter().map(|w| w.for_flag(name)));
                decoded.value
            }
            Err(_) if force => Value::Text(text.clone()),
            Err(error) => {
                return Err(FlagError::InvalidValue {
                    value: text.clone(),
                    name: name.to_string(),
                    reason: error.to_string(),
                });
            }
        };
        written.insert(name, text);
        resolved.user.insert(name.to_string(), value);
    }
    for (name, def) in defs {
        if let Some(kind) = def.kind.as_deref().filter(|kind| !types::is_known(kind)) {
            resolved
                .warnings
                .push(format!("unknown flag type {kind}, assuming 'auto'"));
        }
        if let Some(value) = resolved.user.get_mut(name) {
            choose_by_alias(def, value);
        } else if !def.default.is_null() {
            let default = search::promote_range(def.default.clone());
            resolved.values.insert(name.clone(), default);
        }
    }
    resolved.values.extend(resolved.user.clone());
    add_choice_flags(defs, &resolved.user, &mut resolved.values);
    for (name, value) in &mut resolved.values {
        let Some(def) = defs.get(name) else {
            continue;
        };
        let invalid = |value: &Value, reason: String| FlagError::InvalidValue {
            value: shown(value, written.get(name.as_str()).copied()),
            name: name.clone(),
            reason,
        };
        if value.is_null() && def.nullable == Some(false) && !force {
            return Err(invalid(value, "the flag cannot be null".into()));
        }
        match types::convert(value.clone(), def.kind.as_deref(), cwd) {
            Ok(converted) => {
                if !force && let Some(reason) = out_of_range(def, &converted) {
                    return Err(invalid(value, reason));
                }
                *value = converted;
            }
            Err(_) if force => {}
            Err(reason) => return Err(invalid(value, reason)),
        }
    }
    for (name, value) in &mut resolved.user {
        value.clone_from(&resolved.values[name]);
    }
    if !force {
        check_choices(defs, &resolved.values)?;
        check_required(op_name, defs, &resolved.values)?;
    }
    Ok(resolved)
}

/// Assigns what the chosen choices ask for to flags that the user did not assign. For a batch, once more for each
/// trial: its choices are known only then.
pub fn add_choice_flags(defs: &Defs, user: &FlagValues, values: &mut FlagValues) {
    for (name, def) in defs {
        let Some(value) = values.get(name) else {
            continue;
        };
        let chosen = def.choices.iter().flatten().find(|choice| same(&choice.value, value));
        for (flag, value) in chosen.iter().flat_map(|choice| &choice.flags) {
            if !user.contains_key(flag) {
                values.insert(flag.clone(), value.clone());
            }
        }
    }
}

/// The text of a value for a message: what the user wrote, if he did; lists always in their printed form.
fn shown(value: &Value, written: Option<&str>) -> String {
    match (value, written) {
        (Value::List(_), _) | (_, None | Some("")) => encode(value),
        (_, Some(text)) => text.to_string(),
    }
}

fn real_name<'a>(defs: &'a Defs, name: &'a str) -> &'a str {
    if defs.contains_key(name) {
        return name;
    }
    let by_alias = defs.iter().find(|(_, def)| def.alias.as_deref() == Some(name));
    by_alias.map_or(name, |(real, _)| real)
}

fn check_names(op: &str, defs: &Defs, names: &[&str]) -> Result<(), FlagError> {
    if let Some(flag) = names.iter().find(|name| !defs.contains_key(real_name(defs, name))) {
        return Err(FlagError::Unsupported {
            op: op.to_string(),
            flag: flag.to_string(),
        });
    }
    for alias in names {
        let name = real_name(defs, alias);
        if name != *alias && names.contains(&name) {
            return Err(FlagError::AliasAndName {
                alias: alias.to_string(),
                name: name.to_string(),
            });
        }
    }
    Ok(())
}

fn choose_by_alias(def: &FlagDef, value: &mut Value) {
    if let Value::List(items) = value {
        items.iter_mut().for_each(|item| choose_by_alias(def, item));
        return;
    }
    let Value::Text(text) = &*value else {
        return;
    };
    let by_alias = def
        .choices
        .iter()
        .flatten()
        .find(|choice| choice.alias.as_ref() == Some(text));
    if let Some(choice) = by_alias {
        *value = choice.value.clone();
    }
}

fn out_of_range(def: &FlagDef, value: &Value) -> Option<String> {
    match value {
        Value::List(items) => items.iter().find_map(|item| out_of_range(def, item)),
        Value::Function(text) => {
            let search = search::parse(text).ok()?;
            [search.low, search.high]
                .iter()
                .find_map(|bound| out_of_range(def, bound))
        }
        _ => {
            let v = value.as_f64()?;
            if let Some(min) = def.min.as_ref().filter(|min| min.as_f64().is_some_and(|min| v < min)) {
                return Some(format!("out of range (less than min {})", encode(min)));
            }
            let max = def.max.as_ref().filter(|max| max.as_f64().is_some_and(|max| v > max));
            max.map(|max| format!("out of range (greater than max {})", encode(max)))
        }
    }
}

fn check_choices(defs: &Defs, values: &FlagValues) -> Result<(), FlagError> {
    for (name, def) in defs.iter().filter(|(_, def)| !def.allow_other) {
        let (Some(choices), Some(value)) = (&def.choices, values.get(name)) else {
            continue;
        };
        if !is_chosen(choices, value) {
            let row = |choice: &Choice| (encode(&choice.value), choice.description.clone());
            return Err(FlagError::UnsupportedChoice {
                name: name.clone(),
                choices: choices.iter().map(row).collect(),
            });
        }
    }
    Ok(())
}

fn is_chosen(choices: &[Choice], value: &Value) -> bool {
    if choices.iter().any(|choice| same(&choice.value, value)) {
        return true;
    }
    match value {
        Value::Null | Value::Function(_) => true,
        Value::List(items) => items.iter().all(|item| is_chosen(choices, item)),
        _ => false,
    }
}

/// Equality of values, with an int equal to the float of the same number.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn check_required(op: &str, defs: &Defs, values: &FlagValues) -> Result<(), FlagError> {
    let missing = |(name, def): &(&String, &FlagDef)| {
        let value = values.get(*name).unwrap_or(&Value::Null);
        def.required && (value.is_null() || value.as_text() == Some(""))
    };
    let first_line = |text: &str| text.lines().next().unwrap_or("").to_string();
    let flags: Vec<(String, String)> = defs
        .iter()
        .filter(missing)
        .map(|(name, def)| (name.clone(), first_line(&def.description)))
        .collect();
    if flags.is_empty() {
        Ok(())
    } else {
        Err(FlagError::Missing {
            op: op.to_string(),
            flags,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defs() -> Defs {
        let json = r#"{
            "lr": {"default": 0.1, "type": "number", "min": 0.0, "max": 1.0, "alias": "rate"},
            "f": {"type": "float", "max": 10},
            "n": {"type": "int"},
            "b": {"type": "boolean"},
            "p": {"type": "existing-path"},
            "s": {"type": "string"},
            "bs": {"choices": [{"value": 10, "flags": {"x": 7}}, {"value": 20, "alias": "big"}, {"value": false}], "default": 10},
            "x": {"default": 1},
            "odd": {"type": "strange"},
            "must": {"nullable": false, "default": 1}
        }"#;
        serde_json::from_str(json).unwrap()
    }

    fn resolve_words(defs: &Defs, words: &str, force: bool) -> Result<Resolved, String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_string).collect();
        let given = Assignments::parse(&words).unwrap();
        resolve("op", defs, &given, &FlagValues::new(), force, Path::new("/work")).map_err(|e| e.to_string())
    }

    fn text_of(values: &FlagValues) -> String {
        let texts: Vec<String> = values.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        texts.join(" ")
    }

    #[test]
    fn bad_values_are_refused_with_the_documented_text() {
        let range = "out of range";
        for (words, message) in [
            ("foo=1", "unsupported flag 'foo'\nTry 'gage run op --help-op' for a list of flags or use --force-flags to skip this check.".to_string()),
            ("lr=5", format!("invalid value 5 for lr: {range} (greater than max 1.0)")),
            ("lr=-1", format!("invalid value -1 for lr: {range} (less than min 0.0)")),
            ("f=11", format!("invalid value 11 for f: {range} (greater than max 10)")),
            ("lr=[0.5,5]", format!("invalid value [0.5, 5] for lr: {range} (greater than max 1.0)")),
            ("lr=[0:5]", format!("invalid value [0:5] for lr: {range} (greater than max 1.0)")),
            ("lr=abc", "invalid value abc for lr: invalid value for type 'number'".into()),
            ("lr=[yes,x]", "invalid value [yes, x] for lr: invalid value for type 'number'".into()),
            ("f=", "invalid value '' for f: invalid value for type 'float'".into()),
            ("n=1.5", "invalid value 1.5 for n: invalid value for type 'int'".into()),
            ("b=maybe", "invalid value maybe for b: invalid value for type 'boolean'".into()),
            ("p=/none", "invalid value /none for p: /none does not exist".into()),
            ("must=null", "invalid value null for must: the flag cannot be null".into()),
            (
                "bs=11",
                "Unsupported value for 'bs' - supported values are:\n\n  10  \n  20  \n  no  \n\nRun the command again using one of these options.".into(),
            ),
            ("rate=1 lr=1", "cannot specify both alias 'rate' and name for flag 'lr'\nUse --force-flags to skip this check.".into()),
            ("x=range[a:b]", "invalid value range[a:b] for x: invalid arg 'a': expected a number".into()),
            ("x=range[]", "invalid value range[] for x: function requires at least 1 arg(s)".into()),
            ("x=linspace[5]", "invalid value linspace[5] for x: function requires at least 2 arg(s)".into()),
            ("x=range[1:2:0]", "invalid value range[1:2:0] for x: step cannot be zero".into()),
            ("x=range[5:1]", "invalid value range[5:1] for x: sequence is empty".into()),
            ("x=[1:]", "invalid value [1:] for x: function requires at least 2 arg(s)".into()),
        ] {
            assert_eq!(resolve_words(&defs(), words, false), Err(message), "{words}");
        }
    }

    #[test]
    fn missing_flags_are_listed() {
        let defs: Defs =
            serde_json::from_str(r#"{"req": {"description": "Needed flag\nmore", "required": true}}"#).unwrap();
        let text = "Operation requires the following missing flags:\n\n  req  Needed flag\n\nRun the command again with these flags or try 'gage run op --help-op' for help.";
        for words in ["", "req=", "req=null"] {
            assert_eq!(resolve_words(&defs, words, false), Err(text.to_string()), "{words}");
            assert!(resolve_words(&defs, words, true).is_ok());
        }
        for words in ["req=0", "req=no", "req=[1:2]"] {
            assert!(resolve_words(&defs, words, false).is_ok(), "{words}");
        }
    }

    #[test]
    fn values_are_typed_and_merged() {
        for (words, values) in [
            ("", "bs=10 lr=0.1 must=1 x=7"),
            ("rate=1 f=2 s=1", "bs=10 f=2.0 lr=1 must=1 s='1' x=7"),
            ("x=2 x=3 bs=no", "bs=no lr=0.1 must=1 x=3"),
            ("bs=big", "bs=20 lr=0.1 must=1 x=1"),
            ("bs=[10,big] f=[1,2]", "bs=[10, 20] f=[1.0, 2.0] lr=0.1 must=1 x=1"),
            ("lr=null b=2 p=/", "b=yes bs=10 lr=null must=1 p=/ x=7"),
            (
                "f=[0:1] n=loguniform[1:9]",
                "bs=10 f=uniform[0.0:1.0] lr=0.1 must=1 n=loguniform[1:9:step=1] x=7",
            ),
        ] {
            assert_eq!(
                text_of(&resolve_words(&defs(), words, false).unwrap().values),
                values,
                "{words}"
            );
        }
        let forced = resolve_words(&defs(), "foo=[1,2] lr=abc f= x=range[a] bs=99", true).unwrap();
        assert_eq!(
            text_of(&forced.values),
            "bs=99 f='' foo=[1, 2] lr=abc must=1 x='range[a]'"
        );
        assert_eq!(text_of(&forced.user), "bs=99 f='' foo=[1, 2] lr=abc x='range[a]'");
    }

    #[test]
    fn rows_come_between_defaults_and_command_line() {
        let text = |t: &str| Value::Text(t.into());
        let row = FlagValues::from([
            ("rate".to_string(), text("uniform[0:1]")),
            ("x".to_string(), text("[1]")),
            ("s".to_string(), text("[1:2]")),
            ("f".to_string(), Value::Int(3)),
        ]);
        let given = Assignments::parse(&["f=4".to_string()]).unwrap();
        let resolved = resolve("op", &defs(), &given, &row, false, Path::new("/")).unwrap();
        assert_eq!(text_of(&resolved.user), "f=4.0 lr=uniform[0:1] s='[1:2]' x='[1]'");
        assert_eq!(resolved.values["lr"], Value::Function("uniform[0:1]".into()));
        assert_eq!(resolved.warnings, ["unknown flag type strange, assuming 'auto'"]);
    }
}
