//! Directories as people name them: relative where that is short, home as `~`, long middles cut.

use std::path::{Path, PathBuf};

use super::table::shorten_middle;

/// Longest text of a directory in a list.
const LONGEST: usize = 36;

/// Where the reader is.
#[derive(Debug, Clone, Default)]
pub struct Here {
    pub cwd: PathBuf,
    /// The user's home directory.
    pub home: Option<PathBuf>,
}

impl Here {
    /// The given directory, with `HOME` of the environment.
    pub fn new(cwd: &Path) -> Here {
        Here {
            cwd: cwd.to_path_buf(),
            home: std::env::var_os("HOME").filter(|h| !h.is_empty()).map(PathBuf::from),
        }
    }

    /// `path` with the home directory as `~`.
    pub fn tilde(&self, path: &Path) -> String {
        match self.home.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
            Some(rest) if rest.as_os_str().is_empty() => "~".into(),
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// `./sub` or `../peer` below or beside the current directory, else absolute; `None` for the current directory.
    pub fn short(&self, path: &Path) -> Option<String> {
        if path == self.cwd {
            return None;
        }
        if let Ok(rest) = path.strip_prefix(&self.cwd) {
            return Some(shorten_middle(&format!("./{}", rest.display()), LONGEST));
        }
        if let (Some(mine), Some(name)) = (self.cwd.parent(), path.file_name())
            && path.parent() == Some(mine)
        {
            return Some(shorten_middle(&format!("../{}", name.to_string_lossy()), LONGEST));
        }
        Some(shorten_middle(&self.tilde(path), LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_named_from_here() {
        let here = Here {
            cwd: "/home/ann/work/search".into(),
            home: Some("/home/ann".into()),
        };
        let short = |path: &str| here.short(Path::new(path));
        assert_eq!(short("/home/ann/work/search"), None);
        assert_eq!(short("/home/ann/work/search/a/b").unwrap(), "./a/b");
        assert_eq!(short("/home/ann/work/other").unwrap(), "../other");
        assert_eq!(short("/home/ann/x").unwrap(), "~/x");
        assert_eq!(short("/home/ann").unwrap(), "~");
        assert_eq!(short("/srv/data").unwrap(), "/srv/data");
        assert_eq!(
            short("/srv/a-rather-long-directory/with-another-one/and-a-project").unwrap(),
            "/srv/a-rath…nother-one/and-a-project"
        );
    }
}
