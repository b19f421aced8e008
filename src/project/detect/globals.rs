//! Top-level constants of a script as flags.

use indexmap::IndexMap;

use super::constant::Constants;
use super::make_split;
use crate::flags::{FlagDef, Value};

pub(super) fn flags(constants: &Constants) -> IndexMap<String, FlagDef> {
    let mut flags = IndexMap::new();
    for (name, value) in constants {
        if name.starts_with('_') {
            continue;
        }
        let mut flag = FlagDef {
            default: value.clone(),
            ..FlagDef::default()
        };
        if let Value::List(items) = value {
            // An empty list is where a script collects something.
            if items.is_empty() {
                continue;
            }
            make_split(&mut flag);
        }
        flags.insert(name.clone(), flag);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::super::detect;

    #[test]
    fn constants_at_the_top_are_flags() {
        let script = "
import os
lr = 0.1
epochs: int = 3
name = 'a b'
on = True
nothing = None
down = -1.5
l = [1, 2, 'c d']
hexa = 0x10
big = 1_000
p = q = 2
lr = 0.2
_private = 1
d = {'a': 1}
t = (1, 2)
joined = 'a' 'b'
f = f'{lr}'
b = b'x'
results = []
nested = [[1], 2]
y = lr * 2
gone = os.getcwd()
x, z = 1, 2
if lr:
    inner = 1
for i in [1]:
    loop = 2
";
        let flags = detect(script).unwrap().flags;
        let shown: Vec<String> = flags
            .iter()
            .map(|(name, flag)| format!("{name}={}", flag.default.to_json()))
            .collect();
        assert_eq!(
            shown,
            [
                "lr=0.2",
                "epochs=3",
                "name=\"a b\"",
                "on=true",
                "nothing=null",
                "down=-1.5",
                "l=\"1 2 'c d'\"",
                "hexa=16",
                "big=1000",
                "p=2",
                "q=2"
            ]
        );
        assert!(flags["l"].arg_split.is_some() && flags["lr"].arg_split.is_none());
    }
}
