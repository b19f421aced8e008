//! Gage files that are valid, and what is said of those that are not.

use std::fs;

use crate::project::Project;
use crate::project::tests::refusal;

#[test]
fn checks_of_single_operations() {
    for (definition, result) in [
        ("{}", "valid"),
        ("{\"exec\": \"\"}", "valid"),
        ("{\"exec\": []}", "valid"),
        ("{\"sourcecode\": []}", "valid"),
        ("{\"sourcecode\": \"*\"}", "valid"),
        ("{\"sourcecode\": false}", "valid"),
        ("{\"version\": null}", "valid"),
        ("{\"version\": 1.5}", "valid"),
        (
            "{\"flags\": {\"a\": 1, \"b\": {\"default\": [1], \"foo\": {}}, \"c\": null}}",
            "valid",
        ),
        (
            "{\"exec\": [\"\"]}",
            "Properties ['test'] are invalid\nProperties ['exec'] are invalid\nItems [0] are invalid\n\
             The text is too short (minimum 1 characters)",
        ),
        (
            "{\"exec\": {\"foo\": 1}}",
            "Properties ['test'] are invalid\nProperties ['exec'] are invalid\nAdditional properties: ['foo']",
        ),
        (
            "123",
            "Properties ['test'] are invalid\nThe instance must be of type \"object\"",
        ),
        (
            "{\"description\": 123}",
            "Properties ['test'] are invalid\nProperties ['description'] are invalid\n\
             The instance must be of type \"string\"",
        ),
        (
            "{\"default\": 123}",
            "Properties ['test'] are invalid\nProperties ['default'] are invalid\n\
             The instance must be of type \"boolean\"",
        ),
        (
            "{\"sourcecode\": \"\"}",
            "Properties ['test'] are invalid\nProperties ['sourcecode'] are invalid\n\
             The text is too short (minimum 1 characters)",
        ),
        (
            "{\"exec\": 3}",
            "Properties ['test'] are invalid\nProperties ['exec'] are invalid\n\
             The instance must be of type \"string\", \"array\" or \"object\"",
        ),
        (
            "{\"version\": \"a b\"}",
            "Properties ['test'] are invalid\nProperties ['version'] are invalid\nThe text must not contain blanks",
        ),
        (
            "{\"config\": {\"prefix\": \"a\"}}",
            "Properties ['test'] are invalid\nProperties ['config'] are invalid\nMissing properties: ['keys']",
        ),
        (
            "{\"foo\": 1, \"stop-signal\": \"INTX\"}",
            "Properties ['test'] are invalid\nProperties ['stop-signal'] are invalid\nAdditional properties: ['foo']\n\
             The text must be one of: INT, TERM, HUP, QUIT, USR1, USR2",
        ),
        (
            "{\"default-max-trials\": 0}",
            "Properties ['test'] are invalid\nProperties ['default-max-trials'] are invalid\n\
             The number is too small (minimum 1)",
        ),
        (
            "{\"config\": \"\"}",
            "Properties ['test'] are invalid\nProperties ['config'] are invalid\nThe text is too short (minimum 1 characters)",
        ),
        ("{\"config\": \" \"}", "test: config path cannot be empty"),
        (
            "{\"optimizer\": \"gp\", \"optimizers\": [\"gp\"]}",
            "test: conflicting optimizer configuration in operation 'test' - cannot specify both 'optimizer' and \
             'optimizers'",
        ),
    ] {
        let said = refusal(&[("gage.json", &format!("{{ // a comment\n\"test\": {definition}}}"))]);
        let expected = match result {
            "valid" => result.to_string(),
            faults => format!("There are errors in gage.json\n{faults}"),
        };
        assert_eq!(said, expected, "{definition}");
    }
}

#[test]
fn files_that_are_no_operations_files() {
    for (file, text, said) in [
        (
            "gage.json",
            "[]",
            "There are errors in gage.json\nThe instance must be of type \"object\"",
        ),
        (
            "gage.json",
            "{\"$foo\": 1}",
            "There are errors in gage.json\nAdditional properties: ['$foo']",
        ),
        (
            "gage.json",
            "{\"a\" 1}",
            "There are errors in gage.json\ngage.json: expected `:`, line 1, column 6",
        ),
        (
            "gage.yaml",
            "a: 1\na: 2\n",
            "There are errors in gage.yaml\ngage.yaml: duplicate key 'a', line 2, column 1",
        ),
        (
            "gage.toml",
            "[a]\n[a]\n",
            "There are errors in gage.toml\ngage.toml: duplicate key, line 2, column 2",
        ),
        (
            ".gage/gage.toml",
            "x",
            "There are errors in .gage/gage.toml\n.gage/gage.toml: ",
        ),
        (
            "gage.yaml",
            "",
            "There are errors in gage.yaml\nThe instance must be of type \"object\"",
        ),
        ("guild.yml", "a: [1\n", "ERROR: error in guild.yml: "),
    ] {
        let shown = refusal(&[(file, text)]);
        assert!(shown.starts_with(said), "{text:?}: {shown}");
    }
    let dir = tempfile::tempdir().unwrap();
    let other = |name: &str| {
        Project::open_file(&dir.path().join(name), name)
            .unwrap_err()
            .report()
            .to_string()
    };
    nix::unistd::mkfifo(&dir.path().join("fifo.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(
        other("fifo.toml"),
        "There are errors in fifo.toml\nfifo.toml: not a regular file"
    );
    fs::File::create(dir.path().join("huge.toml"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert_eq!(
        other("huge.toml"),
        "There are errors in huge.toml\nhuge.toml: larger than 16777216 bytes"
    );
    fs::write(dir.path().join("a.txt"), "").unwrap();
    assert!(other("a.txt").ends_with("a.txt: unsupported file type (expected .toml, .yaml, .yml or .json)"));
    fs::write(dir.path().join("gage.toml"), b"a = 1\nb = '\xff'").unwrap();
    let error = Project::open(dir.path()).unwrap_err();
    assert_eq!(
        error.report(),
        "There are errors in gage.toml\ngage.toml: invalid UTF-8, line 2, column 6"
    );
}
