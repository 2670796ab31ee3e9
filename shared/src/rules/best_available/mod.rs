//! The best available seats: so many next to each other, chosen by where they are and by nothing else.
//!
//! A *block* is so many seats in a run of neighbours ([`Neighbours`]), all of them available and fitting the wish. Of all blocks
//! the best is the one that, in this order,
//! 1. leaves the fewest orphans: single available seats whose neighbours are all taken, and weren't before. They are hardly ever
//!    sold, so any block that leaves none is better than every block that leaves one, wherever it is;
//! 2. takes the fewest accessible seats, unless these were asked for: there are few, and others need them. Not before 1, since an orphan
//!    is lost for everybody, and an accessible seat only for some;
//! 3. is nearest to the focal point, by the sum of its seats' distances;
//! 4. has the smaller distance at its worst seat, then the lower position in the plan: so that the choice is one and the same.
//!
//! A party is never split: where no run has so many seats left, nothing is chosen.
//!
//! Under contention everybody's best is the same, and all but one are refused. [`Steering`] has each choose among the best few that
//! don't overlap, by a number of its own; only among those that leave as few orphans as the best.

mod neighbours;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod tests;

pub use neighbours::Neighbours;

use super::availability::Slot;
use super::plan::Plan;
use super::time::EpochMillis;

/// What is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many seats, next to each other; at least 1.
    pub quantity: usize,
    /// Only in this section, as an index into the plan's.
    pub section: Option<u16>,
    /// Only of this category, as an index into the plan's.
    pub category: Option<u16>,
    /// Only accessible ones.
    pub accessible: bool,
}

/// Where to go when others are choosing too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// Choose among this many blocks more than the best.
    pub spread: usize,
    /// By this number.
    pub seed: u64,
}

/// Why nothing was chosen: there aren't so many together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Seats left that fit the wish.
    pub available: usize,
    /// The most of them that are next to each other.
    pub largest_block: usize,
}

/// A block, by how good it is: the smaller the better. Its start is a place in [`Neighbours::order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    orphans: u8,
    accessible: u32,
    distance: u64,
    worst: u32,
    first: u32,
    start: u32,
}

/// Chooses seats: their positions in the layout, in the order in which they are next to each other. `is_available` has one entry
/// for each seat, in layout order.
///
/// Takes time in proportion to the number of seats, and some more for a spread.
pub fn choose(
    plan: &Plan,
    neighbours: &Neighbours,
    is_available: &[bool],
    wish: &Wish,
    steering: Steering,
) -> Result<Vec<u32>, Shortage> {
    let fits = neighbours.fitting(plan, wish);
    let hall = Hall { plan, neighbours, is_available, wish, fits };
    let mut blocks = Vec::new();
    let mut best: Option<Block> = None;
    let shortage = hall.each_block(|block| {
        if steering.spread == 0 {
            best = Some(best.map_or(block, |best| best.min(block)));
        } else {
            blocks.push(block);
        }
    });
    let chosen = if steering.spread == 0 { best } else { steer(blocks, wish.quantity, steering) };
    chosen.map(|block| hall.positions(block)).ok_or(shortage)
}

/// How many blocks to choose among, by how much was going on lately: as many as seats changed hands in the last two seconds. Each
/// that did so stands for a caller who may be choosing now. Clocks differ, so what seems to be to come counts as just now.
pub fn spread(slots: &[Slot], now: EpochMillis) -> usize {
    /// Longer than a look and a write take together.
    const LATELY: u64 = 2_000;
    /// Beyond that a further block is hardly worth going there.
    const MOST: usize = 200;
    slots.iter().filter(|slot| slot.changed_at.0 + LATELY >= now.0).count().min(MOST)
}

struct Hall<'a> {
    plan: &'a Plan,
    neighbours: &'a Neighbours,
    is_available: &'a [bool],
    wish: &'a Wish,
    fits: Vec<bool>,
}

