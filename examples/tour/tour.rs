//! The shortest round trip through 60 cities, by simulated annealing. Standard library only.
//!
//! tour --start T --end T --sweeps N --reverse P --near K

use std::collections::HashMap;

struct Random(u64);

impl Random {
    /// xorshift64* (Marsaglia 2003, Vigna 2016).
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Great-circle distance in kilometres.
fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (p, q) = (a.0.to_radians(), b.0.to_radians());
    let (dp, dl) = ((q - p) / 2.0, (b.1 - a.1).to_radians() / 2.0);
    let h = dp.sin().powi(2) + p.cos() * q.cos() * dl.sin().powi(2);
    2.0 * 6371.0 * h.sqrt().asin()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, f64> = words
        .chunks(2)
        .map(|w| (w[0].trim_start_matches("--"), w[1].parse().expect("options are numbers")))
        .collect();
    let get = |name: &str, default: f64| options.get(name).copied().unwrap_or(default);
    let (start, end) = (get("start", 1000.0), get("end", 1.0));
    let (sweeps, reverse, near) = (get("sweeps", 200.0) as usize, get("reverse", 0.5), get("near", 60.0) as usize);
    let seed = std::env::var("RANDOM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1u64);
    let mut rng = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);

    let text = std::fs::read_to_string("cities.csv").expect("cities.csv is beside the program");
    let cities: Vec<(f64, f64)> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.rsplit(',').map(|c| c.parse::<f64>().expect("a number"));
            let (lon, lat) = (cells.next().expect("longitude"), cells.next().expect("latitude"));
            (lat, lon)
        })
        .collect();
    let n = cities.len();
    let d: Vec<Vec<f64>> = cities.iter().map(|a| cities.iter().map(|b| distance(*a, *b)).collect()).collect();
    let mut tour: Vec<usize> = (0..n).collect();
    let length = |t: &[usize]| -> f64 { (0..n).map(|i| d[t[i]][t[(i + 1) % n]]).sum() };

    let mut best = length(&tour);
    for sweep in 0..sweeps {
        let temperature = start * (end / start).powf(sweep as f64 / sweeps.max(2) as f64);
        for _ in 0..n * n {
            let i = rng.below(n);
            let j = (i + 1 + rng.below(near.clamp(2, n - 2))) % n;
            let (i, j) = (i.min(j), i.max(j));
            let mut next = tour.clone();
            if rng.unit() < reverse {
                next[i..=j].reverse();
            } else {
                next[i..=j].rotate_left(1);
            }
            let change = length(&next) - length(&tour);
            if change < 0.0 || rng.unit() < (-change / temperature).exp() {
                tour = next;
            }
        }
        let now = length(&tour);
        best = best.min(now);
        if sweep % 10 == 9 {
            println!("sweep {} temperature {temperature:.1} km {now:.1}", sweep + 1);
        }
    }
    println!("best {best:.1} km");
}
