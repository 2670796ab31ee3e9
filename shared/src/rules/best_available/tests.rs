#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use proptest::prelude::*;

use super::reference::{blocks, judge, next_to};
use super::*;
use crate::rules::plan::{Category, Place, Point, ROW_PITCH, Row, SEAT_PITCH};

const PLAIN: Wish = Wish { quantity: 2, section: None, category: None, accessible: false };

/// Rows of so many seats: each a place in the row (in pitches), category and whether it is accessible.
fn hall(rows: &[Vec<(i32, Option<u16>, bool)>]) -> Plan {
    let sections = vec!["front".to_owned(), "back".to_owned()];
    let category = |name: &str| Category { name: name.to_owned(), price: 1, currency: "EUR".to_owned() };
    let row = |n: usize| Row { name: n.to_string(), section: u16::from(n >= rows.len().div_ceil(2)) };
    let places = rows.iter().enumerate().flat_map(|(n, seats)| {
        seats.iter().map(move |(at, category, accessible)| Place {
            row: n as u16,
            point: Point { x: at * SEAT_PITCH, y: n as i32 * ROW_PITCH },
            category: *category,
            accessible: *accessible,
        })
    });
    let rows = (0..rows.len()).map(row).collect();
    Plan::new(Point { x: 120, y: -180 }, sections, rows, vec![category("a"), category("b")], places.collect()).unwrap()
}

fn plain_rows(rows: usize, seats: usize) -> Plan {
    hall(&vec![(0..seats as i32).map(|at| (at, None, false)).collect(); rows])
}

fn pick(plan: &Plan, available: &[bool], wish: &Wish, steering: Steering) -> Result<Vec<usize>, Shortage> {
    let chosen = choose(plan, &Neighbours::of(plan), available, wish, steering)?;
    Ok(chosen.into_iter().map(|seat| seat as usize).collect())
}

fn best(plan: &Plan, available: &[bool], wish: &Wish) -> Result<Vec<usize>, Shortage> {
    pick(plan, available, wish, Steering::default())
}

/// `.` is available, `x` is taken.
fn seats(text: &str) -> Vec<bool> {
    text.bytes().map(|seat| seat == b'.').collect()
}

#[test]
fn an_empty_row_is_sold_from_its_best_seats_on() {
    let plan = plain_rows(2, 8);
    // The focal point is before the seats 2 and 3 of the first row.
    assert_eq!(best(&plan, &[true; 16], &PLAIN), Ok(vec![2, 3]));
}

#[test]
fn no_seat_is_left_alone_where_that_can_be_avoided() {
    let plan = plain_rows(1, 6);
    // 1 to 2 and 2 to 3 are nearer to the focal point than 3 to 4, but leave a seat at an end.
    assert_eq!(best(&plan, &seats("x....x"), &PLAIN), Ok(vec![1, 2]));
    assert_eq!(best(&plan, &seats("x...xx"), &Wish { quantity: 3, ..PLAIN }), Ok(vec![1, 2, 3]));
    assert_eq!(best(&plan, &seats("......"), &Wish { quantity: 3, ..PLAIN }), Ok(vec![0, 1, 2]));
}

#[test]
fn a_seat_that_was_alone_before_is_nobodys_fault() {
    let plan = plain_rows(1, 6);
    assert_eq!(best(&plan, &seats(".x..x."), &PLAIN), Ok(vec![2, 3]));
}

#[test]
fn where_every_choice_leaves_a_seat_alone_one_is_made_all_the_same() {
    let plan = plain_rows(1, 3);
    assert_eq!(best(&plan, &[true; 3], &PLAIN).map(|seats| seats.len()), Ok(2));
}

#[test]
fn an_aisle_is_no_neighbour() {
    let row = [0, 1, 3, 4].map(|at| (at, None, false)).to_vec();
    let plan = hall(&[row]);
    let three = Wish { quantity: 3, ..PLAIN };
    assert_eq!(best(&plan, &[true; 4], &three), Err(Shortage { available: 4, largest_block: 2 }));
    assert!(best(&plan, &[true; 4], &PLAIN).is_ok());
}

#[test]
fn labels_and_the_order_of_the_list_mean_nothing() {
    // The second seat of the list sits at the far end.
    let plan = hall(&[[0, 3, 1, 2].map(|at| (at, None, false)).to_vec()]);
    let mut chosen = best(&plan, &[true; 4], &Wish { quantity: 4, ..PLAIN }).unwrap();
    assert_eq!(chosen, [0, 2, 3, 1]);
    chosen = best(&plan, &[true, true, false, true], &PLAIN).unwrap();
    assert_eq!(chosen, [3, 1]);
}

