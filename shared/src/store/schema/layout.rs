//! The stored form of a layout: its labels as one text, its seating plan and details packed. If one item is too small,
//! the packed plan is in further items. Labels that are too long for the layout's own item are packed too.

mod categories;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::details::StoredDetails;
use super::keys::{key, layout_key, theater_pk};
use super::{Item, attribute, join, n, number, read_seat_list, read_version, s, text, unreadable};
use crate::domain::accessible_policy::{AccessiblePolicy, Release};
use crate::domain::details::Details;
use crate::domain::domain_event::LayoutSummary;
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{Point, Row, SeatPlacement, SeatingPlan};
use crate::domain::time::EpochSeconds;
use crate::store::StoreError;
use categories::{other_prices, read_category, stored_category};

/// Bytes that one item is filled with. An item has at most 400 KB, including the names of attributes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const MAX_ITEM_BYTES: usize = 380_000;
/// Bytes of labels that the layout's own item may hold. This is enough for most halls.
const MAX_LABEL_BYTES: usize = 340_000;
/// Largest size in bytes of an unpacked plan. A layout whose answers fit into a response has at most some 10 MB.
const MAX_UNPACKED_BYTES: u64 = 24 * 1024 * 1024;
/// Largest number of further items of a plan. A transaction holds 4 MB, and replacing a layout deletes the old items.
const MAX_PARTS: usize = 4;

/// The contents of a layout's own item.
#[derive(Debug)]
pub(in crate::store) struct StoredLayout {
    pub(in crate::store) version: LayoutVersion,
    /// Number of further items that its plan is in.
    pub(in crate::store) parts: usize,
    name: String,
    /// `None` if the labels are packed.
    seats: Option<Vec<SeatLabel>>,
    /// `None` for a plain list of seats, or if the plan is in further items.
    plan: Option<Vec<u8>>,
}

/// The items of a layout, as they are written.
#[derive(Debug)]
pub(in crate::store) struct LayoutItems {
    /// The layout's own item.
    pub(in crate::store) own: Item,
    /// The parts of its plan, in their order.
    pub(in crate::store) parts: Vec<Item>,
}

/// A theater in the list of all theaters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheaterEntry {
    pub theater: TheaterId,
    /// The name to show.
    pub name: String,
    /// Number of seats.
    pub seats: u64,
    pub layout_version: LayoutVersion,
}

/// A seating plan in columns with one entry per seat. A column that hardly changes packs to a few bytes.
#[derive(Serialize, Deserialize)]
struct Columns {
    /// The labels, if the layout's own item doesn't have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<String>,
    focal: [i32; 2],
    sections: Vec<String>,
    rows: Vec<(String, u16)>,
    /// Name, price of `standard` and currency. A category without `standard` has its lowest price there, because
    /// version 0.1.0 reads one price of each category.
    categories: Vec<(String, u64, String)>,
    /// Prices of the categories that have other ticket types than `standard`, by the index of the category.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    prices: BTreeMap<u16, BTreeMap<String, u64>>,
    row: Vec<u16>,
    x: Vec<i32>,
    y: Vec<i32>,
    /// 0 for no category, otherwise its index plus 1.
    category: Vec<u16>,
    /// Indexes of the seats that are accessible.
    accessible: Vec<u32>,
    /// Indexes of companion seats, each with its accessible seat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    companions: Vec<(u32, u32)>,
    #[serde(default, skip_serializing_if = "StoredAccessiblePolicy::is_default")]
    accessible_policy: StoredAccessiblePolicy,
    #[serde(default, skip_serializing_if = "StoredDetails::is_empty")]
    details: StoredDetails,
}

/// The stored form of the policy for accessible seats.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredAccessiblePolicy {
    #[default]
    Protect,
    Open,
    /// The instant in seconds, and the seconds before a show's start.
    Release(Option<u64>, Option<u32>),
}

impl StoredAccessiblePolicy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl From<AccessiblePolicy> for StoredAccessiblePolicy {
    fn from(policy: AccessiblePolicy) -> Self {
        match policy {
            AccessiblePolicy::Protect => Self::Protect,
            AccessiblePolicy::Open => Self::Open,
            AccessiblePolicy::Release(Release { at, before_start }) => {
                Self::Release(at.map(EpochSeconds::as_secs), before_start)
            }
        }
    }
}

impl From<StoredAccessiblePolicy> for AccessiblePolicy {
    fn from(stored: StoredAccessiblePolicy) -> Self {
        match stored {
            StoredAccessiblePolicy::Protect => Self::Protect,
            StoredAccessiblePolicy::Open => Self::Open,
            StoredAccessiblePolicy::Release(at, before_start) => {
                Self::Release(Release { at: at.map(EpochSeconds::new), before_start })
            }
        }
    }
}

/// An unpacked seating plan.
struct Unpacked {
    labels: Option<Vec<SeatLabel>>,
    plan: SeatingPlan,
    details: Details,
}

