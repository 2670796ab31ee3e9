//! Neighbors of seats, derived from their places and not from their labels.
//!
//! Seats are next to each other if they follow each other on a *line* of their row ([`crate::domain::best_available::lines`]) without a wide
//! gap between them. A part of a line without a wide gap is a *run*. A closed line, for example a round table, is a
//! run whose last seat is next to its first. A line never turns sharply, so the seat behind a seat is never next to
//! it.
//!
//! A row of three or four seats around a small table isn't one line. The whole table is an additional run. It is used
//! only if no line has room for a party.

use std::ops::Range;

use super::lines::{Line, WIDEST_GAP, distance, lines_of, median};
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{Point, SeatingPlan};

/// In a row with few gaps, a gap wider than this share of the hall's usual gap is an aisle too.
const WIDEST_GAP_OF_HALL: f64 = 3.0;
/// Maximum number of gaps that are too few to show what is usual in a row.
const FEW_GAPS: usize = 3;
/// Number of seats of a small table. With more seats, a round table is a closed line.
const SMALL_TABLE: Range<usize> = 3..5;

/// The seats of a seating plan, run by run. In a run, each seat is next to the previous one.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors {
    runs: Vec<Run>,
    /// Seat indexes in the layout. Each run is a range of this list.
    order: Vec<SeatIndex>,
    /// Distance of each seat in `order` from the focal point, in the seating plan's unit.
    distances: Vec<u32>,
}

/// Seats next to each other, as a range of places in the order of [`Neighbors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    start: usize,
    pub(super) len: usize,
    pub(super) shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A line with two ends.
    Open,
    /// A closed line.
    Closed,
    /// A small table, also closed. Its seats are in lines as well.
    Table,
}

impl Run {
    /// Returns the place of the `n`-th seat. A closed run continues with its first seat after the last one.
    pub(super) fn place(&self, n: usize) -> usize {
        self.start + if n < self.len { n } else { n % self.len.max(1) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shape != Shape::Open
    }

    /// Returns the place of the seat that is `steps` before the `n`-th, unless the run ends there.
    pub(super) fn before(&self, n: usize, steps: usize) -> Option<usize> {
        let n = if self.is_closed() { n + self.len } else { n };
        n.checked_sub(steps).map(|n| self.place(n))
    }

    /// Returns the place of the seat that is `steps` after the `n`-th, unless the run ends there.
    pub(super) fn after(&self, n: usize, steps: usize) -> Option<usize> {
        (self.is_closed() || n + steps < self.len).then(|| self.place(n + steps))
    }
}

impl Neighbors {
    /// Finds the neighbors in each row. Takes O(n log n) time for n seats.
    pub fn of(plan: &SeatingPlan) -> Self {
        let rows: Vec<_> = rows_of(plan).into_iter().map(|seats| RowLines::new(plan, seats)).collect();
        let usual_gap = median(rows.iter().flat_map(RowLines::gaps).collect());
        let mut neighbors = Self { runs: Vec::new(), order: Vec::new(), distances: Vec::new() };
        for row in &rows {
            row.add_to(&mut neighbors, usual_gap);
        }
        let from_focal_point = |seat_index: &SeatIndex| {
            let distance = distance(point(plan, *seat_index), plan.focal_point()).round();
            // At most about 3 million, because coordinates are bounded.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and not negative")]
            let distance = distance as u32;
            distance
        };
        neighbors.distances = neighbors.order.iter().map(from_focal_point).collect();
        neighbors
    }

    /// Returns the runs. Each seat is in exactly one run that isn't a table.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns the index in the layout of the seat at a place.
    pub(super) fn seat_index(&self, place: usize) -> SeatIndex {
        self.order[place]
    }

    /// Returns the distance of the seat at a place from the focal point.
    pub(super) fn distance(&self, place: usize) -> u32 {
        self.distances[place]
    }

    /// Returns the item of the seat at a place, from a list in layout order.
    pub(super) fn at<'a, T>(&self, place: usize, of_seats: &'a [T]) -> Option<&'a T> {
        of_seats.get(self.seat_index(place).as_usize())
    }

    fn add_run(&mut self, shape: Shape, seats: impl Iterator<Item = SeatIndex>) {
        let start = self.order.len();
        self.order.extend(seats);
        self.runs.push(Run { start, len: self.order.len() - start, shape });
    }
}

