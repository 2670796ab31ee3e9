//! The best available seats: seats next to each other, chosen by their location.
//!
//! A *block* is a set of seats that are next to each other ([`Neighbors`]) and available. It has as many seats as
//! the party asks for, and all of them match the seat preference. The best block is found by these criteria, in this
//! order:
//! 1. The fewest accessible seats that the party didn't ask for.
//! 2. The fewest companion seats without their accessible seat.
//! 3. The most companion seats with their accessible seat, if the party asks for some accessible seats.
//! 4. A line before a small table ([`Neighbors`]).
//! 5. The fewest orphans: single available seats between taken ones that weren't alone before. Orphans are hardly
//!    ever sold.
//! 6. The smallest sum of distances from the focal point.
//! 7. The smallest distance of the worst seat.
//! 8. The earlier row in the seating plan, then the seat further to the left.
//!
//! # Accessible seats
//!
//! A party may ask for accessible seats for all of its members or for some. The others get the companion seats of these
//! accessible seats first.
//!
//! A party that didn't ask for accessible seats is an ordinary party. While the theater protects its accessible seats,
//! ordinary parties get neither these nor their companion seats. Otherwise they get none while enough ordinary seats
//! are available. *Enough* means one block without accessible seats, in the requested section and category. A party
//! is never split, so ordinary seats that aren't next to each other aren't enough. Then the party gets a block with as
//! few accessible seats as possible.
//!
//! # Contention
//!
//! Callers who choose at the same time have the same best block, and all but one of them would be rejected. With
//! [`Steering`], each caller chooses one of several good blocks that don't overlap, by the caller's own random
//! number. All of these blocks are as good as the best one by the criteria 1 to 5. So contention never costs an
//! accessible seat or leaves an additional orphan.

#[cfg(test)]
mod contention_tests;
mod lines;
mod nearest;
mod neighbors;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

pub use neighbors::Neighbors;
use neighbors::{Run, Shape};

use super::availability::Slot;
use super::seating_plan::{SeatPlacement, SeatingPlan};
use super::time::EpochMillis;
use crate::domain::seat_index::SeatIndex;

/// The seats that a party asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Number of seats next to each other, at least 1.
    pub quantity: usize,
    /// Required section, as an index into the seating plan's sections.
    pub section: Option<u16>,
    /// Required category, as an index into the seating plan's categories.
    pub category: Option<u16>,
    /// Number of accessible seats that the party needs, at most `quantity`. 0 for an ordinary party.
    pub accessible: usize,
    /// `true` if an ordinary party gets neither accessible seats nor their companion seats.
    pub is_protected: bool,
}

impl Wish {
    /// Returns `true` if some members of the party need accessible seats, and others don't.
    fn is_mixed(&self) -> bool {
        self.accessible > 0 && self.accessible < self.quantity
    }
}

/// The choice of one of several good blocks, for callers who choose at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// Number of blocks to choose from, in addition to the best one.
    pub spread: usize,
    /// Number that decides which block is chosen.
    pub seed: u64,
}

/// Reason why no seats were chosen: no block is large enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Number of available seats that match the preference.
    pub available: usize,
    /// Size of the largest block of such seats.
    pub largest_block: usize,
}

/// A block and its quality. The smallest block is the best, so the order of the fields matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
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

