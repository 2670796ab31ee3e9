//! A layout as it lies in the table: labels as one text, the plan packed, in further items where one is too small.

use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::{Item, attribute, join, key, layout_key, n, number, ordinal, s, seat_list, text, theater_pk, unreadable};
use crate::rules::layout::Layout;
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::plan::{Category, Place, Plan, Point, Row};
use crate::store::{StoreError, TheaterEntry};

/// Bytes that one item is filled with: an item has 400 KB at the most, names of attributes included
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const MOST_BYTES: usize = 380_000;
/// Bytes that a packed plan may unfold to: some ten times what the largest has.
const MOST_UNPACKED: u64 = 16 * 1024 * 1024;
/// Further items that a plan may take.
const MOST_PARTS: usize = 8;

/// A layout's own item, as far as that goes.
#[derive(Debug)]
pub(in crate::store) struct StoredLayout {
    pub(in crate::store) version: u64,
    /// How many further items its plan is in.
    pub(in crate::store) parts: usize,
    name: String,
    seats: Vec<SeatLabel>,
    /// Nothing for a mere list.
    plan: Option<Vec<u8>>,
}

/// A plan in columns: each has one entry a seat, so that what hardly changes packs to hardly anything.
#[derive(Serialize, Deserialize)]
struct Columns {
    focal: [i32; 2],
    sections: Vec<String>,
    rows: Vec<(String, u16)>,
    categories: Vec<(String, u64, String)>,
    row: Vec<u16>,
    x: Vec<i32>,
    y: Vec<i32>,
    /// 0 for none, else one more than its index.
    category: Vec<u16>,
    /// Which seats are.
    accessible: Vec<u32>,
}

/// A layout's items: its own, and the parts of its plan.
pub(in crate::store) fn write(layout: &Layout) -> Result<(Item, Vec<Item>), StoreError> {
    let mut item = layout_key(&layout.theater);
    let seats = join(layout.seats());
    let room = MOST_BYTES.saturating_sub(seats.len() + layout.name.len());
    item.insert(attribute::NAME.to_owned(), s(layout.name.clone()));
    item.insert(attribute::SEATS.to_owned(), s(seats));
    item.insert(attribute::LAYOUT_VERSION.to_owned(), n(layout.version));
    if *layout.plan() == Plan::of_list(layout.seats()) {
        return Ok((item, Vec::new()));
    }
    let packed = pack(layout.plan())?;
    if packed.len() <= room {
        item.insert(attribute::PLAN.to_owned(), AttributeValue::B(Blob::new(packed)));
        return Ok((item, Vec::new()));
    }
    let parts: Vec<_> = packed.chunks(MOST_BYTES).collect();
    if parts.len() > MOST_PARTS {
        return Err(StoreError::Broken(format!("a plan of {} bytes is too large", packed.len())));
    }
    item.insert(attribute::PLAN_PARTS.to_owned(), n(parts.len() as u64));
    let keys = part_keys(&layout.theater, layout.version, parts.len());
    let parts = keys.zip(parts).map(|(mut item, bytes)| {
        item.insert(attribute::PLAN.to_owned(), AttributeValue::B(Blob::new(bytes)));
        item
    });
    Ok((item, parts.collect()))
}

/// The keys of a layout's parts.
pub(in crate::store) fn part_keys(theater: &TheaterId, version: u64, parts: usize) -> impl Iterator<Item = Item> {
    let pk = theater_pk(theater);
    (0..parts).map(move |part| key(pk.clone(), s(format!("LAYOUT#{version}#{part}"))))
}

/// A theater's entry in the list of all.
pub(in crate::store) fn entry(layout: &Layout) -> Item {
    let mut item = entry_key(&layout.theater);
    item.insert(attribute::NAME.to_owned(), s(layout.name.clone()));
    item.insert(attribute::SEAT_COUNT.to_owned(), n(layout.seats().len() as u64));
    item.insert(attribute::LAYOUT_VERSION.to_owned(), n(layout.version));
    item
}

pub(in crate::store) fn entry_key(theater: &TheaterId) -> Item {
    key(s(super::THEATERS), s(theater.as_str()))
}

