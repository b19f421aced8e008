//! The commit a project was at. Read from git's files: starting git would cost more than the rest of a run.

use std::path::Path;

/// `git:COMMIT` for a project in a git work tree.
pub fn vcs_commit(project_dir: &Path) -> Option<String> {
    git_commit(project_dir).map(|commit| format!("git:{commit}"))
}

/// The commit that HEAD names in the work tree that `dir` belongs to.
fn git_commit(dir: &Path) -> Option<String> {
    let mut git = dir.ancestors().map(|d| d.join(".git")).find(|p| p.exists())?;
    if git.is_file() {
        // A worktree or submodule: the file names the real directory.
        let text = std::fs::read_to_string(&git).ok()?;
        git = git.parent()?.join(text.trim().strip_prefix("gitdir:")?.trim());
    }
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref:").map(str::trim) else {
        return is_commit(head.trim()).then(|| head.trim().to_string());
    };
    // References of a worktree live in the directory that it shares with the main one.
    let shared = std::fs::read_to_string(git.join("commondir")).map_or(git.clone(), |p| git.join(p.trim()));
    for place in [&git, &shared] {
        if let Ok(text) = std::fs::read_to_string(place.join(reference))
            && is_commit(text.trim())
        {
            return Some(text.trim().to_string());
        }
    }
    let packed = std::fs::read_to_string(shared.join("packed-refs")).ok()?;
    let line = packed
        .lines()
        .find(|l| l.split_once(' ').is_some_and(|(_, name)| name == reference))?;
    line.split_once(' ')
        .map(|(commit, _)| commit.to_string())
        .filter(|c| is_commit(c))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn finds_the_commit_however_git_keeps_it() {
        let loose = tree(&[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/refs/heads/main", &format!("{COMMIT}\n")),
        ]);
        let packed = tree(&[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/packed-refs", &format!("# pack-refs\n{COMMIT} refs/heads/main\n")),
        ]);
        let detached = tree(&[(".git/HEAD", COMMIT)]);
        let worktree = tree(&[
            (".git", "gitdir: main/.git/worktrees/w\n"),
            ("main/.git/worktrees/w/HEAD", "ref: refs/heads/w\n"),
            ("main/.git/worktrees/w/commondir", "../..\n"),
            ("main/.git/refs/heads/w", COMMIT),
        ]);
        for dir in [loose, packed, detached, worktree] {
            assert_eq!(git_commit(dir.path()).as_deref(), Some(COMMIT));
        }
    }

    #[test]
    fn nonsense_is_no_commit() {
        let dir = tree(&[(".git/HEAD", "what\n")]);
        assert_eq!(git_commit(dir.path()), None);
    }
}
