//! YAML: the full syntax with anchors and merges, words read as on a command line (`scalar`), quoted texts as
//! texts. Built on parser events, because a typed reader decides itself what `012` or `no` is.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use indexmap::IndexMap;

use super::super::{Value, scalar};
use super::{Data, DocumentError};

/// Nodes that a document may have once its aliases are copied in: far beyond any real file, and small enough
/// to refuse a file made to fill the memory.
const MOST_NODES: usize = 1_000_000;

/// A collection that is still open.
enum Open {
    List(Vec<Data>),
    /// Its own entries, the key whose value is awaited, the maps to merge.
    Map(IndexMap<String, Data>, Option<Key>, Vec<Data>),
}

struct Key {
    text: String,
    /// An unquoted `<<`.
    merge: bool,
    place: Place,
}

/// Line and column, from 1.
type Place = (usize, usize);

struct Builder {
    open: Vec<(Open, usize)>,
    anchors: HashMap<usize, (Data, usize)>,
    root: Option<Data>,
    nodes: usize,
}

pub(super) fn read(text: &str) -> Result<Data, DocumentError> {
    let mut builder = Builder {
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            DocumentError {
                reason: error.info().lines().collect::<Vec<_>>().join(" "),
                line: marker.line().max(1),
                column: marker.col() + 1,
            }
        })?;
        let place = (span.start.line().max(1), span.start.col() + 1);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(fail(place, "more than one document in the file"));
                }
            }
            Event::Alias(anchor) => {
                let Some((data, nodes)) = builder.anchors.get(&anchor).cloned() else {
                    return Err(fail(place, "an anchor refers to itself"));
                };
                builder.count(nodes, place)?;
                builder.add(data, place)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                builder.count(1, place)?;
                let merge = text == "<<" && style == ScalarStyle::Plain;
                let data = if let Some(awaited) = builder.awaited_key() {
                    *awaited = Some(Key {
                        text: text.to_string(),
                        merge,
                        place,
                    });
                    Data::Text(text.into_owned())
                } else {
                    let data = scalar_of(&text, style, tag.as_deref()).map_err(|reason| fail(place, reason))?;
                    builder.add(data.clone(), place)?;
                    data
                };
                if anchor > 0 {
                    builder.anchors.insert(anchor, (data, 1));
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                expect_tag(tag.as_deref(), "seq").map_err(|reason| fail(place, reason))?;
                builder.count(1, place)?;
                builder.open.push((Open::List(Vec::new()), anchor));
            }
            Event::MappingStart(_, anchor, tag) => {
                expect_tag(tag.as_deref(), "map").map_err(|reason| fail(place, reason))?;
                builder.count(1, place)?;
                builder
                    .open
                    .push((Open::Map(IndexMap::new(), None, Vec::new()), anchor));
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close(place)?,
            _ => {}
        }
    }
    Ok(builder.root.unwrap_or_default())
}

impl Builder {
    fn count(&mut self, nodes: usize, place: Place) -> Result<(), DocumentError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return Err(fail(place, format!("more than {MOST_NODES} values, aliases included")));
        }
        Ok(())
    }

    fn close(&mut self, place: Place) -> Result<(), DocumentError> {
        let Some((open, anchor)) = self.open.pop() else {
            return Ok(());
        };
        let data = match open {
            Open::List(items) => Data::List(items),
            Open::Map(own, _, merges) if merges.is_empty() => Data::Map(own),
            Open::Map(own, _, merges) => Data::Map(merged(own, merges)),
        };
        if anchor > 0 {
            let nodes = size(&data);
            self.count(nodes, place)?;
            self.anchors.insert(anchor, (data.clone(), nodes));
        }
        self.add(data, place)
    }

    /// Where a key goes, if a key comes next.
    fn awaited_key(&mut self) -> Option<&mut Option<Key>> {
        match self.open.last_mut() {
            Some((Open::Map(_, key @ None, _), _)) => Some(key),
            _ => None,
        }
    }

    fn add(&mut self, data: Data, place: Place) -> Result<(), DocumentError> {
        match self.open.last_mut() {
            None => self.root = Some(data),
            Some((Open::List(items), _)) => items.push(data),
            Some((Open::Map(own, key, merges), _)) => match key.take() {
                None => match data {
                    Data::Text(text) => {
                        *key = Some(Key {
                            text,
                            merge: false,
                            place,
                        })
                    }
                    other => return Err(fail(place, format!("a key has to be a text, not {other}"))),
                },
                Some(key) if key.merge => match data {
                    Data::Map(_) => merges.push(data),
                    Data::List(items) if items.iter().all(|item| item.as_map().is_some()) => merges.extend(items),
                    _ => return Err(fail(key.place, "only maps can be merged with '<<'")),
                },
                Some(key) => {
                    if own.contains_key(&key.text) {
                        return Err(fail(key.place, format!("duplicate key '{}'", key.text)));
                    }
                    own.insert(key.text, data);
                }
            },
        }
        Ok(())
    }
}

