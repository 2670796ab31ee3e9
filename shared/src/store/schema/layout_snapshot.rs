//! The stored form of a layout snapshot: the items of a layout under keys of its version. They never change.

use super::keys::{key, theater_pk};
use super::layout::{self, LayoutItems, StoredLayout};
use super::{Item, attribute, s, unreadable};
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::store::StoreError;

/// Builds the key of a snapshot's own item.
pub(in crate::store) fn snapshot_key(theater: &TheaterId, version: LayoutVersion) -> Item {
    key(theater_pk(theater), s(format!("LAYOUT#{version}")))
}

/// Returns the keys of a snapshot's parts. They differ from those of the current layout's parts, which are deleted with
/// that layout.
pub(in crate::store) fn part_keys(
    theater: &TheaterId,
    version: LayoutVersion,
    parts: usize,
) -> impl Iterator<Item = Item> {
    let pk = theater_pk(theater);
    (0..parts).map(move |part| key(pk.clone(), s(format!("LAYOUT#{version}#SNAPSHOT#{part}"))))
}

/// Builds a snapshot's items.
pub(in crate::store) fn write(layout: &Layout) -> Result<LayoutItems, StoreError> {
    let LayoutItems { mut own, mut parts } = layout::write(layout)?;
    own.extend(snapshot_key(&layout.theater, layout.version));
    for (part, key) in parts.iter_mut().zip(part_keys(&layout.theater, layout.version, usize::MAX)) {
        part.extend(key);
    }
    Ok(LayoutItems { own, parts })
}

/// Reads a snapshot's own item. The item must have the version of its key.
pub(in crate::store) fn read(item: &Item, version: LayoutVersion) -> Result<StoredLayout, StoreError> {
    let stored = StoredLayout::read(item)?;
    if stored.version == version {
        Ok(stored)
    } else {
        Err(unreadable(item, attribute::LAYOUT_VERSION, "another version than that of the sort key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::SeatLabel;

    fn layout() -> Layout {
        let seats = ["A1", "A2"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
        Layout::new(TheaterId::parse("opera").unwrap(), "Opera".to_owned(), LayoutVersion::new(7), seats).unwrap()
    }

    #[test]
    fn snapshot_is_read_back_under_its_own_key() {
        let items = write(&layout()).unwrap();
        assert_eq!(items.own["sk"], s("LAYOUT#7"));
        let read_back = read(&items.own, LayoutVersion::new(7)).unwrap();
        assert_eq!(read_back.into_layout(&layout().theater, &items.own, &[]).unwrap(), layout());
        let error = read(&items.own, LayoutVersion::new(8)).unwrap_err().to_string();
        assert!(error.contains("LAYOUT#7") && error.contains("layout_version"), "{error}");
    }

    #[test]
    fn parts_of_layout_and_snapshot_have_different_keys() {
        let layout = layout();
        let of_layout: Vec<_> = layout::part_keys(&layout.theater, layout.version, 4).collect();
        let of_snapshot: Vec<_> = part_keys(&layout.theater, layout.version, 4).collect();
        assert!(of_snapshot.iter().all(|key| !of_layout.contains(key)));
        assert!(!of_snapshot.contains(&snapshot_key(&layout.theater, layout.version)));
    }
}
