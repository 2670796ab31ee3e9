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
mod accessible_tests;
#[cfg(test)]
mod contention_tests;
mod hall;
mod lines;
mod nearest;
mod neighbors;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod tests;
mod wish;

use std::time::Duration;

use hall::{Block, Hall};
pub use neighbors::Neighbors;
pub use wish::{Shortage, Steering, Wish};

use super::availability::Slot;
use super::seating_plan::SeatingPlan;
use super::time::EpochMillis;
use crate::domain::seat_index::SeatIndex;

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
