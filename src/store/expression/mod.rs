//! Filter expressions: `lr < 0.1 and (act in [relu, tanh] or label contains best)`. What they mean is here, how they
//! are written in `parse`; what a name stands for is asked of the caller.

mod parse;
mod token;

use std::cmp::Ordering;

use crate::flags::Value;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr(Node);

/// Where a name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// As attribute, then flag, then scalar.
    Any,
    Attr,
    Flag,
    Scalar,
}

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    #[error("syntax error in filter at position {position}: unexpected token '{token}'")]
    Token { token: String, position: usize },
    #[error("syntax error in filter at position {position}: unexpected character '{character}'")]
    Character { character: char, position: usize },
    #[error("syntax error in filter at position {position}: text is not closed with {quote}")]
    Quote { quote: char, position: usize },
    #[error("syntax error in filter - unexpected end of expression")]
    End,
    #[error("syntax error in filter at position {position}: more than {DEEPEST} parentheses deep")]
    Depth { position: usize },
}

/// Parentheses in parentheses; a guard for the stack.
const DEEPEST: usize = 100;

#[derive(Debug, Clone, PartialEq)]
enum Node {
    True,
    Or(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    Test { scope: Scope, name: String, test: Test },
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equal(Literal),
    Unequal(Literal),
    Order(Order, Literal),
    In(Vec<Literal>),
    NotIn(Vec<Literal>),
    Contains(Literal),
    Undefined,
    Defined,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, PartialEq)]
struct Literal {
    value: Value,
    /// As written, for `contains`.
    text: String,
}

impl Expr {
    /// Reads an expression; an empty one holds for everything.
    pub fn parse(text: &str) -> Result<Expr, ExprError> {
        parse::parse(text).map(Expr)
    }

    /// True when the expression holds for the values that `lookup` gives; `None` is undefined.
    pub fn holds(&self, lookup: &dyn Fn(Scope, &str) -> Option<Value>) -> bool {
        self.0.holds(lookup)
    }
}

impl Node {
    fn holds(&self, lookup: &dyn Fn(Scope, &str) -> Option<Value>) -> bool {
        match self {
            Node::True => true,
            Node::Or(nodes) => nodes.iter().any(|node| node.holds(lookup)),
            Node::And(nodes) => nodes.iter().all(|node| node.holds(lookup)),
            Node::Not(node) => !node.holds(lookup),
            Node::Test { scope, name, test } => test.holds(lookup(*scope, name).filter(|v| !v.is_null()).as_ref()),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else {
            return matches!(self, Test::Unequal(_) | Test::NotIn(_) | Test::Undefined);
        };
        match self {
            Test::Equal(literal) => equal(value, literal),
            Test::Unequal(literal) => !equal(value, literal),
            Test::Order(order, literal) => compare(value, &literal.value).is_some_and(|found| match order {
                Order::Less => found == Ordering::Less,
                Order::LessEqual => found != Ordering::Greater,
                Order::Greater => found == Ordering::Greater,
                Order::GreaterEqual => found != Ordering::Less,
            }),
            Test::In(literals) => literals.iter().any(|literal| equal(value, literal)),
            Test::NotIn(literals) => !literals.iter().any(|literal| equal(value, literal)),
            Test::Contains(literal) => contains(value, literal),
            Test::Undefined => false,
            Test::Defined => true,
        }
    }
}

/// Numbers as numbers, other values within their own type.
fn equal(value: &Value, literal: &Literal) -> bool {
    match (value, &literal.value) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Function(a), Value::Text(b)) => a == b,
        (a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
    }
}

