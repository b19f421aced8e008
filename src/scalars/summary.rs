//! What all values of a tag come to: first, last, smallest, largest, mean, count and total. Which files they are
//! read from is `found`'s.

use std::collections::BTreeMap;

use super::OUTPUT_PREFIX;

/// The values of one tag of a run, summed up. Sums are in double precision; NaN counts in `count` and may be the
/// first or last value, and is nothing else unless there is nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct TagSummary {
    /// Directory of the event file below the run directory, with `/`; `.guild` for what the run printed; empty for
    /// the run directory itself.
    pub prefix: String,
    pub tag: String,
    /// Value at the lowest step; of several, the one written first.
    pub first_val: f64,
    pub first_step: i64,
    /// Value at the highest step; of several, the one written last.
    pub last_val: f64,
    pub last_step: i64,
    /// Smallest value, and the step where it was first seen.
    pub min_val: f64,
    pub min_step: i64,
    /// Largest value, and the step where it was first seen.
    pub max_val: f64,
    pub max_step: i64,
    pub avg_val: f64,
    pub count: u64,
    pub total: f64,
}

impl TagSummary {
    /// `PREFIX#TAG`, or the tag where the prefix is empty.
    pub fn full_key(&self) -> String {
        join(&self.prefix, &self.tag)
    }

    /// The key as users write it: `loss` for `.guild#loss`, `train#loss` for `train/.guild#loss`.
    pub fn key(&self) -> String {
        join(shown_prefix(&self.prefix), &self.tag)
    }

    /// True for what a run's own output said, as opposed to event files and the runs that it started.
    pub fn is_output(&self) -> bool {
        self.prefix == OUTPUT_PREFIX
    }

    /// True for tags about the machine, shown only on request.
    pub fn is_system(&self) -> bool {
        self.tag.starts_with("sys/")
    }
}

/// The prefix without a last part `.guild`.
pub fn shown_prefix(prefix: &str) -> &str {
    match prefix.strip_suffix(OUTPUT_PREFIX) {
        Some(rest) if rest.is_empty() => rest,
        Some(rest) => rest.strip_suffix('/').unwrap_or(prefix),
        None => prefix,
    }
}

fn join(prefix: &str, tag: &str) -> String {
    if prefix.is_empty() {
        tag.to_string()
    } else {
        format!("{prefix}#{tag}")
    }
}

/// Adds up values as they are read.
#[derive(Debug, Default)]
pub struct Sums {
    tags: BTreeMap<String, Sum>,
}

#[derive(Debug)]
struct Sum {
    summary: TagSummary,
    /// How many of the values are numbers.
    numbers: u64,
}

impl Sums {
    /// Adds a value; values of a tag come in the order in which they were written.
    pub fn add(&mut self, tag: &str, step: i64, value: f64) {
        match self.tags.get_mut(tag) {
            Some(sum) => sum.add(step, value),
            None => {
                self.tags.insert(tag.to_string(), Sum::new(tag, step, value));
            }
        }
    }

    /// Adds a value at step 0 unless the tag has one.
    pub fn add_if_new(&mut self, tag: &str, value: f64) {
        if !self.tags.contains_key(tag) {
            self.add(tag, 0, value);
        }
    }

    /// The summaries in tag order, under this prefix.
    pub fn finish(self, prefix: &str) -> Vec<TagSummary> {
        self.tags.into_values().map(|sum| sum.finish(prefix)).collect()
    }
}

impl Sum {
    fn new(tag: &str, step: i64, value: f64) -> Sum {
        let mut sum = Sum {
            summary: TagSummary {
                prefix: String::new(),
                tag: tag.to_string(),
                first_val: value,
                first_step: step,
                last_val: value,
                last_step: step,
                min_val: value,
                min_step: step,
                max_val: value,
                max_step: step,
                avg_val: 0.0,
                count: 1,
                total: 0.0,
            },
            numbers: 0,
        };
        if !value.is_nan() {
            sum.numbers = 1;
            sum.summary.total = value;
        }
        sum
    }