/// Chooses the best seats. Returns their indexes in the layout, in the order in which they are next to each other.
/// `is_available` has one entry for each seat, in layout order.
///
/// Takes time in proportion to the number of seats and to the quantity, and some more for a spread.
///
/// # Errors
///
/// Returns the available seats and the largest block if no block is large enough. For a party that needs some accessible
/// seats, a block is one that would do for a part of the party.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::best_available::{Neighbors, Shortage, Steering, Wish, choose};
/// use boxoffice::domain::ids::SeatLabel;
/// use boxoffice::domain::seating_plan::SeatingPlan;
/// use boxoffice::domain::seat_index::SeatIndex;
///
/// let labels = ["A1", "A2", "A3", "A4", "A5"];
/// let labels = labels.iter().map(|label| SeatLabel::parse(label)).collect::<Result<Vec<_>, _>>()?;
/// let plan = SeatingPlan::of_list(&labels);
/// let neighbors = Neighbors::of(&plan);
/// let wish = Wish { quantity: 3, section: None, category: None, accessible: 0, is_protected: true };
///
/// // A2 to A4 are nearer to the stage, but would leave single seats at both ends.
/// let chosen = choose(&plan, &neighbors, &[true; 5], &wish, Steering::default());
/// assert_eq!(chosen, Ok([0, 1, 2].map(SeatIndex::new).to_vec()));
///
/// let is_available = [true, false, true, true, false];
/// let shortage = choose(&plan, &neighbors, &is_available, &wish, Steering::default());
/// assert_eq!(shortage, Err(Shortage { available: 3, largest_block: 2 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn choose(
    plan: &SeatingPlan,
    neighbors: &Neighbors,
    is_available: &[bool],
    wish: &Wish,
    steering: Steering,
) -> Result<Vec<SeatIndex>, Shortage> {
    let hall = Hall::new(plan, neighbors, is_available, wish);
    let mut blocks = Vec::new();
    let mut best: Option<Block> = None;
    let shortage = hall.each_block(|block| {
        if steering.spread == 0 {
            best = Some(best.map_or(block, |best| best.min(block)));
        } else {
            blocks.push(block);
        }
    });
    let chosen = if steering.spread == 0 { best } else { hall.steer(blocks, steering) };
    let Some(block) = chosen else {
        let largest_block = if wish.is_mixed() { hall.largest_part() } else { shortage.largest_block };
        return Err(Shortage { largest_block, ..shortage });
    };
    Ok(hall.seats(block).collect())
}

/// Returns the spread for the current contention: the number of seats that changed in the last two seconds.
///
/// Each of these changes indicates a caller who may be choosing now. Changes in the future count as recent, because
/// clocks differ.
pub fn spread(slots: &[Slot], now: EpochMillis) -> usize {
    /// Longer than one caller's read and write together.
    const LATELY: Duration = Duration::from_secs(2);
    /// A wider spread would send callers to bad seats.
    const MOST: usize = 200;
    slots.iter().filter(|slot| slot.changed_at + LATELY >= now).count().min(MOST)
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

struct Hall<'a> {
    plan: &'a SeatingPlan,
    neighbors: &'a Neighbors,
    is_available: &'a [bool],
    wish: &'a Wish,
    fits: Vec<bool>,
    has_companions: bool,
}

impl<'a> Hall<'a> {
    fn new(plan: &'a SeatingPlan, neighbors: &'a Neighbors, is_available: &'a [bool], wish: &'a Wish) -> Self {
        let has_companions = plan.places().iter().any(|place| place.companion_of.is_some());
        Self { plan, neighbors, is_available, wish, fits: matching_seats(plan, wish), has_companions }
    }

    /// Returns the size of the largest block for a part of a mixed party. The part has as many of its accessible seats
    /// as it can have.
    fn largest_part(&self) -> usize {
        let has_block = |quantity: &usize| {
            let wish = Wish { quantity: *quantity, accessible: self.wish.accessible.min(*quantity), ..*self.wish };
            let mut found = false;
            Hall::new(self.plan, self.neighbors, self.is_available, &wish).each_block(|_| found = true);
            found
        };
        (1..self.wish.quantity).rev().find(has_block).unwrap_or(0)
    }

    /// Passes every block to `take`, run by run.
    fn each_block(&self, mut take: impl FnMut(Block)) -> Shortage {
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
    fn seats(&self, block: Block) -> impl Iterator<Item = SeatIndex> {
        let index = |number: u32| usize::try_from(number).expect("a `usize` has at least 32 bits");
        let run = self.neighbors.runs()[index(block.run)];
        let numbers = index(block.start)..index(block.start) + self.wish.quantity;
        numbers.map(move |n| self.neighbors.seat_index(run.place(n)))
    }

    /// Chooses one of the best blocks that don't overlap, by the seed. Returns `None` if there is no block.
    #[expect(clippy::expect_used, reason = "a remainder is smaller than the number of blocks")]
    fn steer(&self, mut blocks: Vec<Block>, steering: Steering) -> Option<Block> {
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
