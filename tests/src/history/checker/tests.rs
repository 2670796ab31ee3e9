//! Hand-written histories: correct ones, and ones with a single error each.

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::*;
use crate::history::plan::id;
use crate::history::record::InTheWay;
use crate::history::seats::Seats;

/// The time of all calls that don't set another time.
const NOW: u64 = 1_000;
const A: Seats = Seats(1);
const B: Seats = Seats(2);
const AB: Seats = Seats(3);

fn call(begin: u64, end: u64, ask: Ask, answer: Answer) -> Record {
    let carried_out = usize::from(matches!(
        answer,
        Answer::Reserved { replayed: false, .. } | Answer::Booked { replayed: false, .. }
    ));
    let (now, end) = (EpochMillis(NOW * 1_000), Some(end));
    Record { client: 0, begin, end, now, ask, answer, writes: 1, carried_out, met: Vec::new() }
}

fn at(seconds: u64, call: Record) -> Record {
    Record { now: EpochMillis(seconds * 1_000), ..call }
}

/// Returns the same call with one more attempt that was carried out and whose answer was lost.
fn with_a_lost_attempt(call: Record) -> Record {
    Record { writes: call.writes + 1, carried_out: call.carried_out + 1, ..call }
}

/// Returns the same call with an unknown outcome.
fn unknown(call: Record) -> Record {
    Record { answer: Answer::Unknown, carried_out: 1, ..call }
}

fn book(begin: u64, end: u64, seats: Seats, booking: Uuid, answer: Answer) -> Record {
    let answer = match answer {
        Answer::Booked { booking, booked_at, replayed, .. } => Answer::Booked { seats, booking, booked_at, replayed },
        answer => answer,
    };
    call(begin, end, Ask::Book { seats, booking: Some(booking), reservation: None }, answer)
}

fn reserve(begin: u64, end: u64, seats: Seats, reservation: Uuid, answer: Answer) -> Record {
    call(begin, end, Ask::Reserve { seats, reservation: Some(reservation), expires_in: 10 }, answer)
}

fn look(begin: u64, end: u64, available: Seats, reserved: usize, booked: usize) -> Record {
    call(begin, end, Ask::Look { consistent: true }, Answer::Seen { available, reserved, booked, hit: false })
}

/// Returns the answer to a booking. [`book`] sets its seats.
fn booked(booking: Uuid, replayed: bool) -> Answer {
    Answer::Booked { seats: A, booking, booked_at: NOW, replayed }
}

fn reserved(reservation: Uuid, expires_at: u64, replayed: bool) -> Answer {
    Answer::Reserved { reservation, expires_at, replayed }
}

fn taken(seat: usize, reserved_until: Option<u64>) -> Answer {
    Answer::Taken(vec![InTheWay { seat, reserved_until }])
}

fn is_right(calls: &[Record]) {
    if let Err(stuck) = check(2, None, calls) {
        panic!("{stuck}");
    }
}

fn is_wrong(calls: &[Record]) {
    assert!(check(2, None, calls).is_err(), "{calls:#?}");
}

fn one() -> Uuid {
    id(1)
}

fn two() -> Uuid {
    id(2)
}

#[test]
fn what_happens_in_turn_is_right() {
    is_right(&[
        reserve(0, 1, AB, one(), reserved(one(), 1_010, false)),
        reserve(2, 3, AB, one(), reserved(one(), 1_010, true)),
        reserve(4, 5, B, two(), taken(1, Some(1_010))),
        look(6, 7, Seats(0), 2, 0),
        at(1_010, look(8, 9, AB, 0, 0)),
        at(
            1_010,
            book(10, 11, A, one(), Answer::Booked { seats: A, booking: one(), booked_at: 1_010, replayed: false }),
        ),
        at(
            1_020,
            book(12, 13, A, one(), Answer::Booked { seats: A, booking: one(), booked_at: 1_010, replayed: true }),
        ),
        book(14, 15, B, one(), Answer::IdReused),
        at(1_010, book(16, 17, AB, two(), taken(0, None))),
        at(1_010, look(18, 19, B, 0, 1)),
    ]);
}

#[test]
fn what_happens_at_once_may_have_happened_in_any_order() {
    let (first, second) = (book(0, 9, A, one(), booked(one(), false)), book(1, 8, A, two(), taken(0, None)));
    is_right(&[first.clone(), second.clone(), look(2, 3, AB, 0, 0), look(4, 5, B, 0, 1)]);
    is_right(&[second, first]);
}

