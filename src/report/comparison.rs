//! Runs side by side: one row a run, one column a value, as a table, CSV or JSON. Which columns there are, and the
//! order of rows, is decided before.

use serde_json::Value as Json;

use super::{Cell, Column, Paint, Screen, Table, field, pager};
use crate::store::Field;

/// What `compare` shows.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    pub headings: Vec<String>,
    pub rows: Vec<Vec<Field>>,
}

impl Comparison {
    /// Keeps the columns for which `keep` holds, given the column's position.
    pub fn retain_columns(&mut self, keep: impl Fn(&Comparison, usize) -> bool) {
        let kept: Vec<bool> = (0..self.headings.len()).map(|column| keep(self, column)).collect();
        let mut flags = kept.iter();
        self.headings
            .retain(|_| *flags.next().expect("one flag for each column"));
        for row in &mut self.rows {
            let mut flags = kept.iter();
            row.retain(|_| *flags.next().expect("one flag for each column"));
        }
    }

    /// True when all rows have the same value in the column.
    pub fn is_constant(&self, column: usize) -> bool {
        let mut values = self.rows.iter().map(|row| &row[column]);
        let first = values.next();
        values.all(|value| Some(value) == first)
    }

    /// Takes away columns named in `dispensable`, in that order, until the table fits the terminal's width, and
    /// says which. Takes nothing when that would not be enough.
    pub fn fit_width(&mut self, screen: &Screen, dispensable: &[&str]) -> Vec<String> {
        let whole = Screen { size: None, ..*screen };
        let mut smaller = self.clone();
        let mut left_out = Vec::new();
        for name in dispensable {
            if pager::fits_width(&smaller.table(&whole), screen) {
                break;
            }
            let before = smaller.headings.len();
            smaller.retain_columns(|c, column| c.headings[column] != *name);
            if smaller.headings.len() < before {
                left_out.push(name.to_string());
            }
        }
        if !pager::fits_width(&smaller.table(screen), screen) {
            return Vec::new();
        }
        *self = smaller;
        left_out
    }

    /// Aligned columns; numbers stand right. On a terminal texts give way so that a row fits.
    pub fn table(&self, screen: &Screen) -> String {
        let columns = self.headings.iter().enumerate().map(|(index, heading)| {
            let column = Column::new(heading.as_str());
            let mut present = self
                .rows
                .iter()
                .map(|row| &row[index])
                .filter(|f| **f != Field::Missing);
            let numeric = present.clone().all(field::is_numeric);
            match heading.as_str() {
                _ if present.next().is_some() && numeric => column.right(),
                "operation" | "label" => column.gives_way(10),
                "run" | "started" | "stopped" | "status" => column,
                _ => column.gives_way(12),
            }
        });
        let mut table = Table::new(columns.collect());
        for row in &self.rows {
            let cells = row.iter().zip(&self.headings).map(|(value, heading)| {
                let text = field::shown(value);
                let paint = match heading.as_str() {
                    "status" => Paint::of_status(&text),
                    "run" | "started" | "stopped" | "time" => Paint::Dim,
                    _ => Paint::Plain,
                };
                Cell::painted(text, paint)
            });
            table.push(cells.collect());
        }
        table.render(screen)
    }

    /// CSV with a heading line: doubles in full, fields quoted where they must be.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let headings = self.headings.iter().map(String::as_str);
        csv_line(&mut out, headings);
        for row in &self.rows {
            let fields: Vec<String> = row.iter().map(field::exact).collect();
            csv_line(&mut out, fields.iter().map(String::as_str));
        }
        out
    }

    /// A list of maps, heading to value, one a line.
    pub fn json(&self) -> String {
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let pairs = self.headings.iter().cloned().zip(row.iter().map(field::json));
                Json::Object(pairs.collect()).to_string()
            })
            .collect();
        if rows.is_empty() {
            return "[]\n".into();
        }
        format!("[\n{}\n]\n", rows.join(",\n"))
    }
}

/// Appends one CSV line (RFC 4180 quoting, `\n` line ends).
pub fn csv_line<'a>(out: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Value;

    fn sample() -> Comparison {
        Comparison {
            headings: ["run", "label", "lr", "loss"].map(String::from).to_vec(),
            rows: vec![
                vec![
                    Field::Text("2788ad8a".into()),
                    Field::Text("a, \"b\"".into()),
                    Field::Flag(Value::Float(0.1)),
                    Field::Number(1.0 / 3.0),
                ],
                vec![
                    Field::Text("0f12ab34".into()),
                    Field::Missing,
                    Field::Flag(Value::Float(0.1)),
                    Field::Number(10.0),
                ],
            ],
        }
    }

    #[test]
    fn three_forms() {
        assert_eq!(
            sample().table(&Screen::PLAIN),
            "\
run       label    lr      loss
2788ad8a  a, \"b\"  0.1  0.333333
0f12ab34          0.1      10.0
"
        );
        assert_eq!(
            sample().csv(),
            "\
run,label,lr,loss
2788ad8a,\"a, \"\"b\"\"\",0.1,0.3333333333333333
0f12ab34,,0.1,10.0
"
        );
        let json: Json = serde_json::from_str(&sample().json()).unwrap();
        assert_eq!(json[0]["loss"], 1.0 / 3.0);
        assert_eq!(json[1]["label"], Json::Null);
    }

    #[test]
    fn constant_columns_can_be_left_out() {
        let mut comparison = sample();
        comparison.retain_columns(|c, column| c.headings[column] == "run" || !c.is_constant(column));
        assert_eq!(comparison.headings, ["run", "label", "loss"]);
        assert!(comparison.rows.iter().all(|row| row.len() == 3));
    }

    #[test]
    fn columns_give_way_to_the_width() {
        let left_out = |width| {
            let mut comparison = sample();
            let screen = Screen {
                colour: false,
                size: Some((width, 24)),
            };
            let left_out = comparison.fit_width(&screen, &["time", "label"]);
            (left_out, comparison.headings.len())
        };
        assert_eq!(left_out(80), (vec![], 4));
        assert_eq!(left_out(25), (vec!["label".to_string()], 3));
        assert_eq!(left_out(10), (vec![], 4), "it would not be enough");
    }

    #[test]
    fn nothing_to_compare_is_an_empty_list() {
        assert_eq!(Comparison::default().json(), "[]\n");
    }
}
