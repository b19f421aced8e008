//! Reading column specs. Positions in messages count from 1.

use super::{ColKind, ColSpec, ColumnError, Qualifier, ScalarCol};

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Comma,
    Word(Word),
}

/// A word with what was quoted in it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Word {
    text: String,
    /// Length of the beginning that was not quoted: prefixes and keywords are looked for there.
    bare: usize,
    /// Place of the first `#` that was not quoted.
    hash: Option<usize>,
}

impl Word {
    fn keyword(&self) -> Option<&str> {
        (self.bare == self.text.len()).then_some(self.text.as_str())
    }

    fn is(&self, keyword: &str) -> bool {
        self.keyword().is_some_and(|text| text.eq_ignore_ascii_case(keyword))
    }

    /// The word behind a prefix that is not quoted.
    fn behind(&self, prefix: &str) -> Option<Word> {
        let bare = self.text.get(..self.bare)?;
        bare.starts_with(prefix).then(|| Word {
            text: self.text[prefix.len()..].to_string(),
            bare: self.bare - prefix.len(),
            hash: self.hash.and_then(|at| at.checked_sub(prefix.len())),
        })
    }
}

/// A token, how it was written, and where.
struct Placed {
    token: Token,
    written: String,
    line: usize,
    position: usize,
}

enum Stop {
    End,
    Unexpected(usize),
    Other(String),
}

pub(super) fn list(spec: &str) -> Result<Vec<ColSpec>, ColumnError> {
    let error = |reason: String| ColumnError {
        spec: spec.to_string(),
        reason,
    };
    let Some(tokens) = tokens(spec) else {
        return Err(error("unexpected end".into()));
    };
    if tokens.is_empty() {
        return Err(error("query string cannot be empty".into()));
    }
    let mut parser = Parser { tokens: &tokens, at: 0 };
    parser.list().map_err(|stop| match stop {
        Stop::End => error("unexpected end".into()),
        Stop::Other(reason) => error(reason),
        Stop::Unexpected(at) => {
            let Placed {
                written,
                line,
                position,
                ..
            } = &tokens[at];
            error(format!("unexpected token '{written}', line {line}, pos {position}"))
        }
    })
}

/// `None` for a quote that is not closed.
fn tokens(spec: &str) -> Option<Vec<Placed>> {
    let mut tokens: Vec<Placed> = Vec::new();
    let (mut line, mut position) = (1, 0);
    let mut word: Option<(Word, String, usize)> = None;
    let mut quoted = false;
    let end_word = |word: &mut Option<(Word, String, usize)>, line, tokens: &mut Vec<Placed>| {
        if let Some((word, written, position)) = word.take() {
            tokens.push(Placed {
                token: Token::Word(word),
                written,
                line,
                position,
            });
        }
    };
    for c in spec.chars() {
        position += 1;
        if !quoted && (c == ',' || c.is_whitespace()) {
            end_word(&mut word, line, &mut tokens);
            if c == ',' {
                tokens.push(Placed {
                    token: Token::Comma,
                    written: ",".into(),
                    line,
                    position,
                });
            } else if c == '\n' {
                (line, position) = (line + 1, 0);
            }
            continue;
        }
        let (text, written, _) = word.get_or_insert_with(|| (Word::default(), String::new(), position));
        written.push(c);
        if c == '\'' {
            quoted = !quoted;
            continue;
        }
        if !quoted && text.bare == text.text.len() && !written.contains('\'') {
            text.bare += c.len_utf8();
        }
        if !quoted && c == '#' && text.hash.is_none() {
            text.hash = Some(text.text.len());
        }
        text.text.push(c);
    }
    if quoted {
        return None;
    }
    end_word(&mut word, line, &mut tokens);
    Some(tokens)
}

struct Parser<'a> {
    tokens: &'a [Placed],
    at: usize,
}