/// Numbers with numbers, texts with texts by code point; nothing else has an order.
fn compare(value: &Value, other: &Value) -> Option<Ordering> {
    match (value, other) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (a, b) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Part of a text, or member of a list; case does not count.
fn contains(value: &Value, literal: &Literal) -> bool {
    let wanted = literal.text.to_lowercase();
    match value {
        Value::List(items) => items.iter().any(|item| match item {
            Value::Text(text) => text.to_lowercase() == wanted,
            other => equal(other, literal),
        }),
        Value::Text(text) | Value::Function(text) => text.to_lowercase().contains(&wanted),
        other => other.to_json().to_string().to_lowercase().contains(&wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(scope: Scope, name: &str) -> Option<Value> {
        let attrs = [("label", Value::from("Best a=3")), ("both", Value::Int(1))];
        let flags = [
            ("lr", Value::Float(0.1)),
            ("layers", Value::Int(3)),
            ("act", Value::from("relu")),
            ("bn", Value::Bool(true)),
            ("none", Value::Null),
            ("both", Value::Int(2)),
        ];
        let tags = ("tags", Value::List(vec!["a".into(), "Beta".into()]));
        let find = |list: &[(&str, Value)]| list.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        let attr = || find(&attrs).or_else(|| find(std::slice::from_ref(&tags)));
        let scalar = || (name == "train#loss").then_some(Value::Float(f64::NAN));
        match scope {
            Scope::Any => attr().or_else(|| find(&flags)).or_else(scalar),
            Scope::Attr => attr(),
            Scope::Flag => find(&flags),
            Scope::Scalar => scalar(),
        }
    }

    fn holds(text: &str) -> bool {
        Expr::parse(text)
            .unwrap_or_else(|e| panic!("{text}: {e}"))
            .holds(&lookup)
    }

    #[test]
    fn comparisons() {
        for text in [
            "",
            "lr = 0.1",
            "lr=1e-1",
            "layers = 3.0",
            "layers >= 3 AND layers < 4",
            "act = relu",
            "act = 'relu'",
            "act < tanh",
            "bn = true",
            "label contains best",
            "label contains \"a=3\"",
            "tags contains beta",
            "lr contains .1",
            "act in [tanh, relu]",
            "act not in [tanh]",
            "flag:both = 2",
            "attr:both = 1",
            "both = 1",
            "not lr > 1",
            "not not lr < 1",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "layers = '3'",
            "act > 3",
            "lr < relu",
            "bn = 1",
            "act in []",
            "act = RELU",
            "tags contains bet",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(holds("lr = 0.1 or lr = 2 and lr = 3"));
        assert!(!holds("(lr = 0.1 or lr = 2) and lr = 3"));
        assert!(holds("not (lr = 2 or lr = 3)"));
    }

    #[test]
    fn undefined_names_only_differ() {
        for text in [
            "x = 1",
            "x < 1",
            "x in [1]",
            "x contains 1",
            "x is not undefined",
            "none = 1",
            "scalar:lr = 0.1",
        ] {
            assert!(!holds(text), "{text}");
        }
        for text in [
            "x != 1",
            "x <> 1",
            "x not in [1]",
            "x is undefined",
            "none IS Undefined",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn nan_equals_nothing() {
        assert!(!holds("train#loss < 1"));
        assert!(!holds("train#loss >= 1"));
        assert!(holds("train#loss != 1"));
        assert!(holds("train#loss is not undefined"));
    }

    #[test]
    fn errors_name_the_place() {
        for (text, message) in [
            ("lr 1", "syntax error in filter at position 3: unexpected token '1'"),
            (
                "lr !! 1",
                "syntax error in filter at position 3: unexpected character '!'",
            ),
            ("lr =", "syntax error in filter - unexpected end of expression"),
            ("lr = 1 2", "syntax error in filter at position 7: unexpected token '2'"),
            (
                "and = 1",
                "syntax error in filter at position 0: unexpected token 'and'",
            ),
            ("(lr = 1", "syntax error in filter - unexpected end of expression"),
            ("lr = [1]", "syntax error in filter at position 5: unexpected token '['"),
            (
                "lr in [1 2]",
                "syntax error in filter at position 9: unexpected token '2'",
            ),
            (
                "lr = 'a",
                "syntax error in filter at position 5: text is not closed with '",
            ),
            (
                "x:lr = 1",
                "syntax error in filter at position 1: unexpected character ':'",
            ),
        ] {
            assert_eq!(Expr::parse(text).unwrap_err().to_string(), message, "{text}");
        }
        let deep = "(".repeat(100_000) + "lr = 1";
        assert!(matches!(Expr::parse(&deep), Err(ExprError::Depth { position: 100 })));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}", words in "(lr|and|or|not|in|is|=|<|[0-9(),'\"]| |\\[|\\]){0,12}") {
            for text in [text, words] {
                if let Ok(expr) = Expr::parse(&text) {
                    expr.holds(&lookup);
                }
            }
        }
    }
}
