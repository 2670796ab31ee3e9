//! A change of one item.

use crate::store::schema::Item;

/// An item before and after a write. `None` if there was no item.
pub(super) struct Change {
    pub(super) old: Option<Item>,
    pub(super) new: Option<Item>,
}
