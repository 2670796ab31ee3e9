//! Hand-written histories with prices and sales: correct ones, and ones with a single error each.

use std::time::Duration;

use boxoffice::domain::time::EpochMillis;

use super::*;
use crate::history::money::{Lines, Price, TicketType};
use crate::history::plan::id;
use crate::history::seats::Seats;

const NONE: Seats = Seats(0);
const A: Seats = Seats(1);
const AB: Seats = Seats(3);
const STANDARD: TicketType = TicketType::Standard;
const CHILD: TicketType = TicketType::Child;

/// Returns a call at a second of the clock that every client has.
fn call(begin: u64, second: u64, request: Request, answer: Answer) -> CallRecord {
    let (now, end) = (EpochMillis::new(second * 1_000), Some(begin + 1));
    let is_new = matches!(answer, Answer::Reserved { replayed: false, .. } | Answer::Booked { replayed: false, .. });
    let (writes, carried_out) = (usize::from(is_new), usize::from(is_new));
    CallRecord { client: 0, begin, end, now, request, answer, writes, carried_out, met: Vec::new() }
}

/// Returns the same call without an answer. It was carried out, or will be.
fn unknown(call: CallRecord) -> CallRecord {
    CallRecord { answer: Answer::Unknown, writes: 1, carried_out: 1, ..call }
}

fn price(ticket_type: TicketType, list: u8) -> Lines {
    Lines::default().with(0, Some(Price { ticket_type, list }))
}

/// Returns a call that reserves seat A under reservation 1 for ten seconds.
fn reserve(begin: u64, second: u64, children: Seats, answer: Answer) -> CallRecord {
    let request = Request::Reserve { seats: A, children, reservation: Some(id(1)), expires_in: 10 };
    call(begin, second, request, answer)
}

fn reserved(lines: Lines, replayed: bool) -> Answer {
    Answer::Reserved { reservation: id(1), expires_at: 1_010, replayed, lines }
}

/// Returns a call that books seat A under reservation 1 as booking 2.
fn book(begin: u64, second: u64, children: Seats, answer: Answer) -> CallRecord {
    let request = Request::Book { seats: A, children, booking: Some(id(2)), reservation: Some(id(1)) };
    call(begin, second, request, answer)
}

fn booked(second: u64, lines: Lines, replayed: bool) -> Answer {
    Answer::Booked { seats: A, booking: id(2), booked_at: second, replayed, lines }
}

/// Returns a put by another client, whose instance is not the one that sells.
fn put(begin: u64, list: u8) -> CallRecord {
    CallRecord { client: 1, ..call(begin, 1_000, Request::PutPrices { list }, Answer::Put) }
}

fn pause(begin: u64) -> CallRecord {
    CallRecord { client: 1, ..call(begin, 1_000, Request::PutSale { open: false }, Answer::Put) }
}

/// Returns `true` if the history is linearizable, in a theater of two seats with prices that last ten seconds.
fn is_right(calls: &[CallRecord]) -> bool {
    let max_price_age = Some(Duration::from_secs(10));
    check(&Rules { seats: 2, limit: None, max_price_age }, calls).is_ok()
}

#[test]
fn new_reservation_has_a_present_price() {
    let first = reserve(2, 1_000, NONE, reserved(price(STANDARD, 0), false));
    assert!(is_right(std::slice::from_ref(&first)));
    assert!(!is_right(&[put(0, 1), first]), "its instance had no copy");
    assert!(is_right(&[put(0, 1), reserve(2, 1_000, NONE, reserved(price(STANDARD, 1), false))]));
    assert!(!is_right(&[reserve(2, 1_000, NONE, reserved(price(STANDARD, 1), false))]), "no such list");
    assert!(!is_right(&[reserve(2, 1_000, NONE, reserved(Lines::default(), false))]), "no price");
    assert!(!is_right(&[reserve(2, 1_000, NONE, reserved(price(CHILD, 0), false))]), "another type");
}