/// Reads an entry.
pub(in crate::store) fn read_entry(item: &Item) -> Result<TheaterEntry, StoreError> {
    let theater = TheaterId::parse(text(item, attribute::SK)?);
    Ok(TheaterEntry {
        theater: theater.map_err(|_| unreadable(item, attribute::SK, "not a theater id"))?,
        name: text(item, attribute::NAME)?.to_owned(),
        seats: number(item, attribute::SEAT_COUNT)?,
        layout_version: ordinal(item, attribute::LAYOUT_VERSION)?,
    })
}

/// Name, version and number of seats of a layout's own item.
pub(in crate::store) fn summary(item: &Item) -> Result<(String, u64, usize), StoreError> {
    let seats = text(item, attribute::SEATS)?.split(' ').count();
    Ok((text(item, attribute::NAME)?.to_owned(), ordinal(item, attribute::LAYOUT_VERSION)?, seats))
}

impl StoredLayout {
    /// Reads a layout's own item.
    pub(in crate::store) fn read(item: &Item) -> Result<Self, StoreError> {
        let parts = match item.get(attribute::PLAN_PARTS) {
            None => 0,
            Some(_) => usize::try_from(number(item, attribute::PLAN_PARTS)?).unwrap_or(usize::MAX),
        };
        if parts > MOST_PARTS {
            return Err(unreadable(item, attribute::PLAN_PARTS, "too many"));
        }
        Ok(Self {
            version: ordinal(item, attribute::LAYOUT_VERSION)?,
            parts,
            name: text(item, attribute::NAME)?.to_owned(),
            seats: seat_list(item)?,
            plan: item.contains_key(attribute::PLAN).then(|| bytes(item).map(<[u8]>::to_vec)).transpose()?,
        })
    }

    /// The layout of this item, with its parts in their order.
    pub(in crate::store) fn whole(
        self,
        theater: &TheaterId,
        item: &Item,
        parts: &[Item],
    ) -> Result<Layout, StoreError> {
        let mut packed = self.plan;
        for part in parts {
            packed.get_or_insert_default().extend_from_slice(bytes(part)?);
        }
        let layout = match packed {
            None => Layout::new(theater.clone(), self.name, self.version, self.seats),
            Some(packed) => {
                let plan = unpack(&packed).map_err(|why| unreadable(item, attribute::PLAN, &why))?;
                Layout::with_plan(theater.clone(), self.name, self.version, self.seats, plan)
            }
        };
        layout.map_err(|error| unreadable(item, attribute::SEATS, &error.to_string()))
    }
}

fn bytes(item: &Item) -> Result<&[u8], StoreError> {
    match item.get(attribute::PLAN) {
        Some(AttributeValue::B(bytes)) => Ok(bytes.as_ref()),
        _ => Err(unreadable(item, attribute::PLAN, "expected bytes")),
    }
}

fn pack(plan: &Plan) -> Result<Vec<u8>, StoreError> {
    let places = plan.places();
    let columns = Columns {
        focal: [plan.focal_point().x, plan.focal_point().y],
        sections: plan.sections().to_vec(),
        rows: plan.rows().iter().map(|row| (row.name.clone(), row.section)).collect(),
        categories: plan.categories().iter().map(|c| (c.name.clone(), c.price, c.currency.clone())).collect(),
        row: places.iter().map(|place| place.row).collect(),
        x: places.iter().map(|place| place.point.x).collect(),
        y: places.iter().map(|place| place.point.y).collect(),
        category: places.iter().map(|place| place.category.map_or(0, |index| index + 1)).collect(),
        accessible: (0..).zip(places).filter(|(_, place)| place.accessible).map(|(position, _)| position).collect(),
    };
    let failed = |error: std::io::Error| StoreError::Broken(format!("a plan can't be packed: {error}"));
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    serde_json::to_vec(&columns)
        .map_err(std::io::Error::other)
        .and_then(|text| packed.write_all(&text))
        .map_err(failed)?;
    packed.finish().map_err(failed)
}

