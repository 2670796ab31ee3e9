//! Layouts that are stored and read back, and stored forms that are invalid.

use super::*;
use crate::domain::accessible_policy::{AccessiblePolicy, Release};
use crate::domain::details::{CategoryDetails, Extra, Outline, SeatDetails, SectionDetails, Stage};
use crate::domain::prices::{Currency, PriceList, TicketPrices, TicketType};
use crate::domain::seating_plan::Category;
use crate::domain::time::EpochSeconds;

fn read(theater: &TheaterId, LayoutItems { own, parts }: &LayoutItems) -> Result<Layout, StoreError> {
    StoredLayout::read(own)?.into_layout(theater, own, parts)
}

/// Builds a layout that is as large, and as hard to pack, as a layout can be.
fn largest(seats: usize) -> Layout {
    let mut rng = fastrand::Rng::with_seed(7);
    let label = |n: usize, rng: &mut fastrand::Rng| {
        let tail: String = std::iter::repeat_with(|| rng.alphanumeric()).take(31).collect();
        SeatLabel::parse(&format!("{n:05}{tail}")).unwrap()
    };
    let labels: Vec<_> = (0..seats).map(|n| label(n, &mut rng)).collect();
    let rows: Vec<_> = (0..2_000).map(|n| Row { name: format!("row {n} {}", rng.u64(..)), section: n % 500 }).collect();
    let sections = (0..500).map(|n| format!("section {n} {}", rng.u64(..))).collect();
    let categories = (0..100).map(category);
    let mut coordinate = || rng.i32(-1_000_000..=1_000_000);
    let points: Vec<_> = (0..seats).map(|_| Point { x: coordinate(), y: coordinate() }).collect();
    let places = points.into_iter().map(|point| SeatPlacement {
        row: rng.u16(0..2_000),
        point,
        category: rng.bool().then(|| rng.u16(0..100)),
        accessible: rng.u8(0..10) == 0,
        companion_of: None,
    });
    let mut places: Vec<_> = places.collect();
    for seat in 1..places.len() {
        let is_companion = places[seat - 1].accessible && !places[seat].accessible;
        let accessible = SeatIndex::new(u32::try_from(seat - 1).unwrap());
        places[seat].companion_of = is_companion.then_some(accessible);
    }
    let release = Release { at: Some(EpochSeconds::LAST), before_start: Some(Release::MAX_BEFORE_START) };
    let plan = SeatingPlan::new(Point { x: 1, y: -2 }, sections, rows, categories.collect(), places).unwrap();
    let plan = plan.with_accessible_policy(AccessiblePolicy::Release(release));
    let layout =
        Layout::with_plan(TheaterId::parse("1").unwrap(), "Größe".repeat(10), LayoutVersion::new(9), labels, plan)
            .unwrap();
    let mut details = Details::default();
    let mut text = |n: usize| std::iter::repeat_with(|| rng.alphanumeric()).take(n).collect::<String>();
    for index in 0..u32::try_from(seats).unwrap() {
        let id = Some(format!("{index:05}{}", text(31)));
        details.seats.insert(SeatIndex::new(index), SeatDetails { external_id: id, ..SeatDetails::default() });
    }
    layout.with_details(details).unwrap()
}

/// Makes a category. A third of them has one price, a third further ones, and a third no price of `standard`.
fn category(n: u64) -> Category {
    let ticket_types: &[&str] = match n % 3 {
        0 => &["standard"],
        1 => &["child", "standard"],
        _ => &["child", "senior"],
    };
    let prices = (n..).zip(ticket_types).map(|(price, name)| (TicketType::parse(name).unwrap(), price)).collect();
    let currency = Currency::parse("EUR").unwrap();
    Category { name: format!("category {n}"), prices: TicketPrices::new(prices).unwrap(), currency }
}

/// Changes the stored columns of a layout, and reads it again.
fn read_changed(layout: &Layout, change: impl FnOnce(&mut serde_json::Value)) -> Result<Layout, StoreError> {
    let mut columns = serde_json::from_slice(&columns(layout, None).unwrap()).unwrap();
    change(&mut columns);
    let mut items = write(layout).unwrap();
    let packed = deflate(&serde_json::to_vec(&columns).unwrap()).unwrap();
    items.own.insert("plan".to_owned(), AttributeValue::B(Blob::new(packed)));
    read(&layout.theater, &items)
}

