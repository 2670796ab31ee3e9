//! How what a look takes grows with the hall.

use super::results::{Called, Results};
use crate::halls::Sold;
use crate::stats::{Line, fit};

/// The line that a figure of looks follows, in halls that are sold so far.
#[allow(clippy::cast_precision_loss, reason = "no hall is that large")]
pub(super) fn line(results: &Results, what: &str, sold: Sold, of: impl Fn(&Called) -> Option<f64>) -> Option<Line> {
    let calls = results.by_seats(what, sold);
    let points: Vec<_> = calls.iter().filter_map(|(seats, call)| Some((*seats as f64, of(call)?))).collect();
    fit(&points)
}