#[test]
fn all_new_seats_of_a_call_have_prices_of_one_list() {
    let request = Request::Reserve { seats: AB, children: NONE, reservation: Some(id(1)), expires_in: 10 };
    let lines = |second: u8| price(STANDARD, 0).with(1, Some(Price { ticket_type: STANDARD, list: second }));
    let both = |second| CallRecord { end: Some(9), ..call(0, 1_000, request, reserved(lines(second), false)) };
    assert!(is_right(&[both(0), put(1, 1)]));
    assert!(!is_right(&[both(1), put(1, 1)]));
}

#[test]
fn reserved_seat_keeps_its_price() {
    let first = reserve(0, 1_000, NONE, reserved(price(STANDARD, 0), false));
    for (list, right) in [(0, true), (1, false)] {
        let lines = price(STANDARD, list);
        let again = reserve(4, 1_001, NONE, reserved(lines, true));
        let extend = Request::Extend { seat: 0, reservation: id(1), key: 0, expires_in: 100 };
        let extended = Answer::Extended { expires_at: 1_101, replayed: false, lines };
        let extended = CallRecord { writes: 1, carried_out: 1, ..call(4, 1_001, extend, extended) };
        let whole = Request::BookWhole { booking: Some(id(2)), reservation: id(1) };
        let whole = call(4, 1_001, whole, booked(1_001, lines, false));
        for second in [again, extended, whole, book(4, 1_001, NONE, booked(1_001, lines, false))] {
            assert_eq!(is_right(&[first.clone(), put(2, 1), second.clone()]), right, "{second}");
        }
    }
}

#[test]
fn repeated_booking_has_the_first_lines() {
    let first = book(0, 1_000, NONE, booked(1_000, price(STANDARD, 0), false));
    let again = |list| book(4, 1_100, NONE, booked(1_000, price(STANDARD, list), true));
    assert!(is_right(&[first.clone(), put(2, 1), again(0)]));
    assert!(!is_right(&[first, put(2, 1), again(1)]));
}

#[test]
fn expired_seat_keeps_its_price_until_the_ttl_deletes_it() {
    let first = reserve(0, 1_000, NONE, reserved(price(STANDARD, 0), false));
    let sweep = call(4, 1_010, Request::Sweep { seat: 0, now: 1_010 }, Answer::Done);
    let late = |list| book(6, 1_020, NONE, booked(1_020, price(STANDARD, list), false));
    for (list, kept, deleted) in [(0, true, false), (1, false, true)] {
        assert_eq!(is_right(&[first.clone(), put(2, 1), late(list)]), kept);
        assert_eq!(is_right(&[first.clone(), put(2, 1), sweep.clone(), late(list)]), deleted);
    }
    let early = call(4, 1_009, Request::Sweep { seat: 0, now: 1_009 }, Answer::Done);
    assert!(!is_right(&[first, early]), "it hadn't expired");
}

#[test]
fn lost_reservation_has_one_of_the_prices_it_could_have_seen() {
    let lost = |begin| unknown(reserve(begin, 1_000, NONE, Answer::Unknown));
    let again = |list| reserve(6, 1_001, NONE, reserved(price(STANDARD, list), true));
    assert!(is_right(&[lost(0), put(2, 1), again(0)]));
    assert!(!is_right(&[lost(0), put(2, 1), again(1)]));
    let during = CallRecord { end: Some(4), ..lost(0) };
    assert!(is_right(&[during.clone(), put(2, 1), again(1)]));
    let both = [again(0), CallRecord { begin: 8, end: Some(9), ..again(1) }].to_vec();
    assert!(!is_right(&[vec![during, put(2, 1)], both].concat()), "it has one price only");
}

