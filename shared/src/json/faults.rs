//! The faults of a request or a document, field by field.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Serialize;

/// Maximum number of listed faults. Further faults are only counted.
pub const MAX_LISTED_FAULTS: usize = 20;
/// Maximum number of characters of a caller's text that a message repeats.
const MAX_QUOTED_CHARACTERS: usize = 64;

/// A fault: the field and its expected value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Path of the field, such as `sections[0].rows[2].seats`, or the name of a parameter or a header.
    pub field: String,
    /// Expected value, as a phrase that can follow "expected".
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.field, self.expected)
    }
}

/// All faults found so far. All readers of one request share it, so it is filled through a shared reference.
#[derive(Debug, Default)]
pub struct Faults {
    list: RefCell<Vec<Fault>>,
    count: Cell<usize>,
}

impl Faults {
    /// Records a fault of a query parameter, a header, or another field that has no path.
    pub fn named(&self, field: impl fmt::Display, expected: impl fmt::Display) {
        self.record(|| Fault { field: field.to_string(), expected: expected.to_string() });
    }

    /// Returns the number of faults, including unlisted ones.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// Returns `true` if there are no faults.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Returns the number of faults that the list leaves out.
    pub fn unlisted(&self) -> usize {
        self.count().saturating_sub(MAX_LISTED_FAULTS)
    }

    /// Returns the first faults, at most [`MAX_LISTED_FAULTS`].
    pub fn into_list(self) -> Vec<Fault> {
        self.list.into_inner()
    }

    /// Records a fault at a path.
    pub(super) fn add(&self, path: &Path<'_>, expected: impl fmt::Display) {
        self.record(|| Fault { field: path.to_string(), expected: expected.to_string() });
    }

    /// Records a fault. Creates the texts only of listed faults, so that a hostile document with a million faults
    /// costs little.
    fn record(&self, fault: impl FnOnce() -> Fault) {
        if self.count.get() < MAX_LISTED_FAULTS {
            self.list.borrow_mut().push(fault());
        }
        self.count.set(self.count.get().saturating_add(1));
    }
}

/// The path of a field within a document. It lives on the stack of the readers, and becomes text only for a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'p> {
    /// The document as a whole.
    Root(&'p str),
    /// A field of an object.
    Field(&'p Path<'p>, &'p str),
    /// An element of an array.
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Field(Self::Root(_), name) => f.write_str(&plain(name)),
            Self::Field(parent, name) => write!(f, "{parent}.{}", plain(name)),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Makes a caller's text safe to repeat: at most 64 characters of visible ASCII or spaces.
pub fn plain(text: &str) -> String {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(MAX_QUOTED_CHARACTERS).map(plain).collect()
}
