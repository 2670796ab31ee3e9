//! Documents into layouts; what is wrong is named by its path in the document, with what was expected.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};

use crate::rules::layout::{InvalidLayout, Layout, MAX_SEATS};
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::plan::{Category, InvalidPlan, Place, Plan, Point, Row, SEAT_PITCH, row_of_points};

/// A layout's document as it comes: either `seats` or `sections`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub struct Document {
    /// Which theater, where nothing else says so; else it has to agree.
    pub theater_id: Option<String>,
    /// Of the layout that it was made of. Not looked at: `If-Match` decides.
    #[serde(rename = "layout_version")]
    _layout_version: Option<u64>,
    name: String,
    focal_point: Option<PointEntry>,
    #[serde(default)]
    categories: Vec<CategoryEntry>,
    sections: Option<Vec<SectionEntry>>,
    seats: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointEntry {
    x: i32,
    y: i32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryEntry {
    category: String,
    price: u64,
    currency: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionEntry {
    section: String,
    /// What labels of numbered rows begin with.
    prefix: Option<String>,
    rows: Vec<RowEntry>,
}

/// Either `seats`, or numbers from `first` to `last`: then labels are prefix, row and number, `S-A-12`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowEntry {
    row: String,
    first: Option<u16>,
    last: Option<u16>,
    /// Where the first seat is; the others follow it.
    x: Option<i32>,
    y: Option<i32>,
    category: Option<String>,
    seats: Option<Vec<SeatEntry>>,
}

/// A seat: its label alone, or with what is different about it.
#[derive(Debug)]
struct SeatEntry(SeatFields);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeatFields {
    seat: String,
    x: Option<i32>,
    y: Option<i32>,
    category: Option<String>,
    #[serde(default)]
    accessible: bool,
}

impl<'de> Deserialize<'de> for SeatEntry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SeatFields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a seat label, or an object with one in seat")
            }
            fn visit_str<E>(self, label: &str) -> Result<SeatFields, E> {
                Ok(SeatFields { seat: label.to_owned(), x: None, y: None, category: None, accessible: false })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SeatFields, A::Error> {
                SeatFields::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either).map(Self)
    }
}

/// What is wrong with a document, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct DocumentError {
    /// The field, such as `sections[0].rows[2].last`.
    pub path: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

/// A layout that is to be put; its version is still to be given.
#[derive(Debug)]
pub struct NewLayout {
    /// The name to show.
    pub name: String,
    /// In the order in which they are shown.
    pub seats: Vec<SeatLabel>,
    /// Where they are, in the same order.
    pub plan: Plan,
}

impl NewLayout {
    /// As the layout of a theater.
    pub fn into_layout(self, theater: TheaterId, version: u64) -> Result<Layout, InvalidLayout> {
        Layout::with_plan(theater, self.name, version, self.seats, self.plan)
    }
}

impl Document {
    /// Reads JSON. What isn't a document's shape is told with its path, line and column.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        let reader = &mut serde_json::Deserializer::from_slice(text);
        serde_path_to_error::deserialize(reader).map_err(|error| {
            let path = error.path().to_string();
            DocumentError { path, problem: error.into_inner().to_string() }
        })
    }

    /// Checks everything; the first thing that is wrong is told, by its path below `root`.
    pub fn into_layout(self, root: &str) -> Result<NewLayout, DocumentError> {
        let at = |path: &str| if root.is_empty() { path.to_owned() } else { format!("{root}.{path}") };
        let layout = match (&self.seats, &self.sections) {
            (Some(seats), None) => self.listed(seats, &at)?,
            (None, Some(sections)) => Sections { document: &self, at: &at }.layout(sections)?,
            _ => return Err(wrong(at("seats"), "expected either seats or sections")),
        };
        // The same checks as when it is put; theater and version are of no matter here.
        let nowhere = TheaterId::parse("-").map_err(|error| wrong(root.to_owned(), error))?;
        let NewLayout { name, seats, plan } = layout;
        Layout::with_plan(nowhere, name.clone(), 0, seats.clone(), plan.clone()).map_err(|error| match error {
            InvalidLayout::Name => wrong(at("name"), error),
            _ => wrong(at(if self.seats.is_some() { "seats" } else { "sections" }), error),
        })?;
        Ok(NewLayout { name, seats, plan })
    }

    fn listed(&self, seats: &[String], at: &impl Fn(&str) -> String) -> Result<NewLayout, DocumentError> {
        if self.focal_point.is_some() || !self.categories.is_empty() {
            return Err(wrong(at("seats"), "a list of seats has neither focal_point nor categories; give sections"));
        }
        if seats.len() > MAX_SEATS {
            return Err(wrong(at("seats"), InvalidLayout::Count(seats.len())));
        }
        let label =
            |(n, text): (usize, &String)| label(text).map_err(|problem| wrong(at(&format!("seats[{n}]")), problem));
        let seats = seats.iter().enumerate().map(label).collect::<Result<Vec<_>, _>>()?;
        Ok(NewLayout { name: self.name.clone(), plan: Plan::of_list(&seats), seats })
    }
}

