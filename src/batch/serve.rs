//! `gage study serve --stdio`: ask and tell as JSON lines, so that any program can use the optimizers.
//! Holds no study of its own: the history is what was told, the space what was opened.

use std::io::{BufRead, Write};

use gage_optimizers::{Dimension, Domain, Observation, Optimizer, Outcome, Point, Setup, Space, Value, registry};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// One request line.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Request {
    Open {
        space: Vec<Parameter>,
        #[serde(default)]
        direction: Direction,
        #[serde(default)]
        seed: u64,
        optimizer: String,
        #[serde(default)]
        options: serde_json::Map<String, Json>,
        /// Planned number of trials, if known.
        #[serde(default)]
        budget: Option<u64>,
        /// How many trials run at a time.
        #[serde(default)]
        slots: Option<usize>,
    },
    Ask,
    Tell {
        id: u64,
        value: Option<f64>,
        /// How long the trial took.
        #[serde(default)]
        seconds: Option<f64>,
    },
    Close,
}

#[derive(Deserialize, Clone, Copy, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Direction {
    #[default]
    Minimize,
    Maximize,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Parameter {
    Float {
        name: String,
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
        #[serde(default)]
        step: Option<f64>,
    },
    Int {
        name: String,
        low: i64,
        high: i64,
        #[serde(default)]
        log: bool,
        #[serde(default)]
        step: Option<i64>,
    },
    Categorical {
        name: String,
        choices: Vec<Json>,
    },
    /// Numbers in ascending order.
    Ordinal {
        name: String,
        choices: Vec<f64>,
    },
}

/// An opened study.
struct Study {
    parameters: Vec<Parameter>,
    direction: Direction,
    optimizer: Box<dyn Optimizer>,
    history: Vec<Observation>,
}

/// Answers requests until `close` or the end of input. A request that fails is answered with `{"error": ...}`.
pub fn serve(input: impl BufRead, mut output: impl Write) -> std::io::Result<()> {
    let mut study = None;
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str(&line) {
            Ok(Request::Close) => break,
            Ok(request) => handle(request, &mut study).unwrap_or_else(|error| json!({ "error": error })),
            Err(error) => json!({ "error": format!("cannot read request: {error}") }),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn handle(request: Request, study: &mut Option<Study>) -> Result<Json, String> {
    match request {
        Request::Open {
            space,
            direction,
            seed,
            optimizer,
            options,
            budget,
            slots,
        } => {
            let entry = registry::find(&optimizer).ok_or_else(|| format!("unknown optimizer '{optimizer}'"))?;
            let dimensions = space.iter().map(Parameter::dimension).collect();
            let setup = Setup {
                space: Space::new(dimensions).map_err(|e| e.to_string())?,
                seed,
                budget,
                slots: slots.unwrap_or(1),
            };
            if setup.space.is_empty() {
                return Err("the space has no parameters".into());
            }
            let options: Vec<(String, String)> = options
                .into_iter()
                .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_string)))
                .collect();
            let optimizer = entry
                .build(setup, options.iter().map(|(k, v)| (k.as_str(), v.as_str())))
                .map_err(|e| e.to_string())?;
            *study = Some(Study {
                parameters: space,
                direction,
                optimizer,
                history: Vec::new(),
            });
            Ok(json!({ "ok": true }))
        }
        Request::Ask => {
            let study = study.as_mut().ok_or("no study is open")?;
            let number = study.history.len() as u64;
            let proposal = study.optimizer.ask(&study.history, number).map_err(|e| e.to_string())?;
            let params = study.params(&proposal.point);
            study.history.push(Observation::new(number, proposal.point, None));
            let mut answer = json!({ "id": number, "params": params });
            if !proposal.notes.is_empty() {
                answer["notes"] = json!(proposal.notes);
            }
            Ok(answer)
        }
        Request::Tell { id, value, seconds } => {
            let study = study.as_mut().ok_or("no study is open")?;
            let sign = if study.direction == Direction::Maximize {
                -1.0
            } else {
                1.0
            };
            let trial = study
                .history
                .get_mut(id as usize)
                .ok_or_else(|| format!("no trial {id} was asked for"))?;
            trial.outcome = Some(match value.filter(|v| v.is_finite()) {
                Some(value) => Outcome::Value(vec![sign * value]),
                None => Outcome::Failed,
            });
            trial.seconds = seconds;
            Ok(json!({ "ok": true }))
        }
        Request::Close => unreachable!("close ends the loop"),
    }
}

impl Parameter {
    fn dimension(&self) -> Dimension {
        match self {
            Parameter::Float {
                name,
                low,
                high,
                log,
                step,
            } => Dimension::new(
                name,
                Domain::Real {
                    low: *low,
                    high: *high,
                    log: *log,
                    step: *step,
                },
            ),
            Parameter::Int {
                name,
                low,
                high,
                log,
                step,
            } => Dimension::new(
                name,
                Domain::Int {
                    low: *low,
                    high: *high,
                    log: *log,
                    step: step.unwrap_or(1),
                },
            ),
            Parameter::Categorical { name, choices } => Dimension::new(name, Domain::Categorical { n: choices.len() }),
            Parameter::Ordinal { name, choices } => Dimension::new(
                name,
                Domain::Ordinal {
                    values: choices.clone(),
                },
            ),
        }
    }

    fn named(&self, value: Value) -> (&str, Json) {
        match (self, value) {
            (Parameter::Float { name, .. }, Value::Real(v)) => (name, json!(v)),
            (Parameter::Int { name, .. }, Value::Int(v)) => (name, json!(v)),
            (Parameter::Categorical { name, choices }, Value::Choice(i)) => (name, choices[i].clone()),
            (Parameter::Ordinal { name, choices }, Value::Choice(i)) => (name, json!(choices[i])),
            _ => unreachable!("a proposal lies in its space"),
        }
    }
}

impl Study {
    fn params(&self, point: &Point) -> serde_json::Map<String, Json> {
        let named = self
            .parameters
            .iter()
            .zip(&point.0)
            .filter_map(|(p, v)| Some(p.named((*v)?)));
        named.map(|(name, value)| (name.to_string(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(requests: &str) -> Vec<Json> {
        let mut out = Vec::new();
        serve(requests.as_bytes(), &mut out).unwrap();
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    #[test]
    fn asks_and_is_told() {
        let open = r#"{"op":"open","space":[{"name":"lr","type":"float","low":1e-5,"high":1.0,"log":true},{"name":"c","type":"categorical","choices":["a","b"]}],"direction":"minimize","seed":0,"optimizer":"random","options":{}}"#;
        let answers = talk(&format!(
            "{open}\n{{\"op\":\"ask\"}}\n{{\"op\":\"tell\",\"id\":0,\"value\":null}}\n{{\"op\":\"close\"}}\n"
        ));
        assert_eq!(answers[0], json!({ "ok": true }));
        let lr = answers[1]["params"]["lr"].as_f64().unwrap();
        assert!((1e-5..=1.0).contains(&lr));
        assert!(["a", "b"].contains(&answers[1]["params"]["c"].as_str().unwrap()));
        assert_eq!(answers[2], json!({ "ok": true }));
    }

    #[test]
    fn says_what_is_wrong_and_goes_on() {
        let answers = talk("nonsense\n{\"op\":\"ask\"}\n{\"op\":\"open\",\"space\":[],\"optimizer\":\"nope\"}\n");
        assert!(answers[0]["error"].as_str().unwrap().starts_with("cannot read request"));
        assert_eq!(answers[1]["error"], "no study is open");
        assert_eq!(answers[2]["error"], "unknown optimizer 'nope'");
    }
}
