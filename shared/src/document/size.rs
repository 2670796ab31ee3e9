//! Sizes of answers. A layout is accepted only if every answer that it can ever lead to fits into one of Lambda's responses, and if
//! what it is answered as can be put again.

use std::io::{self, Write};

use serde::Serialize;

use super::map::{CallLimits, MapBody};
use super::seats::{Naming, SeatMapBody, ShownSeat};
use super::write::LayoutBody;
use crate::json::Json;
use crate::rules::availability::SeatStatus;
use crate::rules::layout::Layout;

/// Most bytes of an answer's body, as Lambda counts them: as a text within JSON, where each quote takes two bytes. Lambda takes
/// 6,291,556 with status and headers (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MAX_ANSWER: usize = 6_000_000;
/// Most bytes of a layout's document. Whatever is answered can be put.
pub const MAX_DOCUMENT: usize = MAX_ANSWER;

/// A document of fewer bytes holds fewer values than a reader takes: each takes two bytes at least.
const FEW_VALUES: usize = 2 * crate::json::MOST_VALUES as usize;

/// Counts the bytes of JSON as a text within JSON.
#[derive(Default)]
struct Escaped {
    bytes: usize,
}

impl Write for Escaped {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        self.bytes += escaped_bytes(json);
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the bytes that JSON takes as a text within JSON. It holds no control characters, and others aren't escaped.
pub(crate) fn escaped_bytes(json: &[u8]) -> usize {
    json.len() + json.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// Returns the bytes that a body takes, as Lambda counts them.
fn escaped(body: &impl Serialize) -> usize {
    let mut counted = Escaped::default();
    match serde_json::to_writer(&mut counted, body) {
        Ok(()) => counted.bytes,
        // What can't be written is no answer.
        Err(_) => usize::MAX,
    }
}

/// Returns `true` if every answer of a layout fits.
pub(super) fn fits(layout: &Layout) -> bool {
    let limits = CallLimits {
        max_seats_per_call: usize::MAX,
        min_reservation_seconds: u32::MAX,
        max_reservation_seconds: u32::MAX,
    };
    escaped(&MapBody::of(layout, limits)) <= MAX_ANSWER
        && largest_seat_map(layout) <= MAX_ANSWER
        && can_be_put(&LayoutBody::of(layout))
}

/// The largest seat map: all seats reserved by the caller.
fn largest_seat_map(layout: &Layout) -> usize {
    let seats =
        (0..layout.seats().len()).map(|position| ShownSeat { position, status: SeatStatus::Reserved, yours: true });
    escaped(&SeatMapBody::of(layout, Naming::Indexes, seats))
}

/// Returns `true` if a document can be put: it isn't too large, and holds no more values than a reader takes.
fn can_be_put(body: &LayoutBody<'_>) -> bool {
    let bytes = escaped(body);
    let holds_few = bytes <= FEW_VALUES || serde_json::to_vec(body).is_ok_and(|json| Json::parse(&json).is_ok());
    bytes <= MAX_ANSWER && holds_few
}
