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
    pub(super) stray_companions: usize,
    pub(super) others: usize,
    pub(super) is_table: bool,
    pub(super) orphans: usize,
    pub(super) distance: u64,
    pub(super) worst: u64,
    pub(super) seats: BTreeSet<usize>,
}

/// The criteria that contention doesn't relax: those about accessible seats, then the others.
pub(super) type JudgedRank = ((usize, usize, usize), bool, usize);

impl Judged {
    /// Returns the criteria that contention doesn't relax.
    pub(super) fn rank(&self) -> JudgedRank {
        ((self.accessible, self.stray_companions, self.others), self.is_table, self.orphans)
    }

    /// Returns all criteria except the place. Blocks with the same key are equally good.
    pub(super) fn key(&self) -> (JudgedRank, u64, u64) {
        (self.rank(), self.distance, self.worst)
    }
}

impl KnownHall {
    /// Returns every block, and the shortage to report if there is none.
    pub(super) fn blocks(&self, available: &[bool], wish: &Wish) -> (Vec<Judged>, Shortage) {
        let blocks = self.blocks_of(available, wish, wish.quantity);
        let exists = |quantity: &usize| !self.blocks_of(available, wish, *quantity).is_empty();
        let is_mixed = 0 < wish.accessible && wish.accessible < wish.quantity;
        let most = if is_mixed { wish.quantity - 1 } else { available.len() };
        let largest_block = (1..=most).rev().find(exists).unwrap_or(0);
        (blocks, Shortage { available: self.usable(available, wish).len(), largest_block })
    }

    /// Returns every block for a party or a part of it that has this many seats.
    fn blocks_of(&self, available: &[bool], wish: &Wish, quantity: usize) -> Vec<Judged> {
        let usable = self.usable(available, wish);
        let wish = &Wish { quantity, accessible: wish.accessible.min(quantity), ..*wish };
        let is_enough = |seats: &&BTreeSet<usize>| self.count_accessible(seats) >= wish.accessible;
        let in_lines = paths(&usable, &self.next_to, quantity);
        let usable_at_tables: BTreeSet<_> =
            self.at_tables.iter().map(|pair| pair.0).filter(|seat| usable.contains(seat)).collect();
        let at_tables = paths(&usable_at_tables, &self.at_tables, quantity);
        let in_lines = in_lines.iter().filter(is_enough).map(|seats| self.judge(available, wish, seats, false));
        let at_tables = at_tables.iter().filter(is_enough).map(|seats| self.judge(available, wish, seats, true));
        in_lines.chain(at_tables).collect()
    }

    fn usable(&self, available: &[bool], wish: &Wish) -> BTreeSet<usize> {
        (0..available.len()).filter(|seat| available[*seat] && self.fits(*seat, wish)).collect()
    }

    fn count_accessible(&self, seats: &BTreeSet<usize>) -> usize {
        seats.iter().filter(|seat| self.plan.places()[**seat].accessible).count()
    }

    fn fits(&self, seat: usize, wish: &Wish) -> bool {
        let place = &self.plan.places()[seat];
        wish.section.is_none_or(|section| self.plan.section_of(place) == section)
            && wish.category.is_none_or(|category| place.category == Some(category))
            && (wish.accessible < wish.quantity || place.accessible)
            && (wish.accessible > 0 || !wish.is_protected || !place.accessible && place.companion_of.is_none())
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
        let companions = seats.iter().filter_map(|seat| self.plan.places()[*seat].companion_of);
        let (with_seat, stray): (Vec<_>, Vec<_>) = companions.partition(|seat| seats.contains(&seat.as_usize()));
        let accessible = self.count_accessible(seats);
        let is_mixed = 0 < wish.accessible && wish.accessible < seats.len();
        Judged {
            accessible: accessible - wish.accessible,
            stray_companions: stray.len(),
            others: if is_mixed { seats.len() - accessible - with_seat.len() } else { 0 },
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
