//! Arbitrary bytes as an event: the corpus as it is, and mutated.

use boxoffice_tests::delivery::{Delivery, deliver, routes};
use boxoffice_tests::mutation::{Mutation, any_mutation, cases};
use boxoffice_tests::{World, corpus};
use lambda_http::http::Method;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// The part of an event that a mutation changes.
#[derive(Clone, Debug)]
enum Part {
    /// The text of the whole event. The result is rarely an event.
    Whole,
    /// One text in the event, by its JSON pointer. The result is mostly an event. These are the texts that a caller
    /// chooses.
    Text(&'static str),
}

const TEXTS: &[&str] = &[
    "/body",
    "/body",
    "/body",
    "/pathParameters/theaterId",
    "/pathParameters/reservationId",
    "/pathParameters/bookingId",
    "/queryStringParameters/seats",
    "/queryStringParameters/section",
    "/queryStringParameters/after",
    "/headers/reservation-id",
    "/headers/if-match",
    "/rawPath",
    "/rawQueryString",
    "/headers/idempotency-key",
    "/headers/content-type",
    "/headers/if-none-match",
    "/headers/host",
    "/headers/x-forwarded-proto",
];

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![1 => Just(Part::Whole), 3 => select(TEXTS).prop_map(Part::Text)]
}

fn mutate(event: &[u8], part: &Part, mutation: &Mutation, events: &[Vec<u8>]) -> Vec<u8> {
    let Part::Text(pointer) = part else { return mutation.apply(event.to_vec(), events) };
    let Ok(mut parsed) = serde_json::from_slice::<Value>(event) else { return event.to_vec() };
    let Some(Value::String(text)) = parsed.pointer_mut(pointer) else { return event.to_vec() };
    let mutated = mutation.apply(std::mem::take(text).into_bytes(), events);
    *text = String::from_utf8_lossy(&mutated).into_owned();
    if pointer.starts_with("/headers/") {
        // API Gateway passes on no character that HTTP forbids in a header's value.
        text.retain(|c| !c.is_control());
    }
    parsed.to_string().into_bytes()
}

/// Rejects a response that no event may lead to. A response to `HEAD` has no body.
fn is_decent(Delivery { method, reply }: &Delivery) -> Result<(), String> {
    if method == Method::HEAD {
        let is_empty = reply.text.is_empty() && reply.status < 500;
        return if is_empty { Ok(()) } else { Err(format!("answered {} {:.2000}", reply.status, reply.text)) };
    }

    let plain = |text: &str| text.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
    let decent = match reply.status {
        200 if reply.header("content-type") == "text/plain; charset=utf-8" => reply.text.starts_with("# "),
        200 | 201 => reply.header("content-type") == "application/json" && reply.body.is_object(),
        204 | 304 => reply.text.is_empty(),
        400 | 403 | 404 | 409 | 410 | 412 | 413 | 415 | 422 | 428 => {
            reply.header("content-type") == "application/problem+json"
                && reply.body["status"] == reply.status
                && reply.body["code"].is_string()
                && reply.body["request_id"].is_string()
                && reply.body["detail"].as_str().is_some_and(|detail| !detail.is_empty() && detail.len() < 600)
                && plain(&reply.text)
        }
        _ => false,
    };
    if decent { Ok(()) } else { Err(format!("answered {} {:.2000}", reply.status, reply.text)) }
}

#[tokio::test]
async fn every_function_answers_the_corpus_with_a_valid_response() {
    let world = World::new().await;
    let mut answered = 0;
    for seed in corpus::events() {
        for route in routes() {
            if let Some(delivery) = deliver(&world.office, route, &seed.bytes).await {
                is_decent(&delivery).unwrap_or_else(|why| panic!("{} to {route}: {why}", seed.name));
                answered += 1;
            }
        }
    }
    assert!(answered > 3 * 16, "{answered}: most files of the corpus are events");
}

#[test]
fn mutated_events_get_a_valid_response() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let events: Vec<_> = corpus::events().into_iter().map(|seed| seed.bytes).collect();
    let mutations = prop::collection::vec((part(), any_mutation()), 1..5);
    proptest!(cases(1_000), |(seed in any::<Index>(), mutations in mutations, route in select(routes()))| {
        let seed = seed.get(&events).clone();
        let event = mutations.iter().fold(seed, |event, (part, mutation)| mutate(&event, part, mutation, &events));
        let delivery = runtime.block_on(deliver(&world.office, route, &event));
        if let Some(Err(why)) = delivery.as_ref().map(is_decent) {
            let event = String::from_utf8_lossy(&event);
            prop_assert!(false, "{why}\nto {route}; add it to tests/corpus/events:\n{event}");
        }
    });
}
