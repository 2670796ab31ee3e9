//! Hand-written histories: correct ones, and ones with a single error each.

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::*;
use crate::history::call_log::ConflictingSeat;
use crate::history::money::Lines;
use crate::history::plan::id;
use crate::history::seats::Seats;

/// The time of all calls that don't set another time.
const NOW: u64 = 1_000;
const A: Seats = Seats(1);
const B: Seats = Seats(2);
const AB: Seats = Seats(3);

fn call(begin: u64, end: u64, request: Request, answer: Answer) -> CallRecord {
    let carried_out = usize::from(matches!(
        answer,
        Answer::Reserved { replayed: false, .. } | Answer::Booked { replayed: false, .. }
    ));
    let (now, end) = (EpochMillis::new(NOW * 1_000), Some(end));
    CallRecord { client: 0, begin, end, now, request, answer, writes: 1, carried_out, met: Vec::new() }
}

fn at(seconds: u64, call: CallRecord) -> CallRecord {
    CallRecord { now: EpochMillis::new(seconds * 1_000), ..call }
}

/// Returns the same call with one more attempt that was carried out and whose answer was lost.
fn with_a_lost_attempt(call: CallRecord) -> CallRecord {
    CallRecord { writes: call.writes + 1, carried_out: call.carried_out + 1, ..call }
}

/// Returns the same call with an unknown outcome.
fn unknown(call: CallRecord) -> CallRecord {
    CallRecord { answer: Answer::Unknown, carried_out: 1, ..call }
}

fn book(begin: u64, end: u64, seats: Seats, booking: Uuid, answer: Answer) -> CallRecord {
    let answer = match answer {
        Answer::Booked { booking, booked_at, replayed, lines, .. } => {
            Answer::Booked { seats, booking, booked_at, replayed, lines }
        }
        answer => answer,
    };
    call(begin, end, Request::Book { seats, children: Seats(0), booking: Some(booking), reservation: None }, answer)
}

fn reserve(begin: u64, end: u64, seats: Seats, reservation: Uuid, answer: Answer) -> CallRecord {
    call(
        begin,
        end,
        Request::Reserve { seats, children: Seats(0), reservation: Some(reservation), expires_in: 10 },
        answer,
    )
}

fn read_call(begin: u64, end: u64, available: Seats, reserved: usize, booked: usize) -> CallRecord {
    call(
        begin,
        end,
        Request::Read { consistent: true },
        Answer::Availability { available, reserved, booked, hit: false },
    )
}

/// Returns the answer to a booking. [`book`] sets its seats.
fn booked(booking: Uuid, replayed: bool) -> Answer {
    Answer::Booked { seats: A, booking, booked_at: NOW, replayed, lines: Lines::default() }
}

fn reserved(reservation: Uuid, expires_at: u64, replayed: bool) -> Answer {
    Answer::Reserved { reservation, expires_at, replayed, lines: Lines::default() }
}

fn taken(seat: usize, reserved_until: Option<u64>) -> Answer {
    Answer::Taken(vec![ConflictingSeat { seat, reserved_until }])
}

/// Returns the rules of a theater with two seats that are sold without money.
fn rules(limit: Option<usize>) -> Rules {
    Rules { seats: 2, limit, max_price_age: None }
}

fn assert_linearizable(calls: &[CallRecord]) {
    if let Err(failure) = check(&rules(None), calls) {
        panic!("{failure}");
    }
}

fn assert_not_linearizable(calls: &[CallRecord]) {
    assert!(check(&rules(None), calls).is_err(), "{calls:#?}");
}

fn one() -> Uuid {
    id(1)
}

fn two() -> Uuid {
    id(2)
}

#[test]
fn sequential_history_is_accepted() {
    assert_linearizable(&[
        reserve(0, 1, AB, one(), reserved(one(), 1_010, false)),
        reserve(2, 3, AB, one(), reserved(one(), 1_010, true)),
        reserve(4, 5, B, two(), taken(1, Some(1_010))),
        read_call(6, 7, Seats(0), 2, 0),
        at(1_010, read_call(8, 9, AB, 0, 0)),
        at(
            1_010,
            book(
                10,
                11,
                A,
                one(),
                Answer::Booked { seats: A, booking: one(), booked_at: 1_010, replayed: false, lines: Lines::default() },
            ),
        ),
        at(
            1_020,
            book(
                12,
                13,
                A,
                one(),
                Answer::Booked { seats: A, booking: one(), booked_at: 1_010, replayed: true, lines: Lines::default() },
            ),
        ),
        book(14, 15, B, one(), Answer::IdReused),
        at(1_010, book(16, 17, AB, two(), taken(0, None))),
        at(1_010, read_call(18, 19, B, 0, 1)),
    ]);
}

#[test]
fn concurrent_calls_are_accepted_in_any_order() {
    let (first, second) = (book(0, 9, A, one(), booked(one(), false)), book(1, 8, A, two(), taken(0, None)));
    assert_linearizable(&[first.clone(), second.clone(), read_call(2, 3, AB, 0, 0), read_call(4, 5, B, 0, 1)]);
    assert_linearizable(&[second, first]);
}

