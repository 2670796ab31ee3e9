//! Tests with hostile items: the corpus, and random attributes of every type. Each item is read as it is, or causes an
//! error that names it.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;
use crate::domain::availability::SeatState;
use crate::domain::ids::TheaterId;

mod shows;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/items");

const NAMES: [&str; 47] = [
    attribute::PK,
    attribute::SK,
    attribute::STATUS,
    attribute::RESERVATION_ID,
    attribute::BOOKING_ID,
    attribute::EXPIRES_AT,
    attribute::CHANGED_AT,
    attribute::SEATS,
    attribute::BOOKED_AT,
    attribute::REQUEST_TOKEN,
    attribute::NAME,
    attribute::LAYOUT_VERSION,
    attribute::OWNER,
    attribute::BY,
    attribute::CANCELLED_AT,
    attribute::COUNTED,
    attribute::BOOKED_SEATS,
    attribute::HOLDINGS,
    attribute::GIVEN_BACK,
    attribute::CHOICES,
    attribute::REFUSED_AT,
    attribute::RESERVED_SEATS,
    attribute::TURN,
    attribute::PLAN,
    attribute::PLAN_PARTS,
    attribute::SEAT_COUNT,
    attribute::THEATER_ID,
    attribute::TITLE,
    attribute::STARTS_AT,
    attribute::TIMEZONE,
    attribute::LOCAL_DATE,
    attribute::LOCAL_TIME,
    attribute::SEATS_VERSION,
    attribute::SHOW_VERSION,
    attribute::PRICES,
    attribute::EXTRA,
    attribute::SALE_STATE,
    attribute::SALE_VERSION,
    attribute::OPENS_AT,
    attribute::CLOSES_AT,
    attribute::BOOKING_CLOSES_AT,
    attribute::FIRST_OPENS_AT,
    attribute::PRICE,
    attribute::TICKET_TYPE,
    attribute::LINES,
    attribute::CURRENCY,
    attribute::REFERENCE,
];

/// Texts that attributes really have, and texts that only a hostile table has.
const TEXTS: [&str; 32] = [
    "",
    " ",
    "A1",
    "A1 A2 A3",
    "A1 A1",
    "A1  A2",
    "\u{202e}A1",
    "\0",
    "reserved",
    "booked",
    "Booked",
    "SEAT#A1",
    "SEAT#",
    "LAYOUT",
    "0188c0de-0000-7000-8000-00000000b001",
    "00000000-0000-0000-0000-000000000000",
    "SHOW",
    "SHOW#",
    "SHOW#a/b",
    "SHOWS#2026-12-01",
    "001796164200#evening-1",
    "999999999999#evening-1",
    "2026-12-01T20:15:00Z",
    "2026-02-30",
    "paused",
    "{}",
    "child",
    "EUR",
    "[[null,null,null,null,8500,\"child\"]]",
    "[[\"Stalls\"],[],[]]",
    "[[]]",
    r#"[["Stalls","A","1","premium",9500],["Stalls","A","2","premium",4500,"child"]]"#,
];
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "5",
    "1795370400000",
    "-1",
    "1.5",
    "1E+125",
    "1E-130",
    "281474976710655",
    "281474976710656",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "NaN",
];

fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        6 => select(&TEXTS).prop_map(s),
        1 => any::<String>().prop_map(s),
        6 => select(&NUMBERS).prop_map(|number| AttributeValue::N(number.to_owned())),
        2 => any::<u64>().prop_map(n),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null(true)),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| AttributeValue::B(bytes.into())),
        1 => prop::collection::vec(select(&TEXTS).prop_map(str::to_owned), 0..3).prop_map(AttributeValue::Ss),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(AttributeValue::L),
            prop::collection::hash_map(select(&NAMES[..]).prop_map(str::to_owned), inner, 0..3)
                .prop_map(AttributeValue::M),
        ]
    })
}

fn item(seeds: Vec<Item>) -> impl Strategy<Value = Item> {
    let changes = prop::collection::vec((select(&NAMES[..]), prop::option::weighted(0.8, value())), 0..5);
    (select(seeds), changes).prop_map(|(mut item, changes)| {
        for (name, value) in changes {
            match value {
                Some(value) => item.insert(name.to_owned(), value),
                None => item.remove(name),
            };
        }
        item
    })
}

/// Returns `true` if the attribute's text or number is exactly the value that was read.
fn equals_attribute(item: &Item, name: &str, read: impl ToString) -> bool {
    match item.get(name) {
        Some(AttributeValue::S(text)) => *text == read.to_string(),
        Some(AttributeValue::N(number)) => *number == read.to_string(),
        _ => false,
    }
}

/// Returns `true` if an error names an attribute, and the item's key as far as that is text.
fn named(item: &Item, error: &StoreError) -> bool {
    let text = error.to_string();
    let key = [attribute::PK, attribute::SK].iter().filter_map(|name| item.get(*name)?.as_s().ok());
    NAMES.iter().any(|name| text.contains(&format!("attribute {name}: ")))
        && key.into_iter().all(|part| text.contains(&format!("{part:?}")))
}

