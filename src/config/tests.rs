//! Reading and rewriting over all formats, as the specification's examples show them.

use super::*;
use crate::flags::{decode, encode};

fn values(pairs: &[(&str, Value)]) -> FlagValues {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.clone()))
        .collect()
}

/// `key=text` pairs, texts decoded as on a command line.
fn given(pairs: &[&str]) -> FlagValues {
    let pair = |pair: &&str| {
        let (key, text) = pair.split_once('=').unwrap();
        (key.to_string(), decode(text, None).unwrap().value)
    };
    pairs.iter().map(pair).collect()
}

fn keys(file: &str, text: &str) -> Vec<String> {
    let shown = |(key, value): (String, Value)| format!("{key}={}", encode(&value));
    read(file, text).unwrap().into_iter().map(shown).collect()
}

/// Rewrites, checks that doing it again changes nothing, and gives the new text.
fn rewritten(file: &str, text: &str, values: &FlagValues) -> String {
    let result = rewrite(file, text, values).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let Some(new) = result else {
        return text.to_string();
    };
    assert_eq!(
        rewrite(file, &new, values).unwrap(),
        None,
        "rewriting again changes\n{new}"
    );
    new
}

const SCRIPT: &str = r#"x = 1  # one
y: float = 1.5
s = 'a "q" b'
d = {"a": 1, 'b': [1, 2, {"c": True}]}
n = None
x = 2
neg = -3
l = [
  1,  # first
  2,
]
f = f"a{x}"
"#;

#[test]
fn a_python_script_is_rewritten_value_by_value() {
    let shown = keys("say.py", SCRIPT);
    let expected = [
        "x=2",
        "y=1.5",
        "s=a \"q\" b",
        "d.a=1",
        "d.b.0=1",
        "d.b.1=2",
        "d.b.2.c=yes",
        "n=null",
        "neg=-3",
        "l.0=1",
        "l.1=2",
    ];
    assert_eq!(shown, expected);
    let values = values(&[
        ("x", Value::Int(10)),
        ("y", Value::Float(1e-5)),
        ("s", "it's \"x\"".into()),
        ("d.b.0", Value::Int(7)),
        ("d.b.2.c", Value::Bool(false)),
        ("n", "hey".into()),
        ("neg", Value::Float(-4.5)),
        ("l.1", Value::Null),
        ("absent", Value::Int(1)),
    ]);
    let expected = r#"x = 1  # one
y: float = 1e-05
s = 'it\'s "x"'
d = {"a": 1, 'b': [7, 2, {"c": False}]}
n = 'hey'
x = 10
neg = -4.5
l = [
  1,  # first
  None,
]
f = f"a{x}"
"#;
    assert_eq!(rewritten("say.py", SCRIPT, &values), expected);
    let crlf = SCRIPT.replace('\n', "\r\n");
    assert_eq!(rewritten("say.py", &crlf, &values), expected.replace('\n', "\r\n"));
    let marked = format!("\u{feff}{SCRIPT}");
    assert_eq!(rewritten("say.py", &marked, &values), format!("\u{feff}{expected}"));
    assert_eq!(rewrite("say.py", SCRIPT, &given(&["x=2", "l=[1,2]", "zz=1"])), Ok(None));
}

#[test]
fn python_literals_of_all_kinds() {
    for (from, value, to) in [
        ("x = '''a\nb'''", "c".into(), "x = 'c'"),
        ("x = \"\"\"a\"\"\"", "c\"d".into(), "x = \"c\\\"d\""),
        ("x = r'\\d'", "\\w\n".into(), "x = '\\\\w\\n'"),
        ("x = u\"é\"", "ü\u{7}".into(), "x = \"ü\\x07\""),
        ("x = 0x10", Value::Int(3), "x = 3"),
        ("x = 1_000", Value::Int(3), "x = 3"),
        ("x = ~5", Value::Int(3), "x = 3"),
        ("x = (1)", Value::Int(3), "x = (3)"),
        ("x = - 1", Value::Float(f64::NAN), "x = float(\"nan\")"),
        ("x = float('inf')", Value::Float(2.0), "x = 2.0"),
        ("x = 1", Value::Float(f64::NEG_INFINITY), "x = float(\"-inf\")"),
        ("x = 1", Value::Float(1.0), "x = 1.0"),
        ("x = True; y = 2", Value::Null, "x = None; y = 2"),
        ("a = x = 3", Value::Int(4), "a = x = 4"),
        ("l = x = [1]", "3 four".into(), "l = x = [3, 'four']"),
        ("x = [1, 2]", Value::Int(3), "x = [3]"),
        ("x = []", "".into(), "x = []"),
        (
            "x = 1",
            Value::List(vec!["it's".into(), Value::Bool(true)]),
            "x = [\"it's\", True]",
        ),
        ("é = 'é'; x = 1", Value::Int(2), "é = 'é'; x = 2"),
    ] {
        assert_eq!(rewritten("a.py", from, &values(&[("x", value)])), to, "{from}");
    }
}

