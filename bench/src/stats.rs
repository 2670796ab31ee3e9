//! Simple statistics.

use std::time::Duration;

/// Converts a duration to microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Returns the median, or 0 for no values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    /// The value at 0.
    pub(crate) base: f64,
    /// The increase per unit.
    pub(crate) slope: f64,
}

/// Fits a line to the points by least squares. Returns `None` if there is no unique line.
pub(crate) fn fit(points: &[(f64, f64)]) -> Option<Line> {
    #[allow(clippy::cast_precision_loss, reason = "there are few")]
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let slope = together / spread;
    slope.is_finite().then_some(Line { base: y - slope * x, slope })
}

/// Returns Jain's index: 1 if all shares are equal, 1/n if one of n has everything. R. Jain, D. Chiu, W. Hawe: A
/// quantitative measure of fairness and discrimination for resource allocation in shared computer systems, DEC TR-301
/// (1984).
#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) fn fairness(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    if squares == 0.0 { 1.0 } else { sum.powi(2) / (shares.len() as f64 * squares) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_through_collinear_points_is_exact() {
        let line = fit(&[(0.0, 3.0), (10.0, 23.0), (100.0, 203.0)]).unwrap();
        assert!((line.base - 3.0).abs() < 1e-9 && (line.slope - 2.0).abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn line_minimizes_squared_distances() {
        let line = fit(&[(0.0, 1.0), (0.0, -1.0), (1.0, 2.0), (1.0, 0.0)]).unwrap();
        assert!(line.base.abs() < 1e-9 && (line.slope - 1.0).abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn points_at_one_place_have_no_line() {
        assert_eq!(fit(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(fit(&[]), None);
    }

    #[test]
    fn fairness_ranges_from_1_to_1_of_n() {
        assert!((fairness(&[5, 5, 5, 5]) - 1.0).abs() < 1e-9);
        assert!((fairness(&[9, 0, 0, 0]) - 0.25).abs() < 1e-9);
        assert!((fairness(&[]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(&mut []).abs() < f64::EPSILON);
    }
}
