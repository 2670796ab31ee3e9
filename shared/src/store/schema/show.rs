//! The stored form of a show: its own item, its entry in the list of its local day, and a pointer from its theater.

use super::keys::{key, theater_pk};
use super::{Item, attribute, n, read_ordinal, read_version, s, sale, text, unreadable};
use crate::domain::details::Extra;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::layout_version::LayoutVersion;
use crate::domain::local_time::{LocalDate, LocalStart, LocalTime, Timezone};
use crate::domain::prices::PriceOverrides;
use crate::domain::show::{ListPlace, Show, ShowEntry, StartsAt, Title};
use crate::domain::version::Version;
use crate::store::StoreError;
use aws_sdk_dynamodb::types::AttributeValue;

#[cfg(test)]
mod tests;

const SHOW_PREFIX: &str = "SHOW#";
const DAY_PREFIX: &str = "SHOWS#";
/// Begin of the sort keys of a theater's pointers to its shows. No seat's sort key has it.
pub(in crate::store) const POINTER_PREFIX: &str = "SHOW#";

/// Builds the key of a show's own item.
pub(in crate::store) fn show_key(show: &ShowId) -> Item {
    key(s(format!("{SHOW_PREFIX}{show}")), s("SHOW"))
}

/// Returns the partition of the list of one day.
pub(in crate::store) fn day_pk(date: LocalDate) -> AttributeValue {
    s(format!("{DAY_PREFIX}{date}"))
}

/// Builds the key of an entry in the list.
pub(in crate::store) fn entry_key(place: &ListPlace) -> Item {
    key(day_pk(place.date), s(place.text_within_day()))
}

/// Builds the key of a theater's pointer to a show.
pub(in crate::store) fn pointer_key(theater: &TheaterId, show: &ShowId) -> Item {
    key(theater_pk(theater), s(format!("{POINTER_PREFIX}{show}")))
}

/// Builds the key of the number of shows that a theater was ever given.
pub(in crate::store) fn shows_added_key(theater: &TheaterId) -> Item {
    key(theater_pk(theater), s("SHOWS_ADDED"))
}

/// Reads the show that a theater's pointer names.
pub(in crate::store) fn read_pointer(item: &Item) -> Result<ShowId, StoreError> {
    let show = text(item, attribute::SK)?.strip_prefix(POINTER_PREFIX).and_then(|show| ShowId::parse(show).ok());
    show.ok_or_else(|| unreadable(item, attribute::SK, "not a show"))
}

/// Builds a show's own item.
pub(in crate::store) fn write(show: &Show) -> Item {
    let mut item = show_key(&show.id);
    insert(&show.entry(), &mut item);
    item.insert(attribute::LAYOUT_VERSION.to_owned(), n(show.layout_version.as_u64()));
    item.insert(attribute::SEATS_VERSION.to_owned(), n(show.seats_version.as_u64()));
    if !show.prices.is_empty() {
        item.insert(attribute::PRICES.to_owned(), s(show.prices.to_json()));
    }
    if let Some(extra) = &show.extra {
        item.insert(attribute::EXTRA.to_owned(), s(extra.as_json()));
    }
    item
}

/// Builds a show's entry in the list of its local day.
pub(in crate::store) fn write_entry(show: &Show) -> Item {
    let mut item = entry_key(&show.place());
    insert(&show.entry(), &mut item);
    item
}

/// Reads a show's own item.
pub(in crate::store) fn read(item: &Item) -> Result<Show, StoreError> {
    let id = text(item, attribute::PK)?.strip_prefix(SHOW_PREFIX).and_then(|id| ShowId::parse(id).ok());
    let id = id.ok_or_else(|| unreadable(item, attribute::PK, "not a show"))?;
    let ShowEntry { show: id, theater, title, starts_at, timezone, local, version, sale } = read_attributes(id, item)?;
    let prices = parsed_if_present(item, attribute::PRICES, PriceOverrides::from_json)?;
    let extra = |text: &str| Extra::of(text.to_owned()).ok_or_else(|| Extra::EXPECTED.to_owned());
    Ok(Show {
        id,
        theater,
        title,
        starts_at,
        timezone,
        local,
        layout_version: read_version(item)?,
        seats_version: LayoutVersion::new(read_ordinal(item, attribute::SEATS_VERSION)?),
        version,
        sale,
        prices: prices.unwrap_or_default(),
        extra: parsed_if_present(item, attribute::EXTRA, extra)?,
    })
}

/// Reads an entry in the list. Its key must be that of its place.
pub(in crate::store) fn read_entry(item: &Item) -> Result<ShowEntry, StoreError> {
    let place = ListPlace::parse_within_day(text(item, attribute::SK)?);
    let (starts_at, show) = place.ok_or_else(|| unreadable(item, attribute::SK, "not a place in the list"))?;
    let entry = read_attributes(show, item)?;
    if entry.starts_at.instant() != starts_at {
        return Err(unreadable(item, attribute::STARTS_AT, "another instant than that of the sort key"));
    }
    if item.get(attribute::PK) != Some(&day_pk(entry.local.date)) {
        return Err(unreadable(item, attribute::LOCAL_DATE, "another day than that of the partition"));
    }
    Ok(entry)
}

/// Adds the attributes that a show's own item and its entry have in common.
fn insert(entry: &ShowEntry, item: &mut Item) {
    let texts = [
        (attribute::THEATER_ID, entry.theater.to_string()),
        (attribute::TITLE, entry.title.as_str().to_owned()),
        (attribute::STARTS_AT, entry.starts_at.as_str().to_owned()),
        (attribute::TIMEZONE, entry.timezone.as_str().to_owned()),
        (attribute::LOCAL_DATE, entry.local.date.to_string()),
        (attribute::LOCAL_TIME, entry.local.time.to_string()),
    ];
    item.extend(texts.map(|(name, text)| (name.to_owned(), s(text))));
    item.insert(attribute::SHOW_VERSION.to_owned(), n(entry.version.as_u64()));
    sale::insert(&entry.sale, item);
}

fn read_attributes(show: ShowId, item: &Item) -> Result<ShowEntry, StoreError> {
    Ok(ShowEntry {
        show,
        theater: parsed(item, attribute::THEATER_ID, |text| TheaterId::parse(text).ok())?,
        title: parsed(item, attribute::TITLE, Title::stored)?,
        starts_at: parsed(item, attribute::STARTS_AT, StartsAt::parse)?,
        timezone: parsed(item, attribute::TIMEZONE, Timezone::stored)?,
        local: LocalStart {
            date: parsed(item, attribute::LOCAL_DATE, LocalDate::parse)?,
            time: parsed(item, attribute::LOCAL_TIME, LocalTime::parse)?,
        },
        version: Version::new(read_ordinal(item, attribute::SHOW_VERSION)?),
        sale: sale::read(item)?,
    })
}

fn parsed<T>(item: &Item, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(text(item, name)?).ok_or_else(|| unreadable(item, name, "another form"))
}

fn parsed_if_present<T>(
    item: &Item,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, StoreError> {
    if !item.contains_key(name) {
        return Ok(None);
    }
    parse(text(item, name)?).map(Some).map_err(|why| unreadable(item, name, &why))
}
