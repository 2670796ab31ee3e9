//! The best available seats: seats next to each other, chosen by their location.
//!
//! A *block* is a set of seats that are next to each other ([`Neighbors`]) and available. It has as many seats as
//! the party asks for, and all of them match the seat preference. The best block is found by these criteria, in this
//! order:
//! 1. The fewest accessible seats, unless the party asks for accessible seats.
//! 2. A line before a small table ([`Neighbors`]).
//! 3. The fewest orphans: single available seats between taken ones that weren't alone before. Orphans are hardly
//!    ever sold.
//! 4. The smallest sum of distances from the focal point.
//! 5. The smallest distance of the worst seat.
//! 6. The earlier row in the seating plan, then the seat further to the left.
//!
//! # Accessible seats
//!
//! A party that didn't ask for accessible seats gets none while enough ordinary seats are available. *Enough* means
//! one block without accessible seats, in the requested section and category. A party is never split, so ordinary
//! seats that aren't next to each other aren't enough. Then the party gets a block with as few accessible seats as
//! possible. A house that is nearly sold out sells its accessible seats too.
//!
//! # Contention
//!
//! Callers who choose at the same time have the same best block, and all but one of them would be rejected. With
//! [`Steering`], each caller chooses one of several good blocks that don't overlap, by the caller's own random
//! number. All of these blocks are as good as the best one by the criteria 1 to 3. So contention never costs an
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
    /// `true` if the party needs accessible seats.
    pub accessible: bool,
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
    accessible: u32,
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
/// Returns the available seats and the largest block if no block is large enough.
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
/// let wish = Wish { quantity: 3, section: None, category: None, accessible: false };
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
    let fits = matching_seats(plan, wish);
    let hall = Hall { plan, neighbors, is_available, wish, fits };
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
    chosen.map(|block| hall.seats(block).collect()).ok_or(shortage)
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
            && (!wish.accessible || place.accessible)
    };
    plan.places().iter().map(fits).collect()
}

struct Hall<'a> {
    plan: &'a SeatingPlan,
    neighbors: &'a Neighbors,
    is_available: &'a [bool],
    wish: &'a Wish,
    fits: Vec<bool>,
}

impl Hall<'_> {
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

    /// Passes the blocks of a stretch to `take`, with a window that moves seat by seat.
    #[expect(clippy::expect_used, reason = "seats are indexed by `u32`")]
    fn blocks_within(&self, index: u32, run: &Run, stretch: Range<usize>, take: &mut impl FnMut(Block)) {
        let quantity = self.wish.quantity;
        let distance = |n: usize| self.neighbors.distance(run.place(n));
        let is_protected = |n: usize| u32::from(self.is_protected(run.place(n)));
        // In a closed run without a gap, a block can begin at each seat. If it takes all seats, all these blocks are
        // the same.
        let goes_round = run.is_closed() && stretch.len() == run.len && quantity < run.len;
        let end = if goes_round { stretch.end + quantity - 1 } else { stretch.end };
        let (mut sum, mut accessible) = (0_u64, 0);
        for n in stretch.start..end {
            sum += u64::from(distance(n));
            accessible += is_protected(n);
            if n + 1 < stretch.start + quantity {
                continue;
            }
            let start = n + 1 - quantity;
            let is_table = run.shape == Shape::Table;
            take(Block {
                rank: Rank { accessible, is_table, orphans: self.orphans(run, start) },
                distance: sum,
                worst: (start..=n).map(distance).max().unwrap_or_default(),
                run: index,
                start: u32::try_from(start % run.len).expect("a place in a run is a small number"),
            });
            sum -= u64::from(distance(start));
            accessible -= is_protected(start);
        }
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

    /// Checks whether a seat is accessible and the party didn't ask for accessible seats.
    fn is_protected(&self, place: usize) -> bool {
        !self.wish.accessible && self.neighbors.at(place, self.plan.places()).is_some_and(|place| place.accessible)
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
