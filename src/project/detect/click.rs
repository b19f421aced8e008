//! Options of click commands, read from `option(...)` decorators and calls.

use indexmap::IndexMap;
use ruff_python_ast::{Expr, ExprCall};

use super::constant::{self, Constants, argument};
use super::{argparse, flag_name, last_name, make_split, make_switch, option_names, typed};
use crate::flags::{Choice, FlagDef, Value};

pub(super) fn flags(calls: &[&ExprCall], constants: &Constants) -> IndexMap<String, FlagDef> {
    calls
        .iter()
        .filter(|call| last_name(&call.func) == Some("option"))
        .filter_map(|call| option(call, constants))
        .collect()
}

fn option(call: &ExprCall, constants: &Constants) -> Option<(String, FlagDef)> {
    let mut names = option_names(call)?;
    // `--shout/--no-shout`: one name for each of the two.
    let mut off = None;
    for name in &mut names {
        if let Some((on, other)) = name
            .split_once('/')
            .map(|(a, b)| (a.trim().to_string(), b.trim().to_string()))
        {
            off = flag_name(&[other]);
            *name = on;
        }
    }
    let (name, arg_name) = flag_name(&names)?;
    let mut flag = FlagDef {
        arg_name,
        ..FlagDef::default()
    };
    let keyword = |name: &str| call.arguments.find_keyword(name).map(|keyword| &keyword.value);
    let is_true = |name: &str| matches!(keyword(name), Some(Expr::BooleanLiteral(v)) if v.value);
    if let Some(Some(Value::Text(help))) = keyword("help").map(constant::value) {
        flag.description = help;
    }
    if call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none()) {
        return Some((name, flag));
    }
    flag.required = is_true("required");
    let default = keyword("default")
        .and_then(|expr| argument(expr, constants))
        .unwrap_or_default();
    if off.is_some() || is_true("is_flag") || is_true("count") || keyword("flag_value").is_some() {
        let on = default == Value::Bool(true);
        flag.default = Value::Bool(on);
        make_switch(&mut flag, !on);
        if let Some((off, arg_name)) = off.filter(|_| on) {
            flag.arg_name = Some(arg_name.unwrap_or(off));
        }
        return Some((name, flag));
    }
    if let Some(kind) = keyword("type") {
        set_type(&mut flag, kind, constants);
    }
    if is_true("multiple") {
        return Some((name, flag));
    }
    flag.default = typed(default, flag.kind.as_deref());
    if matches!(keyword("nargs").map(constant::value), Some(Some(Value::Int(n))) if n != 1) {
        make_split(&mut flag);
    } else if matches!(flag.default, Value::List(_)) {
        flag.default = Value::Null;
    }
    Some((name, flag))
}

fn set_type(flag: &mut FlagDef, expr: &Expr, constants: &Constants) {
    let Expr::Call(call) = expr else {
        flag.kind = argparse::kind(expr).map(String::from).or_else(|| {
            let kind = match last_name(expr)? {
                "INT" => "int",
                "FLOAT" => "float",
                "STRING" => "string",
                "BOOL" => "boolean",
                _ => return None,
            };
            Some(kind.to_string())
        });
        return;
    };
    let value = |name: &str, position: usize| {
        call.arguments
            .find_argument_value(name, position)
            .and_then(|expr| argument(expr, constants))
    };
    match last_name(&call.func) {
        Some("Choice") => {
            if let Some(Value::List(items)) = value("choices", 0) {
                let choice = |value| Choice {
                    value,
                    ..Choice::default()
                };
                flag.choices = Some(items.into_iter().map(choice).collect());
            }
        }
        Some(range @ ("IntRange" | "FloatRange")) => {
            flag.kind = Some(if range == "IntRange" { "int" } else { "float" }.to_string());
            flag.min = value("min", 0).filter(|v| !v.is_null());
            flag.max = value("max", 1).filter(|v| !v.is_null());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::detect;

    #[test]
    fn options_are_flags() {
        let script = r#"
import click
from click import option

@click.command()
@click.option("--lr", "-l", default=0.1, help="Rate")
@click.option("--n", type=int, default=1, required=True)
@click.option("--act", type=click.Choice(["relu", "tanh"]), default="relu")
@click.option("--k", type=click.IntRange(1, max=10))
@click.option("--shout/--no-shout", default=True)
@click.option("--quiet/--loud")
@option("-v", "--verbose", is_flag=True)
@option("--pair", nargs=2, default=(1, 2))
@option("--many", multiple=True, default=[1])
@click.argument("src")
def main(**kw):
    pass
"#;
        let flags = detect(script).unwrap().flags;
        let switch = |on: bool, extra: &str| {
            format!(
                r#"{{"default":{on},"choices":[{{"value":true}},{{"value":false}}],{extra}"arg-switch":{}}}"#,
                !on
            )
        };
        let expected = [
            ("lr", r#"{"default":0.1,"description":"Rate"}"#.to_string()),
            ("n", r#"{"default":1,"type":"int","required":true}"#.to_string()),
            (
                "act",
                r#"{"default":"relu","choices":[{"value":"relu"},{"value":"tanh"}]}"#.to_string(),
            ),
            ("k", r#"{"type":"int","min":1,"max":10}"#.to_string()),
            ("shout", switch(true, r#""arg-name":"no-shout","#)),
            ("quiet", switch(false, "")),
            ("verbose", switch(false, "")),
            ("pair", r#"{"default":"1 2","arg-split":true}"#.to_string()),
            ("many", "{}".to_string()),
        ];
        assert_eq!(flags.len(), expected.len());
        for (name, definition) in expected {
            assert_eq!(serde_json::to_string(&flags[name]).unwrap(), definition, "{name}");
        }
    }
}