/// Sections being read.
struct Sections<'a, F> {
    document: &'a Document,
    at: &'a F,
}

impl<F: Fn(&str) -> String> Sections<'_, F> {
    fn layout(&self, sections: &[SectionEntry]) -> Result<NewLayout, DocumentError> {
        let (mut seats, mut places, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (s, section) in sections.iter().enumerate() {
            let number = u16::try_from(s).map_err(|_| wrong((self.at)("sections"), "too many"))?;
            for (r, row) in section.rows.iter().enumerate() {
                let path = format!("sections[{s}].rows[{r}]");
                let index = u16::try_from(rows.len()).map_err(|_| wrong((self.at)(&path), "too many rows"))?;
                self.row(&path, section, row, index, &mut seats, &mut places)?;
                rows.push(Row { name: row.row.clone(), section: number });
                if seats.len() > MAX_SEATS {
                    return Err(wrong((self.at)("sections"), format!("expected at most {MAX_SEATS} seats")));
                }
            }
        }
        let focal_point = match self.document.focal_point {
            Some(PointEntry { x, y }) => Point { x, y },
            None => Plan::default_focal_point(&places),
        };
        let names = sections.iter().map(|section| section.section.clone()).collect();
        let categories = self.document.categories.iter().map(|entry| Category {
            name: entry.category.clone(),
            price: entry.price,
            currency: entry.currency.clone(),
        });
        let categories: Vec<_> = categories.collect();
        if let Some(n) = categories.iter().position(|c| iso_currency::Currency::from_code(&c.currency).is_none()) {
            let problem =
                format!("expected a currency of ISO 4217, such as EUR, got {:?}", short(&categories[n].currency));
            return Err(wrong((self.at)(&format!("categories[{n}].currency")), problem));
        }
        let plan = Plan::new(focal_point, names, rows, categories, places);
        let plan =
            plan.map_err(|InvalidPlan { part, expected }| wrong((self.at)(&part), format!("expected {expected}")))?;
        Ok(NewLayout { name: self.document.name.clone(), seats, plan })
    }

    fn row(
        &self,
        path: &str,
        section: &SectionEntry,
        row: &RowEntry,
        index: u16,
        seats: &mut Vec<SeatLabel>,
        places: &mut Vec<Place>,
    ) -> Result<(), DocumentError> {
        let numbered;
        let entries: &[SeatEntry] = match (&row.seats, row.first, row.last) {
            (Some(entries), None, None) => entries,
            (None, Some(first), Some(last)) => {
                numbered = self.numbered(path, section, row, first, last)?;
                &numbered
            }
            _ => return Err(wrong((self.at)(path), "expected either seats, or first and last")),
        };
        if entries.is_empty() {
            return Err(wrong((self.at)(&format!("{path}.seats")), "expected at least one seat"));
        }
        let row_category = self.category(&format!("{path}.category"), row.category.as_deref())?;
        let by_default = row_of_points(entries.len(), usize::from(index));
        for ((n, SeatEntry(entry)), default) in entries.iter().enumerate().zip(by_default) {
            let seat = if row.seats.is_some() { format!("{path}.seats[{n}]") } else { path.to_owned() };
            seats.push(label(&entry.seat).map_err(|problem| wrong((self.at)(&seat), problem))?);
            let category = self.category(&format!("{seat}.category"), entry.category.as_deref())?;
            let along = i32::try_from(n).unwrap_or(i32::MAX).saturating_mul(SEAT_PITCH);
            let x = entry.x.or_else(|| row.x.map(|x| x.saturating_add(along))).unwrap_or(default.x);
            let y = entry.y.or(row.y).unwrap_or(default.y);
            places.push(Place {
                row: index,
                point: Point { x, y },
                category: category.or(row_category),
                accessible: entry.accessible,
            });
        }
        Ok(())
    }

    fn numbered(
        &self,
        path: &str,
        section: &SectionEntry,
        row: &RowEntry,
        first: u16,
        last: u16,
    ) -> Result<Vec<SeatEntry>, DocumentError> {
        if first > last {
            let problem = format!("expected a number from first ({first}) on, got {last}");
            return Err(wrong((self.at)(&format!("{path}.last")), problem));
        }
        if usize::from(last - first) >= MAX_SEATS {
            return Err(wrong((self.at)(&format!("{path}.last")), format!("expected at most {MAX_SEATS} seats")));
        }
        let prefix = match section.prefix.as_deref() {
            Some(prefix) => format!("{prefix}-"),
            None => String::new(),
        };
        let fields = |number: u16| SeatFields {
            seat: format!("{prefix}{}-{number}", row.row),
            x: None,
            y: None,
            category: None,
            accessible: false,
        };
        Ok((first..=last).map(|number| SeatEntry(fields(number))).collect())
    }

    fn category(&self, path: &str, name: Option<&str>) -> Result<Option<u16>, DocumentError> {
        let Some(name) = name else { return Ok(None) };
        let categories = &self.document.categories;
        let found = categories.iter().position(|entry| entry.category == name);
        match found.and_then(|index| u16::try_from(index).ok()) {
            Some(index) => Ok(Some(index)),
            None => {
                let problem = format!("expected one of the document's categories, got {:?}", short(name));
                Err(wrong((self.at)(path), problem))
            }
        }
    }
}