    fn add(&mut self, step: i64, value: f64) {
        let s = &mut self.summary;
        s.count += 1;
        if step < s.first_step {
            (s.first_step, s.first_val) = (step, value);
        }
        if step >= s.last_step {
            (s.last_step, s.last_val) = (step, value);
        }
        if value.is_nan() {
            return;
        }
        if self.numbers == 0 || value < s.min_val {
            (s.min_step, s.min_val) = (step, value);
        }
        if self.numbers == 0 || value > s.max_val {
            (s.max_step, s.max_val) = (step, value);
        }
        self.numbers += 1;
        s.total += value;
    }

    fn finish(self, prefix: &str) -> TagSummary {
        let mut summary = self.summary;
        summary.prefix = prefix.to_string();
        if self.numbers == 0 {
            summary.total = f64::NAN;
            summary.avg_val = f64::NAN;
        } else {
            summary.avg_val = summary.total / self.numbers as f64;
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum_up(values: &[(i64, f64)]) -> TagSummary {
        let mut sums = Sums::default();
        for (step, value) in values {
            sums.add("x", *step, *value);
        }
        sums.finish("").remove(0)
    }

    #[test]
    fn three_values() {
        let s = sum_up(&[(1, 1.0), (2, 2.0), (3, 3.0)]);
        assert_eq!((s.avg_val, s.count, s.total), (2.0, 3, 6.0));
        assert_eq!((s.first_val, s.first_step, s.last_val, s.last_step), (1.0, 1, 3.0, 3));
        assert_eq!((s.min_val, s.min_step, s.max_val, s.max_step), (1.0, 1, 3.0, 3));
    }

    #[test]
    fn steps_may_go_back_and_repeat() {
        let s = sum_up(&[(5, 1.0), (5, 2.0), (3, 7.0), (3, 8.0), (5, 4.0)]);
        assert_eq!((s.first_val, s.first_step, s.last_val, s.last_step), (7.0, 3, 4.0, 5));
    }

    #[test]
    fn keys_are_as_users_write_them() {
        let key = |prefix: &str| {
            let mut summary = sum_up(&[(0, 1.0)]);
            summary.prefix = prefix.into();
            (summary.full_key(), summary.key())
        };
        assert_eq!(key(""), ("x".into(), "x".into()));
        assert_eq!(key(".guild"), (".guild#x".into(), "x".into()));
        assert_eq!(key("train/.guild"), ("train/.guild#x".into(), "train#x".into()));
        assert_eq!(key("my.guild"), ("my.guild#x".into(), "my.guild#x".into()));
    }

    /// Each field by its definition, over all values.
    fn naive(values: &[(i64, f64)]) -> TagSummary {
        let lowest = values.iter().map(|v| v.0).min().unwrap();
        let highest = values.iter().map(|v| v.0).max().unwrap();
        let first = values.iter().find(|v| v.0 == lowest).unwrap();
        let last = values.iter().rfind(|v| v.0 == highest).unwrap();
        let numbers: Vec<_> = values.iter().filter(|v| !v.1.is_nan()).collect();
        let total: f64 = numbers.iter().fold(0.0, |sum, v| sum + v.1);
        let some = !numbers.is_empty();
        let least = numbers.iter().map(|v| v.1).fold(f64::INFINITY, f64::min);
        let most = numbers.iter().map(|v| v.1).fold(f64::NEG_INFINITY, f64::max);
        let min = numbers.iter().find(|v| v.1 == least).map_or(values[0], |v| **v);
        let max = numbers.iter().find(|v| v.1 == most).map_or(values[0], |v| **v);
        TagSummary {
            prefix: String::new(),
            tag: "x".into(),
            first_val: first.1,
            first_step: first.0,
            last_val: last.1,
            last_step: last.0,
            min_val: min.1,
            min_step: min.0,
            max_val: max.1,
            max_step: max.0,
            avg_val: if some { total / numbers.len() as f64 } else { f64::NAN },
            count: values.len() as u64,
            total: if some { total } else { f64::NAN },
        }
    }

    proptest! {
        #[test]
        fn equal_to_the_definitions(values in prop::collection::vec(
            (-4i64..5, prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -3f64..3.0, (-2i32..3).prop_map(f64::from)]), 1..12)) {
            prop_assert_eq!(format!("{:?}", sum_up(&values)), format!("{:?}", naive(&values)));
        }
    }
}
