//! A layout as a document (JSON): what administrators put, what is answered, and what the loader's file holds. One reader for
//! all of them.

mod read;
mod write;

pub use read::{Document, DocumentError, NewLayout};
pub use write::LayoutBody;
pub(crate) use write::{CategoryBody, categories, category_of};
