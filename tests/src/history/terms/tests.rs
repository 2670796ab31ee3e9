//! Hand-written puts, and the calls that may or may not have seen them.

use boxoffice::domain::time::EpochMillis;

use super::*;
use crate::history::money::Lines;
use crate::history::plan::id;
use crate::history::seats::Seats;

const A: Seats = Seats(1);
const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

/// Returns a call of a client at a second of its clock.
fn call(client: usize, ticks: (u64, u64), second: u64, request: Request, answer: Answer) -> CallRecord {
    let (begin, end) = (ticks.0, Some(ticks.1));
    let now = EpochMillis::new(second * 1_000);
    CallRecord { client, begin, end, now, request, answer, writes: 0, carried_out: 0, met: Vec::new() }
}

fn put_prices(ticks: (u64, u64), list: u8) -> CallRecord {
    call(9, ticks, 1_000, Request::PutPrices { list }, Answer::Put)
}

fn put_sale(ticks: (u64, u64), open: bool) -> CallRecord {
    call(9, ticks, 1_000, Request::PutSale { open }, Answer::Put)
}

/// Returns a reservation by client 0.
fn reserve(ticks: (u64, u64), second: u64, answer: Answer) -> CallRecord {
    let request = Request::Reserve { seats: A, children: Seats(0), reservation: Some(id(1)), expires_in: 10 };
    call(0, ticks, second, request, answer)
}

fn reserved(replayed: bool) -> Answer {
    Answer::Reserved { reservation: id(1), expires_at: 1_010, replayed, lines: Lines::default() }
}

/// Returns the lists that the last of the calls may have seen.
fn lists(calls: &[CallRecord]) -> Vec<u8> {
    Terms::of(calls, MINUTE).pop().unwrap().lists.into_iter().flatten().collect()
}

/// Returns the check of the sale.
fn sales(calls: &[CallRecord]) -> Result<(), String> {
    check_sales(calls, &Terms::of(calls, None))
}

#[test]
fn prices_are_seen_from_the_start_of_their_put() {
    let put = put_prices((10, 20), 1);
    assert_eq!(lists(&[put.clone(), reserve((0, 9), 1_000, reserved(false))]), [0]);
    assert_eq!(lists(&[put.clone(), reserve((0, 11), 1_000, reserved(false))]), [0, 1]);
    assert_eq!(lists(&[put, reserve((19, 30), 1_000, reserved(false))]), [0, 1]);
}

#[test]
fn instance_without_a_copy_sells_at_the_present_prices() {
    let puts = [put_prices((10, 20), 1), put_prices((21, 30), 2)];
    assert_eq!(lists(&[&puts[..1], &[reserve((21, 22), 1_000, reserved(false))]].concat()), [1]);
    assert_eq!(lists(&[&puts[..], &[reserve((31, 32), 1_000, reserved(false))]].concat()), [2]);
}

#[test]
fn copy_of_prices_is_used_for_a_minute_of_its_own_clock() {
    let (first, put) = (reserve((0, 1), 1_000, reserved(false)), put_prices((10, 20), 1));
    let at = |second| lists(&[first.clone(), put.clone(), reserve((21, 22), second, reserved(false))]);
    assert_eq!((at(1_059), at(1_060)), (vec![0, 1], vec![1]));
    // A call during the put may have read the old prices later.
    let during = reserve((19, 21), 1_030, reserved(false));
    let at = |second| lists(&[first.clone(), during.clone(), put.clone(), reserve((22, 23), second, reserved(false))]);
    assert_eq!((at(1_089), at(1_090)), (vec![0, 1], vec![1]));
}

#[test]
fn puts_at_the_same_time_replace_each_other_in_any_order() {
    let puts = [put_prices((10, 20), 1), put_prices((19, 30), 2)];
    assert_eq!(lists(&[&puts[..], &[reserve((31, 32), 1_000, reserved(false))]].concat()), [1, 2]);
}

#[test]
fn put_without_an_answer_replaces_nothing_and_may_come_later() {
    let lost = CallRecord { answer: Answer::Unknown, ..put_prices((10, 20), 1) };
    let call = reserve((31, 32), 1_000, reserved(false));
    assert_eq!(lists(&[lost.clone(), call.clone()]), [0, 1]);
    assert_eq!(lists(&[lost, put_prices((21, 30), 2), call]), [1, 2]);
}

#[test]
fn sale_that_is_paused_for_ten_seconds_sells_nothing() {
    let (first, pause) = (reserve((0, 1), 1_000, reserved(false)), put_sale((10, 20), false));
    let at = |second, answer| sales(&[first.clone(), pause.clone(), reserve((21, 22), second, answer)]);
    assert!(at(1_009, reserved(false)).is_ok());
    assert!(at(1_010, reserved(false)).is_err());
    for answer in [Answer::Taken(Vec::new()), Answer::Limited] {
        assert!(at(1_009, answer.clone()).is_ok() && at(1_010, answer.clone()).is_err(), "{answer:?}");
    }
    for answer in [Answer::NotOnSale, reserved(true), Answer::Released, Answer::Expired, Answer::OtherTypes] {
        assert!(at(1_010, answer.clone()).is_ok(), "{answer:?}");
    }
    let whole = Request::BookWhole { booking: None, reservation: id(1) };
    for answer in [Answer::Expired, Answer::NotFound, Answer::Changed(A)] {
        let whole = |second| call(0, (21, 22), second, whole, answer.clone());
        let check = |second| sales(&[first.clone(), pause.clone(), whole(second)]);
        assert!(check(1_009).is_ok() && check(1_010).is_err(), "{answer:?}");
    }
}

#[test]
fn sale_that_is_open_for_ten_seconds_refuses_nothing() {
    let puts = [put_sale((0, 1), false), put_sale((10, 20), true)];
    let first = reserve((5, 6), 1_000, Answer::NotOnSale);
    let at = |second| sales(&[&puts[..], &[first.clone(), reserve((21, 22), second, Answer::NotOnSale)]].concat());
    assert!(at(1_009).is_ok() && at(1_010).is_err());
    assert!(sales(&[reserve((0, 1), 1_000, Answer::NotOnSale)]).is_err(), "it was never paused");
}
