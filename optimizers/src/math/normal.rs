//! The normal distribution where it is used for acquisition functions: far tails, in logarithms.
//! Built on `libm` alone, so that a proposal does not depend on the platform's mathematics.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// ln sqrt(2 pi).
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

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
    const INV_SQRT_PI: f64 = 0.564_189_583_547_756_3;
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
    (5.641_884_969_886_700_9e-1, 1.574_492_611_070_983_47e1),
    (8.883_149_794_388_375_94, 1.176_939_508_913_124_99e2),
    (6.611_919_063_714_162_95e1, 5.371_811_018_620_098_58e2),
    (2.986_351_381_974_001_31e2, 1.621_389_574_566_690_19e3),
    (8.819_522_212_417_690_9e2, 3.290_799_235_733_459_63e3),
    (1.712_047_612_634_070_58e3, 4.362_619_090_143_247_16e3),
    (2.051_078_377_826_071_47e3, 3.439_367_674_143_721_64e3),
    (1.230_339_354_797_997_25e3, 1.230_339_354_803_749_42e3),
    (2.153_115_354_744_038_46e-8, 0.0),
];

/// Numerator and denominator in 1/x^2 above 4; the last entry has no denominator.
const FAR: [(f64, f64); 6] = [
    (3.053_266_349_612_323_44e-1, 2.568_520_192_289_822_42),
    (3.603_448_999_498_044_39e-1, 1.872_952_849_923_460_47),
    (1.257_817_261_112_292_46e-1, 5.279_051_029_514_284_12e-1),
    (1.608_378_514_874_227_66e-2, 6.051_834_131_244_131_91e-2),
    (6.587_491_615_298_378_03e-4, 2.335_204_976_268_691_85e-3),
    (1.631_538_713_730_209_78e-2, 0.0),
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
    (2.509_080_928_730_122_672_7e3, 5.226_495_278_852_854_561e3),
    (3.343_057_558_358_812_810_5e4, 2.872_908_573_572_194_267_4e4),
    (6.726_577_092_700_870_085_3e4, 3.930_789_580_009_271_061e4),
    (4.592_195_393_154_987_145_7e4, 2.121_379_430_158_659_586_7e4),
    (1.373_169_376_550_946_112_5e4, 5.394_196_021_424_751_107_7e3),
    (1.971_590_950_306_551_442_7e3, 6.871_870_074_920_579_083e2),
    (1.331_416_678_917_843_774_5e2, 4.231_333_070_160_091_125_2e1),
    (3.387_132_872_796_366_608, 1.0),
];

const TAIL: [(f64, f64); 8] = [
    (7.745_450_142_783_414_076_4e-4, 1.050_750_071_644_416_843_24e-9),
    (2.272_384_498_926_918_458_33e-2, 5.475_938_084_995_344_946e-4),
    (2.417_807_251_774_506_117_7e-1, 1.519_866_656_361_645_719_66e-2),
    (1.270_458_252_452_368_382_58, 1.481_039_764_274_800_745_9e-1),
    (3.647_848_324_763_204_605_04, 6.897_673_349_851_000_045_5e-1),
    (5.769_497_221_460_691_405_5, 1.676_384_830_183_803_849_4),
    (4.630_337_846_156_545_295_9, 2.053_191_626_637_758_821_87),
    (1.423_437_110_749_683_577_34, 1.0),
];

const FAR_TAIL: [(f64, f64); 8] = [
    (2.010_334_399_292_288_132_65e-7, 2.044_263_103_389_939_785_64e-15),
    (2.711_555_568_743_487_578_15e-5, 1.421_511_758_316_445_888_7e-7),
    (1.242_660_947_388_078_438_6e-3, 1.846_318_317_510_054_681_8e-5),
    (2.653_218_952_657_612_309_3e-2, 7.868_691_311_456_132_591e-4),
    (2.965_605_718_285_048_912_3e-1, 1.487_536_129_085_061_485_25e-2),
    (1.784_826_539_917_291_335_8, 1.369_298_809_227_358_053_1e-1),
    (5.463_784_911_164_114_369_9, 5.998_322_065_558_879_376_9e-1),
    (6.657_904_643_501_103_777_2, 1.0),
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
