//! Events as API Gateway delivers them, made of those in `events/`.

use anyhow::{Context, Result};
use boxoffice_local::checkout;
use hyper::body::Bytes;
use serde_json::Value;

/// The events that others are made of.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    look: Value,
    map: Value,
    reserve: Value,
    book: Value,
}

impl Events {
    pub(crate) fn read() -> Result<Self> {
        let folder = checkout::root()?.join("events");
        let read = |name: &str| -> Result<Value> {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
        };
        Ok(Self {
            look: read("get-seats.success.json")?,
            map: without_reservation(read("get-seats.map.json")?),
            reserve: read("reserve.success.json")?,
            book: read("book.success.json")?,
        })
    }

    pub(crate) fn look(&self, theater: &str) -> Bytes {
        bytes(&of_theater(&self.look, theater))
    }

    /// By somebody who has seen the answer of this tag.
    pub(crate) fn look_again(&self, theater: &str, etag: &str) -> Bytes {
        let mut event = of_theater(&self.look, theater);
        set(&mut event, &["headers", "if-none-match"], etag);
        bytes(&event)
    }

    pub(crate) fn map(&self, theater: &str) -> Bytes {
        bytes(&of_theater(&self.map, theater))
    }

    pub(crate) fn reserve(&self, theater: &str, body: &Value) -> Bytes {
        with_body(&self.reserve, theater, body)
    }

    pub(crate) fn book(&self, theater: &str, body: &Value) -> Bytes {
        with_body(&self.book, theater, body)
    }
}

/// Whose seats are their own is nothing that the cache knows.
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
    let mut event = event.clone();
    let moved = |path: &Value| {
        let parts = path.as_str().unwrap_or_default().split('/');
        let parts: Vec<_> = parts.enumerate().map(|(at, part)| if at == 3 { theater } else { part }).collect();
        parts.join("/")
    };
    let raw = event.pointer("/rawPath").map(moved).unwrap_or_default();
    set(&mut event, &["rawPath"], &raw);
    set(&mut event, &["requestContext", "http", "path"], &raw);
    set(&mut event, &["pathParameters", "theaterId"], theater);
    event
}

fn set(event: &mut Value, path: &[&str], text: &str) {
    let place = path.iter().fold(Some(event), |place, name| {
        let object = place.and_then(Value::as_object_mut)?;
        Some(object.entry(*name).or_insert(Value::Null))
    });
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
    fn an_event_is_of_the_theater_and_has_the_body_that_it_is_to_have() {
        let events = Events::read().unwrap();
        let event = events.reserve("hall-300", &serde_json::json!({ "seat": "A1" }));
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["rawPath"], "/v1/theaters/hall-300/reserve");
        assert_eq!(event["requestContext"]["http"]["path"], "/v1/theaters/hall-300/reserve");
        assert_eq!(event["pathParameters"]["theaterId"], "hall-300");
        assert_eq!(event["body"], "{\"seat\":\"A1\"}");
        let event: Value = serde_json::from_slice(&events.look_again("hall-6", "\"tag\"")).unwrap();
        assert_eq!(event["headers"]["if-none-match"], "\"tag\"");
    }
}
