//! Constants assigned at the top level of a Python script, read by parsing and never by running, and rewritten
//! without touching another character.

mod constant;
mod literal;

pub use constant::constant;
pub(super) use literal::literal;

use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_python_parser::Parsed;
use ruff_text_size::Ranged;

use super::tree::{self, Kind, Node};
use super::{ConfigError, splice};
use crate::flags::{FlagValues, Value};

/// Which names of a script are keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// Top-level assignments.
    Globals,
    /// Keys of the top-level dict of that name.
    Dict(String),
    /// Attributes of the top-level namespace of that name.
    Namespace(String),
}

/// Deeper nesting of brackets than any script has.
const MAX_NESTING: usize = 200;

/// Scripts up to this many bytes are parsed on the stack at hand.
const SHALLOW: usize = 4096;

/// Larger scripts, in bytes, are not read.
const LARGEST: usize = 1 << 20;

/// Bytes of stack for a byte of script, for the densest nesting there is; what is not used costs nothing.
const STACK_PER_BYTE: usize = 512;

/// Top-level names with their constant values, a list of constants being one value and dicts left out. In order of
/// first appearance; of several constants assigned to a name the last one counts.
pub fn constants(text: &str) -> Result<Vec<(String, Value)>, ConfigError> {
    let (_, text) = super::split_mark(text);
    let entries = entries(text, &Scope::Globals)?;
    let plain = |node: &Node| match node.value()? {
        Value::Map(_) => None,
        Value::List(items) if items.iter().any(|item| matches!(item, Value::List(_) | Value::Map(_))) => None,
        value => Some(value),
    };
    let literals = entries
        .iter()
        .filter(|(_, node)| !is_call(&text[node.range.clone()], node));
    Ok(literals
        .filter_map(|(name, node)| Some((name.clone(), plain(node)?)))
        .collect())
}

/// True for `float("nan")`, which has a value only so that what gage wrote can be rewritten again: a script's own
/// `best = float("inf")` is no input.
pub(super) fn is_call(text: &str, node: &Node) -> bool {
    matches!(node.kind, Kind::Scalar(Value::Float(_))) && text.starts_with("float")
}

/// The keys of a scope with their values.
pub fn read(text: &str, scope: &Scope) -> Result<Vec<(String, Value)>, ConfigError> {
    Ok(tree::leaves(&entries(super::split_mark(text).1, scope)?))
}

/// True if the scope has the key, of a value or of a list or dict of values.
pub fn has(text: &str, scope: &Scope, key: &str) -> Result<bool, ConfigError> {
    let entries = entries(super::split_mark(text).1, scope)?;
    Ok(tree::find(&entries, key).is_some_and(|node| node.kind != Kind::Other))
}

/// The script with the values of keys replaced; `None` if that changes nothing. Names that the scope does not have
/// are left out.
pub fn rewrite(text: &str, values: &FlagValues, scope: &Scope) -> Result<Option<String>, ConfigError> {
    let (mark, body) = super::split_mark(text);
    let entries = entries(body, scope)?;
    let edits = splice::edits(&entries, values, &mut |_, node, value| {
        let text = literal(&body[node.range.clone()], value);
        Ok(splice::Edit::new(node.range.clone(), text))
    })?;
    Ok((!edits.is_empty()).then(|| format!("{mark}{}", splice::apply(body, edits))))
}

/// Parses a script; to be called, and its result used and dropped, `with_room` for it.
pub fn parse(text: &str) -> Result<Parsed<ModModule>, ConfigError> {
    if let Some(at) = too_deep(text) {
        return Err(ConfigError::Syntax { line: line(text, at) });
    }
    ruff_python_parser::parse_module(text).map_err(|error| ConfigError::Syntax {
        line: line(text, error.range().start().to_usize()),
    })
}

/// Runs `work`, which parses `text`, on a stack that fits the deepest nesting a text of its length can have: the
/// parser is recursive, and a generated `1+1+1+...` must not end the process.
pub fn with_room<T: Send>(text: &str, work: impl FnOnce() -> T + Send) -> Result<T, ConfigError> {
    if text.len() <= SHALLOW {
        return Ok(work());
    }
    if text.len() > LARGEST {
        return Err(ConfigError::TooLarge(LARGEST));
    }
    let stack = STACK_PER_BYTE * text.len() + (1 << 20);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| ConfigError::NoThread(error.to_string()))?;
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}

/// The keys of a scope with their places.
pub(super) fn entries(text: &str, scope: &Scope) -> Result<Vec<(String, Node)>, ConfigError> {
    with_room(text, || entries_here(text, scope))?
}

fn entries_here(text: &str, scope: &Scope) -> Result<Vec<(String, Node)>, ConfigError> {
    let module = parse(text)?;
    let mut found = Found::default();
    for statement in &module.syntax().body {
        match statement {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    found.assign(target, &assign.value, scope);
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    found.assign(&assign.target, value, scope);
                }
            }
            _ => {}
        }
    }
    Ok(found.0)
}

#[derive(Default)]
struct Found(Vec<(String, Node)>);

impl Found {
    fn assign(&mut self, target: &Expr, value: &Expr, scope: &Scope) {
        match (scope, target) {
            (Scope::Globals, Expr::Name(name)) => self.add(name.id.as_str(), constant::node(value)),
            (Scope::Dict(owner), Expr::Name(name)) | (Scope::Namespace(owner), Expr::Name(name))
                if name.id.as_str() == owner =>
            {
                self.0 = members(value, scope);
            }
            (Scope::Dict(owner), Expr::Subscript(part)) => {
                if is_name(&part.value, owner)
                    && let Expr::StringLiteral(key) = &*part.slice
                {
                    self.add(key.value.to_str(), constant::node(value));
                }
            }
            (Scope::Namespace(owner), Expr::Attribute(part)) if is_name(&part.value, owner) => {
                self.add(part.attr.as_str(), constant::node(value));
            }
            _ => {}
        }
    }

    /// The last constant wins but keeps the first one's place in the order.
    fn add(&mut self, name: &str, node: Node) {
        if matches!(node.kind, Kind::Other) {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = node,
            None => self.0.push((name.to_string(), node)),
        }
    }
}

fn is_name(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Name(found) if found.id.as_str() == name)
}

/// The members of `{...}`, `dict(...)` or `SimpleNamespace(...)`.
fn members(value: &Expr, scope: &Scope) -> Vec<(String, Node)> {
    let mut found = Found::default();
    match value {
        Expr::Dict(_) => {
            if let (Scope::Dict(_), Kind::Map(entries)) = (scope, constant::node(value).kind) {
                return entries;
            }
        }
        Expr::Call(call) => {
            let function = match &*call.func {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(part) => part.attr.as_str(),
                _ => "",
            };
            let fits = match scope {
                Scope::Dict(_) => function == "dict",
                _ => matches!(function, "SimpleNamespace" | "Namespace"),
            };
            for keyword in call.arguments.keywords.iter().filter(|_| fits) {
                if let Some(name) = &keyword.arg {
                    found.add(name.as_str(), constant::node(&keyword.value));
                }
            }
        }
        _ => {}
    }
    found.0
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

/// Where brackets, operators in a row or indented blocks go too deep for a recursive parser.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut prefixes = 0usize;
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match b {
            b'-' | b'+' | b'~' | b' ' | b'\t' => prefixes += usize::from(!b.is_ascii_whitespace()),
            _ => prefixes = 0,
        }
        if depth > MAX_NESTING || prefixes > MAX_NESTING * 10 {
            return Some(at);
        }
    }
    None
}
