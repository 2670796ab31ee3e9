//! Answers of the cache, held against what the same history's clients were told.
//!
//! To a clock that stands still a seat is available first and taken ever after: a reservation that ends later than this
//! clock can only be followed by one that ends later still, or by a booking; and what the TTL deletes has run out by
//! every clock of a history. So of each seat that a cached answer speaks of, it is enough to ask:
//!
//! - It is said to be available: then nobody may have been told *before* that it is taken. Otherwise the answer is
//!   **stale**: older than a write whose caller had been answered.
//! - It is said to be taken: then somebody must have begun to take it. Otherwise the answer is **invented**.
//!
//! Of a seat that may have been given back before the answer, neither is asked: it may be either. (The races of `life` hold the cache
//! against the table where seats are given back.)

use super::record::{Answer, Ask, InTheWay, Record};
use super::seats::Seats;

/// Calls, by their place in the history, and seats that each of them is wrong about.
pub type Wrong = Vec<(usize, Seats)>;

/// Seats of which a cached answer says too little or too much.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Seats that ought to have been known as taken; none of them where too few were counted as booked.
    pub stale: Wrong,
    /// Seats that nobody had taken.
    pub invented: Wrong,
    /// How many answers were judged.
    pub judged: usize,
}

/// Judges all answers of the cache in a history of a theater of so many seats.
pub fn judge(seats: usize, calls: &[Record]) -> Findings {
    let mut findings = Findings::default();
    for (index, look) in calls.iter().enumerate().filter(|(_, call)| call.is_from_cache()) {
        findings.judged += 1;
        let (available, taken) = said(seats, look);
        let told = all(|seat| {
            calls.iter().any(|call| told_before(call, look, seat))
                && !calls.iter().any(|call| may_free(call, look, seat))
        });
        let begun = all(|seat| calls.iter().any(|call| may_take(call, look, seat)));
        let (stale, invented) = (available.0 & told.0, taken.0 & !begun.0);
        if stale != 0 || booked_too_few(calls, look) {
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

/// The seats that an answer says are available, and those that it says are taken.
fn said(seats: usize, look: &Record) -> (Seats, Seats) {
    match &look.answer {
        Answer::Seen { available, .. } => (*available, Seats(((1 << seats) - 1) & !available.0)),
        // A refusal needn't name all.
        Answer::Taken(named) => (Seats::default(), named.iter().fold(Seats::default(), |set, way| set.with(way.seat))),
        _ => (Seats::default(), Seats::default()),
    }
}

/// Whether before `look` began, a call was answered so that this seat is taken to the clock of `look`.
fn told_before(call: &Record, look: &Record, seat: usize) -> bool {
    if call.end.is_none_or(|end| end > look.begin) {
        return false;
    }
    let holds = |until: u64| look.now.seconds().0 < until;
    match (&call.ask, &call.answer) {
        (Ask::Reserve { seats, .. }, Answer::Reserved { expires_at, .. }) => seats.has(seat) && holds(*expires_at),
        (_, Answer::Booked { seats, .. }) => seats.has(seat),
        (Ask::Extend { seat: extended, .. }, Answer::Extended { expires_at, .. }) => {
            *extended == seat && holds(*expires_at)
        }
        // Who is refused by DynamoDB tells the cache what stood in the way.
        (_, Answer::Taken(named)) if !call.is_from_cache() => {
            let in_the_way = |way: &InTheWay| way.seat == seat && way.reserved_until.is_none_or(holds);
            named.iter().any(in_the_way)
        }
        _ => false,
    }
}

/// Whether a call that began before `look` ended may have taken this seat to the clock of `look`.
fn may_take(call: &Record, look: &Record, seat: usize) -> bool {
    if look.end.is_none_or(|end| call.begin > end) {
        return false;
    }
    let changed = match &call.answer {
        Answer::Reserved { replayed: false, .. }
        | Answer::Booked { replayed: false, .. }
        | Answer::Extended { replayed: false, .. } => true,
        _ => call.unanswered_attempts() > 0,
    };
    match call.ask {
        Ask::Reserve { seats, expires_in, .. } => {
            let until = call.now.0.div_ceil(1000) + u64::from(expires_in);
            changed && seats.has(seat) && look.now.seconds().0 < until
        }
        Ask::Book { seats, .. } => changed && seats.has(seat),
        // Which seats a reservation has is known from its answer only.
        Ask::BookWhole { .. } => match &call.answer {
            Answer::Booked { seats, .. } => changed && seats.has(seat),
            _ => changed,
        },
        Ask::Extend { seat: extended, expires_in, .. } => {
            let until = call.now.0.div_ceil(1000) + u64::from(expires_in);
            changed && extended == seat && look.now.seconds().0 < until
        }
        Ask::Release { .. } | Ask::ReleaseAll { .. } | Ask::Cancel { .. } | Ask::Look { .. } => false,
    }
}

/// Whether a call that began before `look` ended may have given this seat back.
fn may_free(call: &Record, look: &Record, seat: usize) -> bool {
    let before = look.end.is_none_or(|end| call.begin <= end);
    let may = match call.ask {
        Ask::Release { seat: released, .. } => released == seat,
        // Which seats a booking or a reservation has is not known here.
        Ask::Cancel { .. } | Ask::ReleaseAll { .. } => true,
        _ => false,
    };
    before && may && call.carried_out > 0
}

/// Whether a look counts fewer seats as booked than had been answered as booked before it began.
fn booked_too_few(calls: &[Record], look: &Record) -> bool {
    let Answer::Seen { booked, .. } = look.answer else { return false };
    if (0..super::seats::LABELS.len()).any(|seat| calls.iter().any(|call| may_free(call, look, seat))) {
        return false;
    }
    let sold = all(|seat| {
        let sold = |call: &Record| matches!(call.answer, Answer::Booked { .. });
        calls.iter().any(|call| sold(call) && told_before(call, look, seat))
    });
    booked < sold.count()
}

#[cfg(test)]
mod tests;
