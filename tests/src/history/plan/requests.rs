//! Requests of a plan.

use fastrand::Rng;
use uuid::Uuid;

use super::{Changes, Step, id};
use crate::history::call_log::Request;
use crate::history::seats::Seats;

/// The number of ids that clients use. It is small, so that clients often use the same id.
const ID_COUNT: u128 = 5;

/// Draws the request of a step. Returns `true` with a booking that uses the client's latest reservation.
pub(super) fn draw(rng: &mut Rng, seats: usize, changes: Changes, earlier: &[Step]) -> (Request, bool) {
    if let Some(put) = put(rng, changes, earlier) {
        return (put, false);
    }
    if !earlier.is_empty() && rng.u8(0..4) == 0 {
        let step = &earlier[rng.usize(0..earlier.len())];
        // Each put of prices has its own list.
        if !matches!(step.request, Request::PutPrices { .. }) {
            return (with_other_types(rng, changes, step.request), step.own_reservation);
        }
    }
    match rng.u8(0..18) {
        0..5 => (reserve(rng, seats, changes), false),
        5 => (book(rng, seats, changes), rng.u8(0..5) == 0),
        6 => (book_reserved(rng, seats, changes, earlier), false),
        7..10 => {
            let (_, reservation) = reserved_before(rng, seats, earlier);
            let booking = (rng.u8(0..4) > 0).then(|| id(100 + rng.u128(0..ID_COUNT)));
            (Request::BookWhole { booking, reservation }, false)
        }
        10 => {
            let (seat, reservation) = reserved_before(rng, seats, earlier);
            let all = rng.u8(0..3) == 0;
            (if all { Request::ReleaseAll { reservation } } else { Request::Release { seat, reservation } }, false)
        }
        11..13 => (extend(rng, seats, earlier), false),
        13 => (Request::Cancel { booking: booked_before(rng, earlier) }, false),
        _ => (Request::Read { consistent: rng.u8(0..4) == 0 }, false),
    }
}

/// Draws a change of the prices or of the sale, if the history has them.
fn put(rng: &mut Rng, Changes { has_prices, has_sale }: Changes, earlier: &[Step]) -> Option<Request> {
    if has_prices && rng.u8(0..8) == 0 {
        let lists = earlier.iter().filter(|step| matches!(step.request, Request::PutPrices { .. })).count();
        return Some(Request::PutPrices { list: u8::try_from(lists + 1).expect("a plan has few steps") });
    }
    (has_sale && rng.u8(0..6) == 0).then(|| Request::PutSale { open: rng.bool() })
}

fn reserve(rng: &mut Rng, seats: usize, changes: Changes) -> Request {
    let seats = some_seats(rng, seats);
    Request::Reserve {
        seats,
        children: some_children(rng, seats, changes),
        reservation: (rng.u8(0..4) > 0).then(|| id(rng.u128(0..ID_COUNT))),
        expires_in: if rng.u8(0..3) > 0 { rng.u32(1..=4) } else { 600 },
    }
}

fn book(rng: &mut Rng, seats: usize, changes: Changes) -> Request {
    let seats = some_seats(rng, seats);
    Request::Book {
        seats,
        children: some_children(rng, seats, changes),
        booking: (rng.u8(0..4) > 0).then(|| id(100 + rng.u128(0..ID_COUNT))),
        reservation: rng.bool().then(|| id(rng.u128(0..ID_COUNT))),
    }
}

/// Draws a booking that names the seats of an earlier reservation.
fn book_reserved(rng: &mut Rng, seats: usize, changes: Changes, earlier: &[Step]) -> Request {
    let reserved = earlier.iter().filter_map(|step| match step.request {
        Request::Reserve { seats, reservation: Some(id), .. } => Some((seats, id)),
        _ => None,
    });
    let reserved: Vec<_> = reserved.collect();
    if reserved.is_empty() {
        return book(rng, seats, changes);
    }
    let (seats, reservation) = reserved[rng.usize(0..reserved.len())];
    Request::Book {
        seats,
        children: some_children(rng, seats, changes),
        booking: (rng.u8(0..4) > 0).then(|| id(100 + rng.u128(0..ID_COUNT))),
        reservation: Some(reservation),
    }
}

/// Draws an extension. Its end always stays within the longest total time of a reservation.
fn extend(rng: &mut Rng, seats: usize, earlier: &[Step]) -> Request {
    let (seat, reservation) = reserved_before(rng, seats, earlier);
    let expires_in = if rng.u8(0..3) > 0 { rng.u32(4..=8) } else { 700 };
    Request::Extend { seat, reservation, key: rng.u8(0..2), expires_in }
}

/// Draws a seat and its reservation, usually from an earlier step.
fn reserved_before(rng: &mut Rng, seats: usize, earlier: &[Step]) -> (usize, Uuid) {
    let reserved = earlier.iter().filter_map(|step| match step.request {
        Request::Reserve { seats, reservation: Some(id), .. } => Some((seats.positions().next()?, id)),
        _ => None,
    });
    let reserved: Vec<_> = reserved.collect();
    if reserved.is_empty() || rng.u8(0..6) == 0 {
        return (rng.usize(0..seats), id(rng.u128(0..ID_COUNT)));
    }
    reserved[rng.usize(0..reserved.len())]
}

/// Draws a booking, usually from an earlier step.
fn booked_before(rng: &mut Rng, earlier: &[Step]) -> Uuid {
    let booked = earlier.iter().filter_map(|step| match step.request {
        Request::Book { booking, .. } | Request::BookWhole { booking, .. } => booking,
        _ => None,
    });
    let booked: Vec<_> = booked.collect();
    if booked.is_empty() || rng.u8(0..6) == 0 {
        id(100 + rng.u128(0..ID_COUNT))
    } else {
        booked[rng.usize(0..booked.len())]
    }
}

/// Draws one to three seats. Small numbers are more frequent.
fn some_seats(rng: &mut Rng, seats: usize) -> Seats {
    let wanted = [1, 1, 1, 2, 2, 3][rng.usize(0..6)];
    (0..wanted).fold(Seats::default(), |set, _| set.with(rng.usize(0..seats)))
}

/// Draws other ticket types for some of the repeated reservations.
fn with_other_types(rng: &mut Rng, changes: Changes, request: Request) -> Request {
    match request {
        Request::Reserve { seats, reservation, expires_in, .. } if changes.has_prices && rng.u8(0..3) == 0 => {
            Request::Reserve { seats, children: some_children(rng, seats, changes), reservation, expires_in }
        }
        request => request,
    }
}

/// Draws the seats that a request names as `child`. Seats without prices have no such type.
fn some_children(rng: &mut Rng, seats: Seats, Changes { has_prices, .. }: Changes) -> Seats {
    let some = |rng: &mut Rng| seats.positions().filter(|_| rng.bool()).fold(Seats::default(), Seats::with);
    if has_prices && rng.bool() { some(rng) } else { Seats::default() }
}
