//! Putting layouts, and the command that loads them from a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use boxoffice::app::{BookingRequest, Precondition, Put, PutError, WithdrawalError};
use boxoffice::clock::Clock;
use boxoffice::context::RequestContext;
use boxoffice::domain::caller::Caller;
use boxoffice::domain::ids::{BookingId, SeatLabel, ShowId, TheaterId};
use boxoffice::domain::inventory::InventoryId;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::new_layout::NewLayout;
use boxoffice::domain::sale::{SaleState, SaleTerms};
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
    load_all(table, &[file])
}

fn load_all(table: &str, files: &[&Path]) -> Output {
    let bin = std::env::current_exe().unwrap();
    let bin = bin.ancestors().nth(2).unwrap().join("load-theaters");
    assert!(bin.is_file(), "{} isn't built: cargo build -p boxoffice-admin", bin.display());
    let mut command = std::process::Command::new(bin);
    command.args(files).envs(engines::shared().environment(table));
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

/// Returns the lines about shows.
fn lines_of_shows(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.starts_with("shows of theater")).map(str::to_owned).collect()
}

#[tokio::test]
async fn second_load_of_the_cinema_changes_no_item() {
    let world = World::on(Setup::without_cache()).await;
    let root = boxoffice_local::checkout::root().unwrap();
    let files = ["local/theaters.json", "local/cinema.json"].map(|file| root.join(file));
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let first = lines_of_shows(&load_all(&world.table, &files));
    let expected = [
        "shows of theater vienna-1: 15 created, 0 changed, 0 unchanged, 6 bookings made",
        "shows of theater vienna-2: 15 created, 0 changed, 0 unchanged",
        "shows of theater zurich: 22 created, 0 changed, 0 unchanged",
    ];
    assert_eq!(first, expected);
    let sorted = async || {
        let mut items: Vec<_> =
            world.items().await.iter().map(|item| format!("{:?}", BTreeMap::from_iter(item))).collect();
        items.sort();
        items
    };
    let items = sorted().await;
    let second = lines_of_shows(&load_all(&world.table, &files));
    assert_eq!(
        second,
        expected.map(|line| {
            let line = line.replace(", 6 bookings made", "");
            let (theater, rest) = line.split_once(": ").unwrap();
            format!("{theater}: 0 created, 0 changed, {} unchanged", rest.split(' ').next().unwrap())
        })
    );
    assert!(sorted().await == items, "a second load writes nothing");
}

#[tokio::test]
async fn reload_keeps_a_pause_past_shows_and_cancelled_bookings() {
    let world = World::on(Setup::without_cache()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shows.json");
    let booking = "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64";
    let write = |title: &str, shows: &[&str]| {
        let shows: Vec<_> = shows
            .iter()
            .map(|id| {
                json!({
                    "show_id": id, "theater_id": "1", "title": title, "timezone": "Europe/Vienna",
                    "starts_at": "2099-12-01T20:15:00+01:00",
                    "bookings": [{ "booking_id": booking, "seats": ["A1"] }],
                })
            })
            .collect();
        std::fs::write(&file, json!({ "shows": shows }).to_string()).unwrap();
    };
    write("Tosca", &["one", "two"]);
    let line = |line: &str| vec![format!("shows of theater 1: {line}")];
    assert_eq!(lines_of_shows(&load(&world.table, &file)), line("2 created, 0 changed, 0 unchanged, 2 bookings made"));

    // An instance of the system's time, as the loader has it.
    let office = world.instance(Clock::System).await;
    let (ctx, one) = (RequestContext::default(), ShowId::parse("one").unwrap());
    let inventory = InventoryId::Show(one.clone());
    let cancelled = BookingRequest {
        inventory: inventory.clone(),
        booking: BookingId::parse(booking).unwrap(),
        caller: Caller::Anonymous,
    };
    office.cancel(&ctx, &cancelled).await.unwrap();
    let paused = SaleTerms::new(SaleState::Paused, None, None, None).unwrap();
    office.put_sale(&ctx, &inventory, paused).await.unwrap();
    // The show "two" isn't in the file any more.
    write("Aida", &["one"]);
    assert_eq!(lines_of_shows(&load(&world.table, &file)), line("0 created, 1 changed, 0 unchanged"));
    let show = office.show(&ctx, &one).await.unwrap().unwrap().show;
    assert_eq!((show.title.as_str(), show.sale.terms), ("Aida", paused));
    assert!(office.show(&ctx, &ShowId::parse("two").unwrap()).await.unwrap().is_some());
    let counts = office.count_seats(&ctx, &one).await.unwrap().unwrap().counts;
    assert_eq!((counts.available, counts.booked), (6, 0), "the booking stays cancelled");
}

#[tokio::test]
async fn refused_booking_of_a_file_names_show_and_booking() {
    let world = World::on(Setup::without_cache()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shows.json");
    let show = json!({
        "show_id": "one", "theater_id": "1", "title": "Tosca", "timezone": "Europe/Vienna",
        "starts_at": "2020-12-01T20:15:00+01:00",
        "bookings": [{ "booking_id": "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64", "seats": ["A1"] }],
    });
    std::fs::write(&file, json!({ "shows": [show] }).to_string()).unwrap();
    let output = load(&world.table, &file);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "show one: booking 0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64: the sale is closed";
    assert!(said.contains(expected) && output.status.code() == Some(1), "{said}");
}
