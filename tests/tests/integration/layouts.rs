//! Putting layouts, and the command that loads them from a file.

use std::path::Path;
use std::process::Output;

use boxoffice::app::{Precondition, Put, PutError, WithdrawalError};
use boxoffice::context::RequestContext;
use boxoffice::domain::ids::{SeatLabel, TheaterId};
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::new_layout::NewLayout;
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

async fn put(world: &World, labels: &[&str]) -> Result<Put, PutError> {
    let seats: Vec<_> = labels.iter().map(|label| SeatLabel::parse(label).unwrap()).collect();
    let layout = NewLayout::of_list("Nine", seats);
    let nine = TheaterId::parse("9").unwrap();
    world
        .office
        .put_theater(&RequestContext::default(), &nine, &layout, Precondition::Whatever)
        .await
        .map(|theater| theater.put)
}

#[tokio::test]
async fn putting_a_layout_again_keeps_seats_in_use() {
    let world = World::on(Setup::without_cache()).await;
    assert_eq!(put(&world, &["A1", "A2"]).await.unwrap(), Put::Created);
    assert_eq!(put(&world, &["A1", "A2"]).await.unwrap(), Put::Unchanged);
    assert_eq!(put(&world, &["A2", "A3", "A1"]).await.unwrap(), Put::Changed);
    Call::book("9", &json!({ "seats": ["A1", "A3"] })).send(&world.office).await;
    match put(&world, &["A2"]).await {
        Err(PutError::Withdrawal(WithdrawalError::InUse(seats))) => assert_eq!(seats.len(), 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(Call::get_seats("9").send(&world.office).await.seats(), ["A2"]);
    assert_eq!(put(&world, &["A1", "A3"]).await.unwrap(), Put::Changed);
}

#[tokio::test]
async fn layout_version_rises_even_if_the_clock_does_not() {
    let world = World::on(Setup::without_cache()).await;
    let store = world.store(world.clock.clone()).await;
    let version = async || {
        store.layout(&RequestContext::default(), &TheaterId::parse("9").unwrap()).await.unwrap().unwrap().version
    };
    put(&world, &["A1"]).await.unwrap();
    let first = version().await;
    put(&world, &["A1", "A2"]).await.unwrap();
    assert_eq!(version().await, LayoutVersion::new(first.as_u64() + 1));
}

/// Runs `load-theaters` as an operator would. The binary is built with the tests.
fn load(table: &str, file: &Path) -> Output {
    let bin = std::env::current_exe().unwrap();
    let bin = bin.ancestors().nth(2).unwrap().join("load-theaters");
    assert!(bin.is_file(), "{} isn't built: cargo build -p boxoffice-admin", bin.display());
    let mut command = std::process::Command::new(bin);
    command.arg(file).envs(engines::shared().environment(table));
    for variable in boxoffice_local::stack::REAL_AWS {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

#[tokio::test]
async fn load_theaters_loads_the_sample_theaters_and_a_hall() {
    let world = World::on(Setup::without_cache()).await;
    let file = boxoffice_local::checkout::root().unwrap().join("local/theaters.json");
    let output = load(&world.table, &file);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("theater 1 (Theater_A): 6 seats, unchanged"), "{said}");
    assert!(load(&world.table, &file).status.success(), "again");
    let hall = Call::get_seats("grand-hall").send(&world.office).await;
    assert!((1_100..=1_300).contains(&hall.seats().len()), "{}", hall.seats().len());
    for (theater, name, seats) in [
        ("1", "Theater_A", ["A1", "A2", "A3", "B1", "B2", "B3"]),
        ("2", "Theater_B", ["C1", "C2", "C3", "D1", "D2", "D3"]),
    ] {
        let reply = Call::get_seats(theater).send(&world.office).await;
        assert_eq!((reply.text("name"), reply.seats()), (name, seats.to_vec()));
    }
}

#[tokio::test]
async fn load_theaters_rejects_a_bad_file_by_file_and_field() {
    let world = World::on(Setup::without_cache()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    let text = r#"{"theaters": [{"theater_id": "7", "name": "Good", "seats": ["A1"]},
        {"theater_id": "8", "name": "Bad", "seats": ["A1", "A 2"]}]}"#;
    std::fs::write(&file, text).unwrap();
    let output = load(&world.table, &file);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("bad.json: theaters[1].seats[1]: expected a seat label of 1 to 36"), "{said}");
    assert_eq!(world.item_count().await, 2, "the valid theater isn't written either");
    let missing = load(&world.table, &folder.path().join("none.json"));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.json"));
}
