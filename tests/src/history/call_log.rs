//! The record of one call of a history: its request and its answer.

mod read;
mod show;

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::money::Lines;
use super::seats::Seats;

/// A call with its time, its clock and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// The index of the client that made the call.
    pub client: usize,
    /// The tick before the call was sent. Ticks number the begins and ends of all calls of a history.
    pub begin: u64,
    /// The tick after the answer. `None` if the client stopped waiting.
    pub end: Option<u64>,
    /// The clock of the instance that served the call. It stood still during the call.
    pub now: EpochMillis,
    pub request: Request,
    pub answer: Answer,
    /// The number of conditional writes that reached the proxy in front of DynamoDB.
    pub writes: usize,
    /// The number of writes that DynamoDB carried out, or may have carried out.
    pub carried_out: usize,
    /// The names of the faults that the call met, for the output.
    pub met: Vec<&'static str>,
}

/// A request. The server creates missing ids, which are known only from the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request {
    /// Reserve these seats, all or none.
    Reserve {
        seats: Seats,
        /// The seats that are named as `child`. The others have no named ticket type.
        children: Seats,
        reservation: Option<Uuid>,
        /// In seconds.
        expires_in: u32,
    },
    /// Book these seats, all or none.
    Book {
        seats: Seats,
        /// The seats that are named as `child`. The others have no named ticket type.
        children: Seats,
        booking: Option<Uuid>,
        reservation: Option<Uuid>,
    },
    /// Book all seats of a reservation.
    BookWhole {
        booking: Option<Uuid>,
        reservation: Uuid,
    },
    /// Release all seats of a reservation.
    ReleaseAll {
        reservation: Uuid,
    },
    /// Release one seat of a reservation.
    Release {
        /// The seat's index.
        seat: usize,
        reservation: Uuid,
    },
    /// Extend one seat of a reservation.
    Extend {
        /// The seat's index.
        seat: usize,
        reservation: Uuid,
        /// The number in the idempotency key.
        key: u8,
        /// Seconds from now.
        expires_in: u32,
    },
    Cancel {
        booking: Uuid,
    },
    /// Read the theater's seats.
    Read {
        /// True if the read bypasses the cache.
        consistent: bool,
    },
    /// Replace all prices by those of a list.
    PutPrices {
        list: u8,
    },
    /// Open or pause the sale.
    PutSale {
        open: bool,
    },
    /// The TTL deletes a seat's reservation. This isn't a call, but it happens at one instant as a call does.
    Sweep {
        /// The seat's index.
        seat: usize,
        /// The seconds of the slowest clock. The reservation has expired by it.
        now: u64,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 201, or 200 for a repeat.
    Reserved {
        reservation: Uuid,
        /// The end of the reservation's first seat, in epoch seconds.
        expires_at: u64,
        /// True if the answer is marked as a repeat.
        replayed: bool,
        lines: Lines,
    },
    /// 201, or 200 for a repeat.
    Booked {
        /// The booked seats.
        seats: Seats,
        /// The booking's id.
        booking: Uuid,
        /// In epoch seconds.
        booked_at: u64,
        /// True if the answer is marked as a repeat.
        replayed: bool,
        lines: Lines,
    },
    /// 409 with the conflicting seats.
    Taken(Vec<ConflictingSeat>),
    /// 409 `reservation_released`: the id was released, or these seats were.
    Released,
    /// 409 `reservation_limit`: the caller has too many seats reserved.
    Limited,
    /// 409 `ticket_type_fixed`, or `reservation_changed` with totals: seats are reserved as other ticket types.
    OtherTypes,
    /// 403 `not_on_sale`.
    NotOnSale,
    /// 409 `reservation_changed`: these seats of the reservation are lost.
    Changed(Seats),
    /// 422 `idempotency_key_reused`.
    IdReused,
    /// 409 `booking_cancelled`.
    Cancelled,
    /// 204.
    Done,
    /// 200 of a put.
    Put,
    /// 200 with the seat's new end.
    Extended {
        /// In epoch seconds.
        expires_at: u64,
        /// True if the answer is marked as a repeat.
        replayed: bool,
        lines: Lines,
    },
    /// 409 `reservation_not_extendable` or `reservation_already_extended`.
    NotExtendable,
    /// 404.
    NotFound,
    /// 410: the reservation has expired.
    Expired,
    /// 200 with the state of all seats.
    Availability {
        /// The available seats.
        available: Seats,
        /// The number of reserved seats.
        reserved: usize,
        /// The number of booked seats.
        booked: usize,
        /// True if the cache answered. Otherwise DynamoDB did.
        hit: bool,
    },
    /// 503, or the client stopped waiting. The call may have happened, or may happen later or never.
    Unknown,
    /// An answer that isn't valid for any call.
    Unexpected(String),
}

/// A conflicting seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictingSeat {
    /// The seat's index.
    pub seat: usize,
    /// The end of its reservation in epoch seconds. `None` if it is booked.
    pub reserved_until: Option<u64>,
}

impl CallRecord {
    /// Returns `true` if the answer came from the cache, without a call to DynamoDB.
    pub fn is_from_cache(&self) -> bool {
        match &self.answer {
            Answer::Availability { hit, .. } => *hit,
            Answer::Taken(_) => self.writes == 0,
            _ => false,
        }
    }
}
