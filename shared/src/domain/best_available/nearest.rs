//! A k-d tree for finding the nearest points of a point.

use std::ops::Range;

use crate::domain::seating_plan::Point;

/// Points in a balanced k-d tree.
///
/// Building the tree takes O(n log n) time. A query takes O(log n) time on average.
pub(super) struct Nearest<'a> {
    points: &'a [Point],
    /// Indexes of points. The middle of a range is the node, and the two halves are its subtrees.
    tree: Vec<usize>,
    /// Axis that separates the subtrees of each node.
    axes: Vec<Axis>,
}

#[derive(Clone, Copy)]
enum Axis {
    X,
    Y,
}

/// Points found so far by a query, nearest first. At equal distance, the lower index comes first.
struct Found {
    from: usize,
    wanted: usize,
    /// Squared distance and index.
    nearest: Vec<(i64, usize)>,
}

impl<'a> Nearest<'a> {
    pub(super) fn new(points: &'a [Point]) -> Self {
        let mut tree: Vec<_> = (0..points.len()).collect();
        let mut axes = vec![Axis::X; points.len()];
        divide(points, &mut tree, &mut axes);
        Self { points, tree, axes }
    }

    /// Returns the indexes of the nearest other points, nearest first.
    pub(super) fn to(&self, from: usize, wanted: usize) -> impl Iterator<Item = usize> + use<> {
        let mut found = Found { from, wanted, nearest: Vec::with_capacity(wanted + 1) };
        self.search(0..self.tree.len(), (0, 0), &mut found);
        found.nearest.into_iter().map(|(_, index)| index)
    }

    /// Searches a subtree. `away` is the distance of its region from the query's point along each axis.
    fn search(&self, subtree: Range<usize>, away: (i64, i64), found: &mut Found) {
        if subtree.is_empty() || !found.reaches(away.0 * away.0 + away.1 * away.1) {
            return;
        }
        let node = usize::midpoint(subtree.start, subtree.end);
        let index = self.tree[node];
        let (here, from) = (self.points[index], self.points[found.from]);
        found.add(index, squared(from, here));
        let (before, after) = (subtree.start..node, node + 1..subtree.end);
        let beyond = match self.axes[node] {
            Axis::X => i64::from(from.x) - i64::from(here.x),
            Axis::Y => i64::from(from.y) - i64::from(here.y),
        };
        let far_away = match self.axes[node] {
            Axis::X => (beyond, away.1),
            Axis::Y => (away.0, beyond),
        };
        let (near, far) = if beyond <= 0 { (before, after) } else { (after, before) };
        self.search(near, away, found);
        self.search(far, far_away, found);
    }
}

impl Found {
    fn add(&mut self, index: usize, distance: i64) {
        let entry = (distance, index);
        let is_full = self.nearest.len() == self.wanted;
        if index == self.from || is_full && self.nearest.last().is_none_or(|last| *last < entry) {
            return;
        }
        self.nearest.insert(self.nearest.partition_point(|other| *other < entry), entry);
        self.nearest.truncate(self.wanted);
    }

    /// Checks whether a point at this squared distance could still be among the nearest.
    fn reaches(&self, distance: i64) -> bool {
        self.nearest.len() < self.wanted || self.nearest.last().is_some_and(|last| distance <= last.0)
    }
}

/// Arranges points as a tree. The middle point separates the others along the axis of their wider spread.
fn divide(points: &[Point], tree: &mut [usize], axes: &mut [Axis]) {
    if tree.len() < 2 {
        return;
    }
    let spread = |of: fn(Point) -> i32| {
        let values = || tree.iter().map(|index| of(points[*index]));
        i64::from(values().max().unwrap_or_default()) - i64::from(values().min().unwrap_or_default())
    };
    let axis = if spread(|point| point.x) >= spread(|point| point.y) { Axis::X } else { Axis::Y };
    let node = tree.len() / 2;
    tree.select_nth_unstable_by_key(node, |index| {
        let Point { x, y } = points[*index];
        match axis {
            Axis::X => (x, y, *index),
            Axis::Y => (y, x, *index),
        }
    });
    axes[node] = axis;
    let (left, right) = tree.split_at_mut(node);
    let (left_axes, right_axes) = axes.split_at_mut(node);
    divide(points, left, left_axes);
    divide(points, &mut right[1..], &mut right_axes[1..]);
}

fn squared(a: Point, b: Point) -> i64 {
    #[cfg(test)]
    work::count();
    let (dx, dy) = (i64::from(a.x) - i64::from(b.x), i64::from(a.y) - i64::from(b.y));
    dx * dx + dy * dy
}

/// Counts distance computations, so that tests can check how the work grows.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local! {
        static DISTANCES: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        DISTANCES.set(DISTANCES.get() + 1);
    }

    /// Returns the number of distances that `run` computes.
    pub(in super::super) fn of(run: impl FnOnce()) -> usize {
        let before = DISTANCES.get();
        run();
        DISTANCES.get() - before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nearest_points_match_a_full_scan(
            points in prop::collection::vec((-20..20_i32, -20..20_i32), 1..60),
            wanted in 1..10_usize,
        ) {
            let points: Vec<_> = points.into_iter().map(|(x, y)| Point { x, y }).collect();
            let nearest = Nearest::new(&points);
            for from in 0..points.len() {
                let mut all: Vec<_> = (0..points.len()).filter(|other| *other != from).collect();
                all.sort_by_key(|other| (squared(points[from], points[*other]), *other));
                all.truncate(wanted);
                prop_assert_eq!(nearest.to(from, wanted).collect::<Vec<_>>(), all);
            }
        }
    }
}
