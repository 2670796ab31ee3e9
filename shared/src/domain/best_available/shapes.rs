//! Rows of every shape, and halls made of them, with the neighbors that a spectator would expect.

#![allow(clippy::cast_possible_truncation)]

use std::f64::consts::PI;

use proptest::prelude::*;

use super::Neighbors;
use super::reference::{KnownHall, Pairs};
use crate::domain::prices::{Currency, TicketPrices};
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{Category, Point, Row, SeatPlacement, SeatingPlan};

/// Distance between neighboring seats.
pub(super) const PITCH: i32 = 50;

/// Points of one row, and its lines as indexes of points.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) points: Vec<Point>,
    pub(super) lines: Vec<Vec<usize>>,
    /// `true` if the last seat of a line is next to the first.
    pub(super) closed: bool,
    /// Seats around a small table.
    pub(super) table: Vec<usize>,
}

impl Shape {
    /// Makes one line of points.
    pub(super) fn line(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::lines([points.into_iter().collect()])
    }

    /// Makes several lines.
    pub(super) fn lines(lines: impl IntoIterator<Item = Vec<(f64, f64)>>) -> Self {
        let mut shape = Self { points: Vec::new(), lines: Vec::new(), closed: false, table: Vec::new() };
        for line in lines {
            let first = shape.points.len();
            shape.points.extend(line.into_iter().map(|(x, y)| Point { x: x.round() as i32, y: y.round() as i32 }));
            shape.lines.push((first..shape.points.len()).collect());
        }
        shape
    }

    /// Makes a straight row of seats at these multiples of the pitch.
    pub(super) fn straight(at: impl IntoIterator<Item = i32>) -> Self {
        Self::line(at.into_iter().map(|at| (f64::from(at * PITCH), 0.0)))
    }

    /// Makes one row of seats beside and behind each other. Lines follow its longer side, if one side is longer.
    pub(super) fn grid(wide: i32, deep: i32, pitch: (f64, f64)) -> Self {
        let point = |x: i32, y: i32| (f64::from(x) * pitch.0, f64::from(y) * pitch.1);
        match wide >= deep {
            true => Self::lines((0..deep).map(|y| (0..wide).map(|x| point(x, y)).collect())),
            false => Self::lines((0..wide).map(|x| (0..deep).map(|y| point(x, y)).collect())),
        }
    }

    /// Makes a row along a part of a circle, between two angles in degrees.
    pub(super) fn arc(radius: f64, from: f64, to: f64) -> Self {
        Self::line(arc(radius, from, to))
    }

    /// Makes concentric arcs of one row.
    pub(super) fn arcs(radii: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        Self::lines(radii.into_iter().map(|radius| arc(radius, from, to)))
    }

    /// Makes a round table or an arena.
    pub(super) fn round(seats: i32) -> Self {
        let radius = f64::from(PITCH) / 2.0 / (PI / f64::from(seats)).sin();
        let angle = |n: i32| 2.0 * PI * f64::from(n) / f64::from(seats);
        let closed = Self::line((0..seats).map(|n| (radius * angle(n).cos(), radius * angle(n).sin())));
        Self { closed: true, ..closed }
    }

    /// Makes a table of three or four seats. Two of them are nearer to each other than to the next.
    pub(super) fn small_table(seats: usize) -> Self {
        let table = match seats {
            3 => Self::lines([vec![(0.0, 0.0), (40.0, 0.0)], vec![(20.0, 45.0)]]),
            _ => Self::lines([vec![(0.0, 0.0), (44.0, -18.0)], vec![(63.0, 27.0), (19.0, 45.0)]]),
        };
        Self { table: (0..seats).collect(), ..table }
    }

    pub(super) fn turned(mut self, degrees: f64) -> Self {
        let (sin, cos) = (degrees / 180.0 * PI).sin_cos();
        for point in &mut self.points {
            let (x, y) = (f64::from(point.x), f64::from(point.y));
            *point = Point { x: (x * cos - y * sin).round() as i32, y: (x * sin + y * cos).round() as i32 };
        }
        self
    }