#[test]
fn a_cart_grows_and_each_seat_keeps_its_end() {
    assert_linearizable(&[
        reserve(0, 1, A, one(), reserved(one(), 1_010, false)),
        at(1_005, reserve(2, 3, AB, one(), reserved(one(), 1_010, false))),
        at(1_012, read_call(4, 5, A, 1, 0)),
    ]);
    assert_not_linearizable(&[
        reserve(0, 1, A, one(), reserved(one(), 1_010, false)),
        at(1_005, reserve(2, 3, AB, one(), reserved(one(), 1_015, false))),
    ]);
}

#[test]
fn seat_sold_twice_is_rejected() {
    assert_not_linearizable(&[book(0, 9, A, one(), booked(one(), false)), book(1, 8, A, two(), booked(two(), false))]);
    assert_not_linearizable(&[
        reserve(0, 1, A, one(), reserved(one(), 1_010, false)),
        book(2, 3, A, two(), booked(two(), false)),
    ]);
}

#[test]
fn lost_booking_is_rejected() {
    assert_not_linearizable(&[book(0, 1, A, one(), booked(one(), false)), read_call(2, 3, AB, 0, 0)]);
    assert_not_linearizable(&[book(0, 1, A, one(), booked(one(), false)), book(2, 3, A, one(), booked(one(), false))]);
}

#[test]
fn double_booking_is_rejected_despite_overlapping_repeats() {
    assert_not_linearizable(&[book(0, 9, A, one(), booked(one(), false)), book(1, 8, A, one(), booked(one(), false))]);
    assert_linearizable(&[book(0, 9, A, one(), booked(one(), true)), book(1, 8, A, one(), booked(one(), false))]);
}

#[test]
fn repeat_without_an_original_is_rejected() {
    assert_not_linearizable(&[book(0, 1, A, one(), booked(one(), true))]);
    assert_not_linearizable(&[reserve(0, 1, A, one(), reserved(one(), 1_010, true))]);
    assert_not_linearizable(&[book(0, 1, A, one(), Answer::IdReused)]);
}

#[test]
fn id_reused_for_other_seats_is_neither_repeat_nor_conflict() {
    let first = book(0, 1, A, one(), booked(one(), false));
    assert_not_linearizable(&[first.clone(), book(2, 3, B, one(), booked(one(), true))]);
    assert_not_linearizable(&[first.clone(), book(2, 3, AB, one(), taken(0, None))]);
    assert_not_linearizable(&[first, book(2, 3, A, one(), taken(0, None))]);
}

#[test]
fn expired_reservation_treated_as_active_is_rejected() {
    let first = reserve(0, 1, A, one(), reserved(one(), 1_010, false));
    assert_not_linearizable(&[first.clone(), at(1_010, book(2, 3, A, one(), taken(0, Some(1_010))))]);
    assert_not_linearizable(&[first.clone(), at(1_010, read_call(2, 3, B, 1, 0))]);
    assert_not_linearizable(&[first, at(1_010, reserve(2, 3, A, one(), reserved(one(), 1_010, true)))]);
}

#[test]
fn active_reservation_treated_as_expired_is_rejected() {
    let first = reserve(0, 1, A, one(), reserved(one(), 1_010, false));
    assert_not_linearizable(&[first.clone(), at(1_009, reserve(2, 3, A, two(), reserved(two(), 1_019, false)))]);
    assert_not_linearizable(&[first, at(1_009, read_call(2, 3, AB, 0, 0))]);
}

#[test]
fn partial_write_of_several_seats_is_rejected() {
    let both = book(0, 9, AB, one(), booked(one(), false));
    assert_not_linearizable(&[both.clone(), read_call(1, 2, A, 0, 1)]);
    assert_not_linearizable(&[both.clone(), book(1, 8, B, two(), booked(two(), false))]);
    assert_not_linearizable(&[unknown(both), read_call(10, 11, B, 0, 1)]);
}

#[test]
fn conflict_without_an_owner_is_rejected() {
    assert_not_linearizable(&[book(0, 1, A, one(), taken(0, None))]);
    assert_not_linearizable(&[book(0, 1, A, one(), taken(0, None)), book(2, 3, A, two(), booked(two(), false))]);
    assert_not_linearizable(&[
        reserve(0, 1, A, one(), reserved(one(), 1_010, false)),
        book(2, 3, A, one(), taken(0, Some(1_011))),
    ]);
}

#[test]
fn incomplete_conflict_is_rejected_unless_seats_were_undecided() {
    let first = book(0, 1, AB, one(), booked(one(), false));
    let second = book(2, 3, AB, two(), taken(0, None));
    assert_not_linearizable(&[first.clone(), second.clone()]);
    assert_linearizable(&[first, CallRecord { writes: 3, ..second }]);
}

#[test]
fn stale_consistent_read_is_rejected() {
    let first = book(0, 9, A, one(), booked(one(), false));
    assert_linearizable(&[first.clone(), read_call(1, 2, AB, 0, 0), read_call(3, 4, B, 0, 1)]);
    assert_not_linearizable(&[first, read_call(1, 2, B, 0, 1), read_call(3, 4, AB, 0, 0)]);
}