#[test]
fn what_is_no_constant_is_no_key() {
    let text = "t = (1, 2)\nb = b'x'\nj = 'a' 'b'\ne = 1 + 1\nc = f()\na, z = 1, 2\nif 1:\n  i = 1\ndef g():\n  h = 1\nclass C:\n  k = 1\nu: int\nw = []\nq = {}\nbig = 99999999999999999999\nim = 1j\nbest = float('inf')\nk = {1: 2}\nm = {**k}\no = x.y = 3\nm['a'] = 5\n";
    assert_eq!(keys("a.py", text), ["o=3"]);
    let names: Vec<String> = python::constants(text)
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["w", "o"], "the empty list is a flag, though it has no keys");
}

#[test]
fn flags_of_a_script_are_its_scalars_and_lists() {
    let shown: Vec<String> = python::constants(SCRIPT)
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    assert_eq!(shown, ["x=2", "y=1.5", "s=a \"q\" b", "n=null", "neg=-3", "l=[1, 2]"]);
}

#[test]
fn dicts_and_namespaces_are_scopes() {
    use python::Scope;
    let text = "p = {'lr': 0.1, 'net': {'n': 1}, 'f': g}\nq = dict(lr=1, n='x')\nns = SimpleNamespace(lr=2)\np['lr'] = 5\nns.n = 3\nlr = 9\n";
    let read = |scope: &Scope| {
        let keys = python::read(text, scope).unwrap();
        keys.iter()
            .map(|(k, v)| format!("{k}={}", encode(v)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (p, q, ns) = (
        Scope::Dict("p".into()),
        Scope::Dict("q".into()),
        Scope::Namespace("ns".into()),
    );
    assert_eq!(read(&p), "lr=5 net.n=1");
    assert_eq!(read(&q), "lr=1 n=x");
    assert_eq!(read(&ns), "lr=2 n=3");
    assert_eq!(read(&Scope::Dict("none".into())), "");
    let new = |scope: &Scope| {
        python::rewrite(text, &given(&["lr=7", "net.n=8"]), scope)
            .unwrap()
            .unwrap()
    };
    assert_eq!(
        new(&p),
        text.replace("['lr'] = 5", "['lr'] = 7").replace("'n': 1", "'n': 8")
    );
    assert_eq!(new(&q), text.replace("dict(lr=1", "dict(lr=7"));
    assert_eq!(new(&ns), text.replace("(lr=2)", "(lr=7)"));
    assert_eq!(new(&Scope::Globals), text.replace("lr = 9", "lr = 7"));
}

#[test]
fn faults_are_named() {
    for (file, text, pairs, message) in [
        ("a.py", "x = 1\n\ny = (\n", &["x=2"][..], "invalid syntax, line "),
        ("a.py", "x = = 1", &["x=2"], "invalid syntax, line 1"),
        ("a.json", "{\"a\": }", &["a=1"], "expected value, line 1, column 7"),
        ("a.yaml", "a: [", &["a=1"], ", line "),
        ("a.toml", "a = ", &["a=1"], ", line 1"),
        (
            "a.txt",
            "a = 1",
            &["a=1"],
            "not a kind of file that holds configuration",
        ),
        (
            "a.yaml",
            "g.h:\n  i: 1\n",
            &["g.h=999", "g.h.i=1"],
            "'g.h.i' cannot be nested: conflicts with {'g.h': 999}",
        ),
        (
            "a.py",
            "a = b = 3",
            &["a=3", "b=4"],
            "'a' and 'b' are one value and cannot be set to different ones",
        ),
        ("a.toml", "a = 1", &["a=null"], "'a' cannot be null in TOML"),
        ("a.toml", "[a]\nb = 1", &["a=1"], "'a' cannot be rewritten in place"),
    ] {
        let shown = rewrite(file, text, &given(pairs)).unwrap_err().to_string();
        assert!(shown.contains(message), "{file} {text:?}: {shown}");
    }
    let deep = format!("x = {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(
        rewrite("a.py", &deep, &given(&["x=2"])),
        Err(ConfigError::Syntax { line: 1 })
    );
}

#[test]
fn json_keeps_order_layout_and_comments() {
    let text = "{\n  \"z\": 1, // last\n  \"a\": {\"b\": [1.5, \"x\\\"y\", true], \"e\": {}},\n  \"n\": null }\n";
    assert_eq!(
        keys("a.json", text),
        ["z=1", "a.b.0=1.5", "a.b.1=x\"y", "a.b.2=yes", "n=null"]
    );
    let new = rewritten(
        "a.json.in",
        text,
        &given(&["z=1e-5", "a.b.1=it's \"é\"", "n=[1,{a: b}]", "a.b.2=no", "nope=1"]),
    );
    let expected = "{\n  \"z\": 1e-05, // last\n  \"a\": {\"b\": [1.5, \"it's \\\"é\\\"\", false], \"e\": {}},\n  \"n\": [1, {\"a\": \"b\"}] }\n";
    assert_eq!(new, expected);
    assert_eq!(
        rewritten("a.json", "[1, {\"a\": 2}]", &given(&["1.a=3"])),
        "[1, {\"a\": 3}]"
    );
}

#[test]
fn yaml_keeps_comments_order_and_quoting() {
    let text = "# top\nz: 1   # one\na:\n  b: 'x'\n  c: \"y\"   # why\n  on: yes\nl:\n- 1  # first\n- two\nempty:\nflow: {p: 1, q: [a, b]}\nt: |\n  many\n  lines\nafter: 2018-06-26\n";
    assert_eq!(
        keys("a.yaml", text),
        [
            "z=1",
            "a.b=x",
            "a.c=y",
            "a.on=yes",
            "l.0=1",
            "l.1=two",
            "empty=null",
            "flow.p=1",
            "flow.q.0=a",
            "flow.q.1=b",
            "t=\"many\\nlines\\n\"",
            "after=2018-06-26",
        ]
    );
    let values = given(&[
        "z=1e-5",
        "a.b=it's",
        "a.c=5",
        "a.on=no",
        "l.1='2018-01-01'",
        "empty=x y",
        "flow.q.1=null",
        "t=short",
    ]);
    let expected = "# top\nz: 1.0e-05   # one\na:\n  b: 'it''s'\n  c: 5   # why\n  on: no\nl:\n- 1  # first\n- '2018-01-01'\nempty: x y\nflow: {p: 1, q: [a, null]}\nt: short\nafter: 2018-06-26\n";
    assert_eq!(rewritten("a.yml", text, &values), expected);
    assert_eq!(
        rewritten("a.yml", text, &given(&["l=[3,a b]", "a={x: 1}"])),
        text.replace("l:\n- 1  # first\n- two\n", "l: [3, a b]\n")
            .replace("a:\n  b: 'x'\n  c: \"y\"   # why\n  on: yes\n", "a: {x: 1}\n")
    );
    assert_eq!(
        rewritten("a.yml", "a: 1\r\nb: 2 # c\r\n", &given(&["a=3"])),
        "a: 3\r\nb: 2 # c\r\n"
    );
}

#[test]
fn yaml_aliases_take_their_own_values() {
    let text = "a: &x 1\nb: *x\nc: {<<: {d: 1}, e: 2}\n";
    assert_eq!(keys("a.yaml", text), ["a=1", "b=1", "c.e=2"]);
    assert_eq!(
        rewritten("a.yaml", text, &given(&["a=5", "b=1"])),
        "a: &x 5\nb: 1\nc: {<<: {d: 1}, e: 2}\n"
    );
    assert_eq!(
        rewritten("a.yaml", text, &given(&["b=7", "c.e=3"])),
        "a: &x 1\nb: 7\nc: {<<: {d: 1}, e: 3}\n"
    );
}

#[test]
fn toml_keeps_everything_else() {
    let text = "a = 1 # one\nd = 2020-01-01\n\n[t]  # table\nx = 'lit'\ny.z = [1, 2]\ni = { p = 1, q = \"s\" }\n\n[[r]]\nk = 1.5\n";
    assert_eq!(
        keys("a.toml", text),
        [
            "a=1",
            "t.x=lit",
            "t.y.z.0=1",
            "t.y.z.1=2",
            "t.i.p=1",
            "t.i.q=s",
            "r.0.k=1.5"
        ]
    );
    let values = given(&["a=2.5", "t.x=it's", "t.y.z.1=7", "t.i.q=yes", "r.0.k=1e-5"]);
    let expected = "a = 2.5 # one\nd = 2020-01-01\n\n[t]  # table\nx = \"it's\"\ny.z = [1, 7]\ni = { p = 1, q = true }\n\n[[r]]\nk = 1e-05\n";
    assert_eq!(rewritten("a.toml", text, &values), expected);
}

#[test]
fn ini_keeps_everything_else() {
    let text = "top = 1\n; comment\n[a b]\nx=  1.5  ; why\ny : Yes\nurl = http://x#y\nlong = one\n  two\nempty =\n[c]\nx = %(y)s\n";
    assert_eq!(
        keys("a.ini", text),
        [
            "top=1",
            "a b.x=1.5",
            "a b.y=yes",
            "a b.url=http://x#y",
            "a b.long=\"one\\n  two\"",
            "a b.empty=''",
            "c.x='%(y)s'"
        ]
    );
    let values = given(&[
        "top=2",
        "a b.x=1e-5",
        "a b.y=no",
        "a b.long=three",
        "a b.empty=v",
        "c.x=null",
    ]);
    let expected =
        "top = 2\n; comment\n[a b]\nx=  1e-05  ; why\ny : No\nurl = http://x#y\nlong = three\nempty =v\n[c]\nx = \n";
    let new = rewrite("a.cfg", text, &values).unwrap().unwrap();
    assert_eq!(new, expected);
}
#[test]
fn yaml_block_texts_are_replaced_with_their_headers() {
    for (text, expected) in [
        ("t: |\n  many\n  lines\nafter: 1\n", "t: x\nafter: 1\n"),
        (
            "a:\n  t: >-  # why\n\n    many\n\nafter: 1\n",
            "a:\n  t: x\n\nafter: 1\n",
        ),
        ("t: |2-\n   many", "t: x"),
        ("t: |\nafter: 1\n", "t: x\nafter: 1\n"),
        ("t: |\n", "t: x\n"),
        ("t: !!str |\n  a\n", "t: !!str |\n  a\n"),
    ] {
        assert_eq!(
            rewritten("a.yaml", text, &given(&["t=x", "a.t=x"])),
            expected,
            "{text:?}"
        );
    }
    assert_eq!(rewritten("a.yaml", "- |\n  a\n- b\n", &given(&["0=x"])), "- x\n- b\n");
}

#[test]
fn scripts_made_to_exhaust_the_stack_do_not() {
    let n = 20_000;
    for text in [
        "+1".repeat(n),
        ".b".repeat(n),
        "()".repeat(n),
        format!("+ {}1", "not ".repeat(n)),
        format!("+ {}1", "- ".repeat(n)),
        format!(" if {}1 else 2", "lambda: ".repeat(n)),
        format!("\nif x: pass\n{}", "elif x: pass\n".repeat(n)),
    ] {
        // Whether it is accepted does not matter; that the process is still there does.
        let _ = read("a.py", &format!("x = 1\ny = a{text}\n"));
    }
    let sum = format!("x = 1\ny = 1{}\n", "+1".repeat(n));
    assert_eq!(keys("a.py", &sum), ["x=1"]);
    let large = format!("x = 1\n{}", "# a comment\n".repeat(100_000));
    assert_eq!(read("a.py", &large), Err(ConfigError::TooLarge(1 << 20)));
}
