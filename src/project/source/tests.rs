//! Selections from real directories.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Selection, select};
use crate::project::SourceCode;

/// A directory with these files; a name that ends with `=N` has N bytes.
fn dir_of(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let (name, size) = file.split_once('=').unwrap_or((file, "1"));
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x".repeat(size.parse().unwrap())).unwrap();
    }
    dir
}

fn selected(dir: &Path, patterns: &[&str]) -> Selection {
    let patterns = patterns.iter().map(|pattern| pattern.to_string()).collect();
    select(dir, &SourceCode::from_patterns(patterns), &[]).unwrap()
}

fn files(dir: &Path, patterns: &[&str]) -> String {
    selected(dir, patterns).files.join(" ")
}

#[test]
fn defaults_take_text_and_leave_out_environments() {
    let dir = dir_of(&[
        "b.py",
        "a/b.txt",
        "a.txt",
        ".hidden",
        ".git/config",
        "venv/bin/activate",
        "venv/lib.py",
        "big/.nocopy",
        "big/x",
        "__pycache__/b.pyc",
        "a/__pycache__/x",
        "no/.guild-nocopy",
        "no/x",
    ]);
    fs::write(dir.path().join("image"), b"\x89PNG\0\0").unwrap();
    fs::write(dir.path().join("latin"), b"caf\xe9 ").unwrap();
    let found = selected(dir.path(), &[]);
    assert_eq!(found.files, [".hidden", "a.txt", "a/b.txt", "b.py"]);
    assert_eq!(found.warnings, [] as [&str; 0]);
}

#[test]
fn the_last_pattern_that_matches_decides() {
    let dir = dir_of(&["a.py", "b.csv", "sub/c.py", "sub/d.csv", "sub/deep/e.csv", ".dot/f.csv"]);
    for (patterns, expected) in [
        (vec!["*"], "a.py b.csv"),
        (vec!["**/*.csv"], ".dot/f.csv b.csv sub/d.csv sub/deep/e.csv"),
        (vec!["**/*.csv", "-**/.* dir"], "b.csv sub/d.csv sub/deep/e.csv"),
        (vec!["**/*", "-sub/**"], ".dot/f.csv a.py b.csv"),
        (vec!["**/*", "-sub", "sub/d.csv", "-.dot"], "a.py b.csv sub/d.csv"),
        (vec!["sub"], "sub/c.py sub/d.csv sub/deep/e.csv"),
        (vec!["-**/*.csv"], "a.py sub/c.py"),
        (
            vec!["**/*.csv", "-**/* dir", "sub dir"],
            "b.csv sub/d.csv sub/deep/e.csv",
        ),
        (vec!["**/* max-matches=2"], ".dot/f.csv a.py"),
        (vec!["none"], ""),
    ] {
        assert_eq!(files(dir.path(), &patterns), expected, "{patterns:?}");
    }
    assert_eq!(
        select(dir.path(), &SourceCode::nothing(), &[]).unwrap(),
        Selection::default()
    );
}

#[test]
fn sizes_and_kinds() {
    let dir = dir_of(&["small=9", "even=10", "large=11"]);
    fs::write(dir.path().join("binary"), b"\0").unwrap();
    assert_eq!(files(dir.path(), &["* size<10"]), "binary small");
    assert_eq!(files(dir.path(), &["* size>10"]), "large");
    assert_eq!(files(dir.path(), &["* binary"]), "binary");
    assert_eq!(files(dir.path(), &["* text size>9 size<11"]), "even");
}

