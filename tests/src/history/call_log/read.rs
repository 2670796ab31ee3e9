//! Parsing of replies. A reply that doesn't fit the request becomes [`Answer::Unexpected`], which is never correct.

use super::{Answer, ConflictingSeat, Request};
use crate::Reply;
use crate::history::money::Lines;
use crate::history::seats::Seats;

impl Answer {
    /// Parses the reply to this request.
    pub fn read(request: &Request, reply: &Reply) -> Self {
        Self::try_read(request, reply).unwrap_or_else(|| Self::Unexpected(format!("{} {}", reply.status, reply.text)))
    }

    fn try_read(request: &Request, reply: &Reply) -> Option<Self> {
        let replayed = reply.header("idempotent-replayed") == "true";
        let wanted = if replayed { 200 } else { 201 };
        match (request, reply.status) {
            (_, 503) if reply.code() == "try_again" => Some(Self::Unknown),
            (Request::PutPrices { .. } | Request::PutSale { .. }, 200) => Some(Self::Put),
            // Another put was faster. An earlier attempt of this one may have been carried out before.
            (Request::PutPrices { .. }, 412) => {
                ["layout_changed", "show_changed"].contains(&reply.code()).then_some(Self::Unknown)
            }
            (Request::Reserve { .. } | Request::Book { .. } | Request::BookWhole { .. }, 403) => {
                let is_paused = reply.code() == "not_on_sale" && reply.text("sale_state") == "paused";
                is_paused.then_some(Self::NotOnSale)
            }
            (Request::Read { consistent }, 200) => seen(*consistent, reply),
            (Request::Reserve { seats, .. }, status) if status == wanted => {
                (parse_seats(reply)? == *seats).then_some(()).and_then(|()| reserved(reply, replayed))
            }
            (Request::Book { seats, .. }, status) if status == wanted => {
                (parse_seats(reply)? == *seats).then_some(()).and_then(|()| booked(reply, replayed))
            }
            (Request::BookWhole { .. }, status) if status == wanted => booked(reply, replayed),
            (Request::Book { .. } | Request::BookWhole { .. }, 409) if reply.code() == "booking_cancelled" => {
                Some(Self::Cancelled)
            }
            (Request::Reserve { .. }, 409) if reply.code() == "ticket_type_fixed" => Some(Self::OtherTypes),
            (Request::Book { .. }, 409) if reply.code() == "reservation_changed" => {
                reply.body["actual"].is_object().then_some(Self::OtherTypes)
            }
            (Request::Reserve { .. }, 410) if reply.code() == "reservation_expired" => Some(Self::Expired),
            (Request::BookWhole { .. }, 409) if reply.code() == "reservation_changed" => {
                let named =
                    reply.body["seats"].as_array()?.iter().map(|seat| seat["seat"].as_str().unwrap_or_default());
                Some(Self::Changed(Seats::read(named)?))
            }
            (Request::Reserve { .. }, 409) if reply.code() == "reservation_released" => Some(Self::Released),
            (Request::Reserve { .. } | Request::Extend { .. }, 409) if reply.code() == "reservation_limit" => {
                let within = reply.body["reserved"].as_u64()? <= reply.body["limit"].as_u64()?;
                within.then_some(Self::Limited)
            }
            (Request::Release { .. } | Request::ReleaseAll { .. } | Request::Cancel { .. }, 204) => Some(Self::Done),
            (Request::Cancel { .. }, 404) if reply.code() == "booking_not_found" => Some(Self::NotFound),
            (Request::Extend { seat, .. }, 200) => {
                (parse_seats(reply)? == Seats::one(*seat)).then_some(())?;
                let expires_at = seconds(reply.body["expires_at"].as_str()?)?;
                Some(Self::Extended { expires_at, replayed, lines: Lines::read(&reply.body)? })
            }
            (Request::Extend { .. } | Request::BookWhole { .. }, 404) if reply.code() == "reservation_not_found" => {
                Some(Self::NotFound)
            }
            (Request::Extend { .. } | Request::BookWhole { .. }, 410) if reply.code() == "reservation_expired" => {
                Some(Self::Expired)
            }
            (Request::Extend { .. }, 409)
                if ["reservation_not_extendable", "reservation_already_extended"].contains(&reply.code()) =>
            {
                Some(Self::NotExtendable)
            }
            (Request::Book { .. } | Request::BookWhole { .. }, 422) if reply.code() == "idempotency_key_reused" => {
                Some(Self::IdReused)
            }
            (Request::Reserve { seats, .. } | Request::Book { seats, .. }, 409) => taken(*seats, reply),
            _ => None,
        }
    }
}

fn seen(consistent: bool, reply: &Reply) -> Option<Answer> {
    let number = |field: &str| usize::try_from(reply.body[field].as_u64()?).ok();
    let source = reply.header("x-cache");
    (["hit", "miss", "bypass"].contains(&source) && !(consistent && source != "bypass")).then_some(())?;
    let (available, reserved, booked) = (parse_seats(reply)?, number("reserved")?, number("booked")?);
    Some(Answer::Availability { available, reserved, booked, hit: source == "hit" })
}

fn parse_seats(reply: &Reply) -> Option<Seats> {
    Seats::read(reply.body["seats"].as_array()?.iter().map(|label| label.as_str().unwrap_or_default()))
}

fn reserved(reply: &Reply, replayed: bool) -> Option<Answer> {
    let reservation = reply.body["reservation_id"].as_str()?.parse().ok()?;
    let expires_at = seconds(reply.body["expires_at"].as_str()?)?;
    Some(Answer::Reserved { reservation, expires_at, replayed, lines: Lines::read(&reply.body)? })
}

fn booked(reply: &Reply, replayed: bool) -> Option<Answer> {
    let booking = reply.body["booking_id"].as_str()?.parse().ok()?;
    Some(Answer::Booked {
        seats: parse_seats(reply)?,
        booking,
        booked_at: seconds(reply.body["booked_at"].as_str()?)?,
        replayed,
        lines: Lines::read(&reply.body)?,
    })
}

/// Parses the conflicting seats: at least one, each once, all of them requested.
fn taken(requested: Seats, reply: &Reply) -> Option<Answer> {
    let seats = reply.body["seats"].as_array()?;
    let named = Seats::read(seats.iter().map(|seat| seat["seat"].as_str().unwrap_or_default()))?;
    (named != Seats::default() && named.0 & !requested.0 == 0).then_some(())?;
    let conflicts = seats.iter().zip(named.positions()).map(|(said, seat)| {
        let until = said["expires_at"].as_str();
        match said["status"].as_str()? {
            "reserved" => Some(ConflictingSeat { seat, reserved_until: Some(seconds(until?)?) }),
            "booked" if until.is_none() => Some(ConflictingSeat { seat, reserved_until: None }),
            _ => None,
        }
    });
    conflicts.collect::<Option<Vec<_>>>().map(Answer::Taken)
}

fn seconds(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_second()).ok()
}