#[test]
fn a_cart_grows_and_each_seat_keeps_its_end() {
    is_right(&[
        reserve(0, 1, A, one(), reserved(one(), 1_010, false)),
        at(1_005, reserve(2, 3, AB, one(), reserved(one(), 1_010, false))),
        at(1_012, look(4, 5, A, 1, 0)),
    ]);
    is_wrong(&[
        reserve(0, 1, A, one(), reserved(one(), 1_010, false)),
        at(1_005, reserve(2, 3, AB, one(), reserved(one(), 1_015, false))),
    ]);
}

#[test]
fn a_seat_sold_twice_is_wrong() {
    is_wrong(&[book(0, 9, A, one(), booked(one(), false)), book(1, 8, A, two(), booked(two(), false))]);
    is_wrong(&[reserve(0, 1, A, one(), reserved(one(), 1_010, false)), book(2, 3, A, two(), booked(two(), false))]);
}

#[test]
fn a_lost_booking_is_wrong() {
    is_wrong(&[book(0, 1, A, one(), booked(one(), false)), look(2, 3, AB, 0, 0)]);
    is_wrong(&[book(0, 1, A, one(), booked(one(), false)), book(2, 3, A, one(), booked(one(), false))]);
}

#[test]
fn a_booking_that_is_made_twice_is_wrong_however_its_repeats_overlap() {
    is_wrong(&[book(0, 9, A, one(), booked(one(), false)), book(1, 8, A, one(), booked(one(), false))]);
    is_right(&[book(0, 9, A, one(), booked(one(), true)), book(1, 8, A, one(), booked(one(), false))]);
}

#[test]
fn a_repeat_of_nothing_is_wrong() {
    is_wrong(&[book(0, 1, A, one(), booked(one(), true))]);
    is_wrong(&[reserve(0, 1, A, one(), reserved(one(), 1_010, true))]);
    is_wrong(&[book(0, 1, A, one(), Answer::IdReused)]);
}

#[test]
fn an_id_that_booked_other_seats_is_never_a_repeat_nor_a_conflict() {
    let first = book(0, 1, A, one(), booked(one(), false));
    is_wrong(&[first.clone(), book(2, 3, B, one(), booked(one(), true))]);
    is_wrong(&[first.clone(), book(2, 3, AB, one(), taken(0, None))]);
    is_wrong(&[first, book(2, 3, A, one(), taken(0, None))]);
}

#[test]
fn a_reservation_that_ran_out_and_is_treated_as_live_is_wrong() {
    let first = reserve(0, 1, A, one(), reserved(one(), 1_010, false));
    is_wrong(&[first.clone(), at(1_010, book(2, 3, A, one(), taken(0, Some(1_010))))]);
    is_wrong(&[first.clone(), at(1_010, look(2, 3, B, 1, 0))]);
    is_wrong(&[first, at(1_010, reserve(2, 3, A, one(), reserved(one(), 1_010, true)))]);
}

#[test]
fn a_live_reservation_that_is_treated_as_run_out_is_wrong() {
    let first = reserve(0, 1, A, one(), reserved(one(), 1_010, false));
    is_wrong(&[first.clone(), at(1_009, reserve(2, 3, A, two(), reserved(two(), 1_019, false)))]);
    is_wrong(&[first, at(1_009, look(2, 3, AB, 0, 0))]);
}

#[test]
fn half_of_several_seats_is_wrong() {
    let both = book(0, 9, AB, one(), booked(one(), false));
    is_wrong(&[both.clone(), look(1, 2, A, 0, 1)]);
    is_wrong(&[both.clone(), book(1, 8, B, two(), booked(two(), false))]);
    is_wrong(&[unknown(both), look(10, 11, B, 0, 1)]);
}

#[test]
fn a_conflict_with_nobody_is_wrong() {
    is_wrong(&[book(0, 1, A, one(), taken(0, None))]);
    is_wrong(&[book(0, 1, A, one(), taken(0, None)), book(2, 3, A, two(), booked(two(), false))]);
    is_wrong(&[reserve(0, 1, A, one(), reserved(one(), 1_010, false)), book(2, 3, A, one(), taken(0, Some(1_011)))]);
}

#[test]
fn a_conflict_that_names_too_few_seats_is_wrong_unless_some_stayed_undecided() {
    let first = book(0, 1, AB, one(), booked(one(), false));
    let second = book(2, 3, AB, two(), taken(0, None));
    is_wrong(&[first.clone(), second.clone()]);
    is_right(&[first, Record { writes: 3, ..second }]);
}

#[test]
fn an_old_look_past_the_cache_is_wrong() {
    let first = book(0, 9, A, one(), booked(one(), false));
    is_right(&[first.clone(), look(1, 2, AB, 0, 0), look(3, 4, B, 0, 1)]);
    is_wrong(&[first, look(1, 2, B, 0, 1), look(3, 4, AB, 0, 0)]);
}

