//! Our models and strategies beside published ones: forests against smartcore's, the evolution strategy against
//! basin's, scores against linfa's scaling. Their results are not ours to the digit; they must be as good.

use basin::{BoundedCmaEs, BoxBounds, Constrained, ConstraintSet, Constraints, CostFunction, DenseMatrix, Executor};
use basin::{NoConstraints, PopulationProgress};
use gage_optimizers::forest::Forest;
use gage_optimizers::gbrt::Boosted;
use gage_optimizers::rng::{Purpose, Stream, stream};
use gage_optimizers::trials::Trials;
use gage_optimizers::{Axis, Dimension, Domain, Encoding, Observation, Outcome, Point, Setup, Space, Value, registry};
use linfa::traits::{Fit, Transformer};
use ndarray_of_linfa::Array2;
use smartcore::ensemble::extra_trees_regressor::{ExtraTreesRegressor, ExtraTreesRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix as Matrix;

/// Friedman's first test function (Friedman 1991), of which five of eight coordinates matter.
fn friedman(x: &[f64]) -> f64 {
    10.0 * (std::f64::consts::PI * x[0] * x[1]).sin() + 20.0 * (x[2] - 0.5).powi(2) + 10.0 * x[3] + 5.0 * x[4]
}

fn rows(n: usize, rng: &mut Stream) -> Vec<Vec<f64>> {
    (0..n).map(|_| (0..8).map(|_| rng.unit()).collect()).collect()
}

/// Root of the mean squared error on `test`.
fn error(test: &[Vec<f64>], predict: impl Fn(&[f64]) -> f64) -> f64 {
    let square = |x: &Vec<f64>| (predict(x) - friedman(x)).powi(2);
    (test.iter().map(square).sum::<f64>() / test.len() as f64).sqrt()
}

#[test]
fn trees_predict_as_well_as_smartcore() {
    let mut rng = stream(1, 0, Purpose::Sample);
    let (train, test) = (rows(300, &mut rng), rows(500, &mut rng));
    let targets: Vec<f64> = train.iter().map(|x| friedman(x) + rng.normal()).collect();
    let axes = [Axis::Continuous; 8];
    let flat: Vec<f64> = train.iter().flatten().copied().collect();

    let parameters = ExtraTreesRegressorParameters::default()
        .with_n_trees(48)
        .with_m(8)
        .with_min_samples_leaf(1)
        .with_seed(3);
    let matrix = Matrix::from_2d_vec(&train).unwrap();
    let theirs = ExtraTreesRegressor::fit(&matrix, &targets, parameters).unwrap();
    let predicted = theirs.predict(&Matrix::from_2d_vec(&test).unwrap()).unwrap();
    let at = |x: &[f64]| predicted[test.iter().position(|t| t == x).unwrap()];
    let theirs = error(&test, at);

    let forest = Forest::grow(&flat, &axes, &targets, &mut rng);
    let ours = error(&test, |x| forest.predict(x).0);
    assert!(ours < 1.1 * theirs, "forest {ours}, smartcore {theirs}");

    // The spread is worth something: most errors are within two of it, and it is not far too wide.
    let z = |x: &Vec<f64>| {
        let (mean, spread) = forest.predict(x);
        (mean - friedman(x)) / spread
    };
    let within = test.iter().filter(|x| z(x).abs() < 2.0).count();
    assert!(within > 425, "{within} of 500 within two spreads");
    let mean_square = test.iter().map(|x| z(x).powi(2)).sum::<f64>() / 500.0;
    assert!((0.1..2.0).contains(&mean_square), "mean square {mean_square}");

    let boosted = Boosted::fit(&flat, &axes, &targets, &mut rng);
    let ours = error(&test, |x| boosted.predict(x).0);
    assert!(ours < 1.2 * theirs, "boosted {ours}, smartcore {theirs}");
}

/// Rotated ellipsoid of condition 10^4 with its minimum off the centre, on [-5, 5]^4.
fn ellipsoid(x: &[f64]) -> f64 {
    let z: Vec<f64> = x.iter().map(|v| v - 1.3).collect();
    let mixed = [z[0] + z[1], z[0] - z[1], z[2] + z[3], z[2] - z[3]];
    mixed
        .iter()
        .enumerate()
        .map(|(i, m)| 10f64.powf(4.0 * i as f64 / 3.0) * m * m)
        .sum()
}

struct Ellipsoid;

impl Constraints for Ellipsoid {
    type Set = NoConstraints;
    fn constraints(&self) -> NoConstraints {
        ConstraintSet::new()
    }
}

impl CostFunction for Ellipsoid {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = std::convert::Infallible;
    fn cost(&self, x: &Vec<f64>) -> Result<f64, Self::Error> {
        Ok(ellipsoid(x))
    }
}

#[test]
fn evolution_gets_as_far_as_basin() {
    let bounds = BoxBounds::new(Some(vec![-5.0; 4]), Some(vec![5.0; 4]));
    let problem = Constrained::new(Ellipsoid, ConstraintSet::new().with_bounds(bounds));
    let solver = BoundedCmaEs::<Vec<f64>, DenseMatrix<f64>>::new(7, 1.5).with_lambda(8);
    let theirs = Executor::new(problem, solver, PopulationProgress::from_point(vec![0.0; 4]))
        .max_iter(120)
        .run()
        .unwrap();
    let theirs = ellipsoid(&theirs.param().to_vec());

    let real = Domain::Real {
        low: -5.0,
        high: 5.0,
        log: false,
        step: None,
    };
    let space = Space::new((0..4).map(|i| Dimension::new(format!("x{i}"), real.clone())).collect()).unwrap();
    let setup = Setup {
        space,
        seed: 7,
        budget: None,
        slots: 1,
    };
    let mut cmaes = registry::find("cmaes")
        .unwrap()
        .build(setup, [("population", "8")])
        .unwrap();
    let mut history: Vec<Observation> = Vec::new();
    // As many evaluations: basin evaluates the mean of each generation too.
    for number in 0..120 * 9 {
        let point = cmaes.ask(&history, number).unwrap().point;
        let x: Vec<f64> = point
            .0
            .iter()
            .map(|v| if let Some(Value::Real(x)) = v { *x } else { panic!() })
            .collect();
        history.push(Observation::new(
            number,
            point,
            Some(Outcome::Value(vec![ellipsoid(&x)])),
        ));
    }
    let ours = history
        .iter()
        .filter_map(Observation::value)
        .fold(f64::INFINITY, f64::min);
    assert!(ours < 1e-6 || ours < 10.0 * theirs, "ours {ours}, basin {theirs}");
}

#[test]
fn scores_have_the_mean_and_order_of_linfas_scaling() {
    let space = Space::new(vec![Dimension::new("k", Domain::Categorical { n: 2 })]).unwrap();
    let mut rng = stream(4, 0, Purpose::Sample);
    let values: Vec<f64> = (0..200).map(|_| 3.0 + 2.0 * rng.normal()).collect();
    let point = Point(vec![Some(Value::Choice(0))]);
    let observed = |(i, v): (usize, &f64)| Observation::new(i as u64, point.clone(), Some(Outcome::Value(vec![*v])));
    let history: Vec<Observation> = values.iter().enumerate().map(observed).collect();
    let ours = Trials::new(&Encoding::new(&space), &history).scores();

    // Of normal values, normal scores are what standardising gives, but for the tails.
    let records = Array2::from_shape_vec((200, 1), values).unwrap();
    let data = linfa::DatasetBase::from(records);
    let scaled = linfa_preprocessing::linear_scaling::LinearScaler::standard()
        .fit(&data)
        .unwrap()
        .transform(data);
    let far = ours.iter().zip(scaled.records()).map(|(a, b)| (a - b).abs());
    assert!(far.clone().sum::<f64>() / 200.0 < 0.1);
    assert!(ours.iter().sum::<f64>().abs() < 1e-9);
}