    fn pairs(line: &[usize], closed: bool) -> Vec<(usize, usize)> {
        let mut pairs: Vec<_> = line.windows(2).map(|pair| (pair[0], pair[1])).collect();
        if closed {
            pairs.push((line[line.len() - 1], line[0]));
        }
        pairs.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect()
    }
}

fn arc(radius: f64, from: f64, to: f64) -> Vec<(f64, f64)> {
    let steps = ((to - from) / 180.0 * PI * radius / f64::from(PITCH)).round() as i32;
    let angle = |n: i32| (from + (to - from) * f64::from(n) / f64::from(steps)) / 180.0 * PI;
    (0..=steps).map(|n| (radius * angle(n).cos(), radius * angle(n).sin())).collect()
}

/// Category of a seat, and whether it is accessible.
pub(super) type Kind = (Option<u16>, bool);

/// Makes a hall of rows behind each other. `order` is the order in which the seats are listed. Every second seat that
/// follows an accessible seat is its companion seat.
pub(super) fn hall(rows: &[(Shape, Vec<Kind>)], order: Option<&[usize]>) -> KnownHall {
    let (mut places, mut next_to, mut at_tables) = (Vec::new(), Pairs::new(), Pairs::new());
    for (n, (shape, kinds)) in rows.iter().enumerate() {
        let first = places.len();
        let depth = 400 * n as i32;
        places.extend(shape.points.iter().zip(kinds).map(|(point, (category, accessible))| SeatPlacement {
            row: n as u16,
            point: Point { x: point.x, y: point.y + depth },
            category: *category,
            accessible: *accessible,
            companion_of: None,
        }));
        let shifted = |pairs: Vec<(usize, usize)>| pairs.into_iter().map(move |(a, b)| (first + a, first + b));
        next_to.extend(shape.lines.iter().flat_map(|line| shifted(Shape::pairs(line, shape.closed))));
        if !shape.table.is_empty() {
            at_tables.extend(shifted(Shape::pairs(&shape.table, true)));
        }
    }
    let listed: Vec<_> = order.map_or_else(|| (0..places.len()).collect(), <[usize]>::to_vec);
    let position = |seat: usize| listed.iter().position(|listed| *listed == seat).unwrap();
    let positions = |pairs: Pairs| pairs.into_iter().map(|(a, b)| (position(a), position(b))).collect();
    let (next_to, at_tables) = (positions(next_to), positions(at_tables));
    let companion_of = |seat: usize| {
        let before = seat.checked_sub(1).filter(|before| places[*before].row == places[seat].row)?;
        let is_companion = seat.is_multiple_of(2) && places[before].accessible && !places[seat].accessible;
        is_companion.then(|| SeatIndex::new(position(before) as u32))
    };
    let place = |seat: &usize| SeatPlacement { companion_of: companion_of(*seat), ..places[*seat] };
    KnownHall { plan: plan(rows.len(), listed.iter().map(place).collect()), next_to, at_tables }
}

/// Makes a seating plan with this many rows. The first half of them is in the front section.
pub(super) fn plan(rows: usize, places: Vec<SeatPlacement>) -> SeatingPlan {
    let sections = vec!["front".to_owned(), "back".to_owned()];
    let (prices, currency) = (TicketPrices::of_standard(1).unwrap(), Currency::parse("EUR").unwrap());
    let category = |name: &str| Category { name: name.to_owned(), prices: prices.clone(), currency };
    let row = |n: usize| Row { name: n.to_string(), section: u16::from(n >= rows.div_ceil(2)) };
    let rows = (0..rows).map(row).collect();
    SeatingPlan::new(Point { x: 120, y: -180 }, sections, rows, vec![category("a"), category("b")], places).unwrap()
}

