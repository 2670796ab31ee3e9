//! Conversions between numbers of the simulation.

/// Returns the integer part of a number that isn't negative.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float's cast keeps to the bounds of the integer"
)]
pub(super) fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

/// Converts a count for arithmetic. The result is exact below 2^53.
#[allow(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}

/// Converts milliseconds to the unit of the histograms.
pub(super) fn micros(took: f64) -> u64 {
    whole(took * 1_000.0)
}
