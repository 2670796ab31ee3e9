//! Parsing of replies. A reply that doesn't fit the request becomes [`Answer::Odd`], which is never correct.

use super::{Answer, Ask, InTheWay};
use crate::Reply;
use crate::history::seats::Seats;

impl Answer {
    /// Parses the reply to this request.
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
            (Ask::BookWhole { .. }, status) if status == wanted => booked(reply, replayed),
            (Ask::Book { .. } | Ask::BookWhole { .. }, 409) if reply.code() == "booking_cancelled" => {
                Some(Self::Cancelled)
            }
            (Ask::BookWhole { .. }, 409) if reply.code() == "reservation_changed" => {
                let named =
                    reply.body["seats"].as_array()?.iter().map(|seat| seat["seat"].as_str().unwrap_or_default());
                Some(Self::Changed(Seats::read(named)?))
            }
            (Ask::Reserve { .. }, 409) if reply.code() == "reservation_released" => Some(Self::Released),
            (Ask::Reserve { .. } | Ask::Extend { .. }, 409) if reply.code() == "reservation_limit" => {
                let within = reply.body["reserved"].as_u64()? <= reply.body["limit"].as_u64()?;
                within.then_some(Self::Limited)
            }
            (Ask::Release { .. } | Ask::ReleaseAll { .. } | Ask::Cancel { .. }, 204) => Some(Self::Done),
            (Ask::Cancel { .. }, 404) if reply.code() == "booking_not_found" => Some(Self::NotFound),
            (Ask::Extend { seat, .. }, 200) => {
                (said_seats(reply)? == Seats::one(*seat)).then_some(())?;
                Some(Self::Extended { expires_at: seconds(reply.body["expires_at"].as_str()?)?, replayed })
            }
            (Ask::Extend { .. } | Ask::BookWhole { .. }, 404) if reply.code() == "reservation_not_found" => {
                Some(Self::NotFound)
            }
            (Ask::Extend { .. } | Ask::BookWhole { .. }, 410) if reply.code() == "reservation_expired" => {
                Some(Self::Expired)
            }
            (Ask::Extend { .. }, 409)
                if ["reservation_not_extendable", "reservation_already_extended"].contains(&reply.code()) =>
            {
                Some(Self::NotExtendable)
            }
            (Ask::Book { .. } | Ask::BookWhole { .. }, 422) if reply.code() == "idempotency_key_reused" => {
                Some(Self::IdReused)
            }
            (Ask::Reserve { seats, .. } | Ask::Book { seats, .. }, 409) => taken(*seats, reply),
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
    Some(Answer::Booked {
        seats: said_seats(reply)?,
        booking,
        booked_at: seconds(reply.body["booked_at"].as_str()?)?,
        replayed,
    })
}

/// Parses the conflicting seats: at least one, each once, all of them requested.
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