/// Makes a straight row with aisles. Most gaps are one seat wide, so a gap of two is an aisle.
fn any_straight() -> impl Strategy<Value = Shape> {
    prop::collection::vec(any::<bool>(), 0..9).prop_map(|aisles| {
        let (mut at, mut narrow, mut lines) = (0, 0, vec![vec![(0.0, 0.0)]]);
        for aisle in aisles {
            let aisle = aisle && narrow > lines.len();
            at += if aisle { 2 } else { 1 };
            let seat = (f64::from(at * PITCH), 0.0);
            if aisle {
                lines.push(vec![seat]);
            } else {
                narrow += 1;
                lines.last_mut().unwrap().push(seat);
            }
        }
        Shape::lines(lines)
    })
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        4 => any_straight(),
        1 => (2..5_i32, 2..5_i32).prop_map(|(wide, deep)| Shape::grid(wide, deep, (50.0, 50.0))),
        1 => (5..10_i32).prop_map(Shape::round),
        1 => (3..5_usize).prop_map(Shape::small_table),
        1 => (60.0..180.0).prop_map(|to| Shape::arc(130.0, 0.0, to)),
    ]
}

/// Generates a hall of up to four rows of any shape.
pub(super) fn any_rows() -> impl Strategy<Value = Vec<(Shape, Vec<Kind>)>> {
    let kind = (0..3_u16, 0..5_u8).prop_map(|(category, n)| ((category < 2).then_some(category), n == 0));
    let row = any_shape().prop_flat_map(move |shape| {
        let seats = shape.points.len();
        (Just(shape), prop::collection::vec(kind.clone(), seats))
    });
    prop::collection::vec(row, 1..5)
}

/// Returns the points of each run that isn't a table, in a form that doesn't depend on the start of a run.
fn runs_of(plan: &SeatingPlan) -> Vec<Vec<(i32, i32)>> {
    let neighbors = Neighbors::of(plan);
    let point = |place: usize| neighbors.at(place, plan.places()).map(|place| (place.point.x, place.point.y)).unwrap();
    let lines =
        neighbors.runs().iter().filter(|run| run.shape != crate::domain::best_available::neighbors::Shape::Table);
    let mut runs: Vec<_> =
        lines.map(|run| same((0..run.len).map(|n| point(run.place(n))).collect(), run.is_closed())).collect();
    runs.sort_unstable();
    runs
}

/// Rotates a line so that it begins at its lower end, and a closed line so that it begins at its lowest point.
fn same(mut line: Vec<(i32, i32)>, is_closed: bool) -> Vec<(i32, i32)> {
    if is_closed {
        let lowest = (0..line.len()).min_by_key(|n| line[*n]).unwrap_or_default();
        line.rotate_left(lowest);
        if line.len() > 1 && line[line.len() - 1] < line[1] {
            line[1..].reverse();
        }
    } else if line.last() < line.first() {
        line.reverse();
    }
    line
}

/// Makes a hall of one row.
fn row_of(points: &[Point]) -> SeatingPlan {
    let place =
        |point: &Point| SeatPlacement { row: 0, point: *point, category: None, accessible: false, companion_of: None };
    plan(1, points.iter().map(place).collect())
}

