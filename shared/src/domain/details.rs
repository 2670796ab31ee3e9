//! Optional details of a layout, for clients that draw a hall or keep records. No rule for selling seats depends on
//! them.

use std::collections::{BTreeMap, HashSet};

use super::seat_index::SeatIndex;
use super::seating_plan::{InvalidPlan, MAX_COORDINATE, MAX_PART_NAME, Point, SeatingPlan};
use super::text;

/// Maximum number of characters of a theater's name.
pub const MAX_NAME: usize = 200;
/// Maximum number of languages of one name.
pub const MAX_LANGUAGES: usize = 20;
/// Maximum number of characters of a seat's number.
pub const MAX_NUMBER: usize = 16;
/// Maximum number of characters of a note.
pub const MAX_NOTE: usize = 200;
/// Maximum number of characters of an external id.
pub const MAX_EXTERNAL_ID: usize = 64;
/// Maximum number of characters of a row's kind.
pub const MAX_KIND: usize = 32;
/// Maximum size of one `extra` in bytes, as JSON without white space.
pub const MAX_EXTRA: usize = 2_048;
/// Number of points of one line of an outline.
pub const OUTLINE_POINTS: std::ops::RangeInclusive<usize> = 3..=200;
/// Maximum number of lines of one outline.
pub const MAX_OUTLINES: usize = 20;

/// Translations of a name, by language tag.
pub type Names = BTreeMap<String, String>;

/// A JSON object with the operator's own data, as compact text. It is stored and returned unchanged.
#[derive(Clone, Debug)]
pub struct Extra(String);

/// Closed lines around an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline(pub Vec<Vec<Point>>);

/// Appearance of the stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    pub label: Option<String>,
    pub outline: Option<Outline>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SectionDetails {
    /// Text on the map in place of the name.
    pub label: Option<String>,
    pub names: Names,
    pub outline: Option<Outline>,
    pub extra: Option<Extra>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryDetails {
    pub names: Names,
    pub extra: Option<Extra>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatDetails {
    /// Number on the seat, if it differs from [`default_number`].
    pub number: Option<String>,
    /// Remark for buyers.
    pub note: Option<String>,
    /// `true` if something blocks part of the view.
    pub restricted_view: bool,
    /// Id in another system, unique within the layout.
    pub external_id: Option<String>,
    pub extra: Option<Extra>,
}

/// All details of a layout. Parts are referred to by their index in the [`SeatingPlan`], seats by their index in the layout.
/// Parts without details have no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Translations of the theater's name.
    pub names: Names,
    /// Operator's own data about the theater.
    pub extra: Option<Extra>,
    pub stage: Option<Stage>,
    pub sections: BTreeMap<u16, SectionDetails>,
    /// Kinds of rows, by row.
    pub kinds: BTreeMap<u16, String>,
    pub categories: BTreeMap<u16, CategoryDetails>,
    pub seats: BTreeMap<SeatIndex, SeatDetails>,
}

impl PartialEq for Extra {
    /// Compares by meaning, because JSON clients may reorder fields.
    fn eq(&self, other: &Self) -> bool {
        let read = |extra: &Self| serde_json::from_str::<serde_json::Value>(&extra.0).ok();
        self.0 == other.0 || (read(self).is_some() && read(self) == read(other))
    }
}

impl Eq for Extra {}

impl Extra {
    /// Format of an `extra`, for messages.
    pub const EXPECTED: &'static str = "a JSON object of at most 2048 bytes";

    /// Wraps the compact text of a JSON object. Returns `None` if the text is something else or too large.
    pub fn of(text: String) -> Option<Self> {
        let fits = text.len() <= MAX_EXTRA && text.starts_with('{');
        (fits && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok()).then_some(Self(text))
    }

    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Returns `true` if the object has no members.
    pub fn is_empty(&self) -> bool {
        self.0 == "{}"
    }
}

/// Returns the number of a seat that defines none: the digits at the end of its label, or the whole label if it
/// doesn't end in digits.
pub fn default_number(label: &str) -> &str {
    let digits = label.len() - label.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 { label } else { &label[label.len() - digits..] }
}

/// Returns `true` if a text has the shape of a language tag (BCP 47): `de`, `pt-BR`, `zh-Hant-TW`.
#[expect(clippy::expect_used, reason = "a text that is split has a first part")]
pub fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().expect("a split text has a first part");
    tag.len() <= 35
        && (2..=8).contains(&language.len())
        && language.bytes().all(|c| c.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric()))
}

/// Returns `true` if a text is a valid kind of a row: a word such as `table`, `box`, `bench` or `standing`.
pub fn is_kind(kind: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c);
    (1..=MAX_KIND).contains(&kind.len()) && kind.bytes().all(allowed)
}

/// Returns `true` if a text is a valid external id: visible characters with inner spaces, in any Unicode form.
pub fn is_external_id(id: &str) -> bool {
    text::is_visible(id, 1..=MAX_EXTERNAL_ID)
}

/// Returns `true` if an outline has valid numbers of lines and points, within the bounds of coordinates.
pub fn is_outline(outline: &Outline) -> bool {
    let within = |c: i32| c.unsigned_abs() <= MAX_COORDINATE.unsigned_abs();
    let line = |line: &Vec<Point>| {
        OUTLINE_POINTS.contains(&line.len()) && line.iter().all(|point| within(point.x) && within(point.y))
    };
    (1..=MAX_OUTLINES).contains(&outline.0.len()) && outline.0.iter().all(line)
}