fn unpack(packed: &[u8]) -> Result<Plan, String> {
    let mut text = Vec::new();
    DeflateDecoder::new(packed).take(MOST_UNPACKED).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let columns: Columns = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let seats = columns.row.len();
    if [columns.x.len(), columns.y.len(), columns.category.len()] != [seats; 3] {
        return Err("its columns are of different lengths".to_owned());
    }
    let mut places: Vec<_> = (0..seats)
        .map(|seat| Place {
            row: columns.row[seat],
            point: Point { x: columns.x[seat], y: columns.y[seat] },
            category: columns.category[seat].checked_sub(1),
            accessible: false,
        })
        .collect();
    for position in columns.accessible {
        let place = usize::try_from(position).ok().and_then(|position| places.get_mut(position));
        place.ok_or("a seat that isn't there is accessible")?.accessible = true;
    }
    let rows = columns.rows.into_iter().map(|(name, section)| Row { name, section });
    let categories = columns.categories.into_iter().map(|(name, price, currency)| Category { name, price, currency });
    let focal_point = Point { x: columns.focal[0], y: columns.focal[1] };
    Plan::new(focal_point, columns.sections, rows.collect(), categories.collect(), places)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(theater: &TheaterId, (item, parts): &(Item, Vec<Item>)) -> Result<Layout, StoreError> {
        StoredLayout::read(item)?.whole(theater, item, parts)
    }

    /// As large, and as hard to pack, as a layout can be.
    fn largest(seats: usize) -> Layout {
        let mut rng = fastrand::Rng::with_seed(7);
        let label = |n: usize, rng: &mut fastrand::Rng| {
            let tail: String = std::iter::repeat_with(|| rng.alphanumeric()).take(11).collect();
            SeatLabel::parse(&format!("{n:05}{tail}")).unwrap()
        };
        let labels: Vec<_> = (0..seats).map(|n| label(n, &mut rng)).collect();
        let rows: Vec<_> =
            (0..2_000).map(|n| Row { name: format!("row {n} {}", rng.u64(..)), section: n % 500 }).collect();
        let sections = (0..500).map(|n| format!("section {n} {}", rng.u64(..))).collect();
        let categories = (0..100).map(|n| Category { name: format!("category {n}"), price: n, currency: "EUR".into() });
        let mut coordinate = || rng.i32(-1_000_000..=1_000_000);
        let points: Vec<_> = (0..seats).map(|_| Point { x: coordinate(), y: coordinate() }).collect();
        let places = points.into_iter().map(|point| Place {
            row: rng.u16(0..2_000),
            point,
            category: rng.bool().then(|| rng.u16(0..100)),
            accessible: rng.u8(0..10) == 0,
        });
        let places = places.collect();
        let plan = Plan::new(Point { x: 1, y: -2 }, sections, rows, categories.collect(), places).unwrap();
        Layout::with_plan(TheaterId::parse("1").unwrap(), "Größe".repeat(10), 9, labels, plan).unwrap()
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
    fn the_largest_layout_there_can_be_is_split_and_read_back() {
        let layout = largest(20_000);
        let items = write(&layout).unwrap();
        let sizes: Vec<_> = std::iter::once(&items.0).chain(&items.1).map(size).collect();
        println!("20,000 seats at random: items of {sizes:?} bytes");
        assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < 400_000), "{sizes:?}");
        assert_eq!(read(&layout.theater, &items).unwrap(), layout);
    }

    #[test]
    fn a_small_one_is_one_item_and_a_mere_list_has_no_plan() {
        let layout = largest(100);
        let items = write(&layout).unwrap();
        assert!(items.1.is_empty() && items.0.contains_key("plan"));
        assert_eq!(read(&layout.theater, &items).unwrap(), layout);
        let list = Layout::new(layout.theater.clone(), "List".into(), 1, layout.seats().to_vec()).unwrap();
        let items = write(&list).unwrap();
        assert!(!items.0.contains_key("plan"));
        assert_eq!(read(&list.theater, &items).unwrap(), list);
    }

    #[test]
    fn a_plan_that_is_spoilt_or_unfolds_without_end_is_an_error() {
        let layout = largest(10);
        let (item, _) = write(&layout).unwrap();
        let with = |plan: AttributeValue| {
            let mut item = item.clone();
            item.insert("plan".to_owned(), plan);
            read(&layout.theater, &(item, vec![])).unwrap_err().to_string()
        };
        let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        for plan in [AttributeValue::S("x".into()), AttributeValue::B(Blob::new(vec![1, 2, 3]))] {
            assert!(with(plan).contains("plan"));
        }
        assert!(with(AttributeValue::B(Blob::new(bomb.finish().unwrap()))).contains("plan"));
        let other = pack(largest(11).plan()).unwrap();
        assert!(with(AttributeValue::B(Blob::new(other))).contains("11"), "a plan of another number of seats");
    }
}
