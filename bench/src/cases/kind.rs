//! The kinds of calls.

use crate::venues::{SIZES, SoldShare, Venue};

/// The venue in which all kinds of calls are compared.
pub(crate) const REFERENCE_VENUE: Venue = Venue { seats: 300, sold: SoldShare::Half };

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// A read that the cache answers.
    Hit(Venue),
    /// A read by a caller who already has the current answer.
    NotModified(Venue),
    /// A read with an empty cache.
    Miss(Venue),
    /// A read of the map, from the cache.
    Map(Venue),
    /// A reservation of this many available seats.
    Reserve(usize),
    /// A booking of this many available seats.
    Book(usize),
    /// A repeated booking.
    Replay,
    /// A booking without an id, of a seat that the cache knows as booked.
    Refused,
    /// A read of a reservation.
    Reservation,
    /// A read of a booking.
    Booking,
    /// A read of a layout.
    Theater(Venue),
    /// A batch of the table's stream for the cache.
    Batch,
    /// An echo from the bare runtime.
    Echo,
}

impl CallKind {
    /// Returns all kinds, in display order.
    pub(crate) fn all() -> Vec<Self> {
        let mut kinds: Vec<_> = Venue::all().map(Self::Hit).collect();
        let half = SIZES.map(|seats| Venue { seats, sold: SoldShare::Half });
        kinds.extend(half.map(Self::NotModified));
        kinds.extend(SIZES.map(|seats| Self::Miss(Venue { seats, sold: SoldShare::Out })));
        kinds.extend([Self::Map(REFERENCE_VENUE), Self::Reserve(1), Self::Reserve(4), Self::Book(1), Self::Book(4)]);
        kinds.extend([Self::Replay, Self::Refused]);
        kinds.extend([Self::Reservation, Self::Booking, Self::Theater(REFERENCE_VENUE), Self::Batch, Self::Echo]);
        kinds
    }

    /// Returns the kinds with a budget: each kind once, with reads of a small and of a large venue.
    pub(crate) fn budgeted() -> Vec<Self> {
        let large = Venue { seats: 10_000, sold: SoldShare::Half };
        let mut kinds = vec![
            Self::Hit(REFERENCE_VENUE),
            Self::Hit(large),
            Self::NotModified(REFERENCE_VENUE),
            Self::NotModified(large),
        ];
        kinds.extend([
            Self::Miss(REFERENCE_VENUE),
            Self::Map(REFERENCE_VENUE),
            Self::Reserve(1),
            Self::Reserve(4),
            Self::Book(1),
        ]);
        kinds.extend([Self::Book(4), Self::Replay, Self::Refused]);
        kinds.extend([Self::Reservation, Self::Booking, Self::Theater(REFERENCE_VENUE), Self::Batch]);
        kinds
    }

    /// Returns the function that is called.
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

    /// Returns the venue of a read.
    pub(crate) fn venue(self) -> Option<Venue> {
        match self {
            Self::Hit(venue) | Self::NotModified(venue) | Self::Miss(venue) | Self::Map(venue) => Some(venue),
            Self::Theater(venue) => Some(venue),
            _ => None,
        }
    }

    /// Returns the name without the venue.
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

    /// Returns the name for tables.
    pub(crate) fn name(self) -> String {
        if let Some(venue) = self.venue() {
            return format!("{} {}, {} seats, {}", self.function(), self.what(), venue.seats, venue.sold);
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