fn label(text: &str) -> Result<SeatLabel, String> {
    SeatLabel::parse(text).map_err(|error| format!("{error}, got {:?}", short(text)))
}

/// What somebody wrote, as far as it is worth repeating.
fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

fn wrong(path: String, problem: impl ToString) -> DocumentError {
    DocumentError { path, problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::LayoutBody;
    use crate::rules::plan::ROW_PITCH;
    use serde_json::{Value, json};

    fn read(document: &Value) -> Result<NewLayout, DocumentError> {
        Document::parse(document.to_string().as_bytes()).and_then(|document| document.into_layout(""))
    }

    fn hall() -> Value {
        json!({ "name": "Hall", "focal_point": { "x": 5, "y": -300 },
            "categories": [{ "category": "premium", "price": 8500, "currency": "EUR" },
                { "category": "cheap", "price": 0, "currency": "JPY" }],
            "sections": [
                { "section": "Stalls", "prefix": "S", "rows": [
                    { "row": "A", "first": 9, "last": 10, "category": "premium" },
                    { "row": "B", "category": "cheap", "x": 100, "y": 90, "seats": [
                        "S-B-1", { "seat": "S-B-2", "y": 95, "category": "premium", "accessible": true }] }] },
                { "section": "Boxes", "rows": [{ "row": "X", "first": 1, "last": 1 }] }] })
    }

    #[test]
    fn sections_rows_and_seats_say_where_seats_are() {
        let layout = read(&hall()).unwrap();
        let labels: Vec<_> = layout.seats.iter().map(SeatLabel::as_str).collect();
        assert_eq!(labels, ["S-A-9", "S-A-10", "S-B-1", "S-B-2", "X-1"]);
        let places = layout.plan.places().iter();
        let places: Vec<_> = places.map(|p| (p.row, p.point.x, p.point.y, p.category, p.accessible)).collect();
        assert_eq!(
            places,
            [
                (0, -25, 0, Some(0), false),
                (0, 25, 0, Some(0), false),
                (1, 100, 90, Some(1), false),
                (1, 150, 95, Some(0), true),
                (2, 0, 2 * ROW_PITCH, None, false),
            ]
        );
        assert_eq!(layout.plan.focal_point(), Point { x: 5, y: -300 });
        assert_eq!(layout.plan.section_of(&layout.plan.places()[4]), 1);
    }

    #[test]
    fn what_is_answered_can_be_put_again_and_is_the_same() {
        for document in [hall(), json!({ "name": "List", "seats": ["A1", "A2", "B1"] })] {
            let layout = read(&document).unwrap().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
            let answered = serde_json::to_value(LayoutBody::of(&layout)).unwrap();
            let again = read(&answered).unwrap().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
            assert_eq!(again, layout, "{answered}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let spoilt = |path: &str, value: Value| {
            let mut document = hall();
            *document.pointer_mut(path).unwrap() = value;
            document
        };
        let both = json!({ "name": "x", "seats": ["A"], "sections": [] });
        for (document, path, problem) in [
            (both, "seats", "either seats or sections"),
            (json!({ "name": "x" }), "seats", "either seats or sections"),
            (json!({ "name": "x", "seats": ["A1", "A 2"] }), "seats[1]", "1 to 16"),
            (json!({ "name": "x", "seats": ["A1", "A1"] }), "seats", "twice"),
            (json!({ "name": "x", "seats": [] }), "seats", "1 to 20000"),
            (json!({ "name": "", "seats": ["A1"] }), "name", "1 to 200"),
            (spoilt("/sections/0/rows/0/last", json!(8)), "sections[0].rows[0].last", "from first (9)"),
            (spoilt("/sections/0/rows/0/row", json!("a b")), "sections[0].rows[0]", "1 to 16"),
            (spoilt("/sections/0/rows/1/seats", json!([])), "sections[0].rows[1].seats", "at least one"),
            (spoilt("/sections/0/rows/1/seats/0", json!(7)), "sections[0].rows[1].seats[0]", "a seat label"),
            (spoilt("/sections/0/rows/1/seats/1/y", json!("7")), "sections[0].rows[1].seats[1].y", "i32"),
            (spoilt("/sections/0/rows/1/category", json!("gold")), "sections[0].rows[1].category", "categories"),
            (
                spoilt("/sections/0/rows/1/seats/1/category", json!("g")),
                "sections[0].rows[1].seats[1].category",
                "categories",
            ),
            (spoilt("/sections/1/section", json!("Stalls")), "sections[1]", "not used before"),
            (spoilt("/categories/0/currency", json!("EUE")), "categories[0].currency", "ISO 4217"),
            (spoilt("/categories/0/price", json!(-1)), "categories[0].price", "u64"),
            (spoilt("/focal_point/x", json!(1_000_001)), "focal_point", "1000000"),
            (spoilt("/sections/0/rows/1/x", json!(2_000_000)), "seats[2]", "1000000"),
            (
                spoilt("/sections/0", json!({ "section": "S", "rows": [], "chairs": 1 })),
                "sections[0].chairs",
                "unknown field",
            ),
        ] {
            let error = read(&document).map(|_| ()).unwrap_err();
            assert!(error.path == path && error.problem.contains(problem), "{error} ({path}: {problem})");
        }
    }

    #[test]
    fn more_seats_than_a_theater_may_have_are_refused_before_they_are_made() {
        let row = json!({ "row": "A", "first": 0, "last": 65_535 });
        let error =
            read(&json!({ "name": "x", "sections": [{ "section": "S", "rows": [row] }] })).map(|_| ()).unwrap_err();
        assert_eq!((error.path.as_str(), error.problem.contains("20000")), ("sections[0].rows[0].last", true));
    }
}
