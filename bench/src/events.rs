//! Events as API Gateway delivers them, derived from the files in `events/`.

use anyhow::{Context, Result};
use boxoffice_local::checkout;
use hyper::body::Bytes;
use serde_json::Value;

/// The events that all others are derived from.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    look: Value,
    map: Value,
    reserve: Value,
    book: Value,
    reservation: Value,
    booking: Value,
    theater: Value,
    batch: Value,
}

impl Events {
    pub(crate) fn read() -> Result<Self> {
        let folder = checkout::root()?.join("events");
        let read = |name: &str| -> Result<Value> {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} isn't JSON", path.display()))
        };
        Ok(Self {
            look: read("get-seats.success.json")?,
            map: without_reservation(read("get-seats.map.json")?),
            reserve: read("reserve.success.json")?,
            book: read("book.success.json")?,
            reservation: read("reservations.success.json")?,
            booking: read("bookings.success.json")?,
            theater: read("theaters.success.json")?,
            batch: read("sync-cache.changes.json")?,
        })
    }

    pub(crate) fn look(&self, theater: &str) -> Bytes {
        bytes(&of_theater(&self.look, theater))
    }

    /// Returns a read by a caller who has the answer with this ETag.
    pub(crate) fn revalidate(&self, theater: &str, etag: &str) -> Bytes {
        let mut event = of_theater(&self.look, theater);
        set(&mut event, &["headers", "if-none-match"], etag);
        bytes(&event)
    }

    pub(crate) fn map(&self, theater: &str) -> Bytes {
        bytes(&of_theater(&self.map, theater))
    }

    pub(crate) fn theater(&self, theater: &str) -> Bytes {
        bytes(&of_theater(&self.theater, theater))
    }

    pub(crate) fn reservation(&self, theater: &str, id: &str) -> Bytes {
        bytes(&of_id(of_theater(&self.reservation, theater), "reservationId", id))
    }

    pub(crate) fn booking(&self, theater: &str, id: &str) -> Bytes {
        bytes(&of_id(of_theater(&self.booking, theater), "bookingId", id))
    }

    /// Returns a batch of the table's stream, with all changes in one theater.
    pub(crate) fn batch(&self, theater: &str) -> Bytes {
        let text = self.batch.to_string();
        let text = ["1", "2"]
            .iter()
            .fold(text, |text, other| text.replace(&format!("\"THEATER#{other}\""), &format!("\"THEATER#{theater}\"")));
        text.into()
    }

    pub(crate) fn reserve(&self, theater: &str, body: &Value) -> Bytes {
        with_body(&self.reserve, theater, body)
    }

    pub(crate) fn book(&self, theater: &str, body: &Value) -> Bytes {
        with_body(&self.book, theater, body)
    }
}

/// Removes the reservation id. The cache can't mark a caller's own seats.
fn without_reservation(mut event: Value) -> Value {
    if let Some(headers) = event.pointer_mut("/headers").and_then(Value::as_object_mut) {
        headers.remove("reservation-id");
    }
    event
}

fn with_body(event: &Value, theater: &str, body: &Value) -> Bytes {
    let mut event = of_theater(event, theater);
    set(&mut event, &["body"], &body.to_string());
    bytes(&event)
}

fn of_theater(event: &Value, theater: &str) -> Value {
    with_part(event.clone(), 3, "theaterId", theater)
}

fn of_id(event: Value, parameter: &str, id: &str) -> Value {
    with_part(event, 5, parameter, id)
}

/// Replaces a part of the path that is a parameter: `/v1/theaters/{theaterId}/reservations/{reservationId}`.
fn with_part(mut event: Value, place: usize, parameter: &str, text: &str) -> Value {
    let path = event.pointer("/rawPath").and_then(Value::as_str).unwrap_or_default();
    let parts = path.split('/').enumerate().map(|(at, part)| if at == place { text } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    set(&mut event, &["rawPath"], &path);
    set(&mut event, &["requestContext", "http", "path"], &path);
    set(&mut event, &["pathParameters", parameter], text);
    event
}

fn set(event: &mut Value, path: &[&str], text: &str) {
    let place =
        path.iter().try_fold(event, |place, name| Some(place.as_object_mut()?.entry(*name).or_insert(Value::Null)));
    if let Some(place) = place {
        *place = Value::from(text);
    }
}

fn bytes(event: &Value) -> Bytes {
    event.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_given_theater_and_body() {
        let events = Events::read().unwrap();
        let event = events.reserve("hall-300", &serde_json::json!({ "seat": "A1" }));
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["rawPath"], "/v1/theaters/hall-300/reserve");
        assert_eq!(event["requestContext"]["http"]["path"], "/v1/theaters/hall-300/reserve");
        assert_eq!(event["pathParameters"]["theaterId"], "hall-300");
        assert_eq!(event["body"], "{\"seat\":\"A1\"}");
        let event: Value = serde_json::from_slice(&events.booking("hall-300", "an-id")).unwrap();
        assert_eq!(event["rawPath"], "/v1/theaters/hall-300/bookings/an-id");
        assert_eq!(event["pathParameters"], serde_json::json!({ "theaterId": "hall-300", "bookingId": "an-id" }));
        let event: Value = serde_json::from_slice(&events.batch("hall-300")).unwrap();
        for record in event["Records"].as_array().unwrap() {
            assert_eq!(record["dynamodb"]["Keys"]["pk"]["S"], "THEATER#hall-300");
        }
        let event: Value = serde_json::from_slice(&events.revalidate("hall-6", "\"tag\"")).unwrap();
        assert_eq!(event["headers"]["if-none-match"], "\"tag\"");
    }
}
