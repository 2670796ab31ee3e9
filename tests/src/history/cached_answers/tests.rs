//! Hand-written cached answers: correct, stale and invented ones.

use boxoffice::domain::time::EpochMillis;

use super::*;
use crate::history::money::Lines;
use crate::history::plan::id;

const A: Seats = Seats(1);
const B: Seats = Seats(2);
const AB: Seats = Seats(3);

fn call(begin: u64, end: u64, request: Request, answer: Answer) -> CallRecord {
    let (now, end) = (EpochMillis::new(1_000_000), Some(end));
    CallRecord { client: 0, begin, end, now, request, answer, writes: 1, carried_out: 1, met: Vec::new() }
}

fn read_call(begin: u64, end: u64, available: Seats, reserved: usize, booked: usize) -> CallRecord {
    call(
        begin,
        end,
        Request::Read { consistent: false },
        Answer::Availability { available, reserved, booked, hit: true },
    )
}

fn refused_by_the_cache(begin: u64, end: u64, seat: usize) -> CallRecord {
    let request = Request::Book { seats: AB, children: Seats(0), booking: None, reservation: None };
    let answer = Answer::Taken(vec![ConflictingSeat { seat, reserved_until: None }]);
    CallRecord { writes: 0, carried_out: 0, ..call(begin, end, request, answer) }
}

fn booked() -> CallRecord {
    let answer =
        Answer::Booked { seats: Seats(1), booking: id(1), booked_at: 1_000, replayed: false, lines: Lines::default() };
    call(10, 20, Request::Book { seats: A, children: Seats(0), booking: Some(id(1)), reservation: None }, answer)
}

fn reserved() -> CallRecord {
    let answer = Answer::Reserved { reservation: id(1), expires_at: 1_010, replayed: false, lines: Lines::default() };
    call(10, 20, Request::Reserve { seats: A, children: Seats(0), reservation: Some(id(1)), expires_in: 10 }, answer)
}

fn checked(calls: &[CallRecord]) -> (Wrong, Wrong) {
    let findings = validate(2, calls);
    (findings.stale, findings.invented)
}

#[test]
fn write_may_be_visible_from_its_start_and_must_be_at_its_end() {
    for write in [booked(), reserved()] {
        let counts = if write == booked() { (0, 1) } else { (1, 0) };
        let seen = |begin, end| read_call(begin, end, B, counts.0, counts.1);
        assert_eq!(checked(&[write.clone(), read_call(0, 5, AB, 0, 0), read_call(11, 12, AB, 0, 0)]), (vec![], vec![]));
        assert_eq!(checked(&[write.clone(), seen(11, 12), seen(21, 22)]), (vec![], vec![]));
        assert_eq!(checked(&[write.clone(), read_call(21, 22, AB, 0, 0)]), (vec![(1, A)], vec![]));
        assert_eq!(checked(&[write, seen(0, 5)]), (vec![], vec![(1, A)]));
    }
}

#[test]
fn reservation_expiry_is_judged_by_the_readers_clock() {
    let later = |read_call: CallRecord| CallRecord { now: EpochMillis::new(1_010_000), ..read_call };
    assert_eq!(checked(&[reserved(), later(read_call(21, 22, AB, 0, 0))]), (vec![], vec![]));
    assert_eq!(checked(&[reserved(), later(read_call(21, 22, B, 1, 0))]), (vec![], vec![(1, A)]));
}

#[test]
fn a_booked_seat_that_is_still_counted_as_reserved_is_stale() {
    assert_eq!(checked(&[booked(), read_call(21, 22, B, 1, 0)]), (vec![(1, Seats(0))], vec![]));
}

#[test]
fn seats_in_a_conflict_count_as_taken_from_then_on() {
    let sold = CallRecord { end: None, answer: Answer::Unknown, ..booked() };
    let refused = CallRecord { writes: 1, ..refused_by_the_cache(11, 15, 0) };
    assert_eq!(checked(&[sold.clone(), read_call(16, 17, AB, 0, 0)]), (vec![], vec![]));
    assert_eq!(checked(&[sold, refused, read_call(16, 17, AB, 0, 0)]), (vec![(2, A)], vec![]));
}

#[test]
fn conflict_from_the_cache_needs_an_owner_of_the_seat() {
    assert_eq!(checked(&[booked(), refused_by_the_cache(21, 22, 0)]), (vec![], vec![]));
    assert_eq!(checked(&[booked(), refused_by_the_cache(21, 22, 1)]), (vec![], vec![(1, B)]));
    let undone = CallRecord { carried_out: 0, answer: Answer::IdReused, ..booked() };
    assert_eq!(checked(&[undone, refused_by_the_cache(21, 22, 0)]), (vec![], vec![(1, A)]));
}
