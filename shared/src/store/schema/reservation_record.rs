//! The record of a reservation: the seats that were reserved under it, their ends, and whether its id is spent.
//!
//! A seat's own item decides who has the seat. The record is written in the same transaction as the seats, so it
//! answers what their items can't. It shows which seats of a reservation other callers have by now, and whether the
//! reservation was released. It is also the index that finds the seats of a reservation without reading the whole
//! theater.
//!
//! Each write requires the `turn` (the version) that was read, and raises it. So a delayed attempt is rejected as soon
//! as anything about the reservation was decided later.

use serde::Deserialize;
use uuid::Uuid;

use super::{Item, attribute, n, s};
use crate::context::RequestContext;
use crate::domain::caller::Owner;
use crate::domain::ids::{ReservationId, SeatLabel, TheaterId, parse_uuid};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::store::schema;
use crate::store::write::seat_write::{SeatHolder, SeatWrite};
use crate::store::{Store, StoreError};

/// Largest number of seats of one reservation. One transaction has room for 100 items. The other four are the record, a
/// booking and the two numbers that are kept for a caller.
pub const MAX_SEATS_PER_RESERVATION: usize = 96;

/// Seconds for which a record is kept after the end of its last seat. This is longer than a delayed request can live,
/// and longer than the clocks of two instances differ.
const RETENTION_SECONDS: u32 = 3_600;

/// A reservation's id, and the caller who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct ReservationRef<'a> {
    pub theater: &'a TheaterId,
    pub id: ReservationId,
    /// The caller. Reservations of other callers aren't found.
    pub owner: Option<Owner>,
    /// The seats that the call is about. `None` means all.
    pub seats: Option<&'a [SeatLabel]>,
}

/// A seat that was reserved under a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedSeat {
    pub seat: SeatLabel,
    /// The time when it was reserved, by the clock of the instance that did it.
    pub reserved_at: EpochMillis,
    /// The stamp of that write.
    pub stamp: EpochMillis,
    /// From this instant on the seat is available to every caller.
    pub expires_at: EpochSeconds,
    /// The extension of the seat, if there was one.
    pub extension: Option<ExtensionMark>,
}

/// The extension of a seat by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionMark {
    /// The id of the extension. A repeated request has the same id.
    pub id: Uuid,
    /// A new value for every request. A request recognizes its own work by it.
    pub token: Uuid,
    /// The stamp of the extension, in milliseconds.
    pub at: u64,
}

/// Seats that were chosen for a request for the best available ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Choice {
    /// The id of the request.
    pub(in crate::store) id: Uuid,
    /// The request as text.
    pub(in crate::store) wish: String,
    pub(in crate::store) seats: Vec<SeatLabel>,
    /// The token of the request that chose them.
    pub(in crate::store) token: Uuid,
}

/// Seats that were chosen for the same request before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenBefore {
    pub seats: Vec<SeatLabel>,
    /// The request that chose them, as text.
    pub wish: String,
}

impl ChosenBefore {
    pub(in crate::store) fn of(choice: &Choice) -> Self {
        Self { seats: choice.seats.clone(), wish: choice.wish.clone() }
    }
}

/// The state of a reservation id: in use or spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) enum ReservationIdState {
    /// The id is in use.
    #[default]
    Open,
    /// The reservation was released, so its id is spent.
    Released,
}

/// A reservation's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Record {
    /// The version that was read. 0 if there is no record.
    pub(in crate::store) turn: u64,
    pub(in crate::store) state: ReservationIdState,
    /// Every seat that was reserved and not released, even if it has run out.
    pub(in crate::store) seats: Vec<ReservedSeat>,
    /// Seats that were released, or booked with the reservation. A delayed request doesn't get them again.
    pub(in crate::store) given_back: Vec<SeatLabel>,
    pub(in crate::store) choices: Vec<Choice>,
    /// The latest time when a caller was answered that seats have run out. From then on they have run out for every
    /// caller, and an instance whose clock is behind doesn't revive them.
    pub(in crate::store) refused_at: EpochMillis,
    pub(in crate::store) expires_at: EpochSeconds,
}

/// The stored form of the seats of one call: time, stamp, end, extension, labels.
type StoredSeats = (u64, u64, u64, Option<StoredExtension>, String);

/// The stored form of an extension: id, token, stamp.
type StoredExtension = (String, String, u64);

/// The stored form of a choice: id, preference, labels, token.
type StoredChoice = (String, String, String, String);

impl ReservedSeat {
    /// Returns `true` while the seat is reserved.
    pub fn runs(&self, now: EpochMillis) -> bool {
        !self.expires_at.reached(now)
    }

