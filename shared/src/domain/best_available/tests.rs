#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::reference::KnownHall;
use super::shapes::{Kind, Shape, any_rows};
use super::*;
use crate::domain::best_available::shapes;
use crate::domain::seating_plan::{Point, ROW_PITCH, Row, SEAT_PITCH, SeatPlacement};

pub(super) const PLAIN: Wish = Wish { quantity: 2, section: None, category: None, accessible: 0, is_protected: true };

/// Makes a hall of straight rows. Each seat has a place in the row (in pitches), a category and an accessible flag.
pub(super) fn hall(rows: &[Vec<(i32, Option<u16>, bool)>]) -> SeatingPlan {
    let places = rows.iter().enumerate().flat_map(|(n, seats)| {
        seats.iter().map(move |(at, category, accessible)| SeatPlacement {
            row: n as u16,
            point: Point { x: at * SEAT_PITCH, y: n as i32 * ROW_PITCH },
            category: *category,
            accessible: *accessible,
            companion_of: None,
        })
    });
    shapes::plan(rows.len(), places.collect())
}

fn plain_rows(rows: usize, seats: usize) -> SeatingPlan {
    hall(&vec![(0..seats as i32).map(|at| (at, None, false)).collect(); rows])
}

pub(super) fn pick(
    plan: &SeatingPlan,
    available: &[bool],
    wish: &Wish,
    steering: Steering,
) -> Result<Vec<usize>, Shortage> {
    let chosen = choose(plan, &Neighbors::of(plan), available, wish, steering)?;
    Ok(chosen.into_iter().map(SeatIndex::as_usize).collect())
}

pub(super) fn best(plan: &SeatingPlan, available: &[bool], wish: &Wish) -> Result<Vec<usize>, Shortage> {
    pick(plan, available, wish, Steering::default())
}

/// In these patterns `.` is an available seat and `x` is a taken seat.
pub(super) fn seats(text: &str) -> Vec<bool> {
    text.bytes().map(|seat| seat == b'.').collect()
}

#[test]
fn empty_row_is_sold_from_its_best_seats() {
    let plan = plain_rows(2, 8);
    // The focal point is before the seats 2 and 3 of the first row.
    assert_eq!(best(&plan, &[true; 16], &PLAIN), Ok(vec![2, 3]));
}

#[test]
fn orphans_are_avoided_if_possible() {
    let plan = plain_rows(1, 6);
    // 1 to 2 and 2 to 3 are nearer to the focal point than 3 to 4, but leave a seat at an end.
    assert_eq!(best(&plan, &seats("x....x"), &PLAIN), Ok(vec![1, 2]));
    assert_eq!(best(&plan, &seats("x...xx"), &Wish { quantity: 3, ..PLAIN }), Ok(vec![1, 2, 3]));
    assert_eq!(best(&plan, &seats("......"), &Wish { quantity: 3, ..PLAIN }), Ok(vec![0, 1, 2]));
}

#[test]
fn seat_that_was_alone_before_is_no_orphan() {
    let plan = plain_rows(1, 6);
    assert_eq!(best(&plan, &seats(".x..x."), &PLAIN), Ok(vec![2, 3]));
}

#[test]
fn block_is_chosen_even_if_every_block_leaves_an_orphan() {
    let plan = plain_rows(1, 3);
    assert_eq!(best(&plan, &[true; 3], &PLAIN).map(|seats| seats.len()), Ok(2));
}

#[test]
fn aisle_separates_neighbors() {
    let row = [0, 1, 3, 4].map(|at| (at, None, false)).to_vec();
    let plan = hall(&[row]);
    let three = Wish { quantity: 3, ..PLAIN };
    assert_eq!(best(&plan, &[true; 4], &three), Err(Shortage { available: 4, largest_block: 2 }));
    assert!(best(&plan, &[true; 4], &PLAIN).is_ok());
}

#[test]
fn labels_and_list_order_do_not_affect_the_choice() {
    // The second seat of the list sits at the far end.
    let plan = hall(&[[0, 3, 1, 2].map(|at| (at, None, false)).to_vec()]);
    let mut chosen = best(&plan, &[true; 4], &Wish { quantity: 4, ..PLAIN }).unwrap();
    assert_eq!(chosen, [0, 2, 3, 1]);
    chosen = best(&plan, &[true, true, false, true], &PLAIN).unwrap();
    assert_eq!(chosen, [3, 1]);
}

