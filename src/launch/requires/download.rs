//! Files by address, downloaded once into the cache. A file is there whole or not at all, whoever else downloads it
//! meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::run::{reason, tree};

/// How long a server may take to accept, and to begin to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file at `url`, in the cache. One that has another digest than the `expected` one is downloaded again.
pub fn file(url: &str, expected: Option<&str>, cache: &Path) -> Result<PathBuf, String> {
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(format!(
            "cannot download {url}: expected an address that begins with http:// or https://"
        ));
    }
    let dir = cache.join("downloads").join(&tree::digest_of(url.as_bytes())[..32]);
    let path = dir.join(name(url));
    let known = path.is_file() && expected.is_none_or(|digest| tree::digest(&path) == digest);
    if !known {
        download(url, &dir, &path).map_err(|error| format!("cannot download {url}: {}", reason(&error)))?;
    }
    Ok(path)
}

fn download(url: &str, dir: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .user_agent(concat!("gage/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let response = agent.get(url).call().map_err(|error| match error {
        ureq::Error::StatusCode(code) => io::Error::other(format!("the server answered with status {code}")),
        ureq::Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    })?;
    let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
    io::copy(&mut response.into_body().into_reader(), &mut temporary)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

/// The file's name: the last part of the address, without what is asked of the server.
fn name(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').split('/').skip(1).last().unwrap_or_default();
    match last {
        "" | "." | ".." => "download".to_string(),
        name => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_the_address_ends() {
        for (url, want) in [
            ("http://h/a/data.csv", "data.csv"),
            ("https://h/a.zip?x=/b#c", "a.zip"),
            ("http://h", "download"),
            ("http://h/a/", "a"),
            ("http://h/..", "download"),
        ] {
            assert_eq!(name(url), want, "{url}");
        }
    }

    #[test]
    fn only_the_web_is_asked() {
        let error = file("ftp://h/a", None, Path::new("/none")).unwrap_err();
        assert_eq!(
            error,
            "cannot download ftp://h/a: expected an address that begins with http:// or https://"
        );
    }
}
