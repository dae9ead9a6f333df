//! How likely a delay is, learned from delays: a smoothed histogram, eight bins an octave, robust against strays.

/// Delays far below this, in microseconds, are all alike.
const FINEST: u64 = 10;
/// Bins of an octave, as a power of two.
const OCTAVE: u32 = 3;
/// The first bin of the scale that is used: that of [`FINEST`].
const FIRST: usize = 2;
/// Bins for negative delays: clocks that disagree.
const BELOW: usize = 96;
/// Bins for the others: up to more than a minute.
const ABOVE: usize = 184;
const BINS: usize = BELOW + ABOVE;
/// What part of all delays is taken to be like none that was seen.
const STRAY: f64 = 0.02;

/// The density of a delay, per microsecond.
#[derive(Debug, Clone)]
pub(super) struct Density {
    /// Natural logarithm of the density, for each bin.
    bins: Box<[f32; BINS]>,
}

/// The bin of a delay in microseconds. Bins are even within an octave, and twice as wide in the next.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a scale of 64 octaves is short"
)]
fn bin_of(delay: i64) -> usize {
    let size = delay.unsigned_abs().saturating_add(FINEST);
    let octave = size.ilog2() - OCTAVE;
    let within = (size >> octave) as usize & ((1 << OCTAVE) - 1);
    let away = ((octave as usize) << OCTAVE) + within - FIRST;
    if delay < 0 {
        BELOW.saturating_sub(away)
    } else {
        (BELOW + away).min(BINS - 1)
    }
}

/// How many microseconds a bin is wide.
fn width_of(bin: usize) -> f64 {
    let octave = (bin.abs_diff(BELOW) + FIRST) >> OCTAVE;
    2_f64.powi(i32::try_from(octave).unwrap_or(0))
}

impl Density {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm needs no more digits"
    )]
    /// What these delays (microseconds), each with its weight, tell.
    pub(super) fn of(samples: impl Iterator<Item = (i64, f64)>) -> Self {
        let mut mass = [0.0; BINS];
        let mut total = 0.0;
        for (delay, weight) in samples {
            mass[bin_of(delay)] += weight;
            total += weight;
        }
        let smooth = smoothed(&mass, total);
        let floor = STRAY / BINS as f64;
        let share = (1.0 - STRAY) / total.max(f64::MIN_POSITIVE);
        let mut bins = Box::new([0.0; BINS]);
        for (at, (bin, mass)) in bins.iter_mut().zip(smooth).enumerate() {
            *bin = ((mass * share + floor) / width_of(at)).ln() as f32;
        }
        Self { bins }
    }

    /// The natural logarithm of the density at this delay.
    #[inline]
    pub(super) fn log(&self, delay: i64) -> f64 {
        f64::from(self.bins[bin_of(delay)])
    }
}

/// Spread over the neighbours, the wider the fewer there are: a triangle of Silverman's width over the quartiles.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded by the bins"
)]
fn smoothed(mass: &[f64; BINS], total: f64) -> [f64; BINS] {
    let spread = (quantile(mass, total * 0.75) - quantile(mass, total * 0.25)) as f64 / 1.349;
    let width = (1.06 * spread.max(1.0) * total.max(1.0).powf(-0.2) * 2.0).max(1.5);
    let mut before = [0.0; BINS + 1];
    for (at, mass) in mass.iter().enumerate() {
        before[at + 1] = before[at] + mass;
    }
    // Where few are, each is spread so far that it does not stand for itself alone.
    let company = (total / 2.0).min(COMPANY);
    let mut smooth = [0.0; BINS];
    for (at, mass) in mass.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
        let mut reach = width.ceil() as usize;
        while reach < WIDEST
            && before[(at + reach).min(BINS)] - before[(at + 1).saturating_sub(reach)] < company
        {
            reach += 1;
        }
        let width = width.max(reach as f64);
        let part = |away: usize| (1.0 - away as f64 / width).max(0.0);
        let whole = part(0) + 2.0 * (1..=reach).map(part).sum::<f64>();
        for away in 0..=reach {
            let part = mass * part(away) / whole;
            smooth[(at + away).min(BINS - 1)] += part;
            if away > 0 {
                smooth[at.saturating_sub(away)] += part;
            }
        }
    }
    smooth
}

/// So many samples are taken together where they are few.
const COMPANY: f64 = 8.0;
/// Bins over which one sample is spread at most.
const WIDEST: usize = 14;

/// The bin at which this much is reached.
fn quantile(mass: &[f64; BINS], wanted: f64) -> usize {
    let mut seen = 0.0;
    let reached = mass.iter().position(|mass| {
        seen += mass;
        seen >= wanted
    });
    reached.unwrap_or(0)
}