/// Builds a layout's items.
pub(in crate::store) fn write(layout: &Layout) -> Result<LayoutItems, StoreError> {
    let mut item = layout_key(&layout.theater);
    item.insert(attribute::NAME.to_owned(), s(layout.name.clone()));
    item.insert(attribute::LAYOUT_VERSION.to_owned(), n(layout.version.as_u64()));
    let labels = join(layout.seats());
    let (labels, inside) = if labels.len() <= MAX_LABEL_BYTES { (None, Some(labels)) } else { (Some(labels), None) };
    let taken = layout.name.len() + inside.as_ref().map_or(0, String::len);
    match inside {
        Some(inside) => item.insert(attribute::SEATS.to_owned(), s(inside)),
        None => item.insert(attribute::SEAT_COUNT.to_owned(), n(layout.seats().len() as u64)),
    };
    let is_list = *layout.details() == Details::default() && *layout.plan() == SeatingPlan::of_list(layout.seats());
    if is_list && labels.is_none() {
        return Ok(LayoutItems { own: item, parts: Vec::new() });
    }
    let packed = pack(layout, labels)?;
    if packed.len() <= MAX_ITEM_BYTES.saturating_sub(taken) {
        item.insert(attribute::PLAN.to_owned(), AttributeValue::B(Blob::new(packed)));
        return Ok(LayoutItems { own: item, parts: Vec::new() });
    }
    let parts: Vec<_> = packed.chunks(MAX_ITEM_BYTES).collect();
    if parts.len() > MAX_PARTS {
        return Err(StoreError::Permanent(format!("a packed layout of {} bytes is too large", packed.len())));
    }
    item.insert(attribute::PLAN_PARTS.to_owned(), n(parts.len() as u64));
    let keys = part_keys(&layout.theater, layout.version, parts.len());
    let parts = keys.zip(parts).map(|(mut item, bytes)| {
        item.insert(attribute::PLAN.to_owned(), AttributeValue::B(Blob::new(bytes)));
        item
    });
    Ok(LayoutItems { own: item, parts: parts.collect() })
}

/// Returns `true` if a layout fits into as many items as one may take.
pub(in crate::store) fn fits(layout: &Layout) -> bool {
    let most = MAX_PARTS * MAX_ITEM_BYTES;
    let columns = columns(layout, Some(join(layout.seats())));
    // Packing takes time, and makes hardly any text larger. So a text that is small enough isn't packed here.
    columns
        .and_then(|text| if text.len() <= most * 9 / 10 { Ok(text) } else { deflate(&text) })
        .is_ok_and(|packed| packed.len() <= most)
}

/// Returns the keys of a layout's parts.
pub(in crate::store) fn part_keys(
    theater: &TheaterId,
    version: LayoutVersion,
    parts: usize,
) -> impl Iterator<Item = Item> {
    let pk = theater_pk(theater);
    (0..parts).map(move |part| key(pk.clone(), s(format!("LAYOUT#{version}#{part}"))))
}

/// Builds a theater's entry in the list of all theaters.
pub(in crate::store) fn entry(layout: &Layout) -> Item {
    let mut item = entry_key(&layout.theater);
    item.insert(attribute::NAME.to_owned(), s(layout.name.clone()));
    item.insert(attribute::SEAT_COUNT.to_owned(), n(layout.seats().len() as u64));
    item.insert(attribute::LAYOUT_VERSION.to_owned(), n(layout.version.as_u64()));
    item
}

pub(in crate::store) fn entry_key(theater: &TheaterId) -> Item {
    key(s(crate::store::schema::THEATERS), s(theater.as_str()))
}

/// Reads a theater's entry in the list.
pub(in crate::store) fn read_entry(item: &Item) -> Result<TheaterEntry, StoreError> {
    let theater = TheaterId::parse(text(item, attribute::SK)?);
    Ok(TheaterEntry {
        theater: theater.map_err(|_| unreadable(item, attribute::SK, "not a theater id"))?,
        name: text(item, attribute::NAME)?.to_owned(),
        seats: number(item, attribute::SEAT_COUNT)?,
        layout_version: read_version(item)?,
    })
}

impl LayoutSummary {
    /// Reads a layout's own item.
    pub(in crate::store) fn read(item: &Item) -> Result<Self, StoreError> {
        let seats = if item.contains_key(attribute::SEATS) {
            text(item, attribute::SEATS)?.split(' ').count()
        } else {
            usize::try_from(number(item, attribute::SEAT_COUNT)?).unwrap_or(usize::MAX)
        };
        let name = text(item, attribute::NAME)?.to_owned();
        Ok(Self { name, version: read_version(item)?, seats })
    }
}

impl StoredLayout {
    /// Reads a layout's own item.
    pub(in crate::store) fn read(item: &Item) -> Result<Self, StoreError> {
        let parts = match item.get(attribute::PLAN_PARTS) {
            None => 0,
            Some(_) => usize::try_from(number(item, attribute::PLAN_PARTS)?).unwrap_or(usize::MAX),
        };
        if parts > MAX_PARTS {
            return Err(unreadable(item, attribute::PLAN_PARTS, "too many"));
        }
        Ok(Self {
            version: read_version(item)?,
            parts,
            name: text(item, attribute::NAME)?.to_owned(),
            seats: item.contains_key(attribute::SEATS).then(|| read_seat_list(item)).transpose()?,
            plan: item.contains_key(attribute::PLAN).then(|| bytes(item).map(<[u8]>::to_vec)).transpose()?,
        })
    }

