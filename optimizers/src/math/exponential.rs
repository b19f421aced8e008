//! exp over whole slices: plain arithmetic that a compiler turns into vector code without changing a bit of it.
//! Every covariance takes one; a call of `libm::exp` for each would be four times slower.

use super::wide::wide;

/// Every x becomes exp(x), relative error below 4e-16. For x in [-708, 0]; smaller ones become exp(-708), which is
/// as good as zero.
///
/// exp(x) = 2^k exp(r) with |r| <= ln(2)/2, the logarithm of two in two parts (Cody and Waite 1980), a Taylor
/// polynomial of degree 13 in r, and 2^k put together from bits.
pub fn exp_many(values: &mut [f64]) {
    wide(|| exp_each(values));
}

#[inline(always)]
fn exp_each(values: &mut [f64]) {
    /// 1.5 * 2^52: adding it rounds to an integer and leaves that integer in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = 0.6931471803691238;
    const LN2_LOW: f64 = 1.9082149292705877e-10;
    for x in values {
        let clamped = if *x > -708.0 { *x } else { -708.0 };
        let shifted = clamped * std::f64::consts::LOG2_E + ROUND;
        let k = shifted - ROUND;
        let r = (clamped - k * LN2_HIGH) - k * LN2_LOW;
        let mut sum = INVERSE_FACTORIALS[0];
        for c in &INVERSE_FACTORIALS[1..] {
            sum = sum * r + c;
        }
        *x = sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    }
}

/// 1/13!, 1/12!, ..., 1/1!, 1.
const INVERSE_FACTORIALS: [f64; 14] = [
    1.0 / 6227020800.0,
    1.0 / 479001600.0,
    1.0 / 39916800.0,
    1.0 / 3628800.0,
    1.0 / 362880.0,
    1.0 / 40320.0,
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_scalar_function() {
        let x: Vec<f64> = (0..20_000)
            .map(|i| -707.9 * (f64::from(i) / 19_999.0).powi(3))
            .collect();
        let mut y = x.clone();
        exp_many(&mut y);
        for (x, y) in x.iter().zip(&y) {
            let want = libm::exp(*x);
            assert!((y - want).abs() <= 4e-16 * want, "{x}: {y:e} is not {want:e}");
        }
        // Without wider registers not a bit is different.
        let mut plain = x.clone();
        exp_each(&mut plain);
        assert_eq!(plain, y);
        let mut far = [-1e9, f64::NEG_INFINITY, 0.0];
        exp_many(&mut far);
        assert!(far[0] < 1e-300 && far[1] < 1e-300 && far[2] == 1.0);
    }
}
