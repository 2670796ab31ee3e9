//! Formatting of calls and answers for failure reports, one line each.

use std::fmt;

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::{Answer, CallRecord, ConflictingSeat, Request};
use crate::history::money::Lines;
use crate::history::seats::{LABELS, Seats};

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserve { seats, children, reservation, expires_in } => {
                write!(f, "reserve {seats}{} for {expires_in} s under {}", Children(*children), Short(*reservation))
            }
            Self::Book { seats, children, booking, reservation } => {
                let children = Children(*children);
                write!(f, "book {seats}{children} as {} with reservation {}", Short(*booking), Short(*reservation))
            }
            Self::BookWhole { booking, reservation } => {
                write!(f, "book all of {} as {}", Short(Some(*reservation)), Short(*booking))
            }
            Self::ReleaseAll { reservation } => write!(f, "release all of {}", Short(Some(*reservation))),
            Self::Release { seat, reservation } => {
                write!(f, "release {} of {}", Seats::one(*seat), Short(Some(*reservation)))
            }
            Self::Extend { seat, reservation, key, expires_in } => {
                let seat = Seats::one(*seat);
                write!(f, "extend {seat} of {} to {expires_in} s by key {key}", Short(Some(*reservation)))
            }
            Self::Cancel { booking } => write!(f, "cancel {}", Short(Some(*booking))),
            Self::Read { consistent: true } => f.write_str("read past the cache"),
            Self::Read { consistent: false } => f.write_str("read"),
            Self::PutPrices { list } => write!(f, "put price list {list}"),
            Self::PutSale { open: true } => f.write_str("open the sale"),
            Self::PutSale { open: false } => f.write_str("pause the sale"),
            Self::Sweep { seat, now } => write!(f, "the TTL deletes {} as of {now}", Seats::one(*seat)),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = |replayed: &bool| if *replayed { "200 repeated" } else { "201" };
        match self {
            Self::Reserved { reservation, expires_at, replayed, lines } => {
                write!(f, "{}, {} until {expires_at}{lines}", status(replayed), Short(Some(*reservation)))
            }
            Self::Booked { seats, booking, booked_at, replayed, lines } => {
                write!(f, "{}, {seats} as {} at {booked_at}{lines}", status(replayed), Short(Some(*booking)))
            }
            Self::Taken(seats) => {
                write!(f, "409, {}", seats.iter().map(ConflictingSeat::to_string).collect::<Vec<_>>().join(", "))
            }
            Self::Released => f.write_str("409, released"),
            Self::Limited => f.write_str("409, limited"),
            Self::OtherTypes => f.write_str("409, other ticket types"),
            Self::NotOnSale => f.write_str("403, paused"),
            Self::Changed(seats) => write!(f, "409, {seats} gone"),
            Self::IdReused => f.write_str("422"),
            Self::Cancelled => f.write_str("409, cancelled"),
            Self::Done => f.write_str("204"),
            Self::Put => f.write_str("200"),
            Self::Extended { expires_at, replayed, lines } => {
                write!(f, "200{}, until {expires_at}{lines}", if *replayed { " repeated" } else { "" })
            }
            Self::NotExtendable => f.write_str("409, not extendable"),
            Self::NotFound => f.write_str("404"),
            Self::Expired => f.write_str("410"),
            Self::Availability { available, reserved, booked, hit } => {
                let source = if *hit { "cached" } else { "from DynamoDB" };
                write!(f, "available: {available}, {reserved} reserved, {booked} booked ({source})")
            }
            Self::Unknown => f.write_str("unknown"),
            Self::Unexpected(text) => write!(f, "not an answer: {text}"),
        }
    }
}

impl fmt::Display for ConflictingSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seat = Seats::one(self.seat);
        match self.reserved_until {
            Some(until) => write!(f, "{seat} reserved until {until}"),
            None => write!(f, "{seat} booked"),
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let priced = LABELS.iter().enumerate().filter_map(|(position, label)| Some((label, self.price(position)?)));
        priced
            .into_iter()
            .try_for_each(|(label, price)| write!(f, ", {label} {} of list {}", price.ticket_type.as_str(), price.list))
    }
}

/// The seats that a request names as `child`.
struct Children(Seats);

impl fmt::Display for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Seats::default() { Ok(()) } else { write!(f, " ({} as child)", self.0) }
    }
}

impl fmt::Display for CallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end.map_or_else(|| "..".to_owned(), |end| end.to_string());
        write!(f, "{:>3}-{end:<3} client {} at {}: {}", self.begin, self.client, Millis(self.now), self.request)?;
        write!(f, " => {}", self.answer)?;
        if !matches!(self.request, Request::Read { .. } | Request::Sweep { .. }) {
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
        write!(f, "{}.{:03}", self.0.seconds().as_secs(), self.0.as_millis() % 1000)
    }
}

/// The end of an id, which is unique within a history.
struct Short(Option<Uuid>);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "#{:04x}", id.as_u128() & 0xffff),
            None => f.write_str("none"),
        }
    }
}
