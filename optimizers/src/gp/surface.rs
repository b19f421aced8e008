//! What one explanation of the results says of a point: one process over the whole space, or the one of the choice
//! that the point makes (a treed process of depth one, Gramacy and Lee 2008, arXiv:0710.4536, section 2).
//! `partition` finds the explanations and weighs them.

use super::kernel::Part;
use super::model::{Model, Sloped};
use super::partition::{Shape, part_of};
use crate::math::linalg::NotPositive;

/// A conditioned explanation.
#[derive(Debug, Clone)]
pub enum Surface {
    /// One process.
    Whole(Box<Model>),
    /// One for each choice of a category: its dimension, and the processes by choice.
    Split(usize, Vec<Model>),
}

impl Surface {
    /// Conditions on rows (absent values filled in) with values `z`.
    pub fn new(parts: &[Part], rows: &[&[f64]], z: Vec<f64>, shape: &Shape) -> Result<Surface, NotPositive> {
        match shape {
            Shape::Whole(hyper) => Ok(Surface::Whole(Box::new(Model::new(parts, rows, z, hyper.clone())?))),
            Shape::Split(gate, hypers) => {
                let model = |(k, hyper): (usize, &_)| {
                    let own = |i: &usize| part_of(rows[*i][*gate], hypers.len()) == k;
                    let (own, z): (Vec<&[f64]>, Vec<f64>) =
                        (0..rows.len()).filter(own).map(|i| (rows[i], z[i])).unzip();
                    Model::new(parts, &own, z, Clone::clone(hyper))
                };
                let models: Result<Vec<Model>, NotPositive> = hypers.iter().enumerate().map(model).collect();
                Ok(Surface::Split(*gate, models?))
            }
        }
    }

    /// The process that `x` belongs to.
    fn at(&self, x: &[f64]) -> &Model {
        match self {
            Surface::Whole(model) => model,
            Surface::Split(gate, models) => &models[part_of(x[*gate], models.len())],
        }
    }

    /// Variance of the noise at `x`.
    pub fn noise(&self, x: &[f64]) -> f64 {
        self.at(x).hyper().noise
    }

    /// Number of observations.
    pub fn size(&self) -> usize {
        match self {
            Surface::Whole(model) => model.size(),
            Surface::Split(_, models) => models.iter().map(Model::size).sum(),
        }
    }

    /// Mean and variance at many points.
    pub fn predict_many(&self, rows: &[&[f64]]) -> Vec<(f64, f64)> {
        match self {
            Surface::Whole(model) => model.predict_many(rows),
            Surface::Split(gate, models) => {
                let mut out = vec![(0.0, 0.0); rows.len()];
                for (k, model) in models.iter().enumerate() {
                    let own = |i: &usize| part_of(rows[*i][*gate], models.len()) == k;
                    let own: Vec<usize> = (0..rows.len()).filter(own).collect();
                    let own_rows: Vec<&[f64]> = own.iter().map(|i| rows[*i]).collect();
                    for (i, p) in own.into_iter().zip(model.predict_many(&own_rows)) {
                        out[i] = p;
                    }
                }
                out
            }
        }
    }

    /// Mean and variance at `x`, with slopes.
    pub fn predict_sloped(&self, x: &[f64]) -> Sloped {
        self.at(x).predict_sloped(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::kernel::Hyper;

    #[test]
    fn a_split_asks_the_process_of_the_choice() {
        let parts = [Part::Number, Part::Category];
        let rows: [&[f64]; 5] = [&[0.1, 0.0], &[0.9, 0.0], &[0.2, 1.0], &[0.5, 1.0], &[0.7, 1.0]];
        let z = vec![0.3, -0.8, 1.2, 0.1, -0.4];
        let hyper = |weight| Hyper {
            weights: vec![weight, 1.0],
            signal: 1.0,
            trend: 0.1,
            additive: 0.0,
            detail: 1.0,
            noise: 0.01,
        };
        let shape = Shape::Split(1, vec![hyper(4.0), hyper(9.0), hyper(1.0)]);
        let split = Surface::new(&parts, &rows, z.clone(), &shape).unwrap();
        let alone = Model::new(&parts, &rows[2..], z[2..].to_vec(), hyper(9.0)).unwrap();
        let at: [&[f64]; 2] = [&[0.4, 1.0], &[0.4, 2.0]];
        let predicted = split.predict_many(&at);
        assert_eq!(predicted[0], alone.predict_many(&at[..1])[0]);
        assert_eq!(split.predict_sloped(at[0]), alone.predict_sloped(at[0]));
        // A choice without results is as the prior says.
        assert!(predicted[1].0 == 0.0 && predicted[1].1 >= 1.0, "{predicted:?}");
        assert_eq!((split.size(), split.noise(at[1])), (5, 0.01));
    }
}
