//! From the words of a filter expression to its tree, by recursive descent: or, and, not, term.

use super::token::{Token, TokenKind, tokens};
use super::{DEEPEST, ExprError, Literal, Node, Order, Scope, Test};
use crate::flags::Value;

/// Reads an expression; an empty one holds for everything.
pub(super) fn parse(text: &str) -> Result<Node, ExprError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Node::True);
    }
    let mut parser = Parser { tokens, next: 0 };
    let node = parser.or(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected()),
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
