//! Filter expressions: `lr < 0.1 and (act in [relu, tanh] or label contains best)`. Parses and evaluates; what a name
//! stands for is asked of the caller.

use std::cmp::Ordering;

use super::token::{Token, TokenKind, tokens};
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
        let tokens = tokens(text)?;
        if tokens.is_empty() {
            return Ok(Expr(Node::True));
        }
        let mut parser = Parser { tokens, next: 0 };
        let node = parser.or(0)?;
        match parser.peek() {
            None => Ok(Expr(node)),
            Some(_) => Err(parser.unexpected()),
        }
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

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn unexpected(&self) -> ExprError {
        match self.peek() {
            None => ExprError::End,
            Some(token) => ExprError::Token {
                token: token.text.clone(),
                position: token.position,
            },
        }
    }

    /// Takes the next token if it is `symbol` or, as an unquoted word in any case, that word.
    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.peek().is_some_and(|token| match token.kind {
            TokenKind::Symbol => token.text == wanted,
            TokenKind::Word => token.text.eq_ignore_ascii_case(wanted),
            TokenKind::Quoted | TokenKind::Scope => false,
        });
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), ExprError> {
        if self.accept(wanted) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn or(&mut self, depth: usize) -> Result<Node, ExprError> {
        let mut nodes = vec![self.and(depth)?];
        while self.accept("or") {
            nodes.push(self.and(depth)?);
        }
        Ok(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::Or(nodes)
        })
    }

    fn and(&mut self, depth: usize) -> Result<Node, ExprError> {
        let mut nodes = vec![self.not(depth)?];
        while self.accept("and") {
            nodes.push(self.not(depth)?);
        }
        Ok(if nodes.len() == 1 {
            nodes.remove(0)
        } else {
            Node::And(nodes)
        })
    }

    fn not(&mut self, depth: usize) -> Result<Node, ExprError> {
        let mut negated = false;
        while self.accept("not") {
            negated = !negated;
        }
        let node = self.term(depth)?;
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn term(&mut self, depth: usize) -> Result<Node, ExprError> {
        let position = self.peek().ok_or(ExprError::End)?.position;
        if self.accept("(") {
            if depth == DEEPEST {
                return Err(ExprError::Depth { position });
            }
            let node = self.or(depth + 1)?;
            self.expect(")")?;
            return Ok(node);
        }
        let scope = match self.peek() {
            Some(token) if token.kind == TokenKind::Scope => {
                let scope = match token.text.as_str() {
                    "attr" => Scope::Attr,
                    "flag" => Scope::Flag,
                    _ => Scope::Scalar,
                };
                self.next += 1;
                scope
            }
            _ => Scope::Any,
        };
        let name = self.name()?;
        let test = self.test()?;
        Ok(Node::Test { scope, name, test })
    }

    fn name(&mut self) -> Result<String, ExprError> {
        const WORDS: [&str; 6] = ["or", "and", "not", "in", "is", "contains"];
        match self.peek() {
            Some(token) if token.kind == TokenKind::Quoted => {}
            Some(token)
                if token.kind == TokenKind::Word && !WORDS.iter().any(|w| token.text.eq_ignore_ascii_case(w)) => {}
            _ => return Err(self.unexpected()),
        }
        self.next += 1;
        Ok(self.tokens[self.next - 1].value.clone())
    }

    fn test(&mut self) -> Result<Test, ExprError> {
        if self.accept("=") {
            return Ok(Test::Equal(self.literal()?));
        }
        if self.accept("!=") || self.accept("<>") {
            return Ok(Test::Unequal(self.literal()?));
        }
        for (symbol, order) in [
            ("<", Order::Less),
            ("<=", Order::LessEqual),
            (">", Order::Greater),
            (">=", Order::GreaterEqual),
        ] {
            if self.accept(symbol) {
                return Ok(Test::Order(order, self.literal()?));
            }
        }
        if self.accept("contains") {
            return Ok(Test::Contains(self.literal()?));
        }
        if self.accept("in") {
            return Ok(Test::In(self.list()?));
        }
        if self.accept("not") {
            self.expect("in")?;
            return Ok(Test::NotIn(self.list()?));
        }
        self.expect("is")?;
        let defined = self.accept("not");
        self.expect("undefined")?;
        Ok(if defined { Test::Defined } else { Test::Undefined })
    }

    fn list(&mut self) -> Result<Vec<Literal>, ExprError> {
        self.expect("[")?;
        let mut literals = Vec::new();
        if self.accept("]") {
            return Ok(literals);
        }
        loop {
            literals.push(self.literal()?);
            if self.accept("]") {
                return Ok(literals);
            }
            self.expect(",")?;
        }
    }

    fn literal(&mut self) -> Result<Literal, ExprError> {
        let token = match self.peek() {
            Some(token) if matches!(token.kind, TokenKind::Word | TokenKind::Quoted) => token,
            _ => return Err(self.unexpected()),
        };
        let text = token.value.clone();
        let value = if token.kind == TokenKind::Quoted {
            Value::Text(text.clone())
        } else {
            word(&text)
        };
        self.next += 1;
        Ok(Literal { value, text })
    }
}

/// The value of an unquoted word.
fn word(text: &str) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if let Ok(int) = text.parse::<i64>() {
        return Value::Int(int);
    }
    // Rust also reads `nan`, `inf` and `infinity`, which are words here.
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match text.parse::<f64>() {
        Ok(float) if numeric => Value::Float(float),
        _ => Value::Text(text.to_string()),
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
