//! Records of the table's stream: changes of seats, in the order in which DynamoDB accepted them.

mod change;
mod domain_event;
mod show_event;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use serde_json::Value;

use super::StoreError;
use super::schema::{Item, SeatItem, SeatKey};
use crate::domain::availability::Slot;
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::InventoryId;
use crate::store::schema;

/// Name that the stream gives to the service that deletes expired items.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html>
const TTL: &str = "dynamodb.amazonaws.com";

/// A seat and its change, read from a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatRecord {
    pub inventory: InventoryId,
    pub seat: SeatLabel,
    pub change: SeatChange,
}

/// The change of a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatChange {
    /// An accepted write, with a higher stamp than the seat had before.
    Written(Slot),
    /// The TTL deleted a reservation that had expired. For every reader the seat became available when it expired.
    Collected,
    /// The item was deleted or changed by hand and not by the functions, so the stamps prove nothing.
    ByHand,
    /// The new item can't be read, for this reason.
    Unreadable(String),
}

/// A record of the table's stream, as items.
pub(super) struct Record {
    pub(super) keys: Item,
    pub(super) new: Option<Item>,
    pub(super) old: Option<Item>,
}

impl Record {
    pub(super) fn parse(record: &Value) -> Result<Self, StoreError> {
        let RawRecord { dynamodb: Images { keys, new_image, old_image }, .. } =
            RawRecord::deserialize(record).map_err(|error| unreadable(&error))?;
        Ok(Self { keys: item(keys), new: new_image.map(item), old: old_image.map(item) })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRecord {
    event_name: String,
    dynamodb: Images,
    user_identity: Option<UserIdentity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    keys: Image,
    new_image: Option<Image>,
    old_image: Option<Image>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    principal_id: String,
}

/// Attributes, each with its type: `{"status": {"S": "booked"}}`.
type Image = HashMap<String, Value>;

impl SeatRecord {
    /// Reads a record as Lambda delivers it, from a stream with new and old images. Returns `None` if the record isn't
    /// about a seat, and an error if even that can't be determined.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html>
    pub fn read(record: &Value) -> Result<Option<Self>, StoreError> {
        let record = RawRecord::deserialize(record).map_err(|error| unreadable(&error))?;
        let Some(SeatKey { inventory, seat }) = schema::parse_seat_key(&item(record.dynamodb.keys))? else {
            return Ok(None);
        };
        let by_ttl = record.user_identity.is_some_and(|identity| identity.principal_id == TTL);
        let change = match (record.event_name.as_str(), record.dynamodb.new_image) {
            ("INSERT" | "MODIFY", Some(image)) => classify_write(image, record.dynamodb.old_image),
            ("REMOVE", _) if by_ttl => SeatChange::Collected,
            ("REMOVE", _) => SeatChange::ByHand,
            (name, _) => SeatChange::Unreadable(format!("{name} without a new image")),
        };
        Ok(Some(Self { inventory, seat, change }))
    }
}

/// Classifies a write by the item that it left behind. The functions' own writes raise the stamp of an item that they
/// could read.
fn classify_write(new: Image, old: Option<Image>) -> SeatChange {
    let slot = match SeatItem::slot(&item(new)) {
        Ok(slot) => slot,
        Err(error) => return SeatChange::Unreadable(error.to_string()),
    };
    match old.map(|old| SeatItem::slot(&item(old))) {
        None => SeatChange::Written(slot),
        Some(Ok(old)) if old.changed_at < slot.changed_at => SeatChange::Written(slot),
        Some(_) => SeatChange::ByHand,
    }
}

/// Converts an image into an item. Keeps strings and numbers, because the items read here need no other types.
fn item(image: Image) -> Item {
    let value = |value: &Value| match (value["S"].as_str(), value["N"].as_str()) {
        (Some(text), _) => Some(AttributeValue::S(text.to_owned())),
        (None, Some(number)) => Some(AttributeValue::N(number.to_owned())),
        (None, None) => None,
    };
    image.into_iter().filter_map(|(name, typed)| Some((name, value(&typed)?))).collect()
}

fn unreadable(why: &impl std::fmt::Display) -> StoreError {
    StoreError::Permanent(format!("a record of the stream can't be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::availability::SeatState;
    use crate::domain::time::{EpochMillis, EpochSeconds};
    use serde_json::json;

    fn record(name: &str, sk: &str, image: Value) -> Value {
        let keys = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": sk } });
        json!({ "eventName": name, "dynamodb": { "Keys": keys, "NewImage": image } })
    }

    fn change(record: &Value) -> SeatChange {
        SeatRecord::read(record).unwrap().unwrap().change
    }

    fn booked() -> Value {
        json!({ "status": { "S": "booked" }, "changed_at": { "N": "7" }, "added_later": { "SS": ["x"] } })
    }

    #[test]
    fn write_record_gives_new_slot() {
        let reserved =
            json!({ "status": { "S": "reserved" }, "changed_at": { "N": "6" }, "expires_at": { "N": "100" } });
        let expires_at = EpochSeconds::new(100);
        for (name, image, at, state) in
            [("INSERT", reserved, 6, SeatState::Reserved { expires_at }), ("MODIFY", booked(), 7, SeatState::Booked)]
        {
            let read = SeatRecord::read(&record(name, "SEAT#A1", image)).unwrap().unwrap();
            assert_eq!((read.inventory.to_string().as_str(), read.seat.as_str()), ("1", "A1"));
            assert_eq!(read.change, SeatChange::Written(Slot { changed_at: EpochMillis::new(at), state }));
        }
    }

    #[test]
    fn ttl_deletion_differs_from_deletion_by_hand() {
        let mut record = record("REMOVE", "SEAT#A1", Value::Null);
        assert_eq!(change(&record), SeatChange::ByHand);
        record["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
        assert_eq!(change(&record), SeatChange::Collected);
        record["userIdentity"]["principalId"] = json!("somebody-else");
        assert_eq!(change(&record), SeatChange::ByHand);
    }

    #[test]
    fn write_without_higher_stamp_was_made_by_hand() {
        let mut record = record("MODIFY", "SEAT#A1", booked());
        for (old, by_hand) in [("6", false), ("7", true), ("8", true), ("yesterday", true)] {
            record["dynamodb"]["OldImage"] = json!({ "status": { "S": "booked" }, "changed_at": { "N": old } });
            assert_eq!(change(&record) == SeatChange::ByHand, by_hand, "{old}");
        }
    }

    #[test]
    fn records_of_other_items_are_skipped() {
        assert_eq!(SeatRecord::read(&record("INSERT", "LAYOUT", booked())).unwrap(), None);
        let mut booking = record("INSERT", "BOOKING", booked());
        booking["dynamodb"]["Keys"]["pk"] = json!({ "S": "BOOKING#1#0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64" });
        assert_eq!(SeatRecord::read(&booking).unwrap(), None);
    }

    #[test]
    fn unreadable_item_still_names_its_seat() {
        for (name, image) in [
            ("INSERT", json!({ "status": { "S": "sold" }, "changed_at": { "N": "7" } })),
            ("INSERT", json!({ "status": { "S": "booked" }, "changed_at": { "N": "1e999" } })),
            ("MODIFY", json!({ "status": "booked" })),
            ("INSERT", Value::Null),
            ("UPSERT", booked()),
        ] {
            let read = SeatRecord::read(&record(name, "SEAT#A1", image)).unwrap().unwrap();
            assert_eq!((read.inventory.to_string().as_str(), read.seat.as_str()), ("1", "A1"));
            assert!(matches!(read.change, SeatChange::Unreadable(_)), "{:?}", read.change);
        }
        // The cache doesn't need to know who has the seat.
        let mut corrupt = booked();
        corrupt["booking_id"] = json!({ "S": "not a UUID" });
        assert!(matches!(change(&record("INSERT", "SEAT#A1", corrupt)), SeatChange::Written(_)));
    }

    #[test]
    fn record_without_valid_key_is_an_error() {
        let mut keyless = record("INSERT", "SEAT#A1", booked());
        keyless["dynamodb"]["Keys"] = json!({});
        let mut elsewhere = record("INSERT", "SEAT#A1", booked());
        elsewhere["dynamodb"]["Keys"]["pk"] = json!({ "S": "HALL#1" });
        for broken in [json!(null), json!({}), record("INSERT", "SEAT#not a label", booked()), keyless, elsewhere] {
            assert!(SeatRecord::read(&broken).is_err(), "{broken}");
        }
    }
}