#[test]
fn a_curved_row_is_followed_along_its_curve() {
    // A half circle. Its ends are as far to the back as the row is wide, and above each other when seen from the
    // side.
    let angle = |n: i32| std::f64::consts::PI * f64::from(n) / 20.0;
    let point = |n: i32| Point { x: (1_000.0 * angle(n).cos()) as i32, y: (1_000.0 * angle(n).sin()) as i32 };
    let place =
        |n: i32| SeatPlacement { row: 0, point: point(n), category: None, accessible: false, companion_of: None };
    let shuffled: Vec<_> = (0..=20).map(|n| (n * 8) % 21).collect();
    let row = vec![Row { name: String::new(), section: 0 }];
    let places = shuffled.iter().map(|n| place(*n)).collect();
    let plan = SeatingPlan::new(Point::default(), vec![String::new()], row, vec![], places).unwrap();
    let all = best(&plan, &[true; 21], &Wish { quantity: 21, ..PLAIN }).unwrap();
    let along: Vec<_> = all.into_iter().map(|seat| shuffled[seat]).collect();
    let expected: Vec<_> = (0..=20).collect();
    assert!(along == expected || along.iter().rev().eq(&expected), "{along:?}");
}

/// One row of 4 x 2 seats, each 50 from the next.
fn four_by_two() -> SeatingPlan {
    let grid = Shape::grid(4, 2, (50.0, 50.0));
    shapes::hall(&[(grid, vec![(None, false); 8])], None).plan
}

#[test]
fn a_seat_behind_is_not_next_to_a_seat() {
    let plan = four_by_two();
    let quantity = |quantity| Wish { quantity, ..PLAIN };
    for taken in 0..8 {
        let mut available = [true; 8];
        available[taken] = false;
        let three = best(&plan, &available, &quantity(3)).unwrap();
        assert!(three.iter().all(|seat| seat / 4 == three[0] / 4), "{three:?} are in one line");
    }
    assert_eq!(best(&plan, &[true; 8], &quantity(5)), Err(Shortage { available: 8, largest_block: 4 }));
    assert_eq!(best(&plan, &seats("x.xxx.xx"), &PLAIN), Err(Shortage { available: 2, largest_block: 1 }));
}

#[test]
fn the_last_seat_of_a_round_table_is_next_to_its_first() {
    let plan = shapes::hall(&[(Shape::round(8), vec![(None, false); 8])], None).plan;
    for first in 0..8 {
        let mut available = [false; 8];
        available[first] = true;
        available[(first + 1) % 8] = true;
        let chosen: BTreeSet<_> = best(&plan, &available, &PLAIN).unwrap().into_iter().collect();
        assert_eq!(chosen, BTreeSet::from([first, (first + 1) % 8]));
    }
    for quantity in 1..=8 {
        assert_eq!(best(&plan, &[true; 8], &Wish { quantity, ..PLAIN }).unwrap().len(), quantity);
    }
}

#[test]
fn small_table_is_used_only_if_no_line_has_room() {
    let tables = [Shape::small_table(4), Shape::straight(0..4)];
    let plan = shapes::hall(&tables.map(|shape| (shape, vec![(None, false); 4])), None).plan;
    let four = Wish { quantity: 4, ..PLAIN };
    assert_eq!(best(&plan, &[true; 8], &four), Ok(vec![4, 5, 6, 7]));
    let table: BTreeSet<_> = best(&plan, &seats("....x..."), &four).unwrap().into_iter().collect();
    assert_eq!(table, (0..4).collect());
    assert_eq!(best(&plan, &seats("..x.x.x."), &four), Err(Shortage { available: 5, largest_block: 3 }));
    assert_eq!(best(&plan, &seats(".xx..x.x"), &PLAIN).map(|pair| pair.len()), Ok(2), "both are at the table");
}

