//! Accessible seats and their companion seats.

#![allow(clippy::cast_possible_wrap)]

use super::shapes;
use super::tests::{PLAIN, best, hall, pick, seats};
use super::*;
use crate::domain::seating_plan::{Point, SEAT_PITCH, SeatPlacement};

const UNPROTECTED: Wish = Wish { is_protected: false, ..PLAIN };

#[test]
fn accessible_seats_are_kept_for_those_who_ask_for_them() {
    let row = |accessible: bool| (0..4).map(|at| (at, None, accessible)).collect::<Vec<_>>();
    let plan = hall(&[row(true), row(false)]);
    assert!(
        best(&plan, &[true; 8], &PLAIN).unwrap().iter().all(|seat| *seat >= 4),
        "the second row, although further away"
    );
    assert!(best(&plan, &[true; 8], &Wish { accessible: 2, ..PLAIN }).unwrap().iter().all(|seat| *seat < 4));
    let only = seats("....xxxx");
    assert_eq!(best(&plan, &only, &PLAIN), Err(Shortage { available: 0, largest_block: 0 }));
    assert!(best(&plan, &only, &UNPROTECTED).is_ok(), "without other seats, any party may get them");
}

/// A row in which each text is a seat: `A` an accessible seat, `c` a companion of the `A` before it, `.` another seat.
fn row_with_companions(text: &str) -> SeatingPlan {
    let mut accessible = None;
    let places = (0..).zip(text.chars()).map(|(n, kind)| {
        accessible = if kind == 'A' { Some(SeatIndex::new(n)) } else { accessible };
        SeatPlacement {
            row: 0,
            point: Point { x: n as i32 * SEAT_PITCH, y: 0 },
            category: None,
            accessible: kind == 'A',
            companion_of: accessible.filter(|_| kind == 'c'),
        }
    });
    shapes::plan(1, places.collect())
}

#[test]
fn party_with_one_accessible_seat_gets_its_companion_seats() {
    let plan = row_with_companions("...Acc...");
    let three = Wish { quantity: 3, accessible: 1, ..PLAIN };
    assert_eq!(best(&plan, &[true; 9], &three), Ok(vec![3, 4, 5]));
    assert_eq!(best(&plan, &seats("....xx..."), &three), Ok(vec![1, 2, 3]), "ordinary seats beside it otherwise");
    let two = Wish { quantity: 2, accessible: 1, ..PLAIN };
    assert_eq!(best(&plan, &[true; 9], &two), Ok(vec![3, 4]));
}

#[test]
fn party_gets_no_more_accessible_seats_than_it_asks_for() {
    let plan = row_with_companions("..AAc.");
    let two = Wish { quantity: 2, accessible: 1, ..PLAIN };
    assert_eq!(best(&plan, &[true; 6], &two), Ok(vec![3, 4]));
    assert_eq!(best(&plan, &seats("..xx.."), &two), Err(Shortage { available: 4, largest_block: 0 }));
    assert_eq!(best(&plan, &seats("xx.xxx"), &two), Err(Shortage { available: 1, largest_block: 1 }));
    assert_eq!(best(&plan, &seats("xx..xx"), &two), Ok(vec![2, 3]), "another accessible seat rather than none");
}

#[test]
fn companion_seats_are_kept_for_their_accessible_seat() {
    let plan = row_with_companions("Acc..");
    assert_eq!(best(&plan, &seats("xxx.."), &PLAIN), Ok(vec![3, 4]));
    assert_eq!(best(&plan, &seats("x...."), &PLAIN), Ok(vec![3, 4]));
    assert_eq!(best(&plan, &seats("x...x"), &PLAIN), Err(Shortage { available: 1, largest_block: 1 }));
    assert_eq!(best(&plan, &seats("x...x"), &UNPROTECTED), Ok(vec![2, 3]), "one companion seat rather than two");
}

#[test]
fn protection_of_accessible_seats_comes_before_orphans() {
    let ordinary = (0..3).map(|at| (at, None, false)).collect();
    let accessible = (0..2).map(|at| (at, None, true)).collect();
    let plan = hall(&[accessible, ordinary]);
    for spread in [0, 1, 200] {
        for seed in 0..20 {
            let chosen = pick(&plan, &[true; 5], &UNPROTECTED, Steering { spread, seed }).unwrap();
            assert!(chosen.iter().all(|seat| *seat >= 2), "{chosen:?}");
        }
    }
}

#[test]
fn fewest_accessible_seats_are_used_without_ordinary_block() {
    let row = |accessible: [bool; 4]| (0..4).zip(accessible).map(|(at, accessible)| (at, None, accessible)).collect();
    let plan = hall(&[row([true, true, true, false]), row([false, true, false, true])]);
    let three = Wish { quantity: 3, ..UNPROTECTED };
    assert_eq!(best(&plan, &[true; 8], &three), Ok(vec![4, 5, 6]), "four ordinary seats are free, but not together");
    assert_eq!(best(&plan, &seats("....x..."), &three), Ok(vec![5, 6, 7]), "two either way, and no orphan");
}

#[test]
fn an_unprotected_section_with_accessible_seats_only_is_sold() {
    let row = |accessible: bool| (0..2).map(|at| (at, None, accessible)).collect::<Vec<_>>();
    let plan = hall(&[row(true), row(false)]);
    assert_eq!(best(&plan, &[true; 4], &Wish { section: Some(0), ..UNPROTECTED }), Ok(vec![0, 1]));
}
