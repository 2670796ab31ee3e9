//! Readers of shows and sales with hostile items. Each item is read as it is, or causes an error that names it.

use super::*;

/// Returns `true` if an item has exactly the attributes that were read, apart from those that are JSON.
fn has_all(item: &Item, written: &Item) -> bool {
    let json = [attribute::PRICES, attribute::EXTRA];
    // The sort key of the only item under its partition key isn't read.
    let is_key = |name: &str| name == attribute::SK && written.get(name) == Some(&s("SHOW"));
    written.iter().all(|(name, value)| json.contains(&name.as_str()) || is_key(name) || item.get(name) == Some(value))
}

pub(super) fn reads_show_exactly(item: &Item) -> bool {
    match show::read(item) {
        Ok(read) => {
            let absent = |name: &str| !item.contains_key(name);
            has_all(item, &show::write(&read))
                && read.prices.is_empty() == (absent("prices") || equals_attribute(item, "prices", "{}"))
                && read.extra.is_none() == absent("extra")
        }
        Err(error) => named(item, &error),
    }
}

pub(super) fn reads_entry_exactly(item: &Item) -> bool {
    match show::read_entry(item) {
        Ok(read) => {
            let place = show::entry_key(&read.place());
            let title = equals_attribute(item, attribute::TITLE, read.title.as_str());
            title && has_all(item, &place) && equals_attribute(item, attribute::SHOW_VERSION, read.version)
        }
        Err(error) => named(item, &error),
    }
}

pub(super) fn reads_sale_exactly(item: &Item) -> bool {
    match sale::read_theater_sale(item) {
        Ok(read) => {
            let mut written = sale::write_theater_sale(&TheaterId::parse("1").unwrap(), &read);
            written.retain(|name, _| ![attribute::PK, attribute::SK].contains(&name.as_str()));
            let instants = [attribute::OPENS_AT, attribute::CLOSES_AT, attribute::BOOKING_CLOSES_AT];
            has_all(item, &written)
                && instants.iter().all(|name| item.contains_key(*name) == written.contains_key(*name))
        }
        Err(error) => named(item, &error),
    }
}

pub(super) fn reads_pointer_exactly(item: &Item) -> bool {
    match show::read_pointer(item) {
        Ok(read) => equals_attribute(item, attribute::SK, format!("SHOW#{read}")),
        Err(error) => named(item, &error),
    }
}