#[test]
fn a_curved_row_is_followed_along_its_curve() {
    // A half circle: its ends are as far to the back as the row is wide, and above each other seen from the side.
    let angle = |n: i32| std::f64::consts::PI * f64::from(n) / 20.0;
    let point = |n: i32| Point { x: (1_000.0 * angle(n).cos()) as i32, y: (1_000.0 * angle(n).sin()) as i32 };
    let place = |n: i32| Place { row: 0, point: point(n), category: None, accessible: false };
    let shuffled: Vec<_> = (0..=20).map(|n| (n * 8) % 21).collect();
    let row = vec![Row { name: String::new(), section: 0 }];
    let places = shuffled.iter().map(|n| place(*n)).collect();
    let plan = Plan::new(Point::default(), vec![String::new()], row, vec![], places).unwrap();
    let all = best(&plan, &[true; 21], &Wish { quantity: 21, ..PLAIN }).unwrap();
    let along: Vec<_> = all.into_iter().map(|seat| shuffled[seat]).collect();
    let expected: Vec<_> = (0..=20).collect();
    assert!(along == expected || along.iter().rev().eq(&expected), "{along:?}");
}

#[test]
fn a_row_that_leads_away_from_the_stage_is_a_row() {
    let place = |n: i32| Place { row: 0, point: Point { x: 0, y: n * 50 }, category: None, accessible: false };
    let row = vec![Row { name: String::new(), section: 0 }];
    let places = [2, 0, 1].map(place).to_vec();
    let plan = Plan::new(Point { x: 0, y: -100 }, vec![String::new()], row, vec![], places).unwrap();
    assert_eq!(best(&plan, &[true; 3], &Wish { quantity: 3, ..PLAIN }), Ok(vec![1, 2, 0]));
}

#[test]
fn a_wish_for_a_section_or_a_category_is_kept_to() {
    let rows = [vec![(0, Some(0), false), (1, Some(0), false)], vec![(0, Some(1), false), (1, Some(1), false)]];
    let plan = hall(&rows);
    assert_eq!(best(&plan, &[true; 4], &Wish { section: Some(1), ..PLAIN }), Ok(vec![2, 3]));
    assert_eq!(best(&plan, &[true; 4], &Wish { category: Some(1), ..PLAIN }), Ok(vec![2, 3]));
    let both = Wish { section: Some(0), category: Some(1), ..PLAIN };
    assert_eq!(best(&plan, &[true; 4], &both), Err(Shortage { available: 0, largest_block: 0 }));
}

#[test]
fn accessible_seats_are_kept_for_those_who_ask_for_them() {
    let row = |accessible: bool| (0..4).map(|at| (at, None, accessible)).collect::<Vec<_>>();
    let plan = hall(&[row(true), row(false)]);
    assert!(
        best(&plan, &[true; 8], &PLAIN).unwrap().iter().all(|seat| *seat >= 4),
        "the second row, although further away"
    );
    assert!(best(&plan, &[true; 8], &Wish { accessible: true, ..PLAIN }).unwrap().iter().all(|seat| *seat < 4));
    let only = seats("....xxxx");
    assert!(best(&plan, &only, &PLAIN).is_ok(), "if there are no others, anybody may have them");
}

#[test]
fn what_changed_lately_is_how_many_are_at_it() {
    let slot = |changed_at| Slot { changed_at: EpochMillis(changed_at), ..Slot::default() };
    let now = EpochMillis(10_000);
    assert_eq!(spread(&[slot(0), slot(7_999), slot(8_000), slot(9_999), slot(12_000)], now), 3);
    assert_eq!(spread(&vec![slot(10_000); 1_000], now), 200);
}

