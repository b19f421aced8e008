//! Constants in Python source: numbers, texts, booleans, None, and lists of these.

use indexmap::IndexMap;
use ruff_python_ast::{Expr, ModModule, Number, Stmt, UnaryOp};

use crate::flags::Value;

/// Top-level constants by name, in the order of the script. Of several assignments the last one counts; a name
/// whose last value is no constant is left out.
pub(super) type Constants = IndexMap<String, Value>;

pub(super) fn top_level(module: &ModModule) -> Constants {
    let mut constants: IndexMap<String, Option<Value>> = IndexMap::new();
    for stmt in &module.body {
        let (targets, value) = match stmt {
            Stmt::Assign(assign) => (assign.targets.as_slice(), Some(&*assign.value)),
            Stmt::AnnAssign(assign) => (std::slice::from_ref(&*assign.target), assign.value.as_deref()),
            _ => continue,
        };
        let Some(assigned) = value else { continue };
        for target in targets {
            if let Expr::Name(name) = target {
                constants.insert(name.id.to_string(), value_of_assignment(assigned));
            }
        }
    }
    constants
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn value_of_assignment(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::StringLiteral(text) if text.value.is_implicit_concatenated() => None,
        other => value(other),
    }
}

/// The value of a constant expression.
pub(super) fn value(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::NoneLiteral(_) => Some(Value::Null),
        Expr::BooleanLiteral(v) => Some(Value::Bool(v.value)),
        Expr::StringLiteral(v) => Some(Value::Text(v.value.to_str().to_string())),
        Expr::NumberLiteral(v) => match &v.value {
            Number::Int(v) => v.as_i64().map(Value::Int),
            Number::Float(v) => Some(Value::Float(*v)),
            Number::Complex { .. } => None,
        },
        Expr::UnaryOp(unary) => match (unary.op, value(&unary.operand)?) {
            (UnaryOp::USub, Value::Int(v)) => v.checked_neg().map(Value::Int),
            (UnaryOp::USub, Value::Float(v)) => Some(Value::Float(-v)),
            (UnaryOp::UAdd, v @ (Value::Int(_) | Value::Float(_))) => Some(v),
            (UnaryOp::Invert, Value::Int(v)) => Some(Value::Int(!v)),
            _ => None,
        },
        Expr::List(list) => list.elts.iter().map(value).collect::<Option<_>>().map(Value::List),
        _ => None,
    }
}

/// The value of an argument of a call: also the name of a constant, and a tuple or set.
pub(super) fn argument(expr: &Expr, constants: &Constants) -> Option<Value> {
    let all = |items: &[Expr]| {
        items
            .iter()
            .map(|item| argument(item, constants))
            .collect::<Option<_>>()
            .map(Value::List)
    };
    match expr {
        Expr::Name(name) => constants.get(name.id.as_str()).cloned(),
        Expr::List(v) => all(&v.elts),
        Expr::Tuple(v) => all(&v.elts),
        Expr::Set(v) => all(&v.elts),
        other => value(other),
    }
}