    /// Builds the layout from this item and its parts, in their order.
    pub(in crate::store) fn into_layout(
        self,
        theater: &TheaterId,
        item: &Item,
        parts: &[Item],
    ) -> Result<Layout, StoreError> {
        let mut packed = self.plan;
        for part in parts {
            packed.get_or_insert_default().extend_from_slice(bytes(part)?);
        }
        let Self { name, version, seats, .. } = self;
        let unpacked = packed.map(|packed| unpack(&packed)).transpose();
        let unpacked = unpacked.map_err(|why| unreadable(item, attribute::PLAN, &why))?;
        let theater = theater.clone();
        let layout = match (seats, unpacked) {
            (Some(seats), None) => Layout::new(theater, name, version, seats),
            (Some(seats), Some(Unpacked { labels: None, plan, details }))
            | (None, Some(Unpacked { labels: Some(seats), plan, details })) => {
                Layout::with_plan(theater, name, version, seats, plan).and_then(|layout| layout.with_details(details))
            }
            _ => return Err(unreadable(item, attribute::SEATS, "expected labels, here or in the plan")),
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

fn pack(layout: &Layout, labels: Option<String>) -> Result<Vec<u8>, StoreError> {
    deflate(&columns(layout, labels)?)
}

fn columns(layout: &Layout, labels: Option<String>) -> Result<Vec<u8>, StoreError> {
    let plan = layout.plan();
    let places = plan.places();
    let columns = Columns {
        labels,
        focal: [plan.focal_point().x, plan.focal_point().y],
        sections: plan.sections().to_vec(),
        rows: plan.rows().iter().map(|row| (row.name.clone(), row.section)).collect(),
        categories: plan.categories().iter().map(stored_category).collect(),
        prices: (0..).zip(plan.categories()).filter_map(|(index, of)| Some((index, other_prices(of)?))).collect(),
        row: places.iter().map(|place| place.row).collect(),
        x: places.iter().map(|place| place.point.x).collect(),
        y: places.iter().map(|place| place.point.y).collect(),
        category: places.iter().map(|place| place.category.map_or(0, |index| index + 1)).collect(),
        accessible: (0..).zip(places).filter(|(_, place)| place.accessible).map(|(index, _)| index).collect(),
        companions: (0..)
            .zip(places)
            .filter_map(|(index, place)| Some((index, place.companion_of?.as_u32())))
            .collect(),
        accessible_policy: plan.accessible_policy().into(),
        details: StoredDetails::of(layout.details()),
    };
    serde_json::to_vec(&columns).map_err(|error| StoreError::Permanent(format!("a layout can't be written: {error}")))
}

fn deflate(text: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = packed.write_all(text).and_then(|()| packed.finish());
    packed.map_err(|error| StoreError::Permanent(format!("a layout can't be packed: {error}")))
}

fn unpack(packed: &[u8]) -> Result<Unpacked, String> {
    let mut text = Vec::new();
    DeflateDecoder::new(packed).take(MAX_UNPACKED_BYTES).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let columns: Columns = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let seats = columns.row.len();
    if [columns.x.len(), columns.y.len(), columns.category.len()] != [seats; 3] {
        return Err("its columns have different lengths".to_owned());
    }
    let mut places: Vec<_> = (0..seats)
        .map(|seat| SeatPlacement {
            row: columns.row[seat],
            point: Point { x: columns.x[seat], y: columns.y[seat] },
            category: columns.category[seat].checked_sub(1),
            accessible: false,
            companion_of: None,
        })
        .collect();
    for index in columns.accessible {
        let place = places.get_mut(SeatIndex::new(index).as_usize());
        place.ok_or("an accessible seat doesn't exist")?.accessible = true;
    }
    for (companion, accessible) in columns.companions {
        let place = places.get_mut(SeatIndex::new(companion).as_usize());
        place.ok_or("a companion seat doesn't exist")?.companion_of = Some(SeatIndex::new(accessible));
    }
    let rows = columns.rows.into_iter().map(|(name, section)| Row { name, section });
    let mut prices = columns.prices;
    let categories = (0..).zip(columns.categories).map(|(index, stored)| read_category(stored, prices.remove(&index)));
    let categories = categories.collect::<Result<_, _>>()?;
    if let Some(index) = prices.keys().next() {
        return Err(format!("it has prices of category {index}, which doesn't exist"));
    }
    let focal_point = Point { x: columns.focal[0], y: columns.focal[1] };
    let plan = SeatingPlan::of_stored(focal_point, columns.sections, rows.collect(), categories, places);
    let plan = plan.map_err(|error| error.to_string())?.with_accessible_policy(columns.accessible_policy.into());
    let labels = columns.labels.map(|labels| labels.split(' ').map(SeatLabel::parse).collect::<Result<_, _>>());
    let labels = labels.transpose().map_err(|error| error.to_string())?;
    let details = columns.details.into_details()?;
    Ok(Unpacked { labels, plan, details })
}

#[cfg(test)]
mod tests;
