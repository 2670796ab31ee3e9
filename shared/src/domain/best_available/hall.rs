//! The search for blocks in a hall.

use std::collections::HashSet;
use std::ops::Range;

use super::neighbors::{Neighbors, Run, Shape};
use super::wish::{Shortage, Steering, Wish};
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{SeatPlacement, SeatingPlan};

/// A block and its quality. The smallest block is the best, so the order of the fields matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    rank: Rank,
    distance: u64,
    worst: u32,
    /// Index of the run.
    run: u32,
    /// Index of the first seat in the run.
    start: u32,
}

/// The criteria that contention doesn't relax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Accessible seats that the party didn't ask for.
    accessible: u32,
    /// Companion seats without their accessible seat.
    stray_companions: u32,
    /// Seats of a mixed party that are neither accessible nor companion seats.
    others: u32,
    is_table: bool,
    orphans: u8,
}

/// Returns, for each seat in layout order, whether it matches a seat preference.
fn matching_seats(plan: &SeatingPlan, wish: &Wish) -> Vec<bool> {
    let fits = |place: &SeatPlacement| {
        wish.section.is_none_or(|section| plan.section_of(place) == section)
            && wish.category.is_none_or(|category| place.category == Some(category))
            && match wish.accessible {
                0 => !wish.is_protected || is_ordinary(place),
                _ => wish.is_mixed() || place.accessible,
            }
    };
    plan.places().iter().map(fits).collect()
}

/// Returns `true` for a seat that is neither accessible nor the companion of an accessible seat.
fn is_ordinary(place: &SeatPlacement) -> bool {
    !place.accessible && place.companion_of.is_none()
}

/// A hall as a party sees it: the seats that are available to it.
pub(super) struct Hall<'a> {
    plan: &'a SeatingPlan,
    neighbors: &'a Neighbors,
    is_available: &'a [bool],
    wish: &'a Wish,
    fits: Vec<bool>,
    has_companions: bool,
}

impl<'a> Hall<'a> {
    pub(super) fn new(
        plan: &'a SeatingPlan,
        neighbors: &'a Neighbors,
        is_available: &'a [bool],
        wish: &'a Wish,
    ) -> Self {
        let has_companions = plan.places().iter().any(|place| place.companion_of.is_some());
        Self { plan, neighbors, is_available, wish, fits: matching_seats(plan, wish), has_companions }
    }

    /// Returns the size of the largest block for a part of a mixed party. The part has as many of its accessible seats
    /// as it can have.
    pub(super) fn largest_part(&self) -> usize {
        let has_block = |quantity: &usize| {
            let wish = Wish { quantity: *quantity, accessible: self.wish.accessible.min(*quantity), ..*self.wish };
            let mut found = false;
            Hall::new(self.plan, self.neighbors, self.is_available, &wish).each_block(|_| found = true);
            found
        };
        (1..self.wish.quantity).rev().find(has_block).unwrap_or(0)
    }

    /// Passes every block to `take`, run by run.
    pub(super) fn each_block(&self, mut take: impl FnMut(Block)) -> Shortage {
        let mut shortage = Shortage { available: 0, largest_block: 0 };
        for (index, run) in (0..).zip(self.neighbors.runs()) {
            for stretch in self.stretches(run) {
                let together = stretch.len();
                // The seats of a table are in lines too.
                shortage.available += if run.shape == Shape::Table { 0 } else { together };
                shortage.largest_block = shortage.largest_block.max(together);
                if together >= self.wish.quantity {
                    self.blocks_within(index, run, stretch, &mut take);
                }
            }
        }
        shortage
    }

    /// Returns the longest stretches of a run in which every seat is available and matches the preference. In a
    /// closed run a stretch may continue from the last seat to the first one.
    fn stretches(&self, run: &Run) -> impl Iterator<Item = Range<usize>> {
        let is_usable = |n: usize| self.is_usable(run.place(n));
        let first = if run.is_closed() { (0..run.len).find(|n| !is_usable(*n)).unwrap_or(0) } else { 0 };
        let end = first + run.len;
        let mut next = first;
        std::iter::from_fn(move || {
            let start = (next..end).find(|n| is_usable(*n))?;
            next = (start..end).find(|n| !is_usable(*n)).unwrap_or(end);
            Some(start..next)
        })
    }

    /// Passes the blocks of a stretch to `take`, with a window that moves seat by seat. A block has enough accessible
    /// seats.
    #[expect(clippy::expect_used, reason = "seats are indexed by `u32`")]
    fn blocks_within(&self, index: u32, run: &Run, stretch: Range<usize>, take: &mut impl FnMut(Block)) {
        let quantity = self.wish.quantity;
        let distance = |n: usize| self.neighbors.distance(run.place(n));
        let is_accessible = |n: usize| usize::from(self.placement(run, n).is_some_and(|place| place.accessible));
        // In a closed run without a gap, a block can begin at each seat. If it takes all seats, all these blocks are
        // the same.
        let goes_round = run.is_closed() && stretch.len() == run.len && quantity < run.len;
        let end = if goes_round { stretch.end + quantity - 1 } else { stretch.end };
        let (mut sum, mut accessible) = (0_u64, 0);
        for n in stretch.start..end {
            sum += u64::from(distance(n));
            accessible += is_accessible(n);
            if n + 1 < stretch.start + quantity {
                continue;
            }
            let start = n + 1 - quantity;
            if accessible >= self.wish.accessible {
                take(Block {
                    rank: self.rank(run, start, accessible),
                    distance: sum,
                    worst: (start..=n).map(distance).max().unwrap_or_default(),
                    run: index,
                    start: u32::try_from(start % run.len).expect("a place in a run is a small number"),
                });
            }
            sum -= u64::from(distance(start));
            accessible -= is_accessible(start);
        }
    }

