//! The numerical pieces the models are made of; each is a plain function of slices, with its source.
//! Nothing here knows of spaces, histories or trials.

pub mod exponential;
pub mod lbfgs;
pub mod linalg;
pub mod normal;
pub mod wide;