fn reads_seat_exactly(item: &Item) -> bool {
    let read = match SeatItem::read(item) {
        Ok(read) => read,
        Err(error) => return named(item, &error),
    };
    let state = match read.slot.state {
        SeatState::Booked => equals_attribute(item, attribute::STATUS, "booked"),
        SeatState::Reserved { expires_at } => {
            equals_attribute(item, attribute::STATUS, "reserved")
                && equals_attribute(item, attribute::EXPIRES_AT, expires_at.as_secs())
        }
        SeatState::Available | SeatState::Withdrawn { .. } => false,
    };
    let id = |name, id: Option<String>| id.map_or(!item.contains_key(name), |id| equals_attribute(item, name, id));
    state
        && equals_attribute(item, attribute::CHANGED_AT, read.slot.changed_at.as_millis())
        && id(attribute::RESERVATION_ID, read.reservation.map(|id| id.to_string()))
        && id(attribute::BOOKING_ID, read.booking.map(|id| id.to_string()))
}

fn reads_booking_exactly(item: &Item) -> bool {
    match BookingItem::read(item) {
        Ok(read) => {
            equals_attribute(item, attribute::SEATS, join(&read.seats))
                && equals_attribute(item, attribute::BOOKED_AT, read.booked_at.as_millis())
                && equals_attribute(item, attribute::REQUEST_TOKEN, read.request_token)
        }
        Err(error) => named(item, &error),
    }
}

fn read_layout(item: &Item) -> Result<crate::domain::layout::Layout, StoreError> {
    layout::StoredLayout::read(item)?.into_layout(&TheaterId::parse("1").unwrap(), item, &[])
}

fn read_record(item: &Item) -> Result<(), StoreError> {
    booked_seats(item)?;
    crate::store::schema::reservation_record::Record::read(item, EpochMillis::new(0)).map(drop)
}

/// Reads items whose contents aren't compared. Returns `true` if each is read or named.
fn reads_or_names_other_items(item: &Item) -> bool {
    let errors = [
        read_record(item).err(),
        read_reserved_set(item).err(),
        read_version(item).err(),
        money::read_fixed_price(item).err(),
        money::read_lines(item, &read_seat_list(item).unwrap_or_default()).err(),
        money::read_reference(item).err(),
        layout::read_entry(item).err(),
    ];
    errors.iter().flatten().all(|error| named(item, error))
}

fn reads_layout_exactly(item: &Item) -> bool {
    match read_layout(item) {
        Ok(read) => {
            equals_attribute(item, attribute::SEATS, join(read.seats()))
                && equals_attribute(item, attribute::NAME, &read.name)
                && equals_attribute(item, attribute::LAYOUT_VERSION, read.version)
        }
        Err(error) => named(item, &error),
    }
}

fn reads_label_exactly(item: &Item) -> bool {
    match SeatItem::label(item) {
        Ok(label) => equals_attribute(item, attribute::SK, format!("{SEAT_PREFIX}{label}")),
        Err(error) => named(item, &error),
    }
}

fn check(item: &Item) -> Result<(), TestCaseError> {
    prop_assert!(reads_seat_exactly(item), "as a seat {:?}: {item:?}", SeatItem::read(item));
    prop_assert!(reads_booking_exactly(item), "as a booking {:?}: {item:?}", BookingItem::read(item));
    prop_assert!(reads_layout_exactly(item), "as a layout: {item:?}");
    prop_assert!(reads_or_names_other_items(item), "as anything else: {item:?}");
    prop_assert!(reads_label_exactly(item), "as a label {:?}: {item:?}", SeatItem::label(item));
    prop_assert!(shows::reads_show_exactly(item), "as a show {:?}: {item:?}", show::read(item));
    prop_assert!(shows::reads_entry_exactly(item), "as an entry {:?}: {item:?}", show::read_entry(item));
    prop_assert!(shows::reads_sale_exactly(item), "as a sale {:?}: {item:?}", sale::read_theater_sale(item));
    prop_assert!(shows::reads_pointer_exactly(item), "as a pointer {:?}: {item:?}", show::read_pointer(item));
    Ok(())
}

/// Reads the corpus, which is in DynamoDB's own JSON.
fn corpus() -> Vec<(String, Item)> {
    let files = std::fs::read_dir(Path::new(CORPUS)).unwrap();
    let read = |path: &Path| {
        let parsed: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let fields = parsed.as_object().unwrap().iter();
        fields.map(|(name, value)| (name.clone(), attribute_value(value))).collect()
    };
    files.map(|file| file.unwrap().path()).map(|path| (path.display().to_string(), read(&path))).collect()
}

fn attribute_value(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    let texts = || value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    let fields = || value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute_value(value)));
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(text().into_bytes().into()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "SS" => AttributeValue::Ss(texts()),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute_value).collect()),
        "M" => AttributeValue::M(fields().collect()),
        other => panic!("{other}"),
    }
}

#[test]
fn corpus_item_is_read_exactly_or_named() {
    let corpus = corpus();
    assert!(corpus.len() >= 20);
    for (name, item) in &corpus {
        check(item).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let good = |name: &str| &corpus.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
    assert!(SeatItem::read(good("seat-booked.json")).is_ok() && SeatItem::read(good("seat-reserved.json")).is_ok());
    assert!(BookingItem::read(good("booking.json")).is_ok());
    assert!(read_layout(good("layout.json")).is_ok());
    assert!(show::read(good("show.json")).is_ok() && show::read_entry(good("show-entry.json")).is_ok());
    assert!(sale::read_theater_sale(good("sale.json")).is_ok());
}

#[test]
fn random_item_is_read_exactly_or_named() {
    let seeds = corpus().into_iter().map(|(_, item)| item).collect();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5_000) };
    proptest!(config, |(item in item(seeds))| check(&item)?);
}