impl Parser<'_> {
    fn list(&mut self) -> Result<Vec<ColSpec>, Stop> {
        let mut columns = vec![self.column()?];
        while self.at < self.tokens.len() {
            match self.tokens[self.at].token {
                Token::Comma => self.at += 1,
                Token::Word(_) => return Err(Stop::Unexpected(self.at)),
            }
            columns.push(self.column()?);
        }
        Ok(columns)
    }

    fn column(&mut self) -> Result<ColSpec, Stop> {
        let at = self.at;
        let mut word = self.word()?;
        let kind = if let Some(name) = word.behind("=").or_else(|| word.behind("flag:")) {
            ColKind::Flag(named(name, at)?)
        } else if let Some(name) = word.behind("attr:").or_else(|| attribute(&word)) {
            ColKind::Attribute(named(name, at)?)
        } else if word.is("*") {
            ColKind::Base
        } else {
            if let Some(rest) = word.behind("scalar:") {
                word = if rest.text.is_empty() { self.word()? } else { rest };
            }
            self.scalar(word)?
        };
        let name = if self.peek().is_some_and(|word| word.is("as")) {
            self.at += 1;
            Some(self.word()?.text)
        } else {
            None
        };
        Ok(ColSpec { kind, name })
    }

    fn scalar(&mut self, first: Word) -> Result<ColKind, Stop> {
        let mut qualifier = Qualifier::Last;
        let mut word = first;
        // A qualifier is one only in front of a tag: `min` alone is a tag.
        if let Some(known) = word.keyword().and_then(Qualifier::of_word)
            && self.peek().is_some_and(|next| !next.is("as"))
        {
            qualifier = known;
            word = self.word()?;
        }
        let tag_at = self.at - 1;
        let step = self.peek().is_some_and(|next| next.is("step"));
        if step {
            self.at += 1;
            if !qualifier.has_step() {
                return Err(Stop::Other(format!("step is not available for {}", qualifier.word())));
            }
        }
        let (prefix, tag) = match word.hash {
            Some(at) => (Some(word.text[..at].to_string()), word.text[at + 1..].to_string()),
            None => (None, word.text),
        };
        if tag.is_empty() {
            return Err(Stop::Unexpected(tag_at));
        }
        Ok(ColKind::Scalar(ScalarCol {
            qualifier,
            prefix,
            tag,
            step,
        }))
    }

    fn peek(&self) -> Option<&Word> {
        match self.tokens.get(self.at).map(|placed| &placed.token) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn word(&mut self) -> Result<Word, Stop> {
        match self.tokens.get(self.at).map(|placed| &placed.token) {
            None => Err(Stop::End),
            Some(Token::Comma) => Err(Stop::Unexpected(self.at)),
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
        }
    }
}

/// `.label`. A `#` says that it is a scalar of a hidden directory: `.guild#loss`.
fn attribute(word: &Word) -> Option<Word> {
    word.hash.is_none().then(|| word.behind(".")).flatten()
}

fn named(name: Word, at: usize) -> Result<String, Stop> {
    if name.text.is_empty() {
        Err(Stop::Unexpected(at))
    } else {
        Ok(name.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_specs_say_what_and_where() {
        for (spec, text) in [
            ("", "invalid column spec '': query string cannot be empty"),
            ("  ", "invalid column spec '  ': query string cannot be empty"),
            ("loss,", "invalid column spec 'loss,': unexpected end"),
            (
                "foo bar",
                "invalid column spec 'foo bar': unexpected token 'bar', line 1, pos 5",
            ),
            (
                "avg loss step",
                "invalid column spec 'avg loss step': step is not available for avg",
            ),
            (",x", "invalid column spec ',x': unexpected token ',', line 1, pos 1"),
            (
                "a,,b",
                "invalid column spec 'a,,b': unexpected token ',', line 1, pos 3",
            ),
            ("loss as", "invalid column spec 'loss as': unexpected end"),
            (
                "a,\nb c",
                "invalid column spec 'a,\nb c': unexpected token 'c', line 2, pos 3",
            ),
            ("'a", "invalid column spec ''a': unexpected end"),
            ("=", "invalid column spec '=': unexpected token '=', line 1, pos 1"),
            ("a#", "invalid column spec 'a#': unexpected token 'a#', line 1, pos 1"),
            (
                "loss step step",
                "invalid column spec 'loss step step': unexpected token 'step', line 1, pos 11",
            ),
        ] {
            assert_eq!(list(spec).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn names_may_be_quoted() {
        let scalar = |spec: &str| match list(spec).unwrap().remove(0).kind {
            ColKind::Scalar(s) => (s.qualifier.word(), s.prefix, s.tag, s.step),
            other => panic!("{other:?}"),
        };
        assert_eq!(scalar("'my loss' step"), ("last", None, "my loss".into(), true));
        assert_eq!(
            scalar("min a/b#'x, y'"),
            ("min", Some("a/b".into()), "x, y".into(), false)
        );
        assert_eq!(scalar("'a#b'"), ("last", None, "a#b".into(), false));
        assert_eq!(scalar("'min' step"), ("last", None, "min".into(), true));
        assert_eq!(scalar("min"), ("last", None, "min".into(), false));
        assert_eq!(scalar("step"), ("last", None, "step".into(), false));
        assert_eq!(scalar("min as x"), ("last", None, "min".into(), false));
        assert_eq!(scalar("scalar:=x"), ("last", None, "=x".into(), false));
        assert_eq!(scalar("'=x'"), ("last", None, "=x".into(), false));
        assert_eq!(scalar("scalar:a#b"), ("last", Some("a".into()), "b".into(), false));
        assert_eq!(list("='my flag'").unwrap()[0].kind, ColKind::Flag("my flag".into()));
        assert_eq!(list("*, .label").unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_a_spec_or_an_error(spec in "[ a,'#=.*é\n:]{0,20}|(min |loss|step| as|,|scalar:|attr:|'| ){0,8}|.{0,30}") {
            for column in list(&spec).unwrap_or_default() {
                column.heading();
            }
        }
    }
}