/// Checks the lines of a row, for several orders of its seats.
#[track_caller]
fn has_its_lines(name: &str, shape: &Shape) {
    let point = |n: &usize| (shape.points[*n].x, shape.points[*n].y);
    let mut expected: Vec<_> =
        shape.lines.iter().map(|line| same(line.iter().map(point).collect(), shape.closed)).collect();
    expected.sort_unstable();
    let seats = shape.points.len();
    for step in (1..seats.max(2)).filter(|step| gcd(*step, seats) == 1).take(5).chain([seats.saturating_sub(1).max(1)])
    {
        let shuffled: Vec<_> = (0..seats).map(|n| shape.points[n * step % seats]).collect();
        assert_eq!(runs_of(&row_of(&shuffled)), expected, "{name}, every {step}. seat");
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[test]
fn a_line_of_any_form_is_one_run() {
    let zigzag = (0..10).map(|n| (f64::from(n) * 50.0, f64::from(n % 2) * 40.0));
    let wave = (0..40).map(|n| (f64::from(n) * 45.0, (f64::from(n) / 4.0).sin() * 150.0));
    let spiral = (0..60).scan(0.0_f64, |angle, _| {
        let radius = 150.0 + *angle * 20.0;
        let point = (radius * angle.cos(), radius * angle.sin());
        *angle += 50.0 / radius;
        Some(point)
    });
    let side = |x: f64| (1..8).map(move |n| (x, f64::from(n) * 50.0));
    let horseshoe = side(-200.0).rev().chain(arc(200.0, 180.0, 360.0)).chain(side(200.0));
    for (name, shape) in [
        ("one seat", Shape::straight([0])),
        ("two seats", Shape::straight([0, 1])),
        ("a row", Shape::straight(0..20)),
        ("a column", Shape::straight(0..20).turned(90.0)),
        ("a slanted row", Shape::straight(0..20).turned(30.0)),
        ("a diagonal row", Shape::straight(0..20).turned(45.0)),
        ("a flat arc", Shape::arc(2_000.0, 60.0, 120.0)),
        ("a half circle", Shape::arc(300.0, 0.0, 180.0)),
        ("three quarters of a circle", Shape::arc(300.0, 10.0, 280.0)),
        ("a horseshoe", Shape::line(horseshoe)),
        ("a zigzag", Shape::line(zigzag.clone())),
        ("a zigzag that slants", Shape::line(zigzag).turned(35.0)),
        ("a wave", Shape::line(wave)),
        ("a spiral", Shape::line(spiral)),
    ] {
        has_its_lines(name, &shape);
    }
}

#[test]
fn a_row_that_doubles_back_is_several_runs() {
    let corner =
        [(0..5).map(|n| (f64::from(n) * 50.0, 0.0)).collect(), (1..5).map(|n| (200.0, f64::from(n) * 50.0)).collect()];
    let bricks = (0..3).map(|y| (0..6).map(|x| (f64::from(x * 50 + y % 2 * 25), f64::from(y * 50))).collect());
    let fan = [0.0, 3.0].map(|degrees| arc(900.0 + degrees * 20.0, 60.0, 120.0));
    let rows_apart = [0.0, 90.0].map(|y| (0..5).map(|x| (f64::from(x) * 50.0, y)).collect());
    for (name, shape) in [
        ("2 x 2", Shape::grid(2, 2, (50.0, 50.0))),
        ("4 x 2", Shape::grid(4, 2, (50.0, 50.0))),
        ("2 x 4", Shape::grid(2, 4, (50.0, 50.0))),
        ("3 x 3", Shape::grid(3, 3, (50.0, 50.0))),
        ("7 x 5", Shape::grid(7, 5, (50.0, 50.0))),
        ("5 x 7", Shape::grid(5, 7, (50.0, 50.0))),
        ("20 x 3", Shape::grid(20, 3, (50.0, 50.0))),
        ("4 x 2, deeper than wide", Shape::grid(4, 2, (50.0, 60.0))),
        ("4 x 2, wider than deep", Shape::grid(4, 2, (60.0, 50.0))),
        ("5 x 2, slanted", Shape::grid(5, 2, (50.0, 50.0)).turned(20.0)),
        ("6 x 4, diagonal", Shape::grid(6, 4, (50.0, 50.0)).turned(45.0)),
        ("6 x 4, turned", Shape::grid(6, 4, (50.0, 50.0)).turned(70.0)),
        ("a corner", Shape::lines(corner)),
        ("bricks", Shape::lines(bricks)),
        ("two arcs behind each other", Shape::lines(fan)),
        ("arcs, as far behind each other as beside", Shape::arcs([300.0, 350.0, 400.0], 20.0, 160.0)),
        ("arcs, further behind each other than beside", Shape::arcs([300.0, 360.0, 420.0], 20.0, 160.0)),
        ("rows apart", Shape::lines(rows_apart)),
    ] {
        has_its_lines(name, &shape);
    }
}

#[test]
fn a_row_that_turns_by_90_degrees_is_not_one_run() {
    let sawtooth: Vec<_> = (0..6).map(|n| Point { x: n * 50, y: n % 2 * 50 }).collect();
    assert!(runs_of(&row_of(&sawtooth)).iter().all(|run| run.len() < 3), "each third seat would be a turn");
}

#[test]
fn an_aisle_ends_a_run_in_a_curve_too() {
    // Four aisles of two seats each divide the outer rows of an arena.
    let radius = 500.0;
    let sector = |n: i32| {
        let from = f64::from(n) * 90.0 + 45.0;
        (0..13)
            .map(move |seat| (from + 9.0 + f64::from(seat) * 6.0).to_radians())
            .map(|a| (radius * a.cos(), radius * a.sin()))
    };
    has_its_lines("an arena's row", &Shape::lines((0..4).map(|n| sector(n).collect())));
    let half_circle = arc(300.0, 0.0, 180.0);
    let (left, right) = half_circle.split_at(half_circle.len() / 2);
    has_its_lines("a pillar", &Shape::lines([left.to_vec(), right[1..].to_vec()]));
}

#[test]
fn two_seats_far_apart_are_not_next_to_each_other() {
    let (first, last) = (Shape::straight(0..10), Shape::straight([0, 9]));
    let rows = [first, last].map(|shape| (shape.clone(), vec![(None, false); shape.points.len()]));
    let runs = runs_of(&hall(&rows, None).plan);
    assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [10, 1, 1]);
}

#[test]
fn seats_in_one_place_are_next_to_each_other() {
    let points = [(0, 0), (0, 0), (50, 0), (100, 0), (100, 0)].map(|(x, y)| Point { x, y });
    assert_eq!(runs_of(&row_of(&points)), [points.map(|point| (point.x, point.y)).to_vec()]);
    assert_eq!(runs_of(&row_of(&[Point::default(); 4])), [vec![(0, 0); 4]]);
}

#[test]
fn a_small_table_is_a_further_run() {
    let tables = |shape: &Shape| {
        let neighbors = Neighbors::of(&row_of(&shape.points));
        neighbors
            .runs()
            .iter()
            .filter(|run| run.shape == crate::domain::best_available::neighbors::Shape::Table)
            .map(|run| run.len)
            .collect::<Vec<_>>()
    };
    let diamond = Shape::lines([vec![(0.0, -35.0), (35.0, 0.0)], vec![(0.0, 35.0), (-35.0, 0.0)]]);
    for (name, shape, seats) in [
        ("a table of three", Shape::small_table(3), vec![3]),
        ("a table of four", Shape::small_table(4), vec![4]),
        ("four seats to each side", diamond, vec![4]),
        ("a round table", Shape::round(5), vec![]),
        ("two rows of two", Shape::grid(2, 2, (50.0, 50.0)), vec![]),
        ("three seats in a row", Shape::straight(0..3), vec![]),
        ("a corner", Shape::lines([vec![(0.0, 0.0), (50.0, 0.0)], vec![(50.0, 50.0)]]), vec![]),
        ("far apart", Shape::lines([vec![(0.0, 0.0), (50.0, 0.0)], vec![(25.0, 90.0)]]), vec![]),
    ] {
        assert_eq!(tables(&shape), seats, "{name}");
    }
}

#[test]
fn a_round_table_is_one_closed_run() {
    for seats in [5, 6, 7, 8, 10, 12, 40, 100] {
        has_its_lines(&format!("{seats} seats"), &Shape::round(seats));
    }
}

#[test]
fn finding_neighbors_takes_linear_time() {
    let square = |seats: i32, pitch: i32| {
        let side = f64::from(seats).sqrt().ceil() as i32;
        (0..seats).map(move |n| (n % side * pitch, n / side * pitch))
    };
    let grid = |seats: i32| square(seats, 50).collect();
    let column = |seats: i32| (0..seats).map(|n| (n % 2 * 50, n / 2 * 50)).collect();
    let circle = |seats: i32| {
        let angle = |n: i32| 2.0 * PI * f64::from(n) / f64::from(seats);
        (0..seats).map(|n| ((300_000.0 * angle(n).cos()) as i32, (300_000.0 * angle(n).sin()) as i32)).collect()
    };
    let cluster =
        |seats: i32| square(seats / 2, 1).chain(square(seats / 2, 1_000).map(|(x, y)| (x + 50_000, y))).collect();
    let scattered = |seats: i32| (0..seats).map(|n| (n * 7_919 % 100_003, n * 6_101 % 100_019)).collect();
    let one_place = |seats: i32| vec![(0, 0); seats as usize];
    let cross = |seats: i32| (0..seats).map(|n| if n % 2 == 0 { (n * 25, 0) } else { (0, n * 25) }).collect();
    type OfSeats<'a> = &'a dyn Fn(i32) -> Vec<(i32, i32)>;
    let shapes: [(&str, OfSeats<'_>); 7] = [
        ("a grid", &grid),
        ("two columns", &column),
        ("a circle", &circle),
        ("a crowd in a wide hall", &cluster),
        ("scattered seats", &scattered),
        ("one place", &one_place),
        ("a cross", &cross),
    ];
    for (name, shape) in shapes {
        let work = |seats: i32| {
            let points: Vec<_> = shape(seats).into_iter().map(|(x, y)| Point { x, y }).collect();
            let plan = row_of(&points);
            crate::domain::best_available::nearest::work::of(|| {
                assert!(Neighbors::of(&plan).runs().iter().all(|run| run.len > 0))
            })
        };
        let (small, large) = (work(1_000), work(20_000));
        println!("{name}: {small} distances for 1,000 seats, {large} for 20,000");
        assert!(large <= 30 * small && large <= 100 * 20_000, "{name}: {large} distances, {small} for 1,000 seats");
    }
}

proptest! {
    #[test]
    fn every_seat_is_in_one_run_and_no_run_turns_sharply(
        points in prop::collection::vec((-9..9_i32, -9..9_i32, 1..4_i32), 1..80),
    ) {
        let points: Vec<_> = points.into_iter().map(|(x, y, scale)| Point { x: x * 10 * scale, y: y * 25 }).collect();
        let runs = runs_of(&row_of(&points));
        let mut seats: Vec<_> = runs.iter().flatten().copied().collect();
        seats.sort_unstable();
        let mut expected: Vec<_> = points.iter().map(|point| (point.x, point.y)).collect();
        expected.sort_unstable();
        prop_assert_eq!(seats, expected);
        for mut run in runs {
            run.dedup();
            for three in run.windows(3) {
                let step = |n: usize| (f64::from(three[n + 1].0 - three[n].0), f64::from(three[n + 1].1 - three[n].1));
                let ((a, b), (c, d)) = (step(0), step(1));
                prop_assert!(a * c + b * d > 0.17 * a.hypot(b) * c.hypot(d), "{:?}", three);
            }
        }
    }

    #[test]
    fn seats_listed_in_another_order_make_the_same_runs(
        points in prop::collection::vec((-9..9_i32, -9..9_i32), 1..80),
        steps in (1..80_usize, 1..80_usize),
    ) {
        let points: Vec<_> = points.into_iter().map(|(x, y)| Point { x: x * 50, y: y * 50 }).collect();
        let mut other = points.clone();
        other.rotate_left(steps.0 % points.len());
        other.swap(0, steps.1 % points.len());
        prop_assert_eq!(runs_of(&row_of(&points)), runs_of(&row_of(&other)));
    }
}
