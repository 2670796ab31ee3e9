//! The kinds of calls.

use crate::halls::{Hall, SIZES, Sold};

/// The hall that all kinds of calls are compared in.
pub(crate) const USUAL: Hall = Hall { seats: 300, sold: Sold::Half };

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A look that the cache answers.
    Hit(Hall),
    /// A look by somebody who has seen the answer.
    NotModified(Hall),
    /// A look when the cache has nothing.
    Miss(Hall),
    /// A look at the map, by the cache.
    Map(Hall),
    /// A reservation of so many free seats.
    Reserve(usize),
    /// A booking of so many free seats.
    Book(usize),
    /// A booking that was made already.
    Replay,
    /// A booking without an id, of a seat that the cache knows to be sold.
    Refused,
    /// A reservation is looked up.
    Reservation,
    /// A booking is looked up.
    Booking,
    /// A layout is shown.
    Theater(Hall),
    /// A batch of the table's stream is told to the cache.
    Batch,
    /// Whatever is sent comes back: the bare runtime.
    Echo,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub(crate) fn all() -> Vec<Self> {
        let mut kinds: Vec<_> = Hall::all().map(Self::Hit).collect();
        let half = SIZES.map(|seats| Hall { seats, sold: Sold::Half });
        kinds.extend(half.map(Self::NotModified));
        kinds.extend(SIZES.map(|seats| Self::Miss(Hall { seats, sold: Sold::Out })));
        kinds.extend([Self::Map(USUAL), Self::Reserve(1), Self::Reserve(4), Self::Book(1), Self::Book(4)]);
        kinds.extend([Self::Replay, Self::Refused]);
        kinds.extend([Self::Reservation, Self::Booking, Self::Theater(USUAL), Self::Batch, Self::Echo]);
        kinds
    }

    /// Those with a budget: each kind, and looks at a small and at a large hall.
    pub(crate) fn budgeted() -> Vec<Self> {
        let large = Hall { seats: 10_000, sold: Sold::Half };
        let mut kinds = vec![Self::Hit(USUAL), Self::Hit(large), Self::NotModified(USUAL), Self::NotModified(large)];
        kinds.extend([Self::Miss(USUAL), Self::Map(USUAL), Self::Reserve(1), Self::Reserve(4), Self::Book(1)]);
        kinds.extend([Self::Book(4), Self::Replay, Self::Refused]);
        kinds.extend([Self::Reservation, Self::Booking, Self::Theater(USUAL), Self::Batch]);
        kinds
    }

    /// The function that is called.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Hit(_) | Self::NotModified(_) | Self::Miss(_) | Self::Map(_) => "get-seats",
            Self::Reserve(_) => "reserve",
            Self::Book(_) | Self::Replay | Self::Refused => "book",
            Self::Reservation => "reservations",
            Self::Booking => "bookings",
            Self::Theater(_) => "theaters",
            Self::Batch => "sync-cache",
            Self::Echo => "bench-echo",
        }
    }

    /// The hall, if it is one of those to look at.
    pub(crate) fn hall(self) -> Option<Hall> {
        match self {
            Self::Hit(hall) | Self::NotModified(hall) | Self::Miss(hall) | Self::Map(hall) => Some(hall),
            Self::Theater(hall) => Some(hall),
            _ => None,
        }
    }

    /// Its name without the hall.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::NotModified(_) => "304",
            Self::Miss(_) => "miss",
            Self::Map(_) => "map",
            Self::Theater(_) => "layout",
            _ => "",
        }
    }

    /// What it is called in tables.
    pub(crate) fn name(self) -> String {
        if let Some(hall) = self.hall() {
            return format!("{} {}, {} seats, {}", self.function(), self.what(), hall.seats, hall.sold);
        }
        let seats = |k: usize| if k == 1 { "1 seat".to_owned() } else { format!("{k} seats") };
        match self {
            Self::Hit(_) | Self::NotModified(_) | Self::Miss(_) | Self::Map(_) | Self::Theater(_) => String::new(),
            Self::Reserve(k) => format!("reserve {}", seats(k)),
            Self::Book(k) => format!("book {}", seats(k)),
            Self::Replay => "book, repeated".to_owned(),
            Self::Refused => "book, refused by the cache".to_owned(),
            Self::Reservation => "reservation, looked up".to_owned(),
            Self::Booking => "booking, looked up".to_owned(),
            Self::Batch => "sync-cache, a batch".to_owned(),
            Self::Echo => "bare runtime, echo".to_owned(),
        }
    }
}