impl Details {
    /// Checks every detail, and that its part exists in the seating plan. The readers of JSON layouts check the same.
    /// This check covers layouts from other sources.
    pub(super) fn check(&self, plan: &SeatingPlan) -> Result<(), InvalidPlan> {
        let checks = [
            ("names", names(&self.names, MAX_NAME)),
            ("stage", self.stage.as_ref().is_none_or(stage)),
            ("sections", self.sections.iter().all(|(n, of)| usize::from(*n) < plan.sections().len() && section(of))),
            ("rows", self.kinds.iter().all(|(n, kind)| usize::from(*n) < plan.rows().len() && is_kind(kind))),
            (
                "categories",
                self.categories
                    .iter()
                    .all(|(n, of)| usize::from(*n) < plan.categories().len() && names(&of.names, MAX_PART_NAME)),
            ),
            ("seats", self.seats.iter().all(|(n, of)| n.as_usize() < plan.places().len() && seat(of))),
        ];
        let mut ids = HashSet::new();
        let unique = self.seats.values().filter_map(|of| of.external_id.as_deref()).all(|id| ids.insert(id));
        let wrong =
            checks.iter().find(|(_, right)| !right).map(|(part, _)| *part).or((!unique).then_some("external_id"));
        match wrong {
            None => Ok(()),
            Some(part) => {
                Err(InvalidPlan { part: part.to_owned(), expected: "details within their bounds".to_owned() })
            }
        }
    }
}

fn names(names: &Names, most: usize) -> bool {
    names.len() <= MAX_LANGUAGES
        && names.iter().all(|(tag, name)| is_language_tag(tag) && text::is_valid_text(name, 1..=most))
}

fn stage(stage: &Stage) -> bool {
    stage.label.as_ref().is_none_or(|label| text::is_valid_text(label, 1..=MAX_PART_NAME))
        && stage.outline.as_ref().is_none_or(is_outline)
}

fn section(section: &SectionDetails) -> bool {
    names(&section.names, MAX_PART_NAME)
        && section.label.as_ref().is_none_or(|label| text::is_valid_text(label, 1..=MAX_PART_NAME))
        && section.outline.as_ref().is_none_or(is_outline)
}

fn seat(seat: &SeatDetails) -> bool {
    seat.number.as_ref().is_none_or(|number| text::is_valid_text(number, 1..=MAX_NUMBER))
        && seat.note.as_ref().is_none_or(|note| text::is_valid_text(note, 1..=MAX_NOTE))
        && seat.external_id.as_ref().is_none_or(|id| is_external_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::SeatLabel;

    #[test]
    fn language_tags_are_those_of_bcp_47_by_their_shape() {
        for good in ["de", "pt-BR", "zh-Hant-TW", "gsw", "de-1996", "sr-Latn", "en-x-a"] {
            assert!(is_language_tag(good), "{good}");
        }
        for bad in ["", "d", "de_AT", "de-", "-de", "d3", "deutschland", "de-toolongpart", "ü", &"de-x".repeat(9)] {
            assert!(!is_language_tag(bad), "{bad}");
        }
    }

    #[test]
    fn default_seat_number_is_the_trailing_digits() {
        for (label, number) in [("A12", "12"), ("S-A-7", "7"), ("12", "12"), ("SOFA", "SOFA"), ("A1b", "A1b")] {
            assert_eq!(default_number(label), number);
        }
    }

    #[test]
    fn an_extra_is_a_bounded_object_and_compared_by_meaning() {
        let extra = |text: &str| Extra::of(text.to_owned());
        assert_eq!(extra(r#"{"a":1,"b":[null]}"#), extra(r#"{"b":[null],"a":1}"#));
        assert_ne!(extra(r#"{"a":1}"#), extra(r#"{"a":2}"#));
        for bad in ["[]", "1", "{", "null", "", &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_EXTRA))] {
            assert!(extra(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn details_of_missing_parts_are_rejected() {
        let seats = [SeatLabel::parse("A1").unwrap(), SeatLabel::parse("A2").unwrap()];
        let plan = SeatingPlan::of_list(&seats);
        let id = |id: &str| SeatDetails { external_id: Some(id.to_owned()), ..SeatDetails::default() };
        let details = |change: fn(&mut Details)| {
            let mut details = Details::default();
            change(&mut details);
            details.check(&plan)
        };
        assert_eq!(details(|_| ()), Ok(()));
        assert!(details(|it| drop(it.sections.insert(1, SectionDetails::default()))).is_err());
        assert!(details(|it| drop(it.categories.insert(0, CategoryDetails::default()))).is_err());
        assert!(details(|it| drop(it.kinds.insert(0, "Table".to_owned()))).is_err());
        assert!(details(|it| drop(it.seats.insert(SeatIndex::new(2), SeatDetails::default()))).is_err());
        let mut twice = Details::default();
        twice.seats.extend([(SeatIndex::new(0), id("x")), (SeatIndex::new(1), id("x"))]);
        assert_eq!(twice.check(&plan).unwrap_err().part, "external_id");
    }
}
