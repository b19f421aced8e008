//! Options of argparse parsers, read from `add_argument` and `set_defaults` calls anywhere in a script. What
//! cannot be understood leaves a flag that is known by name and has no default.

use indexmap::IndexMap;
use ruff_python_ast::{Expr, ExprCall};

use super::constant::{self, Constants, argument};
use super::{flag_name, last_name, make_split, make_switch, option_names, typed};
use crate::flags::{Choice, FlagDef, Value, scalar};

/// Choices of `range(...)` are spelled out up to this many.
const MOST_CHOICES: i64 = 100;

pub(super) fn flags(calls: &[&ExprCall], constants: &Constants) -> IndexMap<String, FlagDef> {
    let mut flags = IndexMap::new();
    for call in calls {
        match last_name(&call.func) {
            Some("add_argument") => {
                if let Some((name, flag)) = option(call, constants) {
                    flags.insert(name, flag);
                }
            }
            Some("set_defaults") => set_defaults(call, constants, &mut flags),
            _ => {}
        }
    }
    flags
}

fn option(call: &ExprCall, constants: &Constants) -> Option<(String, FlagDef)> {
    let (name, arg_name) = flag_name(&option_names(call)?)?;
    let mut flag = FlagDef {
        arg_name,
        ..FlagDef::default()
    };
    let keyword = |name: &str| call.arguments.find_keyword(name).map(|keyword| &keyword.value);
    let understood = call.arguments.keywords.iter().all(|keyword| keyword.arg.is_some());
    let default = keyword("default").map(|expr| argument(expr, constants));
    flag.required = matches!(keyword("required"), Some(Expr::BooleanLiteral(v)) if v.value);
    flag.kind = keyword("type").and_then(kind).map(String::from);
    let action = match keyword("action") {
        None => Some("store".to_string()),
        Some(expr) => match constant::value(expr) {
            Some(Value::Text(action)) => Some(action),
            _ => last_name(expr).map(String::from),
        },
    };
    let several = match keyword("nargs").map(constant::value) {
        Some(Some(Value::Text(nargs))) => nargs == "+" || nargs == "*",
        Some(Some(Value::Int(_))) => true,
        _ => false,
    };
    match action.as_deref() {
        _ if !understood => {}
        Some("help" | "version") => return None,
        Some("store") => {
            flag.choices = keyword("choices").and_then(|expr| choices(expr, constants, flag.kind.as_deref()));
            flag.default = typed(default.flatten().unwrap_or_default(), flag.kind.as_deref());
            if several {
                make_split(&mut flag);
            } else if flag.kind.is_none() && flag.choices.as_deref().is_some_and(look_typed) {
                // The program gets texts, so the choices have to stay texts.
                flag.kind = Some("string".into());
            }
        }
        Some("store_true" | "store_const" | "append_const" | "count") => {
            flag.default = Value::Bool(false);
            make_switch(&mut flag, true);
        }
        Some("store_false") => {
            flag.default = Value::Bool(true);
            make_switch(&mut flag, false);
        }
        Some("BooleanOptionalAction") => {
            let on = matches!(default, Some(Some(Value::Bool(true))));
            flag.default = default.flatten().unwrap_or_default();
            make_switch(&mut flag, !on);
            if on {
                flag.arg_name = Some(format!("no-{name}"));
            }
        }
        // An appended value is given once; the default would be appended to itself.
        Some("append") => {}
        Some("extend") => make_split(&mut flag),
        _ => flag.choices = keyword("choices").and_then(|expr| choices(expr, constants, flag.kind.as_deref())),
    }
    if let Some(Some(Value::Text(help))) = keyword("help").map(constant::value) {
        flag.description = help_text(&help, &flag.default);
    }
    Some((name, flag))
}

/// The flag type of a `type=`.
pub(super) fn kind(expr: &Expr) -> Option<&'static str> {
    match last_name(expr)? {
        "int" => Some("int"),
        "float" => Some("float"),
        "str" => Some("string"),
        "bool" => Some("boolean"),
        _ => None,
    }
}

fn choices(expr: &Expr, constants: &Constants, kind: Option<&str>) -> Option<Vec<Choice>> {
    let values = match expr {
        Expr::Call(call) if last_name(&call.func) == Some("range") => range(call, constants)?,
        other => match argument(other, constants)? {
            Value::List(items) => items,
            _ => return None,
        },
    };
    Some(
        values
            .into_iter()
            .map(|value| Choice {
                value: typed(value, kind),
                ..Choice::default()
            })
            .collect(),
    )
}

