//! The venues for reads and sales: small and large, empty, half sold and sold out.

use std::fmt;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use boxoffice::app::{Book, BoxOffice, Expected, RequestId, Reserve};
use boxoffice::context::Tally;
use boxoffice::domain::caller::Caller;
use boxoffice::domain::ids::{BookingId, ReservationId, SeatLabel, TheaterId};
use boxoffice::layout_json::NewLayout;
use serde::{Deserialize, Serialize};

use crate::ids;
use crate::stand::{Stand, TABLE};

/// Seats of the measured venues.
pub(crate) const SIZES: [usize; 4] = [6, 300, 1_200, 10_000];
const SEATS_OF_A_ROW: usize = 50;
/// Seats that one DynamoDB transaction can book.
pub(crate) const AT_ONCE: usize = 49;
/// Items that one DynamoDB batch can write.
const IN_A_BATCH: usize = 25;

/// The sold part of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sold {
    /// No seat.
    Empty,
    /// Every other seat.
    Half,
    /// All seats.
    Out,
}

impl Sold {
    pub(crate) const ALL: [Self; 3] = [Self::Empty, Self::Half, Self::Out];
}

impl fmt::Display for Sold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Half => "half sold",
            Self::Out => "sold out",
        })
    }
}

/// A venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hall {
    pub(crate) seats: usize,
    pub(crate) sold: Sold,
}

impl Hall {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        SIZES.into_iter().flat_map(|seats| Sold::ALL.map(|sold| Self { seats, sold }))
    }

    pub(crate) fn theater(self) -> String {
        format!("hall-{}-{}", self.seats, self.sold).replace(' ', "-")
    }

    /// Puts the layout and sells its part of the seats.
    pub(crate) async fn prepare(self, stand: &Stand) -> Result<()> {
        let theater = self.theater();
        put(&stand.office, &theater, self.seats).await?;
        let labels = labels(self.seats);
        let sold: Vec<_> = match self.sold {
            Sold::Empty => Vec::new(),
            Sold::Half => labels.into_iter().step_by(2).collect(),
            Sold::Out => labels,
        };
        let Some((first, others)) = sold.split_first() else { return Ok(()) };
        sell(&stand.office, &theater, std::slice::from_ref(first)).await?;
        copy(&stand.table, &theater, first, others).await
    }
}

/// Sells seats by copying the item of a sold seat. Selling thousands of seats by transactions takes minutes.
async fn copy(table: &Client, theater: &str, sold: &str, seats: &[String]) -> Result<()> {
    let sort_key = |seat: &str| AttributeValue::S(format!("SEAT#{seat}"));
    let get = table.get_item().table_name(TABLE).key("pk", AttributeValue::S(format!("THEATER#{theater}")));
    let item = get.key("sk", sort_key(sold)).send().await?.item.context("the sold seat has no item")?;
    for seats in seats.chunks(IN_A_BATCH) {
        let puts = seats.iter().map(|seat| {
            let mut item = item.clone();
            item.insert("sk".to_owned(), sort_key(seat));
            let put = PutRequest::builder().set_item(Some(item)).build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        let puts = puts.collect::<Result<Vec<_>>>()?;
        let left = table.batch_write_item().request_items(TABLE, puts).send().await?.unprocessed_items;
        ensure!(left.is_none_or(|left| left.is_empty()), "not all seats of {theater} could be written");
    }
    Ok(())
}

/// Puts a theater with this many seats.
pub(crate) async fn put(office: &BoxOffice, theater: &str, seats: usize) -> Result<()> {
    let seats = parsed(&labels(seats))?;
    let wanted = NewLayout::of_list("Hall", seats);
    office.put_theater(&Tally::default(), &id(theater)?, &wanted, Expected::Whatever).await?;
    Ok(())
}

/// Books seats without the cache.
pub(crate) async fn sell(office: &BoxOffice, theater: &str, seats: &[String]) -> Result<()> {
    for seats in seats.chunks(AT_ONCE) {
        book(office, theater, seats).await?;
    }
    Ok(())
}

/// Books seats in one call without the cache. Returns the booking's id.
pub(crate) async fn book(office: &BoxOffice, theater: &str, seats: &[String]) -> Result<String> {
    let booking = ids::chosen(&mut fastrand::Rng::new());
    let ask = Book {
        theater: id(theater)?,
        seats: Some(parsed(seats)?),
        booking: Some(RequestId::Given(BookingId(booking))),
        reservation: None,
        caller: Caller::Anonymous,
    };
    office.book(&Tally::default(), &ask).await.with_context(|| format!("can't sell seats of {theater}"))?;
    Ok(booking.to_string())
}

/// Reserves seats in one call without the cache. Returns the reservation's id.
pub(crate) async fn reserve(office: &BoxOffice, theater: &str, seats: &[String]) -> Result<String> {
    let reservation = ids::chosen(&mut fastrand::Rng::new());
    let ask = Reserve {
        theater: id(theater)?,
        seats: parsed(seats)?,
        expires_in: office.longest_reservation(),
        reservation: Some(RequestId::Given(ReservationId(reservation))),
        caller: Caller::Anonymous,
    };
    office.reserve(&Tally::default(), &ask).await.with_context(|| format!("can't reserve seats of {theater}"))?;
    Ok(reservation.to_string())
}

/// Returns the labels of a venue's seats in order: A1 to A50, and so on to ZZ50.
pub(crate) fn labels(seats: usize) -> Vec<String> {
    let label = |seat: usize| format!("{}{}", row(seat / SEATS_OF_A_ROW), seat % SEATS_OF_A_ROW + 1);
    (0..seats).map(label).collect()
}

fn row(number: usize) -> String {
    let letter = |number: usize| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ".get(number % 26).copied().unwrap_or(b'?'));
    match number.checked_sub(26) {
        None => letter(number).to_string(),
        Some(rest) => [letter(rest / 26), letter(rest)].iter().collect(),
    }
}

fn id(theater: &str) -> Result<TheaterId> {
    TheaterId::parse(theater).with_context(|| format!("{theater} isn't a theater id"))
}

fn parsed(labels: &[String]) -> Result<Vec<SeatLabel>> {
    labels.iter().map(|label| SeatLabel::parse(label).with_context(|| format!("{label} isn't a seat label"))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_seat_has_a_label_of_its_own() {
        let labels = labels(20_000);
        assert_eq!((labels[0].as_str(), labels[1_299].as_str(), labels[1_300].as_str()), ("A1", "Z50", "AA1"));
        assert_eq!(labels.iter().collect::<HashSet<_>>().len(), 20_000);
    }
}
