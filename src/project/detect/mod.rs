//! Flags of a Python script, found by reading it, never by running it. A script that imports argparse or click
//! takes its flags as arguments; any other has its top-level constants replaced.

mod argparse;
mod click;
mod constant;
mod globals;

use indexmap::IndexMap;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, ModModule, Stmt};

use super::FlagsDest;
use crate::config::python;
use crate::flags::{FlagDef, Value, scalar};

/// What a script takes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detected {
    pub dest: FlagsDest,
    /// In the order of the script.
    pub flags: IndexMap<String, FlagDef>,
    /// The script's docstring.
    pub description: String,
}

/// Reads a script. `None` if it is not valid Python.
pub fn detect(source: &str) -> Option<Detected> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    python::with_room(source, || detect_here(source)).ok()?
}

fn detect_here(source: &str) -> Option<Detected> {
    let parsed = python::parse(source).ok()?;
    let module = parsed.syntax();
    let mut survey = Survey::default();
    survey.visit_body(&module.body);
    let constants = python::constants(source).ok()?.into_iter().collect();
    let (dest, flags) = if survey.argparse || survey.click {
        let mut flags = IndexMap::new();
        if survey.argparse {
            flags.extend(argparse::flags(&survey.calls, &constants));
        }
        if survey.click {
            flags.extend(click::flags(&survey.calls, &constants));
        }
        (FlagsDest::Args, flags)
    } else {
        (FlagsDest::Globals, globals::flags(&constants))
    };
    Some(Detected {
        dest,
        flags,
        description: docstring(module),
    })
}

/// The top-level constants of a script as flags, whatever it imports.
pub fn constants_as_flags(source: &str) -> Option<IndexMap<String, FlagDef>> {
    let constants = python::constants(source).ok()?;
    Some(globals::flags(&constants.into_iter().collect()))
}

fn docstring(module: &ModModule) -> String {
    match module.body.first() {
        Some(Stmt::Expr(first)) => match constant::value(&first.value) {
            Some(Value::Text(text)) => text.trim().to_string(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// Imports and calls, wherever they are in the script.
#[derive(Default)]
struct Survey<'a> {
    argparse: bool,
    click: bool,
    calls: Vec<&'a ExprCall>,
}

impl Survey<'_> {
    fn import(&mut self, module: &str) {
        match module.split('.').next() {
            Some("argparse") => self.argparse = true,
            Some("click") => self.click = true,
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Survey<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for name in &import.names {
                    self.import(&name.name);
                }
            }
            Stmt::ImportFrom(import) if import.level == 0 => {
                if let Some(module) = &import.module {
                    self.import(module);
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Call(call) = expr {
            self.calls.push(call);
        }
        walk_expr(self, expr);
    }
}

/// The last part of the name that an expression calls or names: `add_argument` of `parser.add_argument`.
fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

/// The option names among a call's positional arguments; `None` if one of them is not a plain text.
fn option_names(call: &ExprCall) -> Option<Vec<String>> {
    call.arguments
        .args
        .iter()
        .map(|arg| match constant::value(arg) {
            Some(Value::Text(name)) => Some(name),
            _ => None,
        })
        .collect()
}

/// The name that a flag gets from option strings such as `-l`, `--lr`, and how it is passed if that is not
/// `--NAME`.
fn flag_name(options: &[String]) -> Option<(String, Option<String>)> {
    let long = options.iter().find_map(|option| option.strip_prefix("--"));
    if let Some(name) = long.filter(|name| !name.is_empty()) {
        return Some((name.to_string(), None));
    }
    let short = options
        .iter()
        .find(|option| option.len() > 1 && option.starts_with('-'))?;
    Some((short[1..].to_string(), Some(short.clone())))
}

/// A switch: `--NAME` when the flag has `on`, nothing otherwise.
fn make_switch(flag: &mut FlagDef, on: bool) {
    flag.arg_switch = Some(Value::Bool(on));
    flag.choices = Some(
        [true, false]
            .map(|v| crate::flags::Choice {
                value: Value::Bool(v),
                ..Default::default()
            })
            .into(),
    );
    flag.kind = None;
}

/// An option that takes several words: they are one flag, separated by blanks.
fn make_split(flag: &mut FlagDef) {
    flag.arg_split = Some(Value::Bool(true));
    flag.kind = None;
    flag.choices = None;
    flag.default = match std::mem::take(&mut flag.default) {
        Value::List(items) => Value::Text(joined(&items)),
        other => other,
    };
}

/// Words that split into these items again.
fn joined(items: &[Value]) -> String {
    let words: Vec<String> = items.iter().map(word).collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// A constant as a word on a command line.
fn word(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => crate::flags::document::Data::from(other.clone()).to_string(),
    }
}

/// Gives a default or a choice the type that the script turns texts into.
fn typed(value: Value, kind: Option<&str>) -> Value {
    match (kind, value) {
        (Some("int" | "float"), Value::Text(text)) => scalar::plain(&text),
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn imports_decide_where_flags_go() {
        for (script, dest) in [
            ("lr = 1\n", FlagsDest::Globals),
            ("import argparse\nlr = 1\n", FlagsDest::Args),
            ("def f():\n    from argparse import ArgumentParser\n", FlagsDest::Args),
            ("import click\n", FlagsDest::Args),
            ("from .argparse import x\n", FlagsDest::Globals),
            ("\u{feff}x = 1\r\n", FlagsDest::Globals),
        ] {
            assert_eq!(detect(script).unwrap().dest, dest, "{script:?}");
        }
        assert_eq!(detect("def f(:\n"), None);
        assert_eq!(
            detect("'''Trains.\n\nMore.'''\n").unwrap().description,
            "Trains.\n\nMore."
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_script_or_not(text in "\\PC{0,80}|(import argparse\n)?([a-z_=\\[\\](){}'\",.0-9 \n:-]|add_argument\\(|default=){0,60}") {
            let _ = detect(&text);
        }
    }
}