    /// Returns the stamp of the last write of the seat under this reservation.
    pub fn changed_at(&self) -> EpochMillis {
        self.extension.map_or(self.stamp, |extension| EpochMillis(extension.at))
    }
}

impl Record {
    /// Reads an item. An item whose time to live has passed counts as none, because DynamoDB deletes it some time
    /// later.
    pub(in crate::store) fn read(item: &Item, now: EpochMillis) -> Result<Option<Self>, StoreError> {
        let expires_at = EpochSeconds(schema::number(item, attribute::EXPIRES_AT)?);
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
                None => EpochMillis(0),
                Some(_) => EpochMillis(schema::number(item, attribute::REFUSED_AT)?),
            },
            expires_at,
        }))
    }

    /// Returns the seats that belong to the reservation now.
    ///
    /// A reservation that has run out can be made again under the same id. The seats of its earlier life don't belong
    /// to it.
    pub(in crate::store) fn current(&self) -> Vec<&ReservedSeat> {
        let mut seats: Vec<_> = self.seats.iter().collect();
        seats.sort_by_key(|seat| seat.reserved_at);
        let mut ends = EpochSeconds(0);
        let mut begin = 0;
        for (place, seat) in seats.iter().enumerate() {
            if ends.reached(seat.reserved_at) {
                begin = place;
            }
            ends = ends.max(seat.expires_at);
        }
        seats.split_off(begin)
    }

    /// Returns the end of the reservation, which is the earliest end of its seats that are still reserved.
    pub(in crate::store) fn end(&self, now: EpochMillis) -> Option<EpochSeconds> {
        self.seats.iter().filter(|seat| seat.runs(now)).map(|seat| seat.expires_at).min()
    }

    /// Returns `true` while a seat is reserved, as far as the record knows. A booking that names its seats doesn't
    /// change the record.
    pub(in crate::store) fn lists_as_reserved(&self, seat: &SeatLabel, now: EpochMillis) -> bool {
        let now = self.effective_now(now);
        self.seats.iter().any(|had| had.seat == *seat && had.runs(now))
    }

    pub(in crate::store) fn choice(&self, id: Uuid) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.id == id)
    }

    /// Adds seats to the reservation. A seat that is already listed is replaced.
    pub(in crate::store) fn add_seats(&mut self, seats: impl IntoIterator<Item = ReservedSeat>, now: EpochMillis) {
        self.drop_long_ended_seats(now);
        for seat in seats {
            self.seats.retain(|had| had.seat != seat.seat);
            self.seats.push(seat);
        }
    }

    /// Returns the time at which the seats are judged. It isn't before the last rejection.
    pub(in crate::store) fn effective_now(&self, now: EpochMillis) -> EpochMillis {
        now.max(self.refused_at)
    }

    /// Returns `true` if seats have run out since the last rejection.
    pub(in crate::store) fn has_newly_ended_seats(&self, now: EpochMillis) -> bool {
        self.current().iter().any(|seat| seat.runs(self.refused_at) && !seat.runs(now))
    }

    /// Takes released seats out of the reservation.
    pub(in crate::store) fn release_seats(&mut self, seats: &[SeatLabel]) {
        self.seats.retain(|had| !seats.contains(&had.seat));
        let new = seats.iter().filter(|seat| !self.given_back.contains(seat));
        let new: Vec<_> = new.cloned().collect();
        self.given_back.extend(new);
        // Only a caller who keeps naming other seats gets here. The oldest seats are the least likely to be requested
        // again.
        let too_many = self.given_back.len().saturating_sub(MAX_SEATS_PER_RESERVATION);
        self.given_back.drain(..too_many);
    }

    /// Ends the reservation, so that its id is spent.
    pub(in crate::store) fn release(&mut self) {
        self.state = ReservationIdState::Released;
        self.seats.clear();
        self.given_back.clear();
    }

    /// Takes out all seats, because they are booked. A delayed request doesn't get them again. Other seats can be
    /// reserved.
    pub(in crate::store) fn book(&mut self, seats: &[SeatLabel]) {
        self.release_seats(seats);
        self.seats.clear();
    }

    fn drop_long_ended_seats(&mut self, now: EpochMillis) {
        let ended_long_ago =
            |seat: &ReservedSeat| EpochSeconds(seat.expires_at.0 + u64::from(RETENTION_SECONDS)).reached(now);
        self.seats.retain(|seat| !ended_long_ago(seat));
    }

    /// Builds the item that replaces the version that was read.
    pub(in crate::store) fn item(&self, wanted: &ReservationRef<'_>, now: EpochMillis) -> Result<Item, StoreError> {
        let broken = |error: serde_json::Error| StoreError::Permanent(error.to_string());
        let mut item = schema::reservation_key(wanted.theater, wanted.owner, wanted.id);
        let status = match self.state {
            ReservationIdState::Open => "open",
            ReservationIdState::Released => "released",
        };
        item.insert(attribute::STATUS.to_owned(), s(status));
        item.insert(attribute::TURN.to_owned(), n(self.turn + 1));
        item.insert(attribute::EXPIRES_AT.to_owned(), n(self.kept_until(now).0));
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
        if self.refused_at > EpochMillis(0) {
            item.insert(attribute::REFUSED_AT.to_owned(), n(self.refused_at.0));
        }
        Ok(item)
    }

    fn kept_until(&self, now: EpochMillis) -> EpochSeconds {
        let last = self.seats.iter().map(|seat| seat.expires_at).max().unwrap_or_default();
        let kept = EpochSeconds(last.0 + u64::from(RETENTION_SECONDS)).max(now.ends_after(RETENTION_SECONDS));
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
        let mark = first.extension.map(|mark| (mark.id.to_string(), mark.token.to_string(), mark.at));
        Some((first.reserved_at.0, first.stamp.0, first.expires_at.0, mark, labels))
    };
    seats.chunk_by(same).filter_map(stored).collect()
}

