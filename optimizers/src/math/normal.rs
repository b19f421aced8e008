//! The normal distribution where it is used for acquisition functions: far tails, in logarithms.
//! Built on `libm` alone, so that a proposal does not depend on the platform's mathematics.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// ln sqrt(2 pi).
const LN_SQRT_2PI: f64 = 0.9189385332046728;

/// Density at `z`.
pub fn pdf(z: f64) -> f64 {
    libm::exp(log_pdf(z))
}

/// Logarithm of the density at `z`.
pub fn log_pdf(z: f64) -> f64 {
    -0.5 * z * z - LN_SQRT_2PI
}

/// Distribution function; relative error below 1e-13 down to where it underflows at -38.
pub fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Logarithm of the distribution function, for every finite `z`.
pub fn log_cdf(z: f64) -> f64 {
    if z > 0.0 {
        libm::log1p(-cdf(-z))
    } else if z > -1.0 {
        libm::log(cdf(z))
    } else {
        -0.5 * z * z + libm::log(0.5 * erfcx(-z * FRAC_1_SQRT_2))
    }
}

/// ln(pdf(z) + z cdf(z)): the logarithm of the expected improvement of a standard normal variable over `-z`.
///
/// With predicted mean m and spread s, and a value f to improve on (minimising), the logarithm of the expected
/// improvement is `ln s + log_improvement((f - m) / s)`.
///
/// Ament et al. 2023 (arXiv:2310.20708), equation 9: direct above -1; below, the density is taken out and the rest
/// written with the scaled complementary error function. That difference loses z^2 units in the last place, so
/// below -20 the asymptotic series 1/z^2 - 3/z^4 + 15/z^6 - ... takes over (Abramowitz and Stegun 26.2.12).
pub fn log_improvement(z: f64) -> f64 {
    if z > -1.0 {
        libm::log(pdf(z) + z * cdf(z))
    } else if z > -20.0 {
        let mills = (PI / 2.0).sqrt() * erfcx(-z * FRAC_1_SQRT_2);
        log_pdf(z) + libm::log1p(z * mills)
    } else {
        let w = 1.0 / (z * z);
        let mut series = 0.0;
        for odd in [17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
            series = -odd * w * (1.0 + series);
        }
        log_pdf(z) + libm::log(w) + libm::log1p(series)
    }
}

/// Derivative of [`log_improvement`]: `cdf(z) / (pdf(z) + z cdf(z))`.
pub fn log_improvement_slope(z: f64) -> f64 {
    libm::exp(log_cdf(z) - log_improvement(z))
}

/// Derivative of [`log_cdf`]: `pdf(z) / cdf(z)`.
pub fn log_cdf_slope(z: f64) -> f64 {
    libm::exp(log_pdf(z) - log_cdf(z))
}

/// exp(x^2) erfc(x) for `x >= 0`, relative error about 1e-15.
/// Rational approximations of Cody 1969 (Mathematics of Computation 23, pages 631-637), tables II and III.
fn erfcx(x: f64) -> f64 {
    const INV_SQRT_PI: f64 = 0.5641895835477563;
    if x < 0.46875 {
        return libm::exp(x * x) * libm::erfc(x);
    }
    if x <= 4.0 {
        let (mut num, mut den) = (MIDDLE[8].0 * x, x);
        for (c, d) in &MIDDLE[..7] {
            num = (num + c) * x;
            den = (den + d) * x;
        }
        return (num + MIDDLE[7].0) / (den + MIDDLE[7].1);
    }
    let w = 1.0 / (x * x);
    let (mut num, mut den) = (FAR[5].0 * w, w);
    for (p, q) in &FAR[..4] {
        num = (num + p) * w;
        den = (den + q) * w;
    }
    (INV_SQRT_PI - w * (num + FAR[4].0) / (den + FAR[4].1)) / x
}

/// Numerator and denominator on [0.46875, 4]; the last entry has no denominator.
const MIDDLE: [(f64, f64); 9] = [
    (0.5641884969886701, 15.744926110709835),
    (8.883149794388377, 117.6939508913125),
    (66.11919063714163, 537.1811018620099),
    (298.6351381974001, 1621.3895745666903),
    (881.952221241769, 3290.7992357334597),
    (1712.0476126340707, 4362.619090143247),
    (2051.0783778260716, 3439.3676741437216),
    (1230.3393547979972, 1230.3393548037495),
    (2.1531153547440383e-08, 0.0),
];

/// Numerator and denominator in 1/x^2 above 4; the last entry has no denominator.
const FAR: [(f64, f64); 6] = [
    (0.30532663496123236, 2.568520192289822),
    (0.36034489994980445, 1.8729528499234604),
    (0.12578172611122926, 0.5279051029514285),
    (0.016083785148742275, 0.06051834131244132),
    (0.0006587491615298378, 0.0023352049762686918),
    (0.016315387137302097, 0.0),
];

/// Quantile of `p` in (0, 1); infinite at 0 and 1. Relative error about 1e-15.
/// Wichura 1988, algorithm AS 241 (PPND16).
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * rational(r, &CENTRE);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 {
        rational(r - 1.6, &TAIL)
    } else {
        rational(r - 5.0, &FAR_TAIL)
    };
    z.copysign(q)
}

