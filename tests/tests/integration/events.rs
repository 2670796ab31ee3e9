//! The events in `events/`: sent in the order of its README they are answered as its table says.

use std::collections::BTreeSet;
use std::path::PathBuf;

use boxoffice_tests::World;
use boxoffice_tests::event::send_event;
use serde_json::Value;

fn folder() -> PathBuf {
    boxoffice_local::checkout::root().unwrap().join("events")
}

/// The rows of the README's table: file, status, code.
fn table() -> Vec<(String, u16, String)> {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        (cells[1].clone(), cells[2].parse().unwrap(), cells[3].clone())
    })
    .collect()
}

#[tokio::test]
async fn each_is_answered_as_the_table_says() {
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
    let look = boxoffice_tests::Call::get_seats("1").send(&world.office).await;
    assert_eq!(look.seats(), ["A2", "A3", "B3"], "as the README says of afterwards");
}

#[test]
fn none_is_missing_from_the_table() {
    let listed: BTreeSet<_> = table().into_iter().map(|(file, ..)| file).collect();
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<_> = files.filter(|name| name.ends_with(".json")).collect();
    assert_eq!(listed, there);
}

#[test]
fn each_function_has_success_conflict_replay_and_malformed_where_it_can() {
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
    ] {
        assert!(names.contains(&format!("{wanted}.json")), "{wanted}");
    }
}
