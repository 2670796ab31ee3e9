//! Reader of a document's categories.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::details::{self, TextExpected};
use super::prices;
use crate::domain::details::CategoryDetails;
use crate::domain::prices::Currency;
use crate::domain::seating_plan::{Category, MAX_CATEGORIES, MAX_PART_NAME};
use crate::json::{Node, Object};

const FIELDS: &[&str] = &["category", "price", "prices", "currency", "names", "extra"];

/// The categories of a document.
#[derive(Debug, Default)]
pub(super) struct Categories {
    pub(super) list: Vec<Category>,
    /// Indexes by name.
    pub(super) indexes: HashMap<String, u16>,
    pub(super) details: BTreeMap<u16, CategoryDetails>,
}

/// A reader of categories. It holds what earlier categories have fixed.
#[derive(Default)]
struct Reader {
    next: u16,
    /// First valid currency, with the index of its category.
    currency: Option<(Currency, u16)>,
    indexes: HashMap<String, u16>,
    details: BTreeMap<u16, CategoryDetails>,
}

/// Reads `categories`, which may be missing. Returns `None` if one of them is invalid.
pub(super) fn read(object: &Object<'_, '_, '_>) -> Option<Categories> {
    if !object.has("categories") {
        return Some(Categories::default());
    }
    let mut reader = Reader::default();
    let expected = format_args!("at most {MAX_CATEGORIES} categories");
    let list =
        object.required("categories", |node| node.array(0..=MAX_CATEGORIES, expected, |node| reader.category(node)))?;
    Some(Categories { list, indexes: reader.indexes, details: reader.details })
}

impl Reader {
    fn category(&mut self, node: Node<'_, '_>) -> Option<Category> {
        let index = self.next;
        self.next += 1;
        let category = node.object(FIELDS, |object| {
            let name = object.required("category", |node| details::text(node, TextExpected::name(MAX_PART_NAME)));
            let prices = prices::of_category(object);
            let currency = object.required("currency", |node| self.currency(node, index));
            let details = CategoryDetails {
                names: object.optional("names", |node| details::names(node, MAX_PART_NAME)).unwrap_or_default(),
                extra: object.optional("extra", details::extra),
            };
            if details != CategoryDetails::default() {
                self.details.insert(index, details);
            }
            Some(Category { name: name?, prices: prices?, currency: currency? })
        })?;
        match self.indexes.entry(category.name.clone()) {
            Entry::Vacant(free) => {
                free.insert(index);
                Some(category)
            }
            Entry::Occupied(other) => node.fault(format_args!("another name than categories[{}] has", other.get())),
        }
    }

    /// Reads a currency. All categories have the same, so that the seats of any booking have a total.
    fn currency(&mut self, node: Node<'_, '_>, index: u16) -> Option<Currency> {
        let currency = node.parsed(Currency::EXPECTED, |code| {
            let listed = iso_currency::Currency::from_code(code).is_some_and(|currency| currency.code() == code);
            Currency::parse(code).ok().filter(|_| listed).ok_or(())
        })?;
        let (first, of) = *self.currency.get_or_insert((currency, index));
        if currency == first { Some(currency) } else { node.fault(format_args!("{first}, as categories[{of}] has")) }
    }
}