/// Ratio of two polynomials, coefficients from the highest power down.
fn rational(x: f64, coefficients: &[(f64, f64); 8]) -> f64 {
    let (num, den) = coefficients
        .iter()
        .fold((0.0, 0.0), |(num, den), (a, b)| (num * x + a, den * x + b));
    num / den
}

const CENTRE: [(f64, f64); 8] = [
    (2509.0809287301227, 5226.495278852854),
    (33430.57558358813, 28729.085735721943),
    (67265.7709270087, 39307.89580009271),
    (45921.95393154987, 21213.794301586597),
    (13731.69376550946, 5394.196021424751),
    (1971.5909503065513, 687.1870074920579),
    (133.14166789178438, 42.31333070160091),
    (3.3871328727963665, 1.0),
];

const TAIL: [(f64, f64); 8] = [
    (0.0007745450142783414, 1.0507500716444169e-09),
    (0.022723844989269184, 0.0005475938084995345),
    (0.2417807251774506, 0.015198666563616457),
    (1.2704582524523684, 0.14810397642748008),
    (3.6478483247632045, 0.6897673349851),
    (5.769497221460691, 1.6763848301838038),
    (4.630337846156546, 2.053191626637759),
    (1.4234371107496835, 1.0),
];

const FAR_TAIL: [(f64, f64); 8] = [
    (2.0103343992922881e-07, 2.0442631033899397e-15),
    (2.7115555687434876e-05, 1.421511758316446e-07),
    (0.0012426609473880784, 1.8463183175100548e-05),
    (0.026532189526576124, 0.0007868691311456133),
    (0.29656057182850487, 0.014875361290850615),
    (1.7848265399172913, 0.1369298809227358),
    (5.463784911164114, 0.599832206555888),
    (6.657904643501103, 1.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance * want.abs(), "{got:e} is not {want:e}");
    }

    /// mpmath 1.3, 60 digits or more: log(npdf(z) + z * ncdf(z)), log(ncdf(z)); asymptotic series below -200.
    #[test]
    fn far_tails_agree_with_many_digits() {
        for (z, want) in [
            (8.0, 2.0794415416798357),
            (1.0, 0.08002621884930694),
            (0.3, -0.567817153677937),
            (-0.5, -1.6205162643873199),
            (-1.0, -2.4851210257126413),
            (-1.5, -3.52993592080571),
            (-4.0, -11.849061577550662),
            (-6.0, -22.578879392169796),
            (-10.0, -55.55312203612235),
            (-19.5, -196.99258561722834),
            (-20.5, -217.09186837038314),
            (-37.0, -692.6429601632705),
            (-100.0, -5010.12957880025),
            (-10000.0, -50000019.33961931),
            (-100000000.0, -5000000000000038.0),
        ] {
            close(log_improvement(z), want, 2e-13);
        }
        for (z, want) in [
            (8.0, -6.220960574271786e-16),
            (1.0, -0.17275377902344988),
            (0.3, -0.4814101615884812),
            (-0.5, -1.1759117615936185),
            (-1.0, -1.8410216450092636),
            (-1.5, -2.7059444008238898),
            (-4.0, -10.360101486527292),
            (-6.0, -20.736768949974707),
            (-10.0, -53.23128515051247),
            (-19.5, -194.0169657774975),
            (-20.5, -214.0667289632638),
            (-37.0, -689.0305855768906),
            (-100.0, -5005.524208694205),
            (-10000.0, -50000010.12927891),
            (-100000000.0, -5000000000000019.0),
        ] {
            close(log_cdf(z), want, 1e-13);
        }
        for (z, want) in [
            (8.0, 0.12499999999999992),
            (1.0, 0.7766387252017393),
            (0.3, 1.0902499611311893),
            (-0.5, 1.5598731483480797),
            (-1.0, 1.9042712333296918),
            (-1.5, 2.2795806941564463),
            (-4.0, 4.432483741873118),
            (-6.0, 6.309840773209832),
            (-10.0, 10.194383033412553),
            (-19.5, 19.60176944035508),
            (-20.5, 20.596875862192977),
            (-37.0, 37.0539362024042),
            (-100.0, 100.01999400419587),
        ] {
            close(log_improvement_slope(z), want, 1e-10);
        }
    }

    /// mpmath 1.3: ncdf(z), and sqrt(2) * erfinv(2 p - 1) with 320 digits.
    #[test]
    fn quantiles_invert_the_distribution() {
        for (z, want) in [
            (2.5, 0.9937903346742238),
            (-1.0, 0.15865525393145705),
            (-10.0, 7.619853024160525e-24),
            (-37.0, 5.725571222524577e-300),
        ] {
            close(cdf(z), want, 2e-13);
        }
        for (p, want) in [
            (0.5001, 0.00025066283008800747),
            (0.3, -0.5244005127080408),
            (0.06, -1.5547735945968535),
            (0.975, 1.9599639845400538),
            (0.0001, -3.7190164854556804),
            (1e-12, -7.034483825301132),
            (1e-300, -37.0470962993612),
        ] {
            close(quantile(p), want, 4e-15);
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
    }
}