fn range(call: &ExprCall, constants: &Constants) -> Option<Vec<Value>> {
    let bounds: Vec<i64> = call
        .arguments
        .args
        .iter()
        .map(|arg| match argument(arg, constants) {
            Some(Value::Int(v)) => Some(v),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let (start, end, step) = match bounds[..] {
        [end] => (0, end, 1),
        [start, end] => (start, end, 1),
        [start, end, step] if step > 0 => (start, end, step),
        _ => return None,
    };
    let count = (i128::from(end) - i128::from(start)).div_euclid(i128::from(step));
    if !(0..i128::from(MOST_CHOICES)).contains(&count) {
        return None;
    }
    Some(
        (0..)
            .map(|i| start + i * step)
            .take_while(|v| *v < end)
            .map(Value::Int)
            .collect(),
    )
}

fn look_typed(choices: &[Choice]) -> bool {
    choices.iter().all(|choice| choice.value.as_text().is_some())
        && choices.iter().any(|choice| {
            choice
                .value
                .as_text()
                .is_some_and(|text| scalar::plain(text).as_text().is_none())
        })
}

fn set_defaults(call: &ExprCall, constants: &Constants, flags: &mut IndexMap<String, FlagDef>) {
    for keyword in &call.arguments.keywords {
        let Some(name) = &keyword.arg else { continue };
        let known = flags
            .iter_mut()
            .find(|(flag, _)| flag.replace('-', "_") == name.as_str());
        let Some((_, flag)) = known else { continue };
        flag.default = match argument(&keyword.value, constants) {
            Some(value) => typed(value, flag.kind.as_deref()),
            None => Value::Null,
        };
        if flag.arg_split.is_some() {
            make_split(flag);
        }
    }
}

/// argparse formats its help texts.
fn help_text(help: &str, default: &Value) -> String {
    let default = super::word(default);
    help.replace("%(default)s", &default)
        .replace("%(default)r", &default)
        .replace("%%", "%")
}

#[cfg(test)]
mod tests {
    use super::super::{Detected, detect};

    const SCRIPT: &str = r#"
import argparse
RATE = 0.1
CHOICES = ["x", "y"]
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=RATE, help="Rate, %(default)s (%%)")
p.add_argument("-n", "--n", type=int, default="1")
p.add_argument("--sw", action="store_true")
p.add_argument("--nsw", action="store_false")
p.add_argument("--c", choices=["a", "b"], default="a")
p.add_argument("--c2", choices=CHOICES)
p.add_argument("--c3", choices=range(1, 4), type=int)
p.add_argument("--c4", choices=("1", "2"))
p.add_argument("--l", nargs="+", default=[1, 2], type=int)
p.add_argument("--req", required=True, type=str)
g = p.add_argument_group("more")
g.add_argument("--s", default="x y")
g.add_argument("--batch-size", default=os.cpu_count())
g.add_argument("--bn", action=argparse.BooleanOptionalAction, default=True)
g.add_argument("--app", action="append", default=["z"])
g.add_argument("-x", default=1)
g.add_argument("--later", default=1)
g.add_argument("--opts", **more)
g.add_argument("--flag", type=bool, default=False)
g.add_argument("pos", default=3)
g.add_argument(name, default=3)
p.add_argument("--version", action="version", version="1")
p.set_defaults(later=7, unknown=1)
"#;

    fn flags() -> Detected {
        detect(SCRIPT).unwrap()
    }

    #[test]
    fn options_are_flags_in_order() {
        let names: Vec<String> = flags().flags.keys().cloned().collect();
        assert_eq!(
            names,
            [
                "lr",
                "n",
                "sw",
                "nsw",
                "c",
                "c2",
                "c3",
                "c4",
                "l",
                "req",
                "s",
                "batch-size",
                "bn",
                "app",
                "x",
                "later",
                "opts",
                "flag"
            ]
        );
    }

    #[test]
    fn what_add_argument_says_carries_over() {
        let flags = flags().flags;
        for (name, definition) in [
            ("lr", r#"{"default":0.1,"description":"Rate, 0.1 (%)","type":"float"}"#),
            ("n", r#"{"default":1,"type":"int"}"#),
            (
                "sw",
                r#"{"default":false,"choices":[{"value":true},{"value":false}],"arg-switch":true}"#,
            ),
            (
                "nsw",
                r#"{"default":true,"choices":[{"value":true},{"value":false}],"arg-switch":false}"#,
            ),
            ("c", r#"{"default":"a","choices":[{"value":"a"},{"value":"b"}]}"#),
            ("c2", r#"{"choices":[{"value":"x"},{"value":"y"}]}"#),
            (
                "c3",
                r#"{"type":"int","choices":[{"value":1},{"value":2},{"value":3}]}"#,
            ),
            ("c4", r#"{"type":"string","choices":[{"value":"1"},{"value":"2"}]}"#),
            ("l", r#"{"default":"1 2","arg-split":true}"#),
            ("req", r#"{"type":"string","required":true}"#),
            ("s", r#"{"default":"x y"}"#),
            ("batch-size", "{}"),
            (
                "bn",
                r#"{"default":true,"choices":[{"value":true},{"value":false}],"arg-name":"no-bn","arg-switch":false}"#,
            ),
            ("app", "{}"),
            ("x", r#"{"default":1,"arg-name":"-x"}"#),
            ("later", r#"{"default":7}"#),
            ("opts", "{}"),
            ("flag", r#"{"default":false,"type":"boolean"}"#),
        ] {
            assert_eq!(serde_json::to_string(&flags[name]).unwrap(), definition, "{name}");
        }
    }
}
