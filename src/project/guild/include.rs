//! Files that include others: their items are put where the include stands.

use std::path::{Path, PathBuf};

use super::Items;
use crate::flags::document::Data;
use crate::project::{ProjectError, fields, find};

/// The files that are being read, outermost first, by path and by name in messages.
pub(super) struct Chain(Vec<(PathBuf, String)>);

impl Chain {
    pub fn new(file: &Path, shown: &str) -> Chain {
        Chain(vec![(file.to_path_buf(), shown.to_string())])
    }

    fn current(&self) -> &(PathBuf, String) {
        self.0
            .last()
            .expect("a chain begins with the file itself and is only popped where it was pushed")
    }

    fn fail(&self, reason: &str) -> ProjectError {
        find::guild_error(&self.current().1, reason)
    }
}

/// Adds the items of a file, and of what it includes.
pub(super) fn splice(data: Data, chain: &mut Chain, items: &mut Items) -> Result<(), ProjectError> {
    let list = match data {
        Data::Null => return Ok(()),
        // Operations by name: the anonymous model.
        Data::Map(_) => {
            let model = [("model".to_string(), "".into()), ("operations".to_string(), data)];
            vec![Data::Map(model.into_iter().collect())]
        }
        Data::List(list) => list,
        other => return Err(chain.fail(&format!("invalid guildfile data {other}: expected a mapping"))),
    };
    for item in list {
        let included = items.add(item).map_err(|reason| chain.fail(&reason))?;
        let Some(included) = included else { continue };
        let names = fields::texts("include", &included).map_err(|reason| chain.fail(&reason))?;
        for name in names {
            include(&name, chain, items)?;
        }
    }
    Ok(())
}

fn include(name: &str, chain: &mut Chain, items: &mut Items) -> Result<(), ProjectError> {
    let (file, shown) = chain.current();
    let mut path = file.with_file_name(name);
    let mut new_shown = Path::new(shown).with_file_name(name);
    if path.is_dir() {
        path.push("guild.yml");
        new_shown.push("guild.yml");
    }
    if !path.is_file() {
        return Err(chain.fail(&format!(
            "cannot find include '{name}' (includes must be local to including Guild file or a Guild package on the \
             system path)"
        )));
    }
    let new_shown = new_shown.to_string_lossy().into_owned();
    let same =
        |other: &Path| other == path || matches!((other.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if let Some(start) = chain.0.iter().position(|(file, _)| same(file)) {
        let mut names: Vec<&str> = chain.0[start..].iter().map(|(_, shown)| shown.as_str()).collect();
        names.push(names[0]);
        let (_, first) = &chain.0[0];
        return Err(find::guild_error(
            first,
            &format!("cycle in 'include' ({})", names.join(" -> ")),
        ));
    }
    chain.0.push((path.clone(), new_shown));
    let data = find::read(&path).map_err(|reason| chain.fail(&reason))?;
    splice(data, chain, items)?;
    chain.0.pop();
    Ok(())
}
