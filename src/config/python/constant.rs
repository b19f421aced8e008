//! Which expressions are constants, and what they are worth.

use ruff_python_ast::{Expr, Number, UnaryOp};
use ruff_text_size::Ranged;

use crate::config::tree::{Kind, Node};
use crate::flags::Value;

/// The value of a number, text, bool, None, or a list or dict (with text keys) of these; `None` for everything
/// else, tuples, bytes, f-strings and implicitly joined texts included.
pub fn constant(expr: &Expr) -> Option<Value> {
    node(expr).value()
}

/// The expression with its place. Parts that are no constants have no value.
pub(super) fn node(expr: &Expr) -> Node {
    let kind = match expr {
        Expr::List(list) => Kind::List(list.elts.iter().map(node).collect()),
        Expr::Dict(dict) => {
            let entry = |key: &Option<Expr>, value: &Expr| match key {
                Some(Expr::StringLiteral(key)) if !key.value.is_implicit_concatenated() => {
                    Some((key.value.to_str().to_string(), node(value)))
                }
                _ => None,
            };
            let entries: Option<Vec<_>> = dict.items.iter().map(|item| entry(&item.key, &item.value)).collect();
            entries.map_or(Kind::Other, Kind::Map)
        }
        _ => scalar(expr).map_or(Kind::Other, Kind::Scalar),
    };
    Node {
        range: expr.range().to_std_range(),
        kind,
    }
}

fn scalar(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(v) => v.as_i64().map(Value::Int),
            Number::Float(v) => Some(Value::Float(*v)),
            Number::Complex { .. } => None,
        },
        Expr::StringLiteral(text) if !text.value.is_implicit_concatenated() => {
            Some(Value::Text(text.value.to_str().to_string()))
        }
        Expr::BooleanLiteral(v) => Some(Value::Bool(v.value)),
        Expr::NoneLiteral(_) => Some(Value::Null),
        Expr::UnaryOp(unary) => match (unary.op, scalar(&unary.operand)?) {
            (UnaryOp::USub, Value::Int(v)) => v.checked_neg().map(Value::Int),
            (UnaryOp::USub, Value::Float(v)) => Some(Value::Float(-v)),
            (UnaryOp::UAdd, v @ (Value::Int(_) | Value::Float(_))) => Some(v),
            (UnaryOp::Invert, Value::Int(v)) => Some(Value::Int(!v)),
            _ => None,
        },
        // What gage itself writes for values that have no literal.
        Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
            (Expr::Name(name), [Expr::StringLiteral(text)])
                if name.id.as_str() == "float" && call.arguments.keywords.is_empty() =>
            {
                match text.value.to_str() {
                    "nan" => Some(Value::Float(f64::NAN)),
                    "inf" => Some(Value::Float(f64::INFINITY)),
                    "-inf" => Some(Value::Float(f64::NEG_INFINITY)),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}