/// The lines of one row.
struct RowLines {
    /// Points with seats, sorted by x, then y.
    points: Vec<Point>,
    /// Seats at each point, in layout order. Usually one seat.
    seats: Vec<Vec<SeatIndex>>,
    lines: Vec<Line>,
}

impl RowLines {
    fn new(plan: &SeatingPlan, mut row: Vec<SeatIndex>) -> Self {
        let key = |seat_index: &SeatIndex| {
            let Point { x, y } = point(plan, *seat_index);
            (x, y)
        };
        row.sort_by_key(|seat_index| (key(seat_index), *seat_index));
        let seats: Vec<_> = row.chunk_by(|a, b| key(a) == key(b)).map(<[SeatIndex]>::to_vec).collect();
        let points: Vec<_> = seats.iter().filter_map(|seats| seats.first()).map(|seat| point(plan, *seat)).collect();
        Self { lines: lines_of(&points, plan.focal_point()), points, seats }
    }

    fn gaps(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| line.gaps(&self.points))
    }

    fn add_to(&self, neighbors: &mut Neighbors, usual_gap: f64) {
        let gaps: Vec<_> = self.gaps().collect();
        let widest_of_hall = if gaps.len() > FEW_GAPS { f64::INFINITY } else { WIDEST_GAP_OF_HALL * usual_gap };
        let widest = (WIDEST_GAP * median(gaps)).min(widest_of_hall);
        let runs: Vec<_> = self.lines.iter().flat_map(|line| line.clone().split(&self.points, widest)).collect();
        let table = if runs.len() > 1 { self.small_table(widest) } else { None };
        for run in runs {
            neighbors.add_run(if run.closed { Shape::Closed } else { Shape::Open }, self.seats_at(&run.points));
        }
        if let Some(table) = table {
            neighbors.add_run(Shape::Table, self.seats_at(&table));
        }
    }

    fn seats_at<'a>(&'a self, points: &'a [usize]) -> impl Iterator<Item = SeatIndex> + 'a {
        points.iter().flat_map(|point| self.seats[*point].iter().copied())
    }

    /// Returns the points around a small table. They are near each other, and none is right behind its neighbor. Two
    /// rows of two seats aren't a table.
    fn small_table(&self, widest: f64) -> Option<Vec<usize>> {
        if !SMALL_TABLE.contains(&self.points.len()) {
            return None;
        }
        let mut around: Vec<_> = (0..self.points.len()).collect();
        around.sort_by(|a, b| self.angle(*a).total_cmp(&self.angle(*b)));
        let pairs =
            || self.points.iter().enumerate().flat_map(|(n, a)| self.points[n + 1..].iter().map(move |b| (a, b)));
        let is_behind = |(a, b): (usize, usize)| {
            let (a, b) = (self.points[a], self.points[b]);
            4 * (a.x - b.x).abs() <= (a.y - b.y).abs()
        };
        let table = Line { points: around, closed: true };
        let is_table = pairs().all(|(a, b)| distance(*a, *b) <= widest) && !table.steps().any(is_behind);
        is_table.then_some(table.points)
    }

    /// Returns the direction of a point from the middle of the row.
    fn angle(&self, point: usize) -> f64 {
        let sum = |of: fn(&Point) -> i32| self.points.iter().map(|point| f64::from(of(point))).sum::<f64>();
        #[allow(clippy::cast_precision_loss, reason = "a count of seats")]
        let count = self.points.len() as f64;
        let Point { x, y } = self.points[point];
        f64::atan2(f64::from(y) - sum(|point| point.y) / count, f64::from(x) - sum(|point| point.x) / count)
    }
}

/// Returns the seat indexes of each row.
fn rows_of(plan: &SeatingPlan) -> Vec<Vec<SeatIndex>> {
    let mut rows: Vec<Vec<SeatIndex>> = vec![Vec::new(); plan.rows().len()];
    for (seat_index, place) in SeatIndex::all().zip(plan.places()) {
        if let Some(row) = rows.get_mut(usize::from(place.row)) {
            row.push(seat_index);
        }
    }
    rows.retain(|row| !row.is_empty());
    rows
}

fn point(plan: &SeatingPlan, seat_index: SeatIndex) -> Point {
    plan.places().get(seat_index.as_usize()).map(|place| place.point).unwrap_or_default()
}
