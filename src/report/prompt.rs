//! Questions. Asked on standard error and read from standard input, terminal or not.

use std::io::{self, BufRead, Write};

/// What an empty line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    Yes,
    No,
}

/// Asks `question? (Y/n) `; `None` at the end of input. `y` and `yes` in any case agree, everything else declines.
pub fn ask(question: &str, default: Default) -> io::Result<Option<bool>> {
    ask_on(&mut io::stdin().lock(), &mut io::stderr().lock(), question, default)
}

fn ask_on(
    input: &mut impl BufRead,
    output: &mut impl Write,
    question: &str,
    default: Default,
) -> io::Result<Option<bool>> {
    let choices = match default {
        Default::Yes => "(Y/n)",
        Default::No => "(y/N)",
    };
    write!(output, "{question}? {choices} ")?;
    output.flush()?;
    let mut line = Vec::new();
    if input.read_until(b'\n', &mut line)? == 0 {
        writeln!(output)?;
        return Ok(None);
    }
    let reply = String::from_utf8_lossy(&line);
    Ok(Some(match reply.trim().to_lowercase().as_str() {
        "" => default == Default::Yes,
        "y" | "yes" => true,
        _ => false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(input: &[u8], default: Default) -> (Option<bool>, String) {
        let mut output = Vec::new();
        let answer = ask_on(&mut &input[..], &mut output, "Continue", default).unwrap();
        (answer, String::from_utf8(output).unwrap())
    }

    #[test]
    fn the_capital_letter_is_the_empty_line() {
        assert_eq!(reply(b"\n", Default::Yes), (Some(true), "Continue? (Y/n) ".into()));
        assert_eq!(reply(b"\n", Default::No), (Some(false), "Continue? (y/N) ".into()));
    }

    #[test]
    fn only_y_and_yes_agree() {
        for text in ["y\n", " YES \n", "Y"] {
            assert_eq!(reply(text.as_bytes(), Default::No).0, Some(true), "{text:?}");
        }
        for text in ["n\n", "yep\n", "ja\n"] {
            assert_eq!(reply(text.as_bytes(), Default::Yes).0, Some(false), "{text:?}");
        }
        assert_eq!(reply(b"\xff\xfe\n", Default::Yes).0, Some(false));
    }

    #[test]
    fn the_end_of_input_ends_the_line() {
        assert_eq!(reply(b"", Default::Yes), (None, "Continue? (Y/n) \n".into()));
    }
}
