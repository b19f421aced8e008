//! The Sobol' sequence with Owen's nested uniform scrambling: points that fill a cube evenly.
//! Knows nothing of search spaces. A point depends on the seed and its index only, never on earlier points.
//!
//! Sobol' 1967; direction numbers of Joe and Kuo 2008 (their set "new-joe-kuo-6", the first 64 dimensions);
//! scrambling of Owen 1995, its random bits drawn by hashing the bits above (as in Burley 2020, section 3).

use crate::rng::{Purpose, stream};

/// How many dimensions have direction numbers of their own. Further ones reuse them with the index shuffled.
const TABLE: usize = 64;
const BITS: usize = 32;

/// A scrambled sequence in `[0, 1)^dims`.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// One scrambling key for each dimension.
    keys: Vec<u64>,
    directions: Vec<[u32; BITS]>,
}

impl Sequence {
    /// The sequence of `dims` dimensions that belongs to `seed`.
    pub fn new(dims: usize, seed: u64) -> Sequence {
        let mut rng = stream(seed, 0, Purpose::Scramble);
        Sequence {
            keys: (0..dims).map(|_| rng.bits()).collect(),
            directions: (0..dims.min(TABLE)).map(directions).collect(),
        }
    }

    /// Point `index` of the sequence; every coordinate is a multiple of 2^-53 in `[0, 1)`.
    pub fn point(&self, index: u64) -> Vec<f64> {
        let (low, high) = (index as u32, index >> BITS);
        let coordinate = |(d, key): (usize, &u64)| {
            // Beyond the table a block of dimensions visits the same points in an order of its own. Scrambling the
            // index from its top bit maps the first 2^k indices to an aligned block of 2^k, which keeps every
            // coordinate evenly spread.
            let block = (d / TABLE) as u64;
            let at = if block == 0 {
                low
            } else {
                scramble(low, mix(self.keys[0] ^ block))
            };
            let key = mix(*key ^ high);
            let bits = scramble(raw(&self.directions[d % TABLE], at), key);
            // All digits below the 32nd are independent of everything else.
            let rest = mix(key ^ mix(u64::from(bits))) >> 43;
            ((u64::from(bits) << 21) | rest) as f64 * (1.0 / (1u64 << 53) as f64)
        };
        self.keys.iter().enumerate().map(coordinate).collect()
    }
}

/// The unscrambled coordinate `index`, as the numerator over 2^32.
fn raw(directions: &[u32; BITS], index: u32) -> u32 {
    let gray = index ^ (index >> 1);
    (0..BITS)
        .filter(|b| gray >> b & 1 == 1)
        .fold(0, |x, b| x ^ directions[b])
}

