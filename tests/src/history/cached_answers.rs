//! Checks of cached answers against the answers that the clients of the same history received.
//!
//! By a stopped clock, a seat is first available and then taken for ever. A reservation that ends after this clock can
//! only be followed by a later end or a booking. Seats that the TTL deletes have expired by every clock of the history.
//! So for each seat of a cached answer it is enough to check one of these rules:
//!
//! - The answer shows the seat as available. Then no caller may have been informed *before* that it is taken. Otherwise
//!   the answer is **stale**: it is older than a write whose caller had received an answer.
//! - The answer shows the seat as taken. Then some caller must have begun to take it. Otherwise the answer is
//!   **invented**.
//!
//! Seats that may have been released before the answer aren't checked, because both states are possible. (The races of
//! `life` compare the cache with the table after releases.)

use super::call_log::{Answer, CallRecord, ConflictingSeat, Request};
use super::seats::Seats;

/// Wrong calls, by their index in the history, each with its wrong seats.
pub type Wrong = Vec<(usize, Seats)>;

/// The errors in cached answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Seats that should have been shown as taken. The set is empty if the answer counts too few booked seats.
    pub stale: Wrong,
    /// Seats that no caller had taken.
    pub invented: Wrong,
    /// The number of checked answers.
    pub checked: usize,
}

/// Checks all cached answers in the history of a theater with this number of seats.
pub fn validate(seats: usize, calls: &[CallRecord]) -> Findings {
    let mut findings = Findings::default();
    for (index, read_call) in calls.iter().enumerate().filter(|(_, call)| call.is_from_cache()) {
        findings.checked += 1;
        let (available, taken) = claimed_seats(seats, read_call);
        let confirmed = all(|seat| {
            calls.iter().any(|call| confirmed_before(call, read_call, seat))
                && !calls.iter().any(|call| may_free(call, read_call, seat))
        });
        let begun = all(|seat| calls.iter().any(|call| may_take(call, read_call, seat)));
        let (stale, invented) = (available.0 & confirmed.0, taken.0 & !begun.0);
        if stale != 0 || counts_too_few_booked(calls, read_call) {
            findings.stale.push((index, Seats(stale)));
        }
        if invented != 0 {
            findings.invented.push((index, Seats(invented)));
        }
    }
    findings
}

fn all(holds: impl Fn(usize) -> bool) -> Seats {
    (0..super::seats::LABELS.len()).filter(|seat| holds(*seat)).fold(Seats::default(), Seats::with)
}

/// Returns the seats that an answer shows as available, and those that it shows as taken.
fn claimed_seats(seats: usize, read_call: &CallRecord) -> (Seats, Seats) {
    match &read_call.answer {
        Answer::Availability { available, .. } => (*available, Seats(((1 << seats) - 1) & !available.0)),
        // A rejection needn't name all taken seats.
        Answer::Taken(named) => (Seats::default(), named.iter().fold(Seats::default(), |set, way| set.with(way.seat))),
        _ => (Seats::default(), Seats::default()),
    }
}

/// Returns `true` if a call was answered before `read_call` began, and its answer shows that this seat is taken at the clock
/// of `read_call`.
fn confirmed_before(call: &CallRecord, read_call: &CallRecord, seat: usize) -> bool {
    if call.end.is_none_or(|end| end > read_call.begin) {
        return false;
    }
    let holds = |until: u64| read_call.now.seconds().as_secs() < until;
    match (&call.request, &call.answer) {
        (Request::Reserve { seats, .. }, Answer::Reserved { expires_at, .. }) => seats.has(seat) && holds(*expires_at),
        (_, Answer::Booked { seats, .. }) => seats.has(seat),
        (Request::Extend { seat: extended, .. }, Answer::Extended { expires_at, .. }) => {
            *extended == seat && holds(*expires_at)
        }
        // A call that DynamoDB rejects reports the conflicting seats to the cache.
        (_, Answer::Taken(named)) if !call.is_from_cache() => {
            let conflicts = |way: &ConflictingSeat| way.seat == seat && way.reserved_until.is_none_or(holds);
            named.iter().any(conflicts)
        }
        _ => false,
    }
}

/// Returns `true` if a call that began before `read_call` ended may have taken this seat at the clock of `read_call`.
fn may_take(call: &CallRecord, read_call: &CallRecord, seat: usize) -> bool {
    if read_call.end.is_none_or(|end| call.begin > end) {
        return false;
    }
    let changed = match &call.answer {
        Answer::Reserved { replayed: false, .. }
        | Answer::Booked { replayed: false, .. }
        | Answer::Extended { replayed: false, .. } => true,
        _ => call.unanswered_attempts() > 0,
    };
    match call.request {
        Request::Reserve { seats, expires_in, .. } => {
            let until = call.now.as_millis().div_ceil(1000) + u64::from(expires_in);
            changed && seats.has(seat) && read_call.now.seconds().as_secs() < until
        }
        Request::Book { seats, .. } => changed && seats.has(seat),
        // The seats of a reservation are known only from its answer.
        Request::BookWhole { .. } => match &call.answer {
            Answer::Booked { seats, .. } => changed && seats.has(seat),
            _ => changed,
        },
        Request::Extend { seat: extended, expires_in, .. } => {
            let until = call.now.as_millis().div_ceil(1000) + u64::from(expires_in);
            changed && extended == seat && read_call.now.seconds().as_secs() < until
        }
        Request::Release { .. } | Request::ReleaseAll { .. } | Request::Cancel { .. } | Request::Read { .. } => false,
        Request::PutPrices { .. } | Request::PutSale { .. } | Request::Sweep { .. } => false,
    }
}

/// Returns `true` if a call that began before `read_call` ended may have released this seat.
fn may_free(call: &CallRecord, read_call: &CallRecord, seat: usize) -> bool {
    let before = read_call.end.is_none_or(|end| call.begin <= end);
    let may = match call.request {
        Request::Release { seat: released, .. } => released == seat,
        // The seats of a booking or reservation aren't known here.
        Request::Cancel { .. } | Request::ReleaseAll { .. } => true,
        _ => false,
    };
    before && may && call.carried_out > 0
}

/// Returns `true` if an answer counts fewer booked seats than had been confirmed before it began.
fn counts_too_few_booked(calls: &[CallRecord], read_call: &CallRecord) -> bool {
    let Answer::Availability { booked, .. } = read_call.answer else { return false };
    if (0..super::seats::LABELS.len()).any(|seat| calls.iter().any(|call| may_free(call, read_call, seat))) {
        return false;
    }
    let sold = all(|seat| {
        let sold = |call: &CallRecord| matches!(call.answer, Answer::Booked { .. });
        calls.iter().any(|call| sold(call) && confirmed_before(call, read_call, seat))
    });
    booked < sold.count()
}

#[cfg(test)]
mod tests;
