//! Put a theater's layout: make it, or change it without dropping a seat.

use super::StoreError;
use crate::clock::Clock;
use crate::rules::layout::{InvalidLayout, Layout};
use crate::rules::names::{SeatLabel, TheaterId};
use crate::store::{PutLayoutError, Store};
use crate::tally::Tally;

/// How often a layout that somebody else keeps changing is tried.
const TRIES: u32 = 3;

/// What became of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was none.
    Created,
    /// There was another.
    Changed,
    /// It was there as it is.
    Unchanged,
}

/// Why a layout wasn't put.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It isn't one.
    #[error(transparent)]
    Invalid(#[from] InvalidLayout),
    /// Seats that are there would be gone, and somebody may have them.
    #[error("these seats would be dropped, and somebody may have them: {}", list(.0))]
    DropsSeats(Vec<SeatLabel>),
    /// Somebody else keeps changing it.
    #[error("somebody else is changing the theater's layout; try again")]
    Contended,
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a layout under a version above the one there, and above every one there ever was: versions follow the clock, so
/// that a theater made anew never meets its old positions in the cache. Repeating it changes nothing.
pub async fn put_layout(
    store: &Store,
    clock: &Clock,
    theater: &TheaterId,
    name: &str,
    seats: &[SeatLabel],
    tally: &Tally,
) -> Result<Put, PutError> {
    for _ in 0..TRIES {
        let old = store.layout(theater, tally).await?;
        let version = clock.now().0.max(old.as_ref().map_or(1, |old| old.version + 1));
        let new = Layout::new(theater.clone(), name.to_owned(), version, seats.to_vec())?;
        if let Some(old) = &old {
            if old.name == new.name && old.seats() == new.seats() {
                return Ok(Put::Unchanged);
            }
            let dropped = old.dropped_by(&new);
            if !dropped.is_empty() {
                return Err(PutError::DropsSeats(dropped.into_iter().cloned().collect()));
            }
        }
        match store.put_layout(&new, old.as_ref().map(|old| old.version), tally).await {
            Ok(()) => return Ok(if old.is_some() { Put::Changed } else { Put::Created }),
            Err(PutLayoutError::Changed) => {}
            Err(PutLayoutError::Store(error)) => return Err(error.into()),
        }
    }
    Err(PutError::Contended)
}

fn list(seats: &[SeatLabel]) -> String {
    let labels: Vec<_> = seats.iter().map(SeatLabel::as_str).collect();
    labels.join(", ")
}
