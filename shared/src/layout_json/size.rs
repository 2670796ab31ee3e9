//! Sizes of responses. A layout is accepted only if every possible response for it fits into a Lambda response, and
//! if its own document can be stored again.

use std::io::{self, Write};

use serde::Serialize;

use super::map::{CallLimits, MapBody};
use super::seats::{Naming, SeatMapBody, ShownSeat};
use super::write::LayoutBody;
use crate::domain::availability::SeatStatus;
use crate::domain::layout::Layout;
use crate::domain::seat_index::SeatIndex;
use crate::json::Json;

/// Maximum size of a response's body in bytes, as Lambda counts them: as a text within JSON, where each quote takes
/// two bytes. Lambda allows 6,291,556 bytes including status and headers
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>). The rest is room for the ticket types
/// that a show may add to a layout, which take at most 110,000 bytes.
pub const MAX_ANSWER: usize = 6_000_000;
/// Maximum size of a layout's document in bytes. Every document in a response can be stored again.
pub const MAX_DOCUMENT: usize = MAX_ANSWER;

/// A document below this size can't exceed the reader's number of values, because each value takes at least two
/// bytes.
const MAX_BYTES_WITHOUT_COUNT: usize = 2 * crate::json::MAX_JSON_VALUES as usize;

/// Counter of the bytes of JSON as a text within JSON.
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

/// Returns the size of JSON in bytes as a text within JSON. Only quotes and backslashes are escaped, because the JSON
/// has no control characters.
pub(crate) fn escaped_bytes(json: &[u8]) -> usize {
    json.len() + json.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// Returns the size of a body in bytes, as Lambda counts it.
fn escaped(body: &impl Serialize) -> usize {
    let mut counted = Escaped::default();
    serde_json::to_writer(&mut counted, body)
        .expect("a body can be written as JSON, and a counter accepts every write");
    counted.bytes
}

/// Returns `true` if every response for a layout fits.
pub(super) fn fits(layout: &Layout) -> bool {
    let limits = CallLimits {
        max_seats_per_call: usize::MAX,
        min_reservation_seconds: u32::MAX,
        max_reservation_seconds: u32::MAX,
    };
    escaped(&MapBody::of(layout, limits)) <= MAX_ANSWER
        && largest_seat_map(layout) <= MAX_ANSWER
        && can_be_stored(&LayoutBody::of(layout))
}

/// Returns the size of the largest seat map, in which the caller has reserved all seats.
fn largest_seat_map(layout: &Layout) -> usize {
    let seats = SeatIndex::all().zip(layout.seats()).map(|(seat_index, _)| ShownSeat {
        seat_index,
        status: SeatStatus::Reserved,
        yours: true,
    });
    escaped(&SeatMapBody::of(layout, None, Naming::Indexes, seats))
}

/// Returns `true` if a document can be stored again: it isn't too large and doesn't hold too many values for the
/// reader.
fn can_be_stored(body: &LayoutBody<'_>) -> bool {
    let bytes = escaped(body);
    let holds_few =
        bytes <= MAX_BYTES_WITHOUT_COUNT || serde_json::to_vec(body).is_ok_and(|json| Json::parse(&json).is_ok());
    bytes <= MAX_ANSWER && holds_few
}