#[test]
fn unknown_outcome_happened_or_did_not_but_not_both() {
    let lost = unknown(book(0, 1, A, one(), Answer::Unknown));
    assert_linearizable(&[lost.clone(), read_call(2, 3, AB, 0, 0)]);
    assert_linearizable(&[lost.clone(), read_call(2, 3, B, 0, 1)]);
    assert_linearizable(&[lost.clone(), read_call(2, 3, AB, 0, 0), read_call(4, 5, B, 0, 1)]);
    assert_not_linearizable(&[lost.clone(), read_call(2, 3, B, 0, 1), read_call(4, 5, AB, 0, 0)]);
    assert_not_linearizable(&[lost.clone(), book(2, 3, A, one(), booked(one(), true)), read_call(4, 5, AB, 0, 0)]);
    assert_not_linearizable(&[
        lost.clone(),
        book(2, 3, A, one(), booked(one(), true)),
        book(4, 5, A, two(), booked(two(), false)),
    ]);
    assert_not_linearizable(&[read_call(0, 1, B, 0, 1), CallRecord { begin: 2, end: Some(3), ..lost }]);
}

#[test]
fn write_with_a_lost_reply_must_be_acknowledged() {
    let booking = with_a_lost_attempt(book(0, 1, A, one(), booked(one(), false)));
    assert_linearizable(&[booking]);
    assert_not_linearizable(&[with_a_lost_attempt(book(0, 1, A, one(), booked(one(), true)))]);
    assert_not_linearizable(&[with_a_lost_attempt(book(0, 1, A, one(), taken(0, None)))]);
    assert_not_linearizable(&[with_a_lost_attempt(reserve(0, 1, A, one(), reserved(one(), 1_010, true)))]);
}

#[test]
fn write_with_a_lost_reply_may_expire_by_another_clock() {
    let refused = with_a_lost_attempt(reserve(0, 9, A, one(), taken(0, None)));
    let ahead = Answer::Booked { seats: A, booking: two(), booked_at: 1_010, replayed: false, lines: Lines::default() };
    assert_linearizable(&[refused.clone(), read_call(1, 2, B, 1, 0), at(1_010, book(3, 4, A, two(), ahead.clone()))]);
    let without = CallRecord { carried_out: 0, ..refused };
    assert_not_linearizable(&[without, read_call(1, 2, B, 1, 0), at(1_010, book(3, 4, A, two(), ahead))]);
}

#[test]
fn twenty_concurrent_bookings_are_ordered_quickly() {
    let bookers = (0..20).map(|n| book(n, 100 + n, A, id(u128::from(n)), taken(0, None)));
    let mut calls: Vec<_> = bookers.collect();
    calls[13].answer = booked(id(13), false);
    assert_linearizable(&calls);
    calls[13].answer = taken(0, None);
    assert_not_linearizable(&calls);
    let unknown: Vec<_> = (0..20).map(|n| unknown(book(n, 100 + n, A, id(u128::from(n)), Answer::Unknown))).collect();
    assert_not_linearizable(&[unknown, vec![read_call(200, 201, Seats(0), 0, 2)]].concat());
}

#[test]
fn history_beyond_the_reservation_quota_is_rejected() {
    let history = |expires: u64, end: u64| {
        [
            reserve(0, 1, A, id(1), reserved(id(1), NOW + 10, false)),
            at(expires, reserve(2, 3, B, id(2), reserved(id(2), end, false))),
        ]
    };
    let (too_soon, in_time) = (history(NOW + 9, NOW + 19), history(NOW + 10, NOW + 20));
    assert!(check(&rules(Some(1)), &too_soon).is_err());
    assert!(check(&rules(Some(2)), &too_soon).is_ok());
    assert!(check(&rules(Some(1)), &in_time).is_ok());
}

#[test]
fn extension_of_an_expired_seat_counts_to_the_quota_again() {
    let extended = Answer::Extended { expires_at: NOW + 600, replayed: false, lines: Lines::default() };
    let extend = Request::Extend { seat: 0, reservation: id(1), key: 0, expires_in: 600 };
    let history = [
        reserve(0, 1, A, id(1), reserved(id(1), NOW + 10, false)),
        at(NOW + 10, reserve(2, 3, B, id(2), reserved(id(2), NOW + 20, false))),
        CallRecord { carried_out: 1, ..call(4, 5, extend, extended) },
    ];
    assert!(check(&rules(Some(1)), &history).is_err());
    assert!(check(&rules(Some(2)), &history).is_ok());
}

#[test]
fn repeat_does_not_count_to_the_quota() {
    let mut history = vec![reserve(0, 1, A, id(1), reserved(id(1), NOW + 10, false))];
    history.push(reserve(2, 3, A, id(1), Answer::Limited));
    assert!(check(&rules(Some(1)), &history).is_err());
    history[1] = reserve(2, 3, B, id(2), Answer::Limited);
    assert!(check(&rules(Some(1)), &history).is_ok());
    assert!(check(&rules(None), &history).is_err());
}