#[test]
fn an_unknown_outcome_happened_or_not_but_not_both() {
    let lost = unknown(book(0, 1, A, one(), Answer::Unknown));
    is_right(&[lost.clone(), look(2, 3, AB, 0, 0)]);
    is_right(&[lost.clone(), look(2, 3, B, 0, 1)]);
    is_right(&[lost.clone(), look(2, 3, AB, 0, 0), look(4, 5, B, 0, 1)]);
    is_wrong(&[lost.clone(), look(2, 3, B, 0, 1), look(4, 5, AB, 0, 0)]);
    is_wrong(&[lost.clone(), book(2, 3, A, one(), booked(one(), true)), look(4, 5, AB, 0, 0)]);
    is_wrong(&[lost.clone(), book(2, 3, A, one(), booked(one(), true)), book(4, 5, A, two(), booked(two(), false))]);
    is_wrong(&[look(0, 1, B, 0, 1), Record { begin: 2, end: Some(3), ..lost }]);
}

#[test]
fn an_attempt_whose_reply_was_lost_is_owned_up_to() {
    let booking = with_a_lost_attempt(book(0, 1, A, one(), booked(one(), false)));
    is_right(&[booking]);
    is_wrong(&[with_a_lost_attempt(book(0, 1, A, one(), booked(one(), true)))]);
    is_wrong(&[with_a_lost_attempt(book(0, 1, A, one(), taken(0, None)))]);
    is_wrong(&[with_a_lost_attempt(reserve(0, 1, A, one(), reserved(one(), 1_010, true)))]);
}

#[test]
fn an_attempt_whose_reply_was_lost_may_have_run_out_by_another_clock_before_the_answer() {
    let refused = with_a_lost_attempt(reserve(0, 9, A, one(), taken(0, None)));
    let ahead = Answer::Booked { seats: A, booking: two(), booked_at: 1_010, replayed: false };
    is_right(&[refused.clone(), look(1, 2, B, 1, 0), at(1_010, book(3, 4, A, two(), ahead.clone()))]);
    let without = Record { carried_out: 0, ..refused };
    is_wrong(&[without, look(1, 2, B, 1, 0), at(1_010, book(3, 4, A, two(), ahead))]);
}

#[test]
fn twenty_bookings_at_once_are_ordered_before_anybody_gets_tired() {
    let bookers = (0..20).map(|n| book(n, 100 + n, A, id(u128::from(n)), taken(0, None)));
    let mut calls: Vec<_> = bookers.collect();
    calls[13].answer = booked(id(13), false);
    is_right(&calls);
    calls[13].answer = taken(0, None);
    is_wrong(&calls);
    let unknown: Vec<_> = (0..20).map(|n| unknown(book(n, 100 + n, A, id(u128::from(n)), Answer::Unknown))).collect();
    is_wrong(&[unknown, vec![look(200, 201, Seats(0), 0, 2)]].concat());
}

#[test]
fn one_caller_never_has_more_reserved_than_the_limit() {
    let history = |expires: u64, end: u64| {
        [
            reserve(0, 1, A, id(1), reserved(id(1), NOW + 10, false)),
            at(expires, reserve(2, 3, B, id(2), reserved(id(2), end, false))),
        ]
    };
    let (too_soon, in_time) = (history(NOW + 9, NOW + 19), history(NOW + 10, NOW + 20));
    assert!(check(2, Some(1), &too_soon).is_err());
    assert!(check(2, Some(2), &too_soon).is_ok());
    assert!(check(2, Some(1), &in_time).is_ok());
}

#[test]
fn an_extension_of_a_seat_that_was_counted_as_ended_counts_again() {
    let extended = Answer::Extended { expires_at: NOW + 600, replayed: false };
    let extend = Ask::Extend { seat: 0, reservation: id(1), key: 0, expires_in: 600 };
    let history = [
        reserve(0, 1, A, id(1), reserved(id(1), NOW + 10, false)),
        at(NOW + 10, reserve(2, 3, B, id(2), reserved(id(2), NOW + 20, false))),
        Record { carried_out: 1, ..call(4, 5, extend, extended) },
    ];
    assert!(check(2, Some(1), &history).is_err());
    assert!(check(2, Some(2), &history).is_ok());
}

#[test]
fn a_repeat_is_no_case_for_the_limit() {
    let mut history = vec![reserve(0, 1, A, id(1), reserved(id(1), NOW + 10, false))];
    history.push(reserve(2, 3, A, id(1), Answer::Limited));
    assert!(check(2, Some(1), &history).is_err());
    history[1] = reserve(2, 3, B, id(2), Answer::Limited);
    assert!(check(2, Some(1), &history).is_ok());
    assert!(check(2, None, &history).is_err());
}
