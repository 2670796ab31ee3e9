//! What one call of a history asked, and what it was answered.

mod read;
mod show;

use boxoffice::rules::time::EpochMillis;
use uuid::Uuid;

use super::seats::Seats;

/// A call: what was asked when, by whose clock, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which client made it.
    pub client: usize,
    /// The tick before it was sent; ticks number the beginnings and ends of all calls of a history.
    pub begin: u64,
    /// The tick after its answer; `None` when nobody waited for one.
    pub end: Option<u64>,
    /// The clock of the instance that carried it out. It stood still meanwhile.
    pub now: EpochMillis,
    /// What was asked.
    pub ask: Ask,
    /// What was answered.
    pub answer: Answer,
    /// Conditional writes that reached the proxy before DynamoDB.
    pub writes: usize,
    /// How many of them DynamoDB carried out, or may have.
    pub carried_out: usize,
    /// What it met on the way, for the reader.
    pub met: Vec<&'static str>,
}

/// What was asked. Ids that weren't given are made by the server, and known only from the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// Reserve seats.
    Reserve {
        /// All or none.
        seats: Seats,
        /// Under which id.
        reservation: Option<Uuid>,
        /// For how many seconds.
        expires_in: u32,
    },
    /// Book seats.
    Book {
        /// All or none.
        seats: Seats,
        /// Under which id.
        booking: Option<Uuid>,
        /// With which reservation.
        reservation: Option<Uuid>,
    },
    /// Book all seats of a reservation.
    BookWhole {
        /// Under which id.
        booking: Option<Uuid>,
        /// Which reservation.
        reservation: Uuid,
    },
    /// Give all seats of a reservation back.
    ReleaseAll {
        /// Of which reservation.
        reservation: Uuid,
    },
    /// Give one seat of a reservation back.
    Release {
        /// Which seat, by its position.
        seat: usize,
        /// Of which reservation.
        reservation: Uuid,
    },
    /// Let one seat of a reservation end later.
    Extend {
        /// Which seat, by its position.
        seat: usize,
        /// Of which reservation.
        reservation: Uuid,
        /// Which key it bears.
        key: u8,
        /// Seconds from now.
        expires_in: u32,
    },
    /// Cancel a booking.
    Cancel {
        /// Which.
        booking: Uuid,
    },
    /// Look at the theater.
    Look {
        /// Past the cache.
        consistent: bool,
    },
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 201, or 200 for a repeat: reserved.
    Reserved {
        /// Under which id.
        reservation: Uuid,
        /// When the first seat of the reservation runs out, in epoch seconds.
        expires_at: u64,
        /// Whether it is said to be a repeat.
        replayed: bool,
    },
    /// 201, or 200 for a repeat: booked.
    Booked {
        /// The seats that were booked.
        seats: Seats,
        /// The booking's id.
        booking: Uuid,
        /// When, in epoch seconds.
        booked_at: u64,
        /// Whether it is said to be a repeat.
        replayed: bool,
    },
    /// 409, with the seats in the way.
    Taken(Vec<InTheWay>),
    /// 409 `reservation_released`: the id is spent, or for these seats.
    Released,
    /// 409 `reservation_limit`: the caller has too many seats reserved.
    Limited,
    /// 409 `reservation_changed`: these seats of the reservation are gone.
    Changed(Seats),
    /// 422.
    IdReused,
    /// 409 `booking_cancelled`.
    Cancelled,
    /// 204: nothing is left of it.
    Done,
    /// 200: a seat ends then, in epoch seconds.
    Extended {
        /// When.
        expires_at: u64,
        /// Whether it is said to be a repeat.
        replayed: bool,
    },
    /// 409 `reservation_not_extendable` or `reservation_already_extended`.
    NotExtendable,
    /// 404: there is none.
    NotFound,
    /// 410: it has run out.
    Expired,
    /// What was seen.
    Seen {
        /// Seats that can be had.
        available: Seats,
        /// How many are said to be reserved.
        reserved: usize,
        /// How many are said to be booked.
        booked: usize,
        /// Whether the cache answered; else DynamoDB did.
        hit: bool,
    },
    /// 503, or nobody waited: it may have happened, or happen later, or never.
    Unknown,
    /// What no call may be answered.
    Odd(String),
}

/// A seat that stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InTheWay {
    /// Its position.
    pub seat: usize,
    /// Until when it is reserved, in epoch seconds; `None` is booked.
    pub reserved_until: Option<u64>,
}

impl Record {
    /// Whether DynamoDB was never asked: the answer is the cache's.
    pub fn is_from_cache(&self) -> bool {
        match &self.answer {
            Answer::Seen { hit, .. } => *hit,
            Answer::Taken(_) => self.writes == 0,
            _ => false,
        }
    }
}