impl Hall<'_> {
    /// Hands over every block, run by run.
    fn each_block(&self, mut take: impl FnMut(Block)) -> Shortage {
        let mut shortage = Shortage { available: 0, largest_block: 0 };
        for run in self.neighbours.runs() {
            let mut start = run.start;
            for end in run.clone().chain([run.end]) {
                if end < run.end && self.would_do(end) {
                    continue;
                }
                let together = end - start;
                shortage.available += together;
                shortage.largest_block = shortage.largest_block.max(together);
                if together >= self.wish.quantity {
                    self.blocks_within(start..end, &run, &mut take);
                }
                start = end + 1;
            }
        }
        shortage
    }

    /// The blocks of a stretch in which every seat would do: a window that moves on seat by seat.
    fn blocks_within(
        &self,
        stretch: std::ops::Range<usize>,
        run: &std::ops::Range<usize>,
        take: &mut impl FnMut(Block),
    ) {
        let quantity = self.wish.quantity;
        let (mut distance, mut accessible) = (0_u64, 0_u32);
        for place in stretch.clone() {
            distance += u64::from(self.neighbours.distance(place));
            accessible += u32::from(self.is_kept(place));
            if place + 1 < stretch.start + quantity {
                continue;
            }
            let start = place + 1 - quantity;
            let worst = self.neighbours.distance(start).max(self.neighbours.distance(place));
            let ends = [self.neighbours.position(start), self.neighbours.position(place)];
            take(Block {
                orphans: self.orphans(start, place + 1, run),
                accessible,
                distance,
                worst,
                first: ends[0].min(ends[1]),
                start: u32::try_from(start).unwrap_or(u32::MAX),
            });
            distance -= u64::from(self.neighbours.distance(start));
            accessible -= u32::from(self.is_kept(start));
        }
    }

    /// How many single seats a block from `start` to before `end` leaves on its two sides.
    fn orphans(&self, start: usize, end: usize, run: &std::ops::Range<usize>) -> u8 {
        let free = |place: Option<usize>| place.is_some_and(|place| run.contains(&place) && self.is_free(place));
        let left = free(start.checked_sub(1)) && !free(start.checked_sub(2));
        let right = free(Some(end)) && !free(Some(end + 1));
        u8::from(left) + u8::from(right)
    }

    /// Whether somebody could have the seat, whoever it is.
    fn is_free(&self, place: usize) -> bool {
        self.neighbours.at(place, self.is_available).is_some_and(|available| *available)
    }

    /// Whether the one who wishes could.
    fn would_do(&self, place: usize) -> bool {
        self.is_free(place) && self.neighbours.at(place, &self.fits).is_some_and(|fits| *fits)
    }

    /// Whether a seat is kept for those who need it.
    fn is_kept(&self, place: usize) -> bool {
        !self.wish.accessible && self.neighbours.at(place, self.plan.places()).is_some_and(|place| place.accessible)
    }

    fn positions(&self, block: Block) -> Vec<u32> {
        let start = usize::try_from(block.start).unwrap_or(usize::MAX);
        (start..start + self.wish.quantity).map(|place| self.neighbours.position(place)).collect()
    }
}

/// One of the best blocks that don't overlap, by the seed.
fn steer(mut blocks: Vec<Block>, quantity: usize, steering: Steering) -> Option<Block> {
    let orphans = blocks.iter().map(|block| block.orphans).min()?;
    blocks.retain(|block| block.orphans == orphans);
    // A block overlaps fewer than this many others on each side, so among so many there are enough that don't.
    let enough = (steering.spread + 1).saturating_mul(2 * quantity - 1);
    if enough < blocks.len() {
        blocks.select_nth_unstable(enough);
        blocks.truncate(enough);
    }
    blocks.sort_unstable();
    let mut apart: Vec<Block> = Vec::with_capacity(steering.spread + 1);
    let mut taken: std::collections::HashSet<usize> = std::collections::HashSet::new();
    for block in blocks {
        let start = usize::try_from(block.start).unwrap_or(usize::MAX);
        if (start..start + quantity).any(|place| taken.contains(&place)) {
            continue;
        }
        taken.extend(start..start + quantity);
        apart.push(block);
        if apart.len() > steering.spread {
            break;
        }
    }
    let chosen = usize::try_from(mixed(steering.seed) % apart.len() as u64).unwrap_or_default();
    apart.get(chosen).copied()
}

/// A number whose every bit depends on every bit of the seed, so that seeds that follow each other lead apart (splitmix64's
/// finalizer, <https://prng.di.unimi.it/splitmix64.c>).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
