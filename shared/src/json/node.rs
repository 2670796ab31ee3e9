//! Values of a document with their paths, for readers of fields.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::Faults;
use super::faults::Path;
use super::value::Json;

/// The value of a missing field, so that a missing field has the same fault as a wrong one.
const MISSING: &Json<'static> = &Json::Null;

/// A value and its path.
///
/// Each reading method returns `None` if the value has another form, and records the fault.
#[derive(Clone, Copy, Debug)]
pub struct Node<'j, 'p> {
    value: &'j Json<'j>,
    path: &'p Path<'p>,
    faults: &'p Faults,
}

impl<'j, 'p> Node<'j, 'p> {
    pub(super) fn new(value: &'j Json<'j>, path: &'p Path<'p>, faults: &'p Faults) -> Self {
        Self { value, path, faults }
    }

    pub fn json(self) -> &'j Json<'j> {
        self.value
    }

    /// Records a fault: `expected` describes the right value.
    pub fn fault<T>(self, expected: impl fmt::Display) -> Option<T> {
        self.faults.add(self.path, expected);
        None
    }

    /// Reads an object with these fields. Rejects unknown and duplicate fields.
    pub fn object<T>(self, fields: &[&str], read: impl FnOnce(&Object<'_, 'j, '_>) -> Option<T>) -> Option<T> {
        let Json::Object(entries) = self.value else { return self.fault("a JSON object") };
        let object = Object { entries, fields, path: self.path, faults: self.faults };
        object.reject_unknown_fields();
        read(&object)
    }

    /// Reads an array with a valid length. `expected` describes the whole array: "an array of 1 to 10 seat labels".
    ///
    /// Reads all elements and records each wrong one. Doesn't read an array of another length.
    pub fn array<T>(
        self,
        lengths: RangeInclusive<usize>,
        expected: impl fmt::Display,
        mut read: impl FnMut(Node<'j, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Json::Array(elements) = self.value else { return self.fault(expected) };
        if !lengths.contains(&elements.len()) {
            return self.fault(format_args!("{expected}, got {}", elements.len()));
        }
        let mut list = Vec::with_capacity(elements.len());
        for (index, value) in elements.iter().enumerate() {
            let path = Path::Index(self.path, index);
            list.extend(read(Node { value, path: &path, faults: self.faults }));
        }
        (list.len() == elements.len()).then_some(list)
    }

    /// Reads an object whose fields may have any names, with a valid number of fields. `expected` describes the whole
    /// object: "an object of at most 20 prices by ticket type".
    ///
    /// Reads all fields and records each wrong or repeated one. Doesn't read an object with another number of fields.
    pub fn entries<T>(
        self,
        lengths: RangeInclusive<usize>,
        expected: impl fmt::Display,
        mut read: impl FnMut(&'j str, Node<'j, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Json::Object(entries) = self.value else { return self.fault(expected) };
        if !lengths.contains(&entries.len()) {
            return self.fault(format_args!("{expected}, got {}", entries.len()));
        }
        let mut seen = HashSet::new();
        let mut list = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let path = Path::Field(self.path, name);
            let node = Node { value, path: &path, faults: self.faults };
            if seen.insert(name) {
                list.extend(read(name, node));
            } else {
                node.fault::<()>("this field once");
            }
        }
        (list.len() == entries.len()).then_some(list)
    }

    /// Reads a text.
    pub fn text(self, expected: impl fmt::Display) -> Option<&'j str> {
        match self.value {
            Json::Text(text) => Some(text),
            _ => self.fault(expected),
        }
    }

    /// Reads a text and parses it.
    pub fn parsed<T, E>(self, expected: impl fmt::Display, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match self.value {
            Json::Text(text) => parse(text).ok().or_else(|| self.fault(expected)),
            _ => self.fault(expected),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(self) -> Option<bool> {
        match self.value {
            Json::Bool(value) => Some(*value),
            _ => self.fault("true or false"),
        }
    }

    /// Reads an integer within a range. `2.0` is an integer, as in JSON Schema.
    pub fn whole<N: TryFrom<i64> + TryInto<i64> + Copy + fmt::Display>(self, range: RangeInclusive<N>) -> Option<N> {
        self.integer_with_unit("", range)
    }

    /// Reads an integer within a range, with a unit for the message: "a whole number of seconds from 1 to 10".
    pub fn integer_with_unit<N: TryFrom<i64> + TryInto<i64> + Copy + fmt::Display>(
        self,
        unit: &str,
        range: RangeInclusive<N>,
    ) -> Option<N> {
        let (from, to) = (*range.start(), *range.end());
        let number = match self.value {
            Json::Number(number) => number.whole(),
            _ => None,
        };
        let low = from.try_into().unwrap_or(i64::MIN);
        let high = to.try_into().unwrap_or(i64::MAX);
        let number = number.filter(|number| (low..=high).contains(number)).and_then(|number| N::try_from(number).ok());
        let of = if unit.is_empty() { "" } else { " of " };
        number.or_else(|| self.fault(format_args!("a whole number{of}{unit} from {from} to {to}")))
    }
}

/// An object whose fields are being read.
#[derive(Clone, Copy, Debug)]
pub struct Object<'f, 'j, 'p> {
    entries: &'j [(Cow<'j, str>, Json<'j>)],
    fields: &'f [&'f str],
    path: &'p Path<'p>,
    faults: &'p Faults,
}

impl<'j> Object<'_, 'j, '_> {
    /// Returns `true` if the object has the field, valid or not.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Reads a required field.
    pub fn required<T>(&self, name: &str, read: impl FnOnce(Node<'j, '_>) -> Option<T>) -> Option<T> {
        self.read(name, self.find(name).unwrap_or(MISSING), read)
    }

    /// Reads an optional field. `null` doesn't count as missing, and no reader accepts it.
    pub fn optional<T>(&self, name: &str, read: impl FnOnce(Node<'j, '_>) -> Option<T>) -> Option<T> {
        self.read(name, self.find(name)?, read)
    }

    /// Records a fault of one field, present or not.
    pub fn fault<T>(&self, name: &str, expected: impl fmt::Display) -> Option<T> {
        self.faults.add(&Path::Field(self.path, name), expected);
        None
    }

    /// Records a fault of the object as a whole.
    pub fn fault_on_object<T>(&self, expected: impl fmt::Display) -> Option<T> {
        self.faults.add(self.path, expected);
        None
    }

    fn read<T>(&self, name: &str, value: &'j Json<'j>, read: impl FnOnce(Node<'j, '_>) -> Option<T>) -> Option<T> {
        let path = Path::Field(self.path, name);
        read(Node { value, path: &path, faults: self.faults })
    }

    fn find(&self, name: &str) -> Option<&'j Json<'j>> {
        debug_assert!(self.fields.contains(&name), "{name} isn't among the object's fields");
        self.entries.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Records unknown and duplicate fields, in one pass.
    fn reject_unknown_fields(&self) {
        let mut seen = vec![false; self.fields.len()];
        for (name, _) in self.entries {
            let known = self.fields.iter().zip(&mut seen).find(|(field, _)| *field == name);
            let path = Path::Field(self.path, name);
            match known {
                None => self.faults.add(&path, OneOf(self.fields)),
                Some((_, seen)) if *seen => self.faults.add(&path, "this field once"),
                Some((_, seen)) => *seen = true,
            }
        }
    }
}

/// The allowed fields of an object, for a message.
struct OneOf<'f>(&'f [&'f str]);

impl fmt::Display for OneOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no field"),
            [only] => write!(f, "only the field {only}"),
            several => write!(f, "one of the fields {}", several.join(", ")),
        }
    }
}