#[test]
fn row_away_from_the_stage_is_one_run() {
    let place = |n: i32| SeatPlacement {
        row: 0,
        point: Point { x: 0, y: n * 50 },
        category: None,
        accessible: false,
        companion_of: None,
    };
    let row = vec![Row { name: String::new(), section: 0 }];
    let places = [2, 0, 1].map(place).to_vec();
    let plan = SeatingPlan::new(Point { x: 0, y: -100 }, vec![String::new()], row, vec![], places).unwrap();
    assert_eq!(best(&plan, &[true; 3], &Wish { quantity: 3, ..PLAIN }), Ok(vec![1, 2, 0]));
}

#[test]
fn section_and_category_of_preference_are_respected() {
    let rows = [vec![(0, Some(0), false), (1, Some(0), false)], vec![(0, Some(1), false), (1, Some(1), false)]];
    let plan = hall(&rows);
    assert_eq!(best(&plan, &[true; 4], &Wish { section: Some(1), ..PLAIN }), Ok(vec![2, 3]));
    assert_eq!(best(&plan, &[true; 4], &Wish { category: Some(1), ..PLAIN }), Ok(vec![2, 3]));
    let both = Wish { section: Some(0), category: Some(1), ..PLAIN };
    assert_eq!(best(&plan, &[true; 4], &both), Err(Shortage { available: 0, largest_block: 0 }));
}

#[test]
fn spread_counts_recently_changed_seats() {
    let slot = |changed_at| Slot { changed_at: EpochMillis::new(changed_at), ..Slot::default() };
    let now = EpochMillis::new(10_000);
    assert_eq!(spread(&[slot(0), slot(7_999), slot(8_000), slot(9_999), slot(12_000)], now), 3);
    assert_eq!(spread(&vec![slot(10_000); 1_000], now), 200);
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let some = |range| prop::option::weighted(0.2, range);
    let accessible = prop_oneof![3 => Just(0), 1 => Just(9), 2 => 1..3_usize];
    (1..6_usize, some(0..2_u16), some(0..2_u16), accessible, any::<bool>()).prop_map(
        |(quantity, section, category, accessible, is_protected)| Wish {
            quantity,
            section,
            category,
            accessible: accessible.min(quantity),
            is_protected,
        },
    )
}

fn any_steering() -> impl Strategy<Value = Steering> {
    (prop_oneof![Just(0), 1..6_usize, Just(200)], any::<u64>()).prop_map(|(spread, seed)| Steering { spread, seed })
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<(Shape, Vec<Kind>)>,
    /// Generates an order for listing the seats.
    order: Vec<usize>,
    available: Vec<bool>,
    wish: Wish,
}