prop_compose! {
    fn any_hall()(
        rows in prop::collection::vec(prop::collection::vec((any::<bool>(), 0..3_u16, 0..8_u8), 1..9), 1..5),
    ) -> Plan {
        let rows: Vec<Vec<_>> = rows.into_iter().map(|seats| {
            let (mut at, mut narrow, mut wide) = (-1, 0, 0);
            seats.into_iter().map(|(aisle, category, accessible)| {
                // Most gaps are of one seat, so that one of two is an aisle.
                let aisle = aisle && narrow > wide + 1;
                at += if aisle { 2 } else { 1 };
                if aisle { wide += 1 } else { narrow += i32::from(at > 0) }
                (at, (category < 2).then_some(category), accessible == 0)
            }).collect()
        }).collect();
        hall(&rows)
    }
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let some = |range| prop::option::weighted(0.3, range);
    (1..5_usize, some(0..2_u16), some(0..2_u16), prop::bool::weighted(0.2))
        .prop_map(|(quantity, section, category, accessible)| Wish { quantity, section, category, accessible })
}

fn any_case() -> impl Strategy<Value = (Plan, Vec<bool>, Wish)> {
    (any_hall(), any_wish()).prop_flat_map(|(plan, wish)| {
        let count = plan.places().len();
        (Just(plan), prop::collection::vec(prop::bool::weighted(0.7), count), Just(wish))
    })
}

proptest! {
    #[test]
    fn the_choice_is_the_best_there_is((plan, available, wish) in any_case()) {
        let (all, shortage) = blocks(&plan, &available, &wish);
        match best(&plan, &available, &wish) {
            Err(short) => prop_assert!(all.is_empty() && short == shortage, "{short:?} {shortage:?} {all:?}"),
            Ok(seats) => {
                let chosen = judge(&plan, &available, &wish, seats);
                prop_assert!(chosen.seats.iter().all(|seat| available[*seat]));
                prop_assert!(chosen.seats.windows(2).all(|pair| next_to(&plan, pair[0]).contains(&pair[1])));
                let better = |a: &super::reference::Judged| (a.orphans, a.accessible, a.distance);
                let least = all.iter().map(better).min();
                prop_assert_eq!(Some(better(&chosen)), least);
            }
        }
    }

    #[test]
    fn steering_stays_among_the_best_that_do_not_overlap((plan, available, wish) in any_case(), spread in 0..6_usize, seed: u64) {
        let steering = Steering { spread, seed };
        let Ok(seats) = pick(&plan, &available, &wish, steering) else { return Ok(()) };
        prop_assert_eq!(&pick(&plan, &available, &wish, steering).unwrap(), &seats, "the same seed, the same seats");
        let (all, _) = blocks(&plan, &available, &wish);
        let chosen = judge(&plan, &available, &wish, seats);
        prop_assert_eq!(chosen.orphans, all.iter().map(|block| block.orphans).min().unwrap());
        // Better ones that don't overlap with each other: no more than the spread.
        let key = |block: &super::reference::Judged| (block.accessible, block.distance);
        let mut better: Vec<_> = all.iter().filter(|block| block.orphans == chosen.orphans && key(block) < key(&chosen)).collect();
        better.sort_by_key(|block| key(block));
        let mut apart: Vec<&super::reference::Judged> = Vec::new();
        for block in better {
            if apart.iter().all(|other| other.seats.iter().all(|seat| !block.seats.contains(seat))) {
                apart.push(block);
            }
        }
        prop_assert!(apart.len() <= spread, "{} better ones, {spread} allowed", apart.len());
    }

    #[test]
    fn seats_listed_in_another_order_are_the_same_seats((plan, available, wish) in any_case(), turn in 1..8_usize) {
        let turn = turn % plan.places().len();
        let mut places = plan.places().to_vec();
        places.rotate_left(turn);
        let mut turned = available.clone();
        turned.rotate_left(turn);
        let other = Plan::new(plan.focal_point(), plan.sections().to_vec(), plan.rows().to_vec(), plan.categories().to_vec(), places).unwrap();
        let places = |plan: &Plan, seats: Vec<usize>| {
            let mut points: Vec<_> = seats.into_iter().map(|seat| (plan.places()[seat].row, plan.places()[seat].point.x)).collect();
            points.sort_unstable();
            points
        };
        let judged = |plan: &Plan, available: &[bool], seats: &[usize]| {
            let judged = judge(plan, available, &wish, seats.to_vec());
            (judged.orphans, judged.accessible, judged.distance)
        };
        match (best(&plan, &available, &wish), best(&other, &turned, &wish)) {
            (Ok(a), Ok(b)) => {
                let same = judged(&plan, &available, &a) == judged(&other, &turned, &b);
                prop_assert!(same, "{:?} {:?}", places(&plan, a), places(&other, b));
            }
            (a, b) => prop_assert_eq!(a.err(), b.err()),
        }
    }
}