#[test]
fn limits_that_act_are_said_once() {
    let names: Vec<String> = (0..503).map(|i| format!("f{i:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let dir = dir_of(&names);
    fs::write(dir.path().join("a-large"), "x".repeat(100_000)).unwrap();
    let found = selected(dir.path(), &[]);
    assert_eq!(found.files.len(), 500);
    assert_eq!(found.files[499], "f499");
    assert_eq!(
        found.warnings,
        [
            "Source code limit reached: 500 files (max-matches) - use 'sourcecode' to select files",
            "Source code limit reached: a-large left out because of its size (size<100000) - use 'sourcecode' to \
             select files"
        ]
    );
}

#[test]
fn links_are_followed_to_files_only() {
    let dir = dir_of(&["real", "sub/x"]);
    symlink("real", dir.path().join("link")).unwrap();
    symlink("sub", dir.path().join("to-dir")).unwrap();
    symlink("..", dir.path().join("sub/up")).unwrap();
    symlink("nowhere", dir.path().join("broken")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let found = selected(dir.path(), &["**/*"]);
    assert_eq!(found.files, ["link", "real", "sub/x"]);
    assert_eq!(
        found.warnings,
        ["Source code: broken, fifo left out, as it is no regular file or has no valid name"]
    );
}

#[test]
fn the_runs_home_is_left_out() {
    let dir = dir_of(&["a", "runs/1/a", "data/x"]);
    let out = [dir.path().join("runs"), dir.path().join("data/x")];
    for source in [
        SourceCode::standard(),
        SourceCode {
            guild_rules: true,
            ..SourceCode::default()
        },
    ] {
        assert_eq!(select(dir.path(), &source, &out).unwrap().files, ["a"]);
    }
}

#[test]
fn guild_rules_without_git() {
    let dir = dir_of(&[
        "a.py",
        "sub/b.txt",
        "build/x",
        "dist/x",
        "x.egg-info/y",
        ".hid/x",
        ".dot",
        "env/bin/activate",
        "env/x",
        "skip.csv",
        "__pycache__/x",
    ]);
    fs::write(dir.path().join(".guildignore"), "*.csv\n").unwrap();
    fs::write(dir.path().join("big"), "x".repeat(1 << 20)).unwrap();
    fs::write(dir.path().join("bin"), "\0").unwrap();
    let rules = SourceCode {
        guild_rules: true,
        ..SourceCode::default()
    };
    assert_eq!(
        select(dir.path(), &rules, &[]).unwrap().files,
        [".dot", ".guildignore", "a.py", "sub/b.txt"]
    );
    let more = SourceCode {
        guild_rules: true,
        patterns: vec!["**/*.csv".into(), "-sub".into(), "-.*".into()],
        ..SourceCode::default()
    };
    assert_eq!(select(dir.path(), &more, &[]).unwrap().files, ["a.py", "skip.csv"]);
}

#[test]
fn guild_rules_in_a_git_work_tree() {
    let dir = dir_of(&[
        ".git/HEAD",
        ".git/objects/x",
        "p/a.py",
        "p/data.csv",
        "p/.dot/x",
        "p/out/y",
        "p/build/z",
        "p/t.csv",
    ]);
    fs::write(dir.path().join(".gitignore"), "*.csv\nout/\n").unwrap();
    fs::write(dir.path().join("p/.gitignore"), "!data.csv\n").unwrap();
    fs::write(dir.path().join("p/bin"), "\0").unwrap();
    let rules = SourceCode {
        guild_rules: true,
        ..SourceCode::default()
    };
    let found = select(&dir.path().join("p"), &rules, &[]).unwrap();
    assert_eq!(
        found.files,
        [".dot/x", ".gitignore", "a.py", "bin", "build/z", "data.csv"]
    );
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let error = select(Path::new("/nonexistent/x"), &SourceCode::standard(), &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read source directory /nonexistent/x: ")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is in the directory and whatever the patterns: what is selected exists, is sorted, and is the
    /// same again.
    #[test]
    fn selections_are_sound(
        names in prop::collection::vec("[a-c.]{1,2}(/[a-c.]{1,2}){0,2}", 0..12),
        patterns in prop::collection::vec("-?(\\*\\*/)?[a-c*?.]{1,3}( dir| text| max-matches=1| size<2)?", 0..4),
    ) {
        let dir = tempfile::tempdir().unwrap();
        for name in &names {
            let path: PathBuf = dir.path().join(name);
            if name.split('/').all(|part| !part.trim_matches('.').is_empty()) && fs::create_dir_all(path.parent().unwrap()).is_ok() {
                let _ = fs::write(path, name);
            }
        }
        let source = SourceCode::from_patterns(patterns);
        if let Ok(found) = select(dir.path(), &source, &[]) {
            prop_assert!(found.files.is_sorted());
            prop_assert!(found.files.iter().all(|file| dir.path().join(file).is_file()));
            prop_assert_eq!(&select(dir.path(), &source, &[]).unwrap(), &found);
        }
    }
}
