//! The venues for reads and sales: small and large, empty, half sold and sold out.

use std::fmt;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use boxoffice::app::{Book, BoxOffice, Precondition, RequestId, Reserve};
use boxoffice::context::RequestContext;
use boxoffice::domain::caller::Caller;
use boxoffice::domain::ids::{BookingId, ReservationId, SeatLabel, TheaterId};
use boxoffice::domain::inventory::InventoryId;
use boxoffice::domain::new_layout::NewLayout;
use boxoffice::domain::seat_request::SeatRequest;
use serde::{Deserialize, Serialize};

use crate::fixture::{Fixture, TABLE};
use crate::ids;

/// Seats of the measured venues.
pub(crate) const SIZES: [usize; 4] = [6, 300, 1_200, 10_000];
const SEATS_PER_ROW: usize = 50;
/// Seats that one DynamoDB transaction can book.
pub(crate) const SEATS_PER_TRANSACTION: usize = 49;
/// Items that one DynamoDB batch can write.
const ITEMS_PER_BATCH: usize = 25;

/// The sold part of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SoldShare {
    /// No seat.
    Empty,
    /// Every other seat.
    Half,
    /// All seats.
    Out,
}

impl SoldShare {
    pub(crate) const ALL: [Self; 3] = [Self::Empty, Self::Half, Self::Out];
}

impl fmt::Display for SoldShare {
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
pub(crate) struct Venue {
    pub(crate) seats: usize,
    pub(crate) sold: SoldShare,
}

impl Venue {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        SIZES.into_iter().flat_map(|seats| SoldShare::ALL.map(|sold| Self { seats, sold }))
    }

    pub(crate) fn theater(self) -> String {
        format!("hall-{}-{}", self.seats, self.sold).replace(' ', "-")
    }

    /// Puts the layout and sells its part of the seats.
    pub(crate) async fn prepare(self, fixture: &Fixture) -> Result<()> {
        let theater = self.theater();
        put(&fixture.office, &theater, self.seats).await?;
        let labels = labels(self.seats);
        let sold: Vec<_> = match self.sold {
            SoldShare::Empty => Vec::new(),
            SoldShare::Half => labels.into_iter().step_by(2).collect(),
            SoldShare::Out => labels,
        };
        let Some((first, others)) = sold.split_first() else { return Ok(()) };
        sell(&fixture.office, &theater, std::slice::from_ref(first)).await?;
        copy(&fixture.table, &theater, first, others).await
    }
}

/// Sells seats by copying the item of a sold seat. Selling thousands of seats by transactions takes minutes.
async fn copy(table: &Client, theater: &str, sold: &str, seats: &[String]) -> Result<()> {
    let sort_key = |seat: &str| AttributeValue::S(format!("SEAT#{seat}"));
    let get = table.get_item().table_name(TABLE).key("pk", AttributeValue::S(format!("THEATER#{theater}")));
    let item = get.key("sk", sort_key(sold)).send().await?.item.context("the sold seat has no item")?;
    for seats in seats.chunks(ITEMS_PER_BATCH) {
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
    office.put_theater(&RequestContext::default(), &id(theater)?, &wanted, Precondition::Whatever).await?;
    Ok(())
}

/// Books seats without the cache.
pub(crate) async fn sell(office: &BoxOffice, theater: &str, seats: &[String]) -> Result<()> {
    for seats in seats.chunks(SEATS_PER_TRANSACTION) {
        book(office, theater, seats).await?;
    }
    Ok(())
}

/// Books seats in one call without the cache. Returns the booking's id.
pub(crate) async fn book(office: &BoxOffice, theater: &str, seats: &[String]) -> Result<String> {
    let booking = ids::chosen(&mut fastrand::Rng::new());
    let ask = Book {
        inventory: InventoryId::Theater(id(theater)?),
        seats: Some(requests(seats)?),
        booking: Some(RequestId::Given(BookingId::new(booking))),
        reservation: None,
        expect: None,
        reference: None,
        caller: Caller::Anonymous,
    };
    office.book(&RequestContext::default(), &ask).await.with_context(|| format!("can't sell seats of {theater}"))?;
    Ok(booking.to_string())
}

/// Reserves seats in one call without the cache. Returns the reservation's id.
pub(crate) async fn reserve(office: &BoxOffice, theater: &str, seats: &[String]) -> Result<String> {
    let reservation = ids::chosen(&mut fastrand::Rng::new());
    let ask = Reserve {
        inventory: InventoryId::Theater(id(theater)?),
        seats: requests(seats)?,
        expires_in: office.longest_reservation(),
        reservation: Some(RequestId::Given(ReservationId::new(reservation))),
        caller: Caller::Anonymous,
    };
    office
        .reserve(&RequestContext::default(), &ask)
        .await
        .with_context(|| format!("can't reserve seats of {theater}"))?;
    Ok(reservation.to_string())
}

/// Returns the labels of a venue's seats in order: A1 to A50, and so on to ZZ50.
pub(crate) fn labels(seats: usize) -> Vec<String> {
    let label = |seat: usize| format!("{}{}", row(seat / SEATS_PER_ROW), seat % SEATS_PER_ROW + 1);
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

fn requests(labels: &[String]) -> Result<Vec<SeatRequest>> {
    Ok(parsed(labels)?.into_iter().map(SeatRequest::of).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn seat_labels_are_unique() {
        let labels = labels(20_000);
        assert_eq!((labels[0].as_str(), labels[1_299].as_str(), labels[1_300].as_str()), ("A1", "Z50", "AA1"));
        assert_eq!(labels.iter().collect::<HashSet<_>>().len(), 20_000);
    }
}
