//! The stored form of a reservation's record.

use serde::{Deserialize, Serialize};

use super::{Choice, ExtensionMark, RETENTION, Record, ReservationIdState, ReservationRef, ReservedSeat};
use crate::domain::ids::{ExtensionId, RequestToken, WishId};
use crate::domain::lines::FixedPrice;
use crate::domain::prices::{MAX_PRICE, TicketType};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::store::StoreError;
use crate::store::schema::{self, Item, attribute, n, s};

/// The stored form of the seats of one call: time, stamp, end, extension, labels, prices.
///
/// The prices are in the order of the labels. They are left out if no seat has one, so the text is then the one of
/// releases without prices.
#[derive(Serialize, Deserialize)]
struct StoredSeats(
    u64,
    u64,
    u64,
    Option<StoredExtension>,
    String,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")] Vec<Option<StoredPrice>>,
);

/// The stored form of a price: minor units and the ticket type, which is left out if it is `standard`.
#[derive(Serialize, Deserialize)]
struct StoredPrice(u64, #[serde(default, skip_serializing_if = "Option::is_none")] Option<String>);

/// The stored form of an extension: id, token, stamp.
type StoredExtension = (String, String, u64);

/// The stored form of a choice: id, preference, labels, token.
type StoredChoice = (String, String, String, String);

impl Record {
    /// Reads an item. An item whose time to live has passed counts as none, because DynamoDB deletes it some time
    /// later.
    pub(in crate::store) fn read(item: &Item, now: EpochMillis) -> Result<Option<Self>, StoreError> {
        let expires_at = EpochSeconds::new(schema::number(item, attribute::EXPIRES_AT)?);
        if expires_at.reached(now) {
            return Ok(None);
        }
        let state = match schema::text(item, attribute::STATUS)? {
            "open" => ReservationIdState::Open,
            "released" => ReservationIdState::Released,
            other => return Err(schema::unreadable(item, attribute::STATUS, &format!("unknown status {other:?}"))),
        };
        let given_back = match item.get(attribute::GIVEN_BACK) {
            None => Vec::new(),
            Some(_) => schema::split(schema::text(item, attribute::GIVEN_BACK)?)
                .ok_or_else(|| schema::unreadable(item, attribute::GIVEN_BACK, "not seat labels"))?,
        };
        Ok(Some(Self {
            turn: schema::number(item, attribute::TURN)?,
            state,
            seats: read_seats(item)?,
            given_back,
            choices: read_choices(item)?,
            refused_at: match item.get(attribute::REFUSED_AT) {
                None => EpochMillis::new(0),
                Some(_) => EpochMillis::new(schema::number(item, attribute::REFUSED_AT)?),
            },
            expires_at,
        }))
    }

    /// Builds the item that replaces the version that was read.
    pub(in crate::store) fn item(&self, wanted: &ReservationRef<'_>, now: EpochMillis) -> Result<Item, StoreError> {
        let broken = |error: serde_json::Error| StoreError::Permanent(error.to_string());
        let mut item = schema::reservation_key(wanted.inventory, wanted.owner, wanted.id);
        schema::put_role(&mut item, wanted.by);
        let status = match self.state {
            ReservationIdState::Open => "open",
            ReservationIdState::Released => "released",
        };
        item.insert(attribute::STATUS.to_owned(), s(status));
        item.insert(attribute::TURN.to_owned(), n(self.turn + 1));
        item.insert(attribute::EXPIRES_AT.to_owned(), n(self.kept_until(now).as_secs()));
        if !self.seats.is_empty() {
            let seats = serde_json::to_string(&stored_seats(&self.seats)).map_err(broken)?;
            item.insert(attribute::HOLDINGS.to_owned(), s(seats));
        }
        if !self.given_back.is_empty() {
            item.insert(attribute::GIVEN_BACK.to_owned(), s(schema::join(&self.given_back)));
        }
        if !self.choices.is_empty() {
            let choices: Vec<_> = self.choices.iter().map(stored_choice).collect();
            item.insert(attribute::CHOICES.to_owned(), s(serde_json::to_string(&choices).map_err(broken)?));
        }
        if self.refused_at > EpochMillis::new(0) {
            item.insert(attribute::REFUSED_AT.to_owned(), n(self.refused_at.as_millis()));
        }
        Ok(item)
    }

    fn kept_until(&self, now: EpochMillis) -> EpochSeconds {
        let last = self.seats.iter().map(|seat| seat.expires_at).max().unwrap_or_default();
        let kept = (last + RETENTION).max(now.seconds_rounded_up() + RETENTION);
        kept.max(self.expires_at).min(EpochSeconds::LAST)
    }
}

/// Converts seats to their stored form. The seats of one call follow each other and share their common values.
fn stored_seats(seats: &[ReservedSeat]) -> Vec<StoredSeats> {
    let same = |a: &ReservedSeat, b: &ReservedSeat| {
        (a.reserved_at, a.stamp, a.expires_at, a.extension) == (b.reserved_at, b.stamp, b.expires_at, b.extension)
    };
    let stored = |seats: &[ReservedSeat]| {
        let first = seats.first()?;
        let labels = schema::join(seats.iter().map(|seat| &seat.seat));
        let mark = first.extension.map(|mark| (mark.id.to_string(), mark.token.to_string(), mark.at.as_millis()));
        let (reserved_at, stamp) = (first.reserved_at.as_millis(), first.stamp.as_millis());
        Some(StoredSeats(reserved_at, stamp, first.expires_at.as_secs(), mark, labels, stored_prices(seats)))
    };
    seats.chunk_by(same).filter_map(stored).collect()
}

fn stored_prices(seats: &[ReservedSeat]) -> Vec<Option<StoredPrice>> {
    let stored = |fixed: &FixedPrice| {
        let ticket_type = &fixed.ticket_type;
        StoredPrice(fixed.price, (!ticket_type.is_standard()).then(|| ticket_type.as_str().to_owned()))
    };
    if seats.iter().all(|seat| seat.fixed_price.is_none()) {
        return Vec::new();
    }
    seats.iter().map(|seat| seat.fixed_price.as_ref().map(stored)).collect()
}

/// Reads the prices of this number of seats.
fn read_prices(stored: Vec<Option<StoredPrice>>, seats: usize) -> Option<Vec<Option<FixedPrice>>> {
    if stored.is_empty() {
        return Some(vec![None; seats]);
    }
    let read = |StoredPrice(price, ticket_type): StoredPrice| {
        let ticket_type = ticket_type.map_or(Some(TicketType::standard()), |name| TicketType::parse(&name).ok())?;
        (price <= MAX_PRICE).then_some(FixedPrice { ticket_type, price })
    };
    let prices = stored.into_iter().map(|stored| stored.map_or(Some(None), |stored| read(stored).map(Some)));
    prices.collect::<Option<Vec<_>>>().filter(|prices| prices.len() == seats)
}

fn read_seats(item: &Item) -> Result<Vec<ReservedSeat>, StoreError> {
    let mut seats = Vec::new();
    let unreadable = |why| schema::unreadable(item, attribute::HOLDINGS, why);
    for StoredSeats(reserved_at, stamp, expires_at, mark, labels, prices) in
        parts::<StoredSeats>(item, attribute::HOLDINGS)?
    {
        let labels = schema::split(&labels).ok_or_else(|| unreadable("not seat labels"))?;
        let prices = read_prices(prices, labels.len()).ok_or_else(|| unreadable("not the prices of the seats"))?;
        let mark = mark.map(|(id, token, at)| {
            let ids = ExtensionId::parse(&id).ok().zip(RequestToken::parse(&token).ok());
            ids.map(|(id, token)| ExtensionMark { id, token, at: EpochMillis::new(at) })
                .ok_or_else(|| unreadable("not a UUID"))
        });
        let extension = mark.transpose()?;
        let expires_at = EpochSeconds::new(expires_at).min(EpochSeconds::LAST);
        let (reserved_at, stamp) = (EpochMillis::new(reserved_at), EpochMillis::new(stamp));
        let reserved =
            |(seat, fixed_price)| ReservedSeat { seat, reserved_at, stamp, expires_at, extension, fixed_price };
        seats.extend(labels.into_iter().zip(prices).map(reserved));
    }
    Ok(seats)
}

fn stored_choice(choice: &Choice) -> StoredChoice {
    (choice.id.to_string(), choice.wish.clone(), schema::join(&choice.seats), choice.token.to_string())
}

fn read_choices(item: &Item) -> Result<Vec<Choice>, StoreError> {
    let unreadable = |why| schema::unreadable(item, attribute::CHOICES, why);
    let read = |(id, wish, labels, token): StoredChoice| {
        let seats = schema::split(&labels).ok_or_else(|| unreadable("not seat labels"))?;
        let ids = WishId::parse(&id).ok().zip(RequestToken::parse(&token).ok());
        let (id, token) = ids.ok_or_else(|| unreadable("not a UUID"))?;
        Ok(Choice { id, wish, seats, token })
    };
    parts::<StoredChoice>(item, attribute::CHOICES)?.into_iter().map(read).collect()
}

/// Reads a JSON list. A missing attribute is an empty list.
fn parts<T: for<'de> Deserialize<'de>>(item: &Item, name: &str) -> Result<Vec<T>, StoreError> {
    if !item.contains_key(name) {
        return Ok(Vec::new());
    }
    serde_json::from_str(schema::text(item, name)?).map_err(|error| schema::unreadable(item, name, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(holdings: &str) -> Item {
        Item::from([(attribute::HOLDINGS.to_owned(), s(holdings))])
    }

    /// The texts are those of releases without prices.
    #[test]
    fn seats_without_prices_keep_their_stored_text() {
        let text = r#"[[10,11,600,null,"A1 A2"],[12,13,700,["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002",14],"A3"]]"#;
        let seats = read_seats(&item(text)).unwrap();
        assert!(seats.len() == 3 && seats.iter().all(|seat| seat.fixed_price.is_none()));
        assert_eq!(serde_json::to_string(&stored_seats(&seats)).unwrap(), text);
    }

    #[test]
    fn prices_follow_the_labels() {
        let text = r#"[[10,11,600,null,"A1 A2 A3",[[8500],[4500,"child"],null]]]"#;
        let seats = read_seats(&item(text)).unwrap();
        let prices: Vec<_> = seats.iter().map(|seat| seat.fixed_price.as_ref().map(|fixed| fixed.price)).collect();
        assert_eq!(prices, [Some(8_500), Some(4_500), None]);
        assert_eq!(serde_json::to_string(&stored_seats(&seats)).unwrap(), text);
    }

    #[test]
    fn prices_that_do_not_fit_the_seats_are_refused() {
        for prices in ["[[1]]", "[[1],[2],[3]]", "[[1],[1000000001]]", "[[1],[2,\"Child\"]]", "[[1],[-1]]", "[[1],[]]"]
        {
            let text = format!(r#"[[10,11,600,null,"A1 A2",{prices}]]"#);
            assert!(read_seats(&item(&text)).is_err(), "{text}");
        }
    }
}
