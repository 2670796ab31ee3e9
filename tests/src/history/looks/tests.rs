//! Hand-written cached answers: correct, stale and invented ones.

use boxoffice::domain::time::EpochMillis;

use super::*;
use crate::history::plan::id;

const A: Seats = Seats(1);
const B: Seats = Seats(2);
const AB: Seats = Seats(3);

fn call(begin: u64, end: u64, ask: Ask, answer: Answer) -> Record {
    let (now, end) = (EpochMillis(1_000_000), Some(end));
    Record { client: 0, begin, end, now, ask, answer, writes: 1, carried_out: 1, met: Vec::new() }
}

fn look(begin: u64, end: u64, available: Seats, reserved: usize, booked: usize) -> Record {
    call(begin, end, Ask::Look { consistent: false }, Answer::Seen { available, reserved, booked, hit: true })
}

fn refused_by_the_cache(begin: u64, end: u64, seat: usize) -> Record {
    let ask = Ask::Book { seats: AB, booking: None, reservation: None };
    let answer = Answer::Taken(vec![InTheWay { seat, reserved_until: None }]);
    Record { writes: 0, carried_out: 0, ..call(begin, end, ask, answer) }
}

fn booked() -> Record {
    let answer = Answer::Booked { seats: Seats(1), booking: id(1), booked_at: 1_000, replayed: false };
    call(10, 20, Ask::Book { seats: A, booking: Some(id(1)), reservation: None }, answer)
}

fn reserved() -> Record {
    let answer = Answer::Reserved { reservation: id(1), expires_at: 1_010, replayed: false };
    call(10, 20, Ask::Reserve { seats: A, reservation: Some(id(1)), expires_in: 10 }, answer)
}

fn judged(calls: &[Record]) -> (Wrong, Wrong) {
    let findings = judge(2, calls);
    (findings.stale, findings.invented)
}

#[test]
fn a_write_may_be_seen_from_its_beginning_and_has_to_be_from_its_end() {
    for write in [booked(), reserved()] {
        let counts = if write == booked() { (0, 1) } else { (1, 0) };
        let seen = |begin, end| look(begin, end, B, counts.0, counts.1);
        assert_eq!(judged(&[write.clone(), look(0, 5, AB, 0, 0), look(11, 12, AB, 0, 0)]), (vec![], vec![]));
        assert_eq!(judged(&[write.clone(), seen(11, 12), seen(21, 22)]), (vec![], vec![]));
        assert_eq!(judged(&[write.clone(), look(21, 22, AB, 0, 0)]), (vec![(1, A)], vec![]));
        assert_eq!(judged(&[write, seen(0, 5)]), (vec![], vec![(1, A)]));
    }
}

#[test]
fn a_reservation_is_judged_at_the_clock_of_the_one_who_looks() {
    let later = |look: Record| Record { now: EpochMillis(1_010_000), ..look };
    assert_eq!(judged(&[reserved(), later(look(21, 22, AB, 0, 0))]), (vec![], vec![]));
    assert_eq!(judged(&[reserved(), later(look(21, 22, B, 1, 0))]), (vec![], vec![(1, A)]));
}

#[test]
fn a_booked_seat_that_is_still_counted_as_reserved_is_stale() {
    assert_eq!(judged(&[booked(), look(21, 22, B, 1, 0)]), (vec![(1, Seats(0))], vec![]));
}

#[test]
fn what_another_was_refused_for_is_known_from_then_on() {
    let sold = Record { end: None, answer: Answer::Unknown, ..booked() };
    let refused = Record { writes: 1, ..refused_by_the_cache(11, 15, 0) };
    assert_eq!(judged(&[sold.clone(), look(16, 17, AB, 0, 0)]), (vec![], vec![]));
    assert_eq!(judged(&[sold, refused, look(16, 17, AB, 0, 0)]), (vec![(2, A)], vec![]));
}

#[test]
fn a_refusal_by_the_cache_needs_somebody_who_has_the_seat() {
    assert_eq!(judged(&[booked(), refused_by_the_cache(21, 22, 0)]), (vec![], vec![]));
    assert_eq!(judged(&[booked(), refused_by_the_cache(21, 22, 1)]), (vec![], vec![(1, B)]));
    let undone = Record { carried_out: 0, answer: Answer::IdReused, ..booked() };
    assert_eq!(judged(&[undone, refused_by_the_cache(21, 22, 0)]), (vec![], vec![(1, A)]));
}