/// Merged keys first, earlier maps before later ones; own keys win.
fn merged(own: IndexMap<String, Data>, merges: Vec<Data>) -> IndexMap<String, Data> {
    let mut all = IndexMap::new();
    for merge in merges {
        if let Data::Map(map) = merge {
            for (key, value) in map {
                all.entry(key).or_insert(value);
            }
        }
    }
    all.extend(own);
    all
}

fn size(data: &Data) -> usize {
    match data {
        Data::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Data::Map(map) => 1 + map.values().map(|value| 1 + size(value)).sum::<usize>(),
        _ => 1,
    }
}

fn scalar_of(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Data, String> {
    let as_word = |text: &str| {
        if text.is_empty() {
            Data::Null
        } else {
            scalar::plain(text).into()
        }
    };
    match tag.map(|tag| (tag, tag.core_suffix())) {
        None if style == ScalarStyle::Plain => Ok(as_word(text)),
        None => Ok(text.into()),
        Some((_, Some("str"))) => Ok(text.into()),
        Some((_, Some("null" | "bool" | "int"))) => Ok(as_word(text)),
        Some((_, Some("float"))) => Ok(match scalar::plain(text) {
            Value::Int(v) => Data::Float(v as f64),
            other => other.into(),
        }),
        // A lone `!` says: not a plain word.
        Some((tag, _)) if tag.original() == "!" => Ok(text.into()),
        Some((tag, _)) => Err(unsupported(tag)),
    }
}

fn expect_tag(tag: Option<&Tag>, kind: &str) -> Result<(), String> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(kind) && tag.original() != "!" => Err(unsupported(tag)),
        _ => Ok(()),
    }
}

fn unsupported(tag: &Tag) -> String {
    format!("the tag {} is not supported", tag.original())
}

fn fail((line, column): Place, reason: impl Into<String>) -> DocumentError {
    DocumentError {
        reason: reason.into(),
        line,
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        read(text).map_or_else(|error| error.to_string(), |data| data.to_string())
    }

    #[test]
    fn words_are_typed_and_quoted_texts_are_not() {
        for (text, value) in [
            (
                "[1e-3, no, on, 012, 1_000, .inf, 0x1F]",
                "[0.001, False, True, 12, '1_000', inf, 31]",
            ),
            (
                "['1', \"yes\", 2018-06-26, 1:2, 'a # b']",
                "['1', 'yes', '2018-06-26', '1:2', 'a # b']",
            ),
            ("a:\nb: ''\nc: ~\n", "{'a': None, 'b': '', 'c': None}"),
            ("yes: 1\n1: 2\n~: 3\n", "{'yes': 1, '1': 2, '~': 3}"),
            ("a: |\n  1\n  2\nb: >-\n  x\n  y\n", "{'a': '1\\n2\\n', 'b': 'x y'}"),
            ("[!!str 1, !!float 1, !!int '1', ! 1]", "['1', 1.0, 1, '1']"),
            ("", "None"),
            ("# nothing\n", "None"),
        ] {
            assert_eq!(shown(text), value, "{text:?}");
        }
    }

    #[test]
    fn anchors_and_merges() {
        for (text, value) in [
            (
                "a: &x {p: 1, q: 2}\nb: *x\n",
                "{'a': {'p': 1, 'q': 2}, 'b': {'p': 1, 'q': 2}}",
            ),
            (
                "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n",
                "{'a': {'p': 1, 'q': 2}, 'b': {'p': 1, 'q': 3}}",
            ),
            (
                "b: {q: 3, <<: [{p: 1}, {p: 2, r: 4}]}\n",
                "{'b': {'p': 1, 'r': 4, 'q': 3}}",
            ),
            ("? &k a\n: *k\n", "{'a': 'a'}"),
            ("'<<': 1\n", "{'<<': 1}"),
        ] {
            assert_eq!(shown(text), value, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (text, error) in [
            ("a: &x [*x]\n", "an anchor refers to itself, line 1, column 8"),
            ("<<: 3\n", "only maps can be merged with '<<', line 1, column 1"),
            ("? [1]\n: 2\n", "a key has to be a text, not [1], line 1, column 5"),
            ("a: !!set {b}\n", "the tag !!set is not supported, line 1, column 10"),
            (
                "a: 1\n---\nb: 2\n",
                "more than one document in the file, line 2, column 1",
            ),
        ] {
            assert_eq!(shown(text), error, "{text:?}");
        }
    }

    #[test]
    fn a_bomb_of_aliases_is_refused_before_it_goes_off() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let items = vec![format!("*a{}", i - 1); 10].join(", ");
            text += &format!("a{i}: &a{i} [{items}]\n");
        }
        assert!(shown(&text).starts_with("more than 1000000 values"));
    }
}