    /// Ranks the block that begins at `start` and has this many accessible seats.
    #[expect(clippy::expect_used, reason = "a party is small")]
    fn rank(&self, run: &Run, start: usize, accessible: usize) -> Rank {
        let (with_seat, stray) = if self.has_companions { self.companions(run, start) } else { (0, 0) };
        let count = |seats: usize| u32::try_from(seats).expect("a party is small");
        let others = self.wish.quantity - accessible - with_seat;
        Rank {
            accessible: count(accessible - self.wish.accessible),
            stray_companions: count(stray),
            others: if self.wish.is_mixed() { count(others) } else { 0 },
            is_table: run.shape == Shape::Table,
            orphans: self.orphans(run, start),
        }
    }

    /// Counts the companion seats of a block: those with their accessible seat in the block, and those without.
    fn companions(&self, run: &Run, start: usize) -> (usize, usize) {
        let block = || start..start + self.wish.quantity;
        let (mut with_seat, mut stray) = (0, 0);
        for accessible in block().filter_map(|n| self.placement(run, n)?.companion_of) {
            let is_in_block = block().any(|n| self.neighbors.seat_index(run.place(n)) == accessible);
            *(if is_in_block { &mut with_seat } else { &mut stray }) += 1;
        }
        (with_seat, stray)
    }

    /// Returns the placement of the `n`-th seat of a run.
    fn placement(&self, run: &Run, n: usize) -> Option<&SeatPlacement> {
        self.neighbors.at(run.place(n), self.plan.places())
    }

    /// Counts the orphans that a block leaves on its two sides.
    fn orphans(&self, run: &Run, start: usize) -> u8 {
        let is_free = |place: Option<usize>| place.is_some_and(|place| self.is_free(place));
        let last = start + self.wish.quantity - 1;
        let others = run.len - self.wish.quantity;
        if run.is_closed() && others < 2 {
            return u8::from(others == 1 && is_free(run.before(start, 1)));
        }
        let left = is_free(run.before(start, 1)) && !is_free(run.before(start, 2));
        let right = is_free(run.after(last, 1)) && !is_free(run.after(last, 2));
        u8::from(left) + u8::from(right)
    }

    /// Checks whether a seat is available, even if it doesn't match the preference.
    fn is_free(&self, place: usize) -> bool {
        self.neighbors.at(place, self.is_available).is_some_and(|available| *available)
    }

    /// Checks whether a seat is available and matches the preference.
    fn is_usable(&self, place: usize) -> bool {
        self.is_free(place) && self.neighbors.at(place, &self.fits).is_some_and(|fits| *fits)
    }

    /// Returns the indexes of a block's seats in the layout.
    #[expect(clippy::expect_used, reason = "Lambda's processors have 64 bits")]
    pub(super) fn seats(&self, block: Block) -> impl Iterator<Item = SeatIndex> {
        let index = |number: u32| usize::try_from(number).expect("a `usize` has at least 32 bits");
        let run = self.neighbors.runs()[index(block.run)];
        let numbers = index(block.start)..index(block.start) + self.wish.quantity;
        numbers.map(move |n| self.neighbors.seat_index(run.place(n)))
    }

    /// Chooses one of the best blocks that don't overlap, by the seed. Returns `None` if there is no block.
    #[expect(clippy::expect_used, reason = "a remainder is smaller than the number of blocks")]
    pub(super) fn steer(&self, mut blocks: Vec<Block>, steering: Steering) -> Option<Block> {
        let best = blocks.iter().map(|block| block.rank).min()?;
        blocks.retain(|block| block.rank == best);
        // A block overlaps fewer others than this. So `enough` blocks contain the wanted number of blocks that don't
        // overlap.
        let enough = (steering.spread + 1).saturating_mul(2 * self.wish.quantity - 1);
        if enough < blocks.len() {
            blocks.select_nth_unstable(enough);
            blocks.truncate(enough);
        }
        blocks.sort_unstable();
        let mut apart: Vec<Block> = Vec::with_capacity(steering.spread + 1);
        let mut taken: HashSet<SeatIndex> = HashSet::new();
        for block in blocks {
            if self.seats(block).any(|seat| taken.contains(&seat)) {
                continue;
            }
            taken.extend(self.seats(block));
            apart.push(block);
            if apart.len() > steering.spread {
                break;
            }
        }
        let chosen = usize::try_from(mix(steering.seed) % apart.len() as u64).expect("it is below a length");
        Some(apart[chosen])
    }
}

/// Mixes a seed so that each bit of the result depends on each bit of the seed (splitmix64's finalizer,
/// <https://prng.di.unimi.it/splitmix64.c>). So consecutive seeds lead to different blocks.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
