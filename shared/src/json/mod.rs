//! A JSON reader that accepts only the exact expected form, and reports every fault at once.
//!
//! Serde's derived readers accept an array in place of an object and `null` in place of a missing field, and they
//! stop at the first fault. This reader parses bytes into a tree ([`Json`]) and reads the tree field by field
//! ([`Node`], [`Object`]). It records each fault with the path of its field ([`Faults`]) and goes on.
//!
//! ```
//! use boxoffice::json::{self, Faults, Node};
//!
//! struct Point { x: i32, y: i32, label: Option<String> }
//!
//! fn point(node: Node<'_, '_>) -> Option<Point> {
//!     node.object(&["x", "y", "label"], |object| {
//!         // Read every field before the first `?`, so that no fault hides another.
//!         let x = object.required("x", |node| node.whole(-100..=100));
//!         let y = object.required("y", |node| node.whole(-100..=100));
//!         let label = object.optional("label", |node| node.text("a text").map(str::to_owned));
//!         Some(Point { x: x?, y: y?, label })
//!     })
//! }
//!
//! let faults = Faults::default();
//! let read = json::read(br#"{"x": 1e1, "y": 2.0}"#, "body", &faults, point).unwrap();
//! assert_eq!((read.x, read.y, read.label), (10, 2, None));
//!
//! let faults = Faults::default();
//! assert!(json::read(br#"{"x": 1.5, "z": 3}"#, "body", &faults, point).is_none());
//! let named: Vec<_> = faults.into_list().iter().map(|fault| fault.to_string()).collect();
//! assert_eq!(named, [
//!     "z: expected one of the fields x, y, label",
//!     "x: expected a whole number from -100 to 100",
//!     "y: expected a whole number from -100 to 100",
//! ]);
//! ```

mod faults;
mod node;
mod value;

#[cfg(test)]
mod tests;

pub use faults::{Fault, Faults, MAX_LISTED_FAULTS, plain};
pub use node::{Node, Object};
pub use value::{Json, Number};

use faults::Path;

/// Maximum number of values of one document. It limits the memory of a document's tree.
pub const MAX_JSON_VALUES: u32 = 500_000;

/// Reads one JSON document. Returns `None` if there is any fault, and records each of them.
///
/// `root` names the whole document in faults, for example `body` for the body of a request. A byte order mark before
/// the document is skipped. Takes time in proportion to the number of bytes.
pub fn read<T>(bytes: &[u8], root: &str, faults: &Faults, read: impl FnOnce(Node<'_, '_>) -> Option<T>) -> Option<T> {
    let before = faults.count();
    let path = Path::Root(root);
    let value = match Json::parse(bytes) {
        Ok(value) => value,
        Err(problem) => {
            faults.add(&path, problem);
            return None;
        }
    };
    let value = read(Node::new(&value, &path, faults));
    if value.is_none() && faults.count() == before {
        // A reader that returns `None` must record a fault. This covers a reader that doesn't.
        faults.add(&path, "another document");
    }
    value.filter(|_| faults.count() == before)
}