impl Case {
    fn hall(&self) -> KnownHall {
        shapes::hall(&self.rows, None)
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    (any_rows(), any_wish(), 0.3..1.0).prop_flat_map(|(rows, wish, share)| {
        let seats: usize = rows.iter().map(|(shape, _)| shape.points.len()).sum();
        let order = Just((0..seats).collect::<Vec<_>>()).prop_shuffle();
        let available = prop::collection::vec(prop::bool::weighted(share), seats);
        (Just(rows), order, available, Just(wish)).prop_map(|(rows, order, available, wish)| Case {
            rows,
            order,
            available,
            wish,
        })
    })
}

proptest! {
    #[test]
    fn the_choice_is_the_best_of_all_blocks(case in any_case()) {
        let hall = case.hall();
        let (all, shortage) = hall.blocks(&case.available, &case.wish);
        match best(&hall.plan, &case.available, &case.wish) {
            Err(short) => prop_assert!(all.is_empty() && short == shortage, "{short:?} {shortage:?} {all:?}"),
            Ok(seats) => {
                let seats: BTreeSet<_> = seats.into_iter().collect();
                let chosen = all.iter().filter(|block| block.seats == seats).min_by_key(|block| block.key());
                let least = all.iter().map(|block| block.key()).min();
                prop_assert_eq!(chosen.map(|block| block.key()), least, "{:?}", seats);
            }
        }
    }

    /// Checks any hall, availability, seat preference and spread.
    #[test]
    fn accessible_seats_are_kept_while_an_ordinary_block_exists(case in any_case(), steering in any_steering()) {
        let hall = case.hall();
        let (all, _) = hall.blocks(&case.available, &case.wish);
        let chosen = pick(&hall.plan, &case.available, &case.wish, steering);
        prop_assert_eq!(chosen.is_ok(), !all.is_empty(), "a spread never rejects a party");
        let Ok(chosen) = chosen else { return Ok(()) };
        let accessible = chosen.iter().filter(|seat| hall.plan.places()[**seat].accessible).count();
        let accessible_of = |seats: &BTreeSet<usize>| seats.iter().filter(|seat| hall.plan.places()[**seat].accessible).count();
        prop_assert!(accessible >= case.wish.accessible);
        prop_assert_eq!(Some(accessible), all.iter().map(|block| accessible_of(&block.seats)).min());
        let is_ordinary = |seat: &usize| {
            let place = hall.plan.places()[*seat];
            !place.accessible && place.companion_of.is_none()
        };
        prop_assert!(case.wish.accessible > 0 || !case.wish.is_protected || chosen.iter().all(is_ordinary));
    }

    /// Lets all callers of a wave see the same hall. Rejected callers choose again in the next wave.
    #[test]
    fn contention_never_uses_accessible_seats_too_early(case in any_case(), callers in 2..9_u64, spread in 0..9_usize) {
        let hall = case.hall();
        let wish = Wish { accessible: 0, is_protected: false, ..case.wish };
        let mut available = case.available.clone();
        for wave in 0.. {
            let seen = available.clone();
            let (all, _) = hall.blocks(&seen, &wish);
            let is_ordinary = |seat: &usize| !hall.plan.places()[*seat].accessible;
            let ordinary_left = all.iter().any(|block| block.seats.iter().all(is_ordinary));
            for caller in 0..callers {
                let steering = Steering { spread, seed: wave * callers + caller };
                let Ok(seats) = pick(&hall.plan, &seen, &wish, steering) else { continue };
                prop_assert!(!ordinary_left || seats.iter().all(is_ordinary), "{:?} of {:?}", seats, all);
                if seats.iter().all(|seat| available[*seat]) {
                    seats.iter().for_each(|seat| available[*seat] = false);
                }
            }
            if all.is_empty() {
                break;
            }
            prop_assert!(seen != available, "at least one caller succeeds");
        }
    }

    #[test]
    fn steering_chooses_among_best_disjoint_blocks(case in any_case(), steering in any_steering()) {
        let hall = case.hall();
        let Ok(seats) = pick(&hall.plan, &case.available, &case.wish, steering) else { return Ok(()) };
        prop_assert_eq!(&pick(&hall.plan, &case.available, &case.wish, steering).unwrap(), &seats, "the same seed gives the same seats");
        let (all, _) = hall.blocks(&case.available, &case.wish);
        let seats: BTreeSet<_> = seats.into_iter().collect();
        let chosen = all.iter().filter(|block| block.seats == seats).min_by_key(|block| block.key()).unwrap();
        prop_assert_eq!(Some(chosen.rank()), all.iter().map(|block| block.rank()).min());
        // The spread limits the number of better blocks that don't overlap.
        let mut better: Vec<_> = all.iter().filter(|block| block.key() < chosen.key()).collect();
        better.sort_by_key(|block| block.key());
        let mut taken = BTreeSet::new();
        let mut apart = 0;
        for block in better {
            if block.seats.is_disjoint(&taken) {
                taken.extend(&block.seats);
                apart += 1;
            }
        }
        prop_assert!(apart <= steering.spread, "{apart} better ones, {} allowed", steering.spread);
    }

    #[test]
    fn seats_listed_in_another_order_give_the_same_seats(case in any_case(), steering in any_steering()) {
        let other = shapes::hall(&case.rows, Some(&case.order));
        let other_available: Vec<_> = case.order.iter().map(|seat| case.available[*seat]).collect();
        let one = pick(&case.hall().plan, &case.available, &case.wish, steering);
        let other = pick(&other.plan, &other_available, &case.wish, steering);
        prop_assert_eq!(one, other.map(|seats| seats.into_iter().map(|seat| case.order[seat]).collect()));
    }
}
