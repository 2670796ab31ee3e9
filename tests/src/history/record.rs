//! What one call of a history asked, and what it was answered.

use std::fmt;

use boxoffice::rules::time::EpochMillis;
use uuid::Uuid;

use super::seats::Seats;
use crate::Reply;

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
        /// When the first of the seats runs out, in epoch seconds.
        expires_at: u64,
        /// Whether it is said to be a repeat.
        replayed: bool,
    },
    /// 201, or 200 for a repeat: booked.
    Booked {
        /// Under which id.
        booking: Uuid,
        /// When, in epoch seconds.
        booked_at: u64,
        /// Whether it is said to be a repeat.
        replayed: bool,
    },
    /// 409, with the seats in the way.
    Taken(Vec<InTheWay>),
    /// 422.
    IdReused,
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

impl Answer {
    /// Reads a reply to this question.
    pub fn read(ask: &Ask, reply: &Reply) -> Self {
        Self::try_read(ask, reply).unwrap_or_else(|| Self::Odd(format!("{} {}", reply.status, reply.text)))
    }

    fn try_read(ask: &Ask, reply: &Reply) -> Option<Self> {
        let replayed = reply.header("idempotent-replayed") == "true";
        let wanted = if replayed { 200 } else { 201 };
        match (ask, reply.status) {
            (_, 503) if reply.code() == "try_again" => Some(Self::Unknown),
            (Ask::Look { consistent }, 200) => seen(*consistent, reply),
            (Ask::Reserve { seats, .. }, status) if status == wanted => {
                (said_seats(reply)? == *seats).then_some(()).and_then(|()| reserved(reply, replayed))
            }
            (Ask::Book { seats, .. }, status) if status == wanted => {
                (said_seats(reply)? == *seats).then_some(()).and_then(|()| booked(reply, replayed))
            }
            (Ask::Reserve { seats, .. } | Ask::Book { seats, .. }, 409) => taken(*seats, reply),
            (Ask::Book { .. }, 422) if reply.code() == "idempotency_key_reused" => Some(Self::IdReused),
            _ => None,
        }
    }
}

fn seen(consistent: bool, reply: &Reply) -> Option<Answer> {
    let number = |field: &str| usize::try_from(reply.body[field].as_u64()?).ok();
    let source = reply.header("x-cache");
    (["hit", "miss", "bypass"].contains(&source) && !(consistent && source != "bypass")).then_some(())?;
    let (available, reserved, booked) = (said_seats(reply)?, number("reserved")?, number("booked")?);
    Some(Answer::Seen { available, reserved, booked, hit: source == "hit" })
}

fn said_seats(reply: &Reply) -> Option<Seats> {
    Seats::read(reply.body["seats"].as_array()?.iter().map(|label| label.as_str().unwrap_or_default()))
}

fn reserved(reply: &Reply, replayed: bool) -> Option<Answer> {
    let reservation = reply.body["reservation_id"].as_str()?.parse().ok()?;
    Some(Answer::Reserved { reservation, expires_at: seconds(reply.body["expires_at"].as_str()?)?, replayed })
}

fn booked(reply: &Reply, replayed: bool) -> Option<Answer> {
    let booking = reply.body["booking_id"].as_str()?.parse().ok()?;
    Some(Answer::Booked { booking, booked_at: seconds(reply.body["booked_at"].as_str()?)?, replayed })
}

/// The seats in the way: some, each once, all of them asked for.
fn taken(asked: Seats, reply: &Reply) -> Option<Answer> {
    let seats = reply.body["seats"].as_array()?;
    let named = Seats::read(seats.iter().map(|seat| seat["seat"].as_str().unwrap_or_default()))?;
    (named != Seats::default() && named.0 & !asked.0 == 0).then_some(())?;
    let in_the_way = seats.iter().zip(named.positions()).map(|(said, seat)| {
        let until = said["expires_at"].as_str();
        match said["status"].as_str()? {
            "reserved" => Some(InTheWay { seat, reserved_until: Some(seconds(until?)?) }),
            "booked" if until.is_none() => Some(InTheWay { seat, reserved_until: None }),
            _ => None,
        }
    });
    in_the_way.collect::<Option<Vec<_>>>().map(Answer::Taken)
}

fn seconds(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_second()).ok()
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserve { seats, reservation, expires_in } => {
                write!(f, "reserve {seats} for {expires_in} s under {}", Short(*reservation))
            }
            Self::Book { seats, booking, reservation } => {
                write!(f, "book {seats} as {} with reservation {}", Short(*booking), Short(*reservation))
            }
            Self::Look { consistent: true } => f.write_str("look past the cache"),
            Self::Look { consistent: false } => f.write_str("look"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = |replayed: &bool| if *replayed { "200 repeated" } else { "201" };
        match self {
            Self::Reserved { reservation, expires_at, replayed } => {
                write!(f, "{}, {} until {expires_at}", status(replayed), Short(Some(*reservation)))
            }
            Self::Booked { booking, booked_at, replayed } => {
                write!(f, "{}, {} at {booked_at}", status(replayed), Short(Some(*booking)))
            }
            Self::Taken(seats) => {
                write!(f, "409, {}", seats.iter().map(InTheWay::to_string).collect::<Vec<_>>().join(", "))
            }
            Self::IdReused => f.write_str("422"),
            Self::Seen { available, reserved, booked, hit } => {
                let source = if *hit { "cached" } else { "DynamoDB's own" };
                write!(f, "free: {available}; {reserved} reserved, {booked} booked ({source})")
            }
            Self::Unknown => f.write_str("unknown"),
            Self::Odd(text) => write!(f, "not an answer: {text}"),
        }
    }
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seat = Seats::one(self.seat);
        match self.reserved_until {
            Some(until) => write!(f, "{seat} reserved until {until}"),
            None => write!(f, "{seat} booked"),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end.map_or_else(|| "..".to_owned(), |end| end.to_string());
        write!(f, "{:>3}-{end:<3} client {} at {}: {}", self.begin, self.client, Millis(self.now), self.ask)?;
        write!(f, " => {}", self.answer)?;
        if !matches!(self.ask, Ask::Look { .. }) {
            write!(f, "  [{} writes, {} carried out]", self.writes, self.carried_out)?;
        }
        if !self.met.is_empty() {
            write!(f, "  met {}", self.met.join(", "))?;
        }
        Ok(())
    }
}

struct Millis(EpochMillis);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.seconds().0, self.0.0 % 1000)
    }
}

/// An id by its end, which tells ids of one history apart.
struct Short(Option<Uuid>);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "#{:04x}", id.as_u128() & 0xffff),
            None => f.write_str("none"),
        }
    }
}
