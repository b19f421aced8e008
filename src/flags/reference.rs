//! `${name}` inside a text: finding and replacing. What a name means is the caller's.

/// Replaces each `${...}` by what `lookup` says of its inside; where it says nothing the text stays. With
/// `escapes`, `$${` is a literal `${`.
pub fn expand(text: &str, escapes: bool, mut lookup: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if escapes && rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        let Some(length) = rest[at + 2..].find('}') else {
            break;
        };
        let end = at + 2 + length;
        out.push_str(&rest[..at]);
        match lookup(&rest[at + 2..end]) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=end]),
        }
        rest = &rest[end + 1..];
    }
    out + rest
}

/// The names inside `${...}`, in order.
pub fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    expand(text, false, |name| {
        names.push(name.to_string());
        None
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_replaced() {
        let lookup = |name: &str| (name == "a").then(|| "1".to_string());
        assert_eq!(expand("x ${a}${b} ${a", false, lookup), "x 1${b} ${a");
        assert_eq!(expand("$${a} $$${a}", true, lookup), "${a} $${a}");
        assert_eq!(expand("$${a}", false, lookup), "$1");
        assert_eq!(names("--lr ${lr} ${flag_args}"), ["lr", "flag_args"]);
    }
}
