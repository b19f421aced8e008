//! Constants among the arguments of a call: besides what a script's constants may be, also the name of one,
//! tuples and sets, and texts joined implicitly.

use indexmap::IndexMap;
use ruff_python_ast::Expr;

use crate::config::python;
use crate::flags::Value;

/// Top-level constants by name, in the order of the script.
pub(super) type Constants = IndexMap<String, Value>;

/// The value of a constant expression.
pub(super) fn value(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::StringLiteral(text) => Some(Value::Text(text.value.to_str().to_string())),
        other => python::constant(other).filter(|value| !matches!(value, Value::Map(_))),
    }
}

/// The value of an argument.
pub(super) fn argument(expr: &Expr, constants: &Constants) -> Option<Value> {
    let all = |items: &[Expr]| {
        let values = items.iter().map(|item| argument(item, constants));
        values.collect::<Option<_>>().map(Value::List)
    };
    match expr {
        Expr::Name(name) => constants.get(name.id.as_str()).cloned(),
        Expr::List(v) => all(&v.elts),
        Expr::Tuple(v) => all(&v.elts),
        Expr::Set(v) => all(&v.elts),
        other => value(other),
    }
}
