//! Who sits next to whom, by where seats are and not by what they are called.

use std::ops::Range;

use super::Wish;
use crate::rules::plan::{Place, Plan, Point};

/// A gap wider than this share of the row's usual one is an aisle, or a pillar: nobody sits next to each other across it.
const WIDEST_GAP: f64 = 1.5;

/// The seats of a plan, run by run: in a run each sits next to the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// Positions in the layout, so that neighbours follow each other.
    order: Vec<u32>,
    /// Where each run ends in that order.
    ends: Vec<u32>,
    /// Of each seat in that order, how far from the focal point it is, in the plan's unit.
    distances: Vec<u32>,
}

impl Neighbours {
    /// Finds out who sits next to whom: row by row, along the row's own direction.
    pub fn of(plan: &Plan) -> Self {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); plan.rows().len()];
        for (position, place) in (0..).zip(plan.places()) {
            if let Some(row) = rows.get_mut(usize::from(place.row)) {
                row.push(position);
            }
        }
        let (mut order, mut ends) = (Vec::with_capacity(plan.places().len()), Vec::with_capacity(rows.len()));
        for mut row in rows {
            along(plan, &mut row);
            let widest = WIDEST_GAP * usual_gap(plan, &row);
            for (n, position) in row.iter().enumerate() {
                if n > 0 && gap(plan, row[n - 1], *position) > widest {
                    ends.push(len(&order));
                }
                order.push(*position);
            }
            if !row.is_empty() {
                ends.push(len(&order));
            }
        }
        let distances = order.iter().map(|position| {
            let distance = between(point(plan, *position), plan.focal_point()).round();
            // At most some 3 million: coordinates are bounded.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and not negative")]
            let distance = distance as u32;
            distance
        });
        Self { distances: distances.collect(), order, ends }
    }

    /// The runs, as ranges of places.
    pub(super) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let end = |end: u32| usize::try_from(end).unwrap_or(usize::MAX);
        let starts = [0].into_iter().chain(self.ends.iter().copied().map(end));
        starts.zip(self.ends.iter().copied().map(end)).map(|(start, end)| start..end)
    }

    /// The seat at a place, as its position in the layout.
    pub(super) fn position(&self, place: usize) -> u32 {
        self.order.get(place).copied().unwrap_or(u32::MAX)
    }

    /// How far from the focal point the seat at a place is.
    pub(super) fn distance(&self, place: usize) -> u32 {
        self.distances.get(place).copied().unwrap_or(u32::MAX)
    }

    /// What there is, in layout order, of the seat at a place.
    pub(super) fn at<'a, T>(&self, place: usize, of_seats: &'a [T]) -> Option<&'a T> {
        of_seats.get(usize::try_from(self.position(place)).ok()?)
    }

    /// Of each seat in layout order, whether it fits a wish.
    pub(super) fn fitting(&self, plan: &Plan, wish: &Wish) -> Vec<bool> {
        let fits = |place: &Place| {
            wish.section.is_none_or(|section| plan.section_of(place) == section)
                && wish.category.is_none_or(|category| place.category == Some(category))
                && (!wish.accessible || place.accessible)
        };
        plan.places().iter().map(fits).collect()
    }
}

/// Puts a row's seats in their order along the row: from the one that is farthest from the row's middle on, each time to the
/// nearest that is left. So a curved row is followed along its curve, and a slanted one along its slant.
fn along(plan: &Plan, row: &mut [u32]) {
    if row.is_empty() {
        return;
    }
    let (width, depth) = (extent(plan, row, |point| point.x), extent(plan, row, |point| point.y));
    // Nearly all rows go across or away: sorting is all they take. Of seats in one place the order is that of the layout.
    if is_straight(plan, row) {
        row.sort_by_key(|position| {
            let Point { x, y } = point(plan, *position);
            if width >= depth { (x, y, *position) } else { (y, x, *position) }
        });
        return;
    }
    let middle = middle(plan, row);
    let far = |position: &u32| between(point(plan, *position), middle);
    let start = (0..row.len()).max_by(|a, b| far(&row[*a]).total_cmp(&far(&row[*b]))).unwrap_or_default();
    row.swap(0, start);
    for next in 1..row.len() {
        let here = row[next - 1];
        let nearest = (next..row.len()).min_by(|a, b| gap(plan, here, row[*a]).total_cmp(&gap(plan, here, row[*b])));
        row.swap(next, nearest.unwrap_or(next));
    }
}

/// Whether a row, seen along the axis on which it is longer, never doubles back: two seats of one coordinate there are in different
/// places only if it does.
fn is_straight(plan: &Plan, row: &[u32]) -> bool {
    let across = extent(plan, row, |point| point.x) >= extent(plan, row, |point| point.y);
    let mut along: Vec<_> = row.iter().map(|position| point(plan, *position)).collect();
    along.sort_by_key(|point| if across { (point.x, point.y) } else { (point.y, point.x) });
    let step = |pair: &[Point]| {
        let (dx, dy) = ((pair[1].x - pair[0].x).abs(), (pair[1].y - pair[0].y).abs());
        if across { dx >= dy } else { dy >= dx }
    };
    along.windows(2).all(step)
}

fn extent(plan: &Plan, row: &[u32], of: impl Fn(Point) -> i32) -> i32 {
    let values = || row.iter().map(|position| of(point(plan, *position)));
    values().max().unwrap_or_default() - values().min().unwrap_or_default()
}

fn middle(plan: &Plan, row: &[u32]) -> Point {
    let count = i64::try_from(row.len().max(1)).unwrap_or(i64::MAX);
    let mean = |of: fn(Point) -> i32| {
        let sum: i64 = row.iter().map(|position| i64::from(of(point(plan, *position)))).sum();
        i32::try_from(sum / count).unwrap_or_default()
    };
    Point { x: mean(|point| point.x), y: mean(|point| point.y) }
}

/// The gap that half of a row's gaps are not wider than.
fn usual_gap(plan: &Plan, row: &[u32]) -> f64 {
    let mut gaps: Vec<_> = row.windows(2).map(|pair| gap(plan, pair[0], pair[1])).collect();
    let half = gaps.len().saturating_sub(1) / 2;
    if gaps.is_empty() { 0.0 } else { *gaps.select_nth_unstable_by(half, f64::total_cmp).1 }
}

fn gap(plan: &Plan, a: u32, b: u32) -> f64 {
    between(point(plan, a), point(plan, b))
}

fn between(a: Point, b: Point) -> f64 {
    f64::hypot(f64::from(a.x) - f64::from(b.x), f64::from(a.y) - f64::from(b.y))
}

fn point(plan: &Plan, position: u32) -> Point {
    let place = usize::try_from(position).ok().and_then(|position| plan.places().get(position));
    place.map(|place| place.point).unwrap_or_default()
}

fn len(order: &[u32]) -> u32 {
    u32::try_from(order.len()).unwrap_or(u32::MAX)
}
