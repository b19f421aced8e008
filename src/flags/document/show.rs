//! A value as Python writes it: how messages about operations files quote what they found.

use std::fmt::{self, Display, Formatter, Write};

use super::Data;
use crate::flags::plain_float;

/// `'text'`, `{'a': 1}`, `None`, `True`.
impl Display for Data {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Data::Null => f.write_str("None"),
            Data::Bool(v) => f.write_str(if *v { "True" } else { "False" }),
            Data::Int(v) => write!(f, "{v}"),
            Data::Float(v) => f.write_str(&plain_float(*v)),
            Data::Text(v) => text(f, v),
            Data::List(items) => {
                f.write_char('[')?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Data::Map(map) => {
                f.write_char('{')?;
                for (i, (key, value)) in map.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    text(f, key)?;
                    f.write_str(": ")?;
                    value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

fn text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if c.is_control() && (c as u32) < 0x100 => write!(f, "\\x{:02x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

#[cfg(test)]
mod tests {
    use super::super::{Data, Format, read};

    #[test]
    fn values_are_shown_as_python_literals() {
        let shown = read(
            Format::Yaml,
            "a: 1\nb: [x, 'it''s', ~, yes, 1e-5, 1e+20, 0.5, 2.0]\nc: \"a\\n'\\\"\"\n",
        )
        .unwrap();
        assert_eq!(
            shown.to_string(),
            r#"{'a': 1, 'b': ['x', "it's", None, True, 1e-05, 1e+20, 0.5, 2.0], 'c': 'a\n\'"'}"#
        );
        assert_eq!(Data::Float(f64::NEG_INFINITY).to_string(), "-inf");
    }
}