/// Nested uniform scrambling: each bit is flipped or not by a coin that depends on the bits above it.
fn scramble(x: u32, key: u64) -> u32 {
    let mut out = 0;
    for b in 0..BITS as u32 {
        let above = if b == 0 { 0 } else { x >> (32 - b) };
        let coin = mix(key ^ (u64::from(b) << 32 | u64::from(above)).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 63;
        out = out << 1 | (x >> (31 - b) & 1) ^ coin as u32;
    }
    out
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64 bits without visible structure.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The 32 direction numbers of dimension `d`, by the recurrence of Joe and Kuo 2008, equation 2.
fn directions(d: usize) -> [u32; BITS] {
    let mut v = [0u32; BITS];
    let Some(&(polynomial, initial)) = d.checked_sub(1).map(|i| &JOE_KUO[i]) else {
        // The first dimension is the van der Corput sequence.
        for (i, v) in v.iter_mut().enumerate() {
            *v = 1 << (31 - i);
        }
        return v;
    };
    let degree = initial.len();
    for i in 0..BITS {
        v[i] = if i < degree {
            initial[i] << (31 - i)
        } else {
            let mut next = v[i - degree] ^ (v[i - degree] >> degree);
            for k in 1..degree {
                if polynomial >> (degree - k) & 1 == 1 {
                    next ^= v[i - k];
                }
            }
            next
        };
    }
    v
}

/// Primitive polynomial (all coefficients as bits) and initial numbers of dimensions 2 to 64.
#[rustfmt::skip]
const JOE_KUO: [(u32, &[u32]); TABLE - 1] = [
    (3, &[1]), (7, &[1, 3]), (11, &[1, 3, 1]), (13, &[1, 1, 1]), (19, &[1, 1, 3, 3]), (25, &[1, 3, 5, 13]),
    (37, &[1, 1, 5, 5, 17]), (41, &[1, 1, 5, 5, 5]), (47, &[1, 1, 7, 11, 19]), (55, &[1, 1, 5, 1, 1]),
    (59, &[1, 1, 1, 3, 11]), (61, &[1, 3, 5, 5, 31]), (67, &[1, 3, 3, 9, 7, 49]), (91, &[1, 1, 1, 15, 21, 21]),
    (97, &[1, 3, 1, 13, 27, 49]), (103, &[1, 1, 1, 15, 7, 5]), (109, &[1, 3, 1, 15, 13, 25]),
    (115, &[1, 1, 5, 5, 19, 61]), (131, &[1, 3, 7, 11, 23, 15, 103]), (137, &[1, 3, 7, 13, 13, 15, 69]),
    (143, &[1, 1, 3, 13, 7, 35, 63]), (145, &[1, 3, 5, 9, 1, 25, 53]), (157, &[1, 3, 1, 13, 9, 35, 107]),
    (167, &[1, 3, 1, 5, 27, 61, 31]), (171, &[1, 1, 5, 11, 19, 41, 61]), (185, &[1, 3, 5, 3, 3, 13, 69]),
    (191, &[1, 1, 7, 13, 1, 19, 1]), (193, &[1, 3, 7, 5, 13, 19, 59]), (203, &[1, 1, 3, 9, 25, 29, 41]),
    (211, &[1, 3, 5, 13, 23, 1, 55]), (213, &[1, 3, 7, 3, 13, 59, 17]), (229, &[1, 3, 1, 3, 5, 53, 69]),
    (239, &[1, 1, 5, 5, 23, 33, 13]), (241, &[1, 1, 7, 7, 1, 61, 123]), (247, &[1, 1, 7, 9, 13, 61, 49]),
    (253, &[1, 3, 3, 5, 3, 55, 33]), (285, &[1, 3, 1, 15, 31, 13, 49, 245]),
    (299, &[1, 3, 5, 15, 31, 59, 63, 97]), (301, &[1, 3, 1, 11, 11, 11, 77, 249]),
    (333, &[1, 3, 1, 11, 27, 43, 71, 9]), (351, &[1, 1, 7, 15, 21, 11, 81, 45]),
    (355, &[1, 3, 7, 3, 25, 31, 65, 79]), (357, &[1, 3, 1, 1, 19, 11, 3, 205]),
    (361, &[1, 1, 5, 9, 19, 21, 29, 157]), (369, &[1, 3, 7, 11, 1, 33, 89, 185]),
    (391, &[1, 3, 3, 3, 15, 9, 79, 71]), (397, &[1, 3, 7, 11, 15, 39, 119, 27]),
    (425, &[1, 1, 3, 1, 11, 31, 97, 225]), (451, &[1, 1, 1, 3, 23, 43, 57, 177]),
    (463, &[1, 3, 7, 7, 17, 17, 37, 71]), (487, &[1, 3, 1, 5, 27, 63, 123, 213]),
    (501, &[1, 1, 3, 5, 11, 43, 53, 133]), (529, &[1, 3, 5, 5, 29, 17, 47, 173, 479]),
    (539, &[1, 3, 3, 11, 3, 1, 109, 9, 69]), (545, &[1, 1, 1, 5, 17, 39, 23, 5, 343]),
    (557, &[1, 3, 1, 5, 25, 15, 31, 103, 499]), (563, &[1, 1, 1, 11, 11, 17, 63, 105, 183]),
    (601, &[1, 1, 5, 11, 9, 29, 97, 231, 363]), (607, &[1, 1, 5, 15, 19, 45, 41, 7, 383]),
    (617, &[1, 3, 7, 7, 31, 19, 83, 137, 221]), (623, &[1, 1, 1, 3, 23, 15, 111, 223, 83]),
    (631, &[1, 1, 5, 13, 31, 15, 55, 25, 161]), (637, &[1, 1, 3, 13, 25, 47, 39, 87, 257]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// From scipy 1.17.1: `scipy.stats.qmc.Sobol(64, scramble=False, bits=32).random(4096)[i][d]`.
    #[test]
    fn direction_numbers_are_those_of_joe_and_kuo() {
        let golden = [
            (1, 0, 0.5),
            (3, 1, 0.75),
            (5, 2, 0.125),
            (77, 9, 0.4296875),
            (1000, 20, 0.5224609375),
            (4095, 63, 0.553466796875),
            (2345, 40, 0.040283203125),
        ];
        for (index, d, want) in golden {
            let got = f64::from(raw(&directions(d), index)) / 4294967296.0;
            assert_eq!(got, want, "point {index}, dimension {d}");
        }
    }

    #[test]
    fn every_power_of_two_is_stratified_in_every_dimension() {
        let sequence = Sequence::new(150, 5);
        let points: Vec<_> = (0..64).map(|i| sequence.point(i)).collect();
        for d in 0..150 {
            let mut cells: Vec<usize> = points.iter().map(|p| (p[d] * 64.0) as usize).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..64).collect::<Vec<_>>(), "dimension {d}");
        }
    }

    #[test]
    fn pairs_fill_their_square() {
        // (0, m, 2)-net property of the first two dimensions: 16 points, one in each cell of a 4 x 4 grid.
        let sequence = Sequence::new(2, 11);
        let mut cells: Vec<usize> = (0..16)
            .map(|i| sequence.point(i))
            .map(|p| (p[0] * 4.0) as usize * 4 + (p[1] * 4.0) as usize)
            .collect();
        cells.sort_unstable();
        assert_eq!(cells, (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn seeds_and_far_indices_differ() {
        let at = |seed, i| Sequence::new(3, seed).point(i);
        assert_ne!(at(1, 0), at(2, 0));
        assert_ne!(at(1, 0), at(1, 1 << 32));
        assert_eq!(at(1, 77), at(1, 77));
        assert!(at(3, u64::MAX).iter().all(|u| (0.0..1.0).contains(u)));
    }
}
