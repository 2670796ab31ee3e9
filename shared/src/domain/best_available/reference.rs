//! A slow and simple reference implementation, for halls with known neighbors.
//!
//! It tries every block and judges it by all seats of the hall. It doesn't know runs or how neighbors are found.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use std::collections::BTreeSet;

use super::{Shortage, Wish};
use crate::domain::seating_plan::SeatingPlan;

/// Pairs of neighboring seats, in both directions.
pub(super) type Pairs = BTreeSet<(usize, usize)>;

/// A seating plan and the pairs of seats that are next to each other.
#[derive(Clone, Debug)]
pub(super) struct KnownHall {
    pub(super) plan: SeatingPlan,
    pub(super) next_to: Pairs,
    /// Pairs of seats next to each other at small tables.
    pub(super) at_tables: Pairs,
}

/// A block and its quality.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) accessible: usize,
    pub(super) is_table: bool,
    pub(super) orphans: usize,
    pub(super) distance: u64,
    pub(super) worst: u64,
    pub(super) seats: BTreeSet<usize>,
}

impl Judged {
    /// Returns the criteria that contention doesn't relax.
    pub(super) fn rank(&self) -> (usize, bool, usize) {
        (self.accessible, self.is_table, self.orphans)
    }

    /// Returns all criteria except the place. Blocks with the same key are equally good.
    pub(super) fn key(&self) -> ((usize, bool, usize), u64, u64) {
        (self.rank(), self.distance, self.worst)
    }
}

impl KnownHall {
    /// Returns every block, and the shortage to report if there is none.
    pub(super) fn blocks(&self, available: &[bool], wish: &Wish) -> (Vec<Judged>, Shortage) {
        let usable: BTreeSet<_> =
            (0..available.len()).filter(|seat| available[*seat] && self.fits(*seat, wish)).collect();
        let in_lines = paths(&usable, &self.next_to, wish.quantity);
        let usable_at_tables: BTreeSet<_> =
            self.at_tables.iter().map(|pair| pair.0).filter(|seat| usable.contains(seat)).collect();
        let at_tables = paths(&usable_at_tables, &self.at_tables, wish.quantity);
        let blocks = in_lines.iter().map(|seats| self.judge(available, wish, seats, false));
        let blocks = blocks.chain(at_tables.iter().map(|seats| self.judge(available, wish, seats, true)));
        let exists = |quantity: &usize| {
            [&self.next_to, &self.at_tables].iter().any(|pairs| !paths(&usable, pairs, *quantity).is_empty())
        };
        let largest_block = (1..=available.len()).take_while(exists).last().unwrap_or(0);
        (blocks.collect(), Shortage { available: usable.len(), largest_block })
    }

    fn fits(&self, seat: usize, wish: &Wish) -> bool {
        let place = &self.plan.places()[seat];
        wish.section.is_none_or(|section| self.plan.section_of(place) == section)
            && wish.category.is_none_or(|category| place.category == Some(category))
            && (!wish.accessible || place.accessible)
    }

    fn judge(&self, available: &[bool], wish: &Wish, seats: &BTreeSet<usize>, is_table: bool) -> Judged {
        let pairs = if is_table { &self.at_tables } else { &self.next_to };
        let is_alone = |seat: usize, is_free: &dyn Fn(usize) -> bool| {
            is_free(seat) && !pairs.iter().any(|pair| pair.0 == seat && is_free(pair.1))
        };
        let before = |seat: usize| available[seat];
        let after = |seat: usize| available[seat] && !seats.contains(&seat);
        let orphans = (0..available.len()).filter(|seat| is_alone(*seat, &after) && !is_alone(*seat, &before));
        let distance = |seat: &usize| {
            let (point, focal) = (self.plan.places()[*seat].point, self.plan.focal_point());
            f64::hypot(f64::from(point.x - focal.x), f64::from(point.y - focal.y)).round() as u64
        };
        Judged {
            accessible: seats.iter().filter(|seat| !wish.accessible && self.plan.places()[**seat].accessible).count(),
            is_table,
            orphans: orphans.count(),
            distance: seats.iter().map(distance).sum(),
            worst: seats.iter().map(distance).max().unwrap_or(0),
            seats: seats.clone(),
        }
    }
}

/// Returns every set of `quantity` seats that follow each other.
fn paths(usable: &BTreeSet<usize>, pairs: &Pairs, quantity: usize) -> BTreeSet<BTreeSet<usize>> {
    let mut paths: BTreeSet<Vec<usize>> = usable.iter().map(|seat| vec![*seat]).collect();
    for _ in 1..quantity {
        let longer = |path: &Vec<usize>| {
            let last = path[path.len() - 1];
            let next = pairs.iter().filter(move |pair| pair.0 == last).map(|pair| pair.1);
            let path = path.clone();
            next.filter(|next| usable.contains(next) && !path.contains(next))
                .map(|next| path.iter().copied().chain([next]).collect())
                .collect::<Vec<Vec<usize>>>()
        };
        paths = paths.iter().flat_map(longer).collect();
    }
    paths.into_iter().map(|path| path.into_iter().collect()).collect()
}