fn read_seats(item: &Item) -> Result<Vec<ReservedSeat>, StoreError> {
    let mut seats = Vec::new();
    let unreadable = |why| schema::unreadable(item, attribute::HOLDINGS, why);
    for (reserved_at, stamp, expires_at, mark, labels) in parts::<StoredSeats>(item, attribute::HOLDINGS)? {
        let labels = schema::split(&labels).ok_or_else(|| unreadable("not seat labels"))?;
        let mark = mark.map(|(id, token, at)| {
            let ids = parse_uuid(&id).ok().zip(parse_uuid(&token).ok());
            ids.map(|(id, token)| ExtensionMark { id, token, at }).ok_or_else(|| unreadable("not a UUID"))
        });
        let extension = mark.transpose()?;
        let expires_at = EpochSeconds(expires_at).min(EpochSeconds::LAST);
        let (reserved_at, stamp) = (EpochMillis(reserved_at), EpochMillis(stamp));
        let reserved = |seat| ReservedSeat { seat, reserved_at, stamp, expires_at, extension };
        seats.extend(labels.into_iter().map(reserved));
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
        let ids = parse_uuid(&id).ok().zip(parse_uuid(&token).ok());
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

/// A record, and the owner whose key it was found under.
#[derive(Clone, Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) record: Record,
    pub(in crate::store) owner: Option<Owner>,
}

impl Found {
    /// Returns the reservation and the owner that the items of its seats name.
    pub(in crate::store) fn holder(&self, id: ReservationId) -> SeatHolder {
        SeatHolder { reservation: id, owner: self.owner }
    }
}

impl Store {
    /// Reads a reservation's record: the caller's own, or otherwise one without an owner. Costs one strongly consistent
    /// GetItem, or two for a signed-in caller who has none.
    pub(in crate::store) async fn record(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
    ) -> Result<Option<Found>, StoreError> {
        let owners = [wanted.owner, None];
        for owner in &owners[usize::from(wanted.owner.is_none())..] {
            let item = self.read_item(ctx, schema::reservation_key(wanted.theater, *owner, wanted.id)).await?;
            let record = item.map_or(Ok(None), |item| Record::read(&item, self.clock.now()))?;
            if let Some(record) = record {
                return Ok(Some(Found { record, owner: *owner }));
            }
        }
        Ok(None)
    }

    /// Builds the write of a record. Its condition is the version that was read, or that there is no record. Repeating
    /// it is safe, because the write raises the version and the condition fails from then on.
    pub(in crate::store) fn build_record_put(
        &self,
        record: &Record,
        wanted: &ReservationRef<'_>,
        now: EpochMillis,
    ) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, StoreError> {
        let item = record.item(wanted, now)?;
        let (condition, value) = match record.turn {
            0 => ("attribute_not_exists(pk) OR expires_at <= :now", (":now", n(now.seconds().0))),
            turn => ("turn = :turn", (":turn", n(turn))),
        };
        self.put_if(item, condition, Some([(value.0.to_owned(), value.1)].into()))
    }
}

/// Returns a stamp above those that the record knows. So most writes find no higher stamp.
pub(in crate::store) fn stamp_above(seats: &[&ReservedSeat], now: EpochMillis) -> EpochMillis {
    let highest = seats.iter().map(|seat| seat.changed_at()).max().unwrap_or_default();
    SeatWrite::raise_above(highest, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seat(label: &str, reserved_at: u64, expires_at: u64) -> ReservedSeat {
        ReservedSeat {
            seat: SeatLabel::parse(label).unwrap(),
            reserved_at: EpochMillis(reserved_at * 1_000),
            stamp: EpochMillis(reserved_at * 1_000 + 1),
            expires_at: EpochSeconds(expires_at),
            extension: None,
        }
    }

    fn labels(seats: &[&ReservedSeat]) -> Vec<String> {
        seats.iter().map(|seat| seat.seat.to_string()).collect()
    }

    #[test]
    fn expired_seat_stays_in_running_reservation() {
        let record = Record { seats: vec![seat("A1", 10, 12), seat("A2", 11, 600)], ..Record::default() };
        assert_eq!(labels(&record.current()), ["A1", "A2"]);
    }

    #[test]
    fn reservation_made_again_has_only_new_seats() {
        let record = Record { seats: vec![seat("A1", 10, 12), seat("B1", 12, 20)], ..Record::default() };
        assert_eq!(labels(&record.current()), ["B1"]);
        let again = Record { seats: vec![seat("A1", 10, 12), seat("A2", 11, 12)], ..Record::default() };
        assert_eq!(labels(&again.current()), ["A1", "A2"], "nothing came after its end");
    }

    #[test]
    fn released_seats_are_remembered_up_to_a_limit() {
        let mut record = Record { seats: vec![seat("A1", 10, 600), seat("A2", 10, 600)], ..Record::default() };
        record.release_seats(&[SeatLabel::parse("A1").unwrap()]);
        assert_eq!(labels(&record.current()), ["A2"]);
        assert_eq!(record.given_back, [SeatLabel::parse("A1").unwrap()]);
        let many: Vec<_> = (0..200).map(|n| SeatLabel::parse(&format!("B{n}")).unwrap()).collect();
        record.release_seats(&many);
        assert_eq!(record.given_back.len(), MAX_SEATS_PER_RESERVATION);
    }

    #[test]
    fn expired_record_counts_as_missing() {
        let (theater, id) = (TheaterId::parse("1").unwrap(), ReservationId(Uuid::from_u128(7)));
        let wanted = ReservationRef { theater: &theater, id, owner: None, seats: None };
        let record = Record { seats: vec![seat("A1", 10, 600)], ..Record::default() };
        let item = record.item(&wanted, EpochMillis(10_000)).unwrap();
        let kept = 600 + u64::from(RETENTION_SECONDS);
        assert!(Record::read(&item, EpochMillis((kept - 1) * 1_000)).unwrap().is_some());
        assert!(Record::read(&item, EpochMillis(kept * 1_000)).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn record_is_read_as_written(
            seats in prop::collection::vec(("[A-Z][0-9]{1,3}", 0..1_000_u64, 0..4_000_u64, prop::option::of(1..u128::MAX)), 0..20),
            turn in 0..99_u64,
            refused_at in 0..9_u64,
            state in prop_oneof![Just(ReservationIdState::Open), Just(ReservationIdState::Released)],
        ) {
            let (theater, id) = (TheaterId::parse("1").unwrap(), ReservationId(Uuid::from_u128(7)));
            let wanted = ReservationRef { theater: &theater, id, owner: Some(Owner(Uuid::from_u128(9))), seats: None };
            let mark = |id: u128| ExtensionMark { id: Uuid::from_u128(id), token: Uuid::from_u128(id | 1 << 127), at: 5 };
            let seats: Vec<_> = seats.into_iter().map(|(label, at, until, extension)| ReservedSeat {
                extension: extension.map(mark), ..seat(&label, at, until)
            }).collect();
            let chosen = seats.iter().map(|seat| seat.seat.clone()).take(2).collect::<Vec<_>>();
            let choices = if chosen.is_empty() { vec![] } else {
                vec![Choice { id: Uuid::from_u128(1), wish: "2 \"x\"".into(), seats: chosen, token: Uuid::from_u128(2) }]
            };
            let refused_at = EpochMillis(refused_at);
            let record = Record { turn, state, seats, choices, refused_at, ..Record::default() };
            let now = EpochMillis(500_000);
            let read = Record::read(&record.item(&wanted, now).unwrap(), now).unwrap().unwrap();
            prop_assert_eq!(read.turn, turn + 1);
            let same = Record { turn: read.turn, expires_at: read.expires_at, ..record };
            prop_assert_eq!(read, same);
        }
    }
}