#[test]
fn version_0_1_0_finds_one_price_of_each_category() {
    let stored: Vec<_> = (0..3).map(|n| stored_category(&category(n)).1).collect();
    assert_eq!(stored, [0, 2, 2]);
    // The text of a layout whose categories have only `standard` is what version 0.1.0 wrote.
    let layout = largest(10);
    let read = read_changed(&layout, |columns| drop(columns.as_object_mut().unwrap().remove("prices"))).unwrap();
    assert!(read.plan().categories().iter().all(|category| !category.prices.has_other_types()));
    let items = write(&read).unwrap();
    let Some(AttributeValue::B(packed)) = items.own.get("plan") else { panic!("no plan") };
    let mut text = String::new();
    DeflateDecoder::new(packed.as_ref()).read_to_string(&mut text).unwrap();
    assert!(text.contains(r#"["category 99",99,"EUR"]"#) && !text.contains("prices"), "{text}");
}

#[test]
fn layout_with_several_currencies_is_still_read() {
    let layout = largest(10);
    let read = read_changed(&layout, |columns| columns["categories"][1][2] = "USD".into()).unwrap();
    assert_eq!(read.plan().categories()[1].currency.as_str(), "USD");
    assert_eq!((PriceList::of(&read), PriceList::of(&layout).is_some()), (None, true));
}

#[test]
fn wrong_stored_prices_are_an_error() {
    let layout = largest(10);
    assert!(read_changed(&layout, |_| ()).is_ok());
    let changes: [fn(&mut serde_json::Value); 5] = [
        |columns| columns["prices"]["100"] = serde_json::json!({ "child": 1 }),
        |columns| columns["prices"]["1"] = serde_json::json!({}),
        |columns| columns["prices"]["1"] = serde_json::json!({ "Child": 1 }),
        |columns| columns["categories"][0][1] = 1_000_000_001.into(),
        |columns| columns["categories"][0][2] = "Eur".into(),
    ];
    for change in changes {
        assert!(read_changed(&layout, change).unwrap_err().to_string().contains("plan"));
    }
}

fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        other => panic!("{other:?}"),
    };
    item.iter().map(|(name, typed)| name.len() + value(typed)).sum()
}

#[test]
fn largest_layout_is_split_and_read_back() {
    let layout = largest(20_000);
    let items = write(&layout).unwrap();
    let sizes: Vec<_> = std::iter::once(&items.own).chain(&items.parts).map(size).collect();
    println!("20,000 seats at random: items of {sizes:?} bytes");
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < 400_000), "{sizes:?}");
    assert!(!items.own.contains_key("seats") && fits(&layout));
    assert_eq!(read(&layout.theater, &items).unwrap(), layout);
    assert_eq!(LayoutSummary::read(&items.own).unwrap().seats, 20_000);
}

#[test]
fn oversized_layout_does_not_fit() {
    let (layout, mut details) = (largest(20_000), Details::default());
    let mut rng = fastrand::Rng::with_seed(8);
    for index in 0..20_000 {
        let note = Some(std::iter::repeat_with(|| rng.alphanumeric()).take(150).collect());
        details.seats.insert(SeatIndex::new(index), SeatDetails { note, ..SeatDetails::default() });
    }
    let layout = layout.with_details(details).unwrap();
    assert!(!fits(&layout));
    assert!(write(&layout).is_err());
}

#[test]
fn every_detail_is_stored_and_read_back() {
    let name = |text: &str| [("de".to_owned(), text.to_owned())].into();
    let extra = || Extra::of(r#"{"a":[1,null]}"#.to_owned());
    let outline = || Some(Outline(vec![[(0, 0), (9, 0), (0, 9)].map(|(x, y)| Point { x, y }).to_vec()]));
    let seat = SeatDetails {
        number: Some("7a".to_owned()),
        note: Some("Behind a pillar".to_owned()),
        restricted_view: true,
        external_id: Some("Ряд 1".to_owned()),
        extra: extra(),
    };
    let section = SectionDetails { label: Some("P".to_owned()), names: name("P"), outline: outline(), extra: extra() };
    let details = Details {
        names: name("Saal"),
        extra: extra(),
        stage: Some(Stage { label: Some("Stage".to_owned()), outline: outline() }),
        sections: [(0, section)].into(),
        kinds: [(1, "table".to_owned())].into(),
        categories: [(2, CategoryDetails { names: name("K"), extra: extra() })].into(),
        seats: [(SeatIndex::new(9), seat)].into(),
    };
    let layout = largest(20).with_details(details).unwrap();
    let items = write(&layout).unwrap();
    assert_eq!(read(&layout.theater, &items).unwrap(), layout);
}

#[test]
fn small_layout_is_one_item_and_list_has_no_plan() {
    let layout = largest(100);
    let items = write(&layout).unwrap();
    assert!(items.parts.is_empty() && items.own.contains_key("plan"));
    assert_eq!(read(&layout.theater, &items).unwrap(), layout);
    let list =
        Layout::new(layout.theater.clone(), "List".into(), LayoutVersion::new(1), layout.seats().to_vec()).unwrap();
    let items = write(&list).unwrap();
    assert!(!items.own.contains_key("plan"));
    assert_eq!(read(&list.theater, &items).unwrap(), list);
}

#[test]
fn corrupt_or_endless_plan_is_an_error() {
    let layout = largest(10);
    let item = write(&layout).unwrap().own;
    let with = |plan: AttributeValue| {
        let mut item = item.clone();
        item.insert("plan".to_owned(), plan);
        read(&layout.theater, &LayoutItems { own: item, parts: vec![] }).unwrap_err().to_string()
    };
    let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    for plan in [AttributeValue::S("x".into()), AttributeValue::B(Blob::new(vec![1, 2, 3]))] {
        assert!(with(plan).contains("plan"));
    }
    assert!(with(AttributeValue::B(Blob::new(bomb.finish().unwrap()))).contains("plan"));
    let other = pack(&largest(11), None).unwrap();
    assert!(with(AttributeValue::B(Blob::new(other))).contains("11"), "a plan for another number of seats");
}
