//! Dense linear algebra: the one door to `faer`, so that it could be replaced, and so that none of its types show.
//!
//! Matrices are faer's own: its kernels peel loops by alignment, and only its own allocations have the same
//! alignment in every run. Foreign memory would make the last bits of a proposal depend on the allocator.
//! Everything runs on the calling thread.

use faer::linalg::cholesky::llt::factor;
use faer::linalg::{triangular_inverse, triangular_solve};
use faer::{Mat, Par, Side};

/// A matrix, stored by columns.
#[derive(Debug, Clone)]
pub struct Matrix(Mat<f64>);

impl Matrix {
    /// All zero.
    pub fn zeros(rows: usize, columns: usize) -> Matrix {
        Matrix(Mat::zeros(rows, columns))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.0.nrows()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.0.ncols()
    }

    /// Column `j`.
    pub fn column(&self, j: usize) -> &[f64] {
        self.0.col_as_slice(j)
    }

    /// Column `j`, to be changed.
    pub fn column_mut(&mut self, j: usize) -> &mut [f64] {
        self.0.col_as_slice_mut(j)
    }
}

/// The matrix given was not positive definite to working precision, or not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotPositive;

/// A lower triangular factor L of K = L L'.
#[derive(Debug, Clone)]
pub struct Factor(Mat<f64>);

impl Factor {
    /// Factors a symmetric positive definite matrix of which only the lower triangle is read.
    pub fn new(mut k: Matrix) -> Result<Factor, NotPositive> {
        let n = k.rows();
        let params = faer::Spec::<factor::LltParams, f64>::default();
        let scratch = factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, params);
        let mut memory = faer::dyn_stack::MemBuffer::new(scratch);
        let stack = faer::dyn_stack::MemStack::new(&mut memory);
        factor::cholesky_in_place(k.0.as_mut(), Default::default(), Par::Seq, stack, params)
            .map_err(|_| NotPositive)?;
        for j in 0..n {
            let column = k.0.col_as_slice_mut(j);
            column[..j].fill(0.0);
            if !(column[j] > 0.0 && column[j].is_finite()) {
                return Err(NotPositive);
            }
        }
        Ok(Factor(k.0))
    }

    /// Number of rows.
    pub fn size(&self) -> usize {
        self.0.nrows()
    }

    /// ln det K.
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size()).map(|j| libm::log(self.0[(j, j)])).sum::<f64>()
    }

    /// b becomes L^-1 b.
    pub fn solve_lower(&self, b: &mut [f64]) {
        for j in 0..b.len() {
            let column = self.0.col_as_slice(j);
            let x = b[j] / column[j];
            b[j] = x;
            for (b, l) in b[j + 1..].iter_mut().zip(&column[j + 1..]) {
                *b -= x * l;
            }
        }
    }

    /// b becomes L'^-1 b.
    pub fn solve_upper(&self, b: &mut [f64]) {
        for j in (0..b.len()).rev() {
            let column = self.0.col_as_slice(j);
            b[j] = (b[j] - dot(&column[j + 1..], &b[j + 1..])) / column[j];
        }
    }

    /// b becomes K^-1 b.
    pub fn solve(&self, b: &mut [f64]) {
        self.solve_lower(b);
        self.solve_upper(b);
    }

    /// Every column b becomes L^-1 b; many at a time are much cheaper than one by one.
    pub fn solve_lower_many(&self, b: &mut Matrix) {
        triangular_solve::solve_lower_triangular_in_place(self.0.as_ref(), b.0.as_mut(), Par::Seq);
    }

    /// K^-1, of which only the lower triangle is filled.
    pub fn inverse(&self) -> Matrix {
        let n = self.size();
        let mut out = Mat::zeros(n, n);
        let mut inverse = Mat::<f64>::zeros(n, n);
        triangular_inverse::invert_lower_triangular(inverse.as_mut(), self.0.as_ref(), Par::Seq);
        use faer::linalg::matmul::triangular::{BlockStructure, matmul};
        matmul(
            out.as_mut(),
            BlockStructure::TriangularLower,
            faer::Accum::Replace,
            inverse.transpose(),
            BlockStructure::TriangularUpper,
            inverse.as_ref(),
            BlockStructure::TriangularLower,
            1.0,
            Par::Seq,
        );
        Matrix(out)
    }
}

/// Eigenvalues (ascending) and eigenvectors (columns, same order) of a symmetric matrix; reads the lower triangle.
/// `None` if the matrix is not finite.
pub fn symmetric_eigen(a: &Matrix) -> Option<(Vec<f64>, Matrix)> {
    let eigen = a.0.self_adjoint_eigen(Side::Lower).ok()?;
    let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
    let finite = values.iter().all(|v| v.is_finite());
    finite.then(|| (values, Matrix(eigen.U().to_owned())))
}

/// Sum of products. Eight sums side by side: a plain loop may not be reordered by the compiler and so runs on one lane.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    together(sums) + rest
}

/// Sum of products of three, in the same way.
pub fn dot3(a: &[f64], b: &[f64], c: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8, c8) = (a.chunks_exact(8), b.chunks_exact(8), c.chunks_exact(8));
    let rest = a8.remainder().iter().zip(b8.remainder()).zip(c8.remainder());
    let rest: f64 = rest.map(|((a, b), c)| a * b * c).sum();
    for ((a, b), c) in a8.zip(b8).zip(c8) {
        for k in 0..8 {
            sums[k] += a[k] * b[k] * c[k];
        }
    }
    together(sums) + rest
}

fn together(sums: [f64; 8]) -> f64 {
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K = A A' + I for a small fixed A.
    fn sample(n: usize) -> Matrix {
        let a = |i: usize, j: usize| ((i * 7 + j * 13) % 11) as f64 / 11.0 - 0.4;
        let mut k = Matrix::zeros(n, n);
        for j in 0..n {
            for i in 0..n {
                let sum: f64 = (0..n).map(|l| a(i, l) * a(j, l)).sum();
                k.column_mut(j)[i] = sum + f64::from(i == j);
            }
        }
        k
    }

    #[test]
    fn factors_solve_and_invert() {
        for n in [1, 2, 9, 33, 70] {
            let k = sample(n);
            let f = Factor::new(k.clone()).unwrap();
            let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut x = b.clone();
            f.solve(&mut x);
            for (i, b) in b.iter().enumerate() {
                let row: Vec<f64> = (0..n).map(|j| k.column(j)[i]).collect();
                assert!((dot(&row, &x) - b).abs() < 1e-10);
            }
            let inverse = f.inverse();
            let first: f64 = (0..n).map(|i| inverse.column(0)[i] * b[i]).sum();
            assert!((first - x[0]).abs() < 1e-10);
            let mut many = Matrix::zeros(n, 3);
            many.column_mut(1).copy_from_slice(&b);
            f.solve_lower_many(&mut many);
            let mut one = b.clone();
            f.solve_lower(&mut one);
            assert!(many.column(1).iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-12));
            let (values, vectors) = symmetric_eigen(&k).unwrap();
            let logs: f64 = values.iter().map(|v| v.ln()).sum();
            assert!((logs - f.log_determinant()).abs() < 1e-9);
            let v = vectors.column(n - 1);
            let kv: f64 = (0..n).map(|j| k.column(j)[0] * v[j]).sum();
            assert!((kv - values[n - 1] * v[0]).abs() < 1e-9);
        }
    }

    #[test]
    fn refuses_what_is_not_positive() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut k = sample(4);
            k.column_mut(2)[2] = bad;
            assert!(Factor::new(k).is_err(), "{bad}");
        }
    }
}
