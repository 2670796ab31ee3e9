//! The events in `events/`. Sent in the order of the README there, they get the responses of its table.

use std::collections::BTreeSet;
use std::path::PathBuf;

use boxoffice_tests::delivery::{send_batch, send_event};
use boxoffice_tests::{Call, World};
use redis::AsyncCommands;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    boxoffice_local::checkout::root().unwrap().join("events")
}

/// Returns the rows of the README's tables, as cells.
fn rows() -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()).collect()
}

/// Returns the calls: file, status and code.
fn table() -> Vec<(String, u16, String)> {
    let calls = rows().into_iter().filter(|row| !row[1].starts_with("sync-cache."));
    calls.map(|row| (row[1].clone(), row[2].parse().unwrap(), row[3].clone())).collect()
}

/// Returns the batches of the stream: file and number of records.
fn batches() -> Vec<(String, usize)> {
    let batches = rows().into_iter().filter(|row| row[1].starts_with("sync-cache."));
    batches.map(|row| (row[1].clone(), row[2].parse().unwrap())).collect()
}

#[tokio::test]
async fn each_event_gets_the_response_in_the_readme() {
    let world = World::new().await;
    let table = table();
    assert!(table.len() >= 12);
    for (file, status, code) in table {
        let event = std::fs::read_to_string(folder().join(&file)).unwrap();
        let parsed: Value = serde_json::from_str(&event).unwrap();
        assert_eq!(parsed["version"], "2.0");
        let reply = send_event(&world.office, parsed["routeKey"].as_str().unwrap(), &event).await;
        assert_eq!((reply.status, reply.code()), (status, code.as_str()), "{file}: {}", reply.text);
        let replay = file.contains(".replay.");
        assert_eq!(reply.header("idempotent-replayed"), if replay { "true" } else { "" }, "{file}");
    }
    let seat_map = boxoffice_tests::Call::get_seats("1").send(&world.office).await;
    assert_eq!(seat_map.seats(), ["A2", "A3", "B1", "B2", "B3"], "as the README says of afterwards");
}

/// Returns the available seats that the cache shows for a theater, or `None` if the cache is empty.
async fn cached(world: &World, theater: &str) -> Option<Vec<String>> {
    let there: bool = world.redis().await.exists(world.cache_key(theater)).await.unwrap();
    let seat_map = boxoffice_tests::Call::get_seats(theater).send(&world.office).await;
    assert_eq!(seat_map.header("x-cache"), if there { "hit" } else { "miss" });
    there.then(|| seat_map.seats().into_iter().map(str::to_owned).collect())
}

#[tokio::test]
async fn each_stream_batch_leaves_the_state_in_the_readme() {
    let world = World::new().await;
    assert_eq!((cached(&world, "1").await, cached(&world, "2").await), (None, None));
    let seats = |seats: &[&str]| Some(seats.iter().map(|seat| (*seat).to_owned()).collect::<Vec<_>>());
    let mut left = vec![
        // Theater 1 and theater 2, in the order of the table.
        (seats(&["A2", "A3", "B1", "B2", "B3"]), seats(&["C2", "C3", "D1", "D2", "D3"])),
        (seats(&["A2", "A3", "B1", "B2", "B3"]), seats(&["C2", "C3", "D1", "D2", "D3"])),
        (None, seats(&["C2", "C3", "D1", "D2", "D3"])),
        (None, seats(&["C2", "C3", "D1", "D2", "D3"])),
        // Theater 1 was filled from the table by the look before.
        (seats(&["A1", "A2", "A3", "B1", "B2", "B3"]), seats(&["C2", "C3", "D1", "D2", "D3"])),
    ]
    .into_iter();
    for (file, records) in batches() {
        let event: Value = serde_json::from_str(&std::fs::read_to_string(folder().join(&file)).unwrap()).unwrap();
        assert_eq!(event["Records"].as_array().unwrap().len(), records, "{file}");
        assert_eq!(send_batch(&world.office, event).await, json!({ "batchItemFailures": [] }), "{file}");
        let found = (cached(&world, "1").await, cached(&world, "2").await);
        assert_eq!(Some(found), left.next(), "after {file}");
    }
    assert_eq!(left.next(), None);
}

#[tokio::test]
async fn batch_of_a_show_books_its_seat() {
    let world = World::new().await;
    let show = json!({ "theater_id": "1", "title": "Tosca", "starts_at": "2026-12-01T20:15:00+01:00",
        "timezone": "Europe/Vienna" });
    assert_eq!(Call::put_show("evening-1", &show).send(&world.office).await.status, 201);
    let seats = async || Call::get_seats("evening-1").of_show().send(&world.office).await;
    assert_eq!(seats().await.seats().len(), 6);
    let event = std::fs::read_to_string(folder().join("sync-cache.show.json")).unwrap();
    let answer = send_batch(&world.office, serde_json::from_str(&event).unwrap()).await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let after = seats().await;
    assert_eq!((after.header("x-cache"), after.seats()), ("hit", vec!["A2", "A3", "B1", "B2", "B3"]));
}

#[tokio::test]
async fn a_custom_domain_changes_the_host_and_no_path() {
    let world = World::new().await;
    let mut answers = Vec::new();
    for file in [
        "reserve.success",
        "reserve.replay",
        "reserve.replay.custom-domain",
        "get-seats.unknown-theater",
        "get-seats.unknown-theater.custom-domain",
    ] {
        let event = std::fs::read_to_string(folder().join(format!("{file}.json"))).unwrap();
        let parsed: Value = serde_json::from_str(&event).unwrap();
        answers.push(send_event(&world.office, parsed["routeKey"].as_str().unwrap(), &event).await);
    }
    let [_, repeat, repeat_there, problem, problem_there] = answers.as_slice() else { panic!("five answers") };
    assert!(repeat.header("link").starts_with("</v1/theaters/1/reservations/"), "{}", repeat.header("link"));
    assert_eq!(repeat.header("link"), repeat_there.header("link"));
    assert_eq!(problem.text("instance"), "/v1/theaters/99/seats");
    assert_eq!(problem.text("instance"), problem_there.text("instance"));
    assert_eq!(problem_there.text("type"), "https://api.example.com/v1/errors/theater_not_found");
}

#[test]
fn every_event_file_is_in_the_readme() {
    let listed: BTreeSet<_> = rows().into_iter().map(|row| row[1].clone()).collect();
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<_> = files.filter(|name| name.ends_with(".json")).collect();
    assert_eq!(listed, there);
}

#[test]
fn each_function_has_success_conflict_replay_malformed_events() {
    let names: BTreeSet<_> = table().into_iter().map(|(file, ..)| file).collect();
    for wanted in [
        "get-seats.success",
        "get-seats.malformed",
        "reserve.success",
        "reserve.conflict",
        "reserve.replay",
        "reserve.malformed",
        "book.success",
        "book.conflict",
        "book.replay",
        "book.malformed",
        "reservations.success",
        "reservations.extend.replay",
        "reservations.extend.conflict",
        "reservations.malformed",
        "bookings.success",
        "bookings.malformed",
        "theaters.success",
        "theaters.put.conflict",
        "theaters.put.malformed",
        "theaters.show.put",
        "theaters.show.put.malformed",
        "theaters.show.sale",
        "get-seats.shows",
        "get-seats.show",
        "reserve.show",
        "book.show",
        "book.show.changed",
    ] {
        assert!(names.contains(&format!("{wanted}.json")), "{wanted}");
    }
}