#[test]
fn other_ticket_type_is_refused_and_the_same_is_not() {
    let first = reserve(0, 1_000, NONE, reserved(price(STANDARD, 0), false));
    assert!(is_right(&[first.clone(), reserve(2, 1_001, A, Answer::OtherTypes)]));
    assert!(is_right(&[first.clone(), book(2, 1_001, A, Answer::OtherTypes)]));
    assert!(!is_right(&[first.clone(), book(2, 1_001, A, booked(1_001, price(CHILD, 0), false))]));
    assert!(!is_right(&[first.clone(), reserve(2, 1_001, A, reserved(price(STANDARD, 0), true))]));
    assert!(!is_right(&[first.clone(), book(2, 1_001, NONE, Answer::OtherTypes)]));
    assert!(!is_right(&[first, reserve(2, 1_001, NONE, Answer::OtherTypes)]));
    let child = reserve(0, 1_000, A, reserved(price(CHILD, 0), false));
    let sold = book(2, 1_001, NONE, booked(1_001, price(CHILD, 0), false));
    assert!(is_right(&[child.clone(), sold.clone()]), "an unnamed type is the reserved one");
    assert!(is_right(&[child, sold, book(4, 1_002, A, booked(1_001, price(CHILD, 0), true))]));
}

#[test]
fn repeat_gets_its_first_answer_while_the_sale_is_paused() {
    let first = reserve(0, 1_000, NONE, reserved(price(STANDARD, 0), false));
    let again = |answer| reserve(4, 1_005, NONE, answer);
    assert!(is_right(&[first.clone(), pause(2), again(reserved(price(STANDARD, 0), true))]));
    assert!(!is_right(&[first.clone(), pause(2), again(Answer::NotOnSale)]));
    assert!(is_right(&[pause(2), again(Answer::NotOnSale)]));
    assert!(is_right(&[first.clone(), pause(2), reserve(4, 1_010, NONE, Answer::Expired)]));
    assert!(!is_right(&[first, pause(2), again(Answer::Expired)]));
    let sold = book(0, 1_000, NONE, booked(1_000, price(STANDARD, 0), false));
    assert!(is_right(&[sold.clone(), pause(2), book(4, 1_100, NONE, booked(1_000, price(STANDARD, 0), true))]));
    assert!(!is_right(&[sold, pause(2), book(4, 1_100, NONE, Answer::NotOnSale)]));
}

#[test]
fn lost_call_under_a_paused_sale_changed_nothing() {
    let read = |available, booked| {
        let seen = Answer::Availability { available, reserved: 0, booked, hit: false };
        call(6, 1_100, Request::Read { consistent: true }, seen)
    };
    let lost = unknown(book(4, 1_100, NONE, Answer::Unknown));
    assert!(is_right(&[lost.clone(), read(Seats(2), 1)]));
    assert!(is_right(&[pause(2), lost.clone(), read(AB, 0)]));
    assert!(!is_right(&[pause(2), lost, read(Seats(2), 1)]));
}

#[test]
fn lost_calls_under_many_price_lists_are_ordered_quickly() {
    let puts = (1..6).map(|list| CallRecord { answer: Answer::Unknown, ..put(0, list) });
    let lost = (0_u8..14).map(|number| {
        let (request, reservation) = (usize::from(number) % 2, Some(id(u128::from(number) + 10)));
        let seats = Seats::one(request);
        let request = Request::Reserve { seats, children: NONE, reservation, expires_in: 10 + u32::from(number) };
        CallRecord { end: Some(99), ..unknown(call(2 + u64::from(number), 1_000, request, Answer::Unknown)) }
    });
    let seen = |booked| Answer::Availability { available: NONE, reserved: 2 - booked, booked, hit: false };
    let read = |booked| call(100, 1_000, Request::Read { consistent: true }, seen(booked));
    let calls: Vec<_> = puts.chain(lost).collect();
    assert!(is_right(&[calls.clone(), vec![read(0)]].concat()));
    assert!(!is_right(&[calls, vec![read(1)]].concat()), "no call books");
}
