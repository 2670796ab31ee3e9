//! Readers of optional fields: names, outlines, `extra`.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::domain::details::{
    Extra, MAX_EXTERNAL_ID, MAX_KIND, MAX_LANGUAGES, MAX_NOTE, MAX_NUMBER, MAX_OUTLINES, Names, OUTLINE_POINTS,
    Outline, SeatDetails, SectionDetails, Stage, is_external_id, is_kind, is_language_tag,
};
use crate::domain::seating_plan::{MAX_COORDINATE, MAX_PART_NAME, Point};
use crate::domain::text::{is_valid_text, normalize};
use crate::json::{Json, Node, Object};

/// The expected form of a text: a noun and the range of its length.
#[derive(Clone, Copy)]
pub(super) struct TextExpected {
    noun: &'static str,
    least: usize,
    most: usize,
}

impl TextExpected {
    /// Expects a name of 1 to `most` characters.
    pub(super) fn name(most: usize) -> Self {
        Self { noun: "a name", least: 1, most }
    }

    /// Expects a name that may be empty.
    pub(super) fn maybe_name() -> Self {
        Self { noun: "a name", least: 0, most: MAX_PART_NAME }
    }

    fn text(most: usize) -> Self {
        Self { noun: "a text", least: 1, most }
    }
}

impl fmt::Display for TextExpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { noun, least, most } = self;
        write!(f, "{noun} of {least} to {most} visible characters")
    }
}

/// Reads a text for display, composed and trimmed.
pub(super) fn text(node: Node<'_, '_>, expected: TextExpected) -> Option<String> {
    let read = normalize(node.text(expected)?);
    let fits = |text: &String| is_valid_text(text, expected.least..=expected.most);
    read.filter(fits).or_else(|| node.fault(expected))
}

/// Reads names by language.
pub(super) fn names(node: Node<'_, '_>, most: usize) -> Option<Names> {
    let expected = format_args!(
        "an object of at most {MAX_LANGUAGES} names by language tag (de, pt-BR), each of 1 to {most} visible characters"
    );
    let Json::Object(entries) = node.json() else { return node.fault(expected) };
    let mut names = BTreeMap::new();
    let mut tags = HashSet::new();
    for (tag, name) in entries.iter().take(MAX_LANGUAGES + 1) {
        let name = match name {
            Json::Text(name) => normalize(name).filter(|name| is_valid_text(name, 1..=most)),
            _ => None,
        };
        // Language tags are case-insensitive.
        let right = is_language_tag(tag) && tags.insert(tag.to_ascii_lowercase());
        let Some(name) = name.filter(|_| right) else { return node.fault(expected) };
        names.insert(tag.clone().into_owned(), name);
    }
    if names.len() > MAX_LANGUAGES { node.fault(expected) } else { Some(names) }
}

/// Reads the operator's own data.
pub fn extra(node: Node<'_, '_>) -> Option<Extra> {
    let right = matches!(node.json(), Json::Object(_)) && !has_duplicate_fields(node.json());
    let text = right.then(|| serde_json::to_string(node.json()).ok()).flatten();
    text.and_then(Extra::of).or_else(|| node.fault(Extra::EXPECTED))
}

fn has_duplicate_fields(json: &Json<'_>) -> bool {
    match json {
        Json::Array(elements) => elements.iter().any(has_duplicate_fields),
        Json::Object(fields) => {
            let mut names = HashSet::new();
            fields.iter().any(|(name, value)| !names.insert(name) || has_duplicate_fields(value))
        }
        _ => false,
    }
}

/// Reads a coordinate.
pub(super) fn coordinate(node: Node<'_, '_>) -> Option<i32> {
    node.whole(-MAX_COORDINATE..=MAX_COORDINATE)
}

/// Reads a point.
pub(super) fn point(node: Node<'_, '_>) -> Option<Point> {
    node.object(&["x", "y"], |object| {
        let (x, y) = (object.required("x", coordinate), object.required("y", coordinate));
        Some(Point { x: x?, y: y? })
    })
}

/// Reads an optional outline. An empty list counts as none, because generated Java clients send one for each list
/// that isn't set.
fn optional_outline(object: &Object<'_, '_, '_>) -> Option<Outline> {
    object.optional("outline", outline).filter(|outline| !outline.0.is_empty())
}

/// Reads an outline: a list of points, or a list of such lists.
fn outline(node: Node<'_, '_>) -> Option<Outline> {
    if matches!(node.json(), Json::Array(lines) if lines.is_empty()) {
        return Some(Outline(Vec::new()));
    }
    let several = matches!(node.json(), Json::Array(lines) if matches!(lines.first(), Some(Json::Array(_))));
    if several {
        return node.array(1..=MAX_OUTLINES, format_args!("1 to {MAX_OUTLINES} lists of points"), line).map(Outline);
    }
    line(node).map(|line| Outline(vec![line]))
}

fn line(node: Node<'_, '_>) -> Option<Vec<Point>> {
    let (least, most) = (OUTLINE_POINTS.start(), OUTLINE_POINTS.end());
    node.array(OUTLINE_POINTS, format_args!("a list of {least} to {most} points"), point)
}

/// Reads the stage.
pub(super) fn stage(node: Node<'_, '_>) -> Option<Stage> {
    node.object(&["label", "outline"], |object| Some(Stage { label: label(object), outline: optional_outline(object) }))
}

/// Reads a section's optional fields.
pub(super) fn section(object: &Object<'_, '_, '_>) -> SectionDetails {
    SectionDetails {
        label: label(object),
        names: object.optional("names", |node| names(node, MAX_PART_NAME)).unwrap_or_default(),
        outline: optional_outline(object),
        extra: object.optional("extra", extra),
    }
}

fn label(object: &Object<'_, '_, '_>) -> Option<String> {
    object.optional("label", |node| text(node, TextExpected::text(MAX_PART_NAME)))
}

/// Reads the kind of a row.
pub(super) fn kind(node: Node<'_, '_>) -> Option<String> {
    let expected = format_args!("a word of 1 to {MAX_KIND} of a-z 0-9 _ -, such as table or box");
    node.parsed(expected, |kind| if is_kind(kind) { Ok(kind.to_owned()) } else { Err(()) })
}

/// Reads a seat's optional fields.
pub(super) fn seat(object: &Object<'_, '_, '_>) -> SeatDetails {
    SeatDetails {
        number: object.optional("number", |node| text(node, TextExpected::text(MAX_NUMBER))),
        note: object.optional("note", |node| text(node, TextExpected::text(MAX_NOTE))),
        restricted_view: object.optional("restricted_view", |node| node.boolean()).unwrap_or_default(),
        external_id: object.optional("external_id", external_id),
        extra: object.optional("extra", extra),
    }
}

fn external_id(node: Node<'_, '_>) -> Option<String> {
    let expected = format_args!("an id of 1 to {MAX_EXTERNAL_ID} visible characters");
    node.parsed(expected, |id| if is_external_id(id) { Ok(id.to_owned()) } else { Err(()) })
}
