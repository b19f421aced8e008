//! The words and signs of a filter expression, with their positions in characters.

use super::ExprError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Letters, digits and `_ - . / + #`.
    Word,
    /// A text in quotes.
    Quoted,
    /// `attr`, `flag` or `scalar` before a colon.
    Scope,
    Symbol,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    /// As written.
    pub text: String,
    /// Without quotes.
    pub value: String,
    pub position: usize,
}

const SYMBOLS: [&str; 12] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ","];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExprError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let position = at;
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let (kind, value) = if c == '\'' || c == '"' {
            let length = chars[at + 1..].iter().position(|x| *x == c);
            let length = length.ok_or(ExprError::Quote { quote: c, position })?;
            at += length + 2;
            (TokenKind::Quoted, chars[position + 1..at - 1].iter().collect())
        } else if is_word(c) {
            while at < chars.len() && is_word(chars[at]) {
                at += 1;
            }
            let word: String = chars[position..at].iter().collect();
            if ["attr", "flag", "scalar"].contains(&word.as_str()) && chars.get(at) == Some(&':') {
                at += 1;
                (TokenKind::Scope, word)
            } else {
                (TokenKind::Word, word)
            }
        } else {
            let begins = |symbol: &&&str| symbol.chars().enumerate().all(|(i, s)| chars.get(at + i) == Some(&s));
            let symbol = SYMBOLS.iter().find(begins);
            let symbol = symbol.ok_or(ExprError::Character { character: c, position })?;
            at += symbol.len();
            (TokenKind::Symbol, symbol.to_string())
        };
        tokens.push(Token {
            kind,
            text: match kind {
                TokenKind::Scope => value.clone(),
                _ => chars[position..at].iter().collect(),
            },
            value,
            position,
        });
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_-./+#".contains(c)
}
