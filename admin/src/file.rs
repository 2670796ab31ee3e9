//! The file of theaters and shows.

use std::collections::{HashMap, HashSet};
use std::fmt;

use boxoffice::app::STORABLE;
use boxoffice::domain::ids::{ShowId, TheaterId};
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::new_layout::NewLayout;
use boxoffice::domain::prices::PriceList;
use boxoffice::domain::time::EpochMillis;
use boxoffice::json::{self, Fault, Faults, Node};
use boxoffice::layout_json::Document;
use boxoffice::store::Store;

use crate::shows::{self, NewShow};

/// Largest number of theaters in one file.
const MAX_THEATERS: usize = 1_000;
/// Largest number of entries of shows in one file.
const MAX_ENTRIES: usize = 10_000;
/// The version of a layout that is only checked.
const NO_VERSION: LayoutVersion = LayoutVersion::new(u64::MAX);

/// The contents of a file.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) theaters: Vec<Theater>,
    pub(crate) shows: Vec<NewShow>,
}

/// A theater that is ready to be put.
#[derive(Debug)]
pub(crate) struct Theater {
    pub(crate) id: TheaterId,
    pub(crate) layout: NewLayout,
}

/// The ids in the files so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    theaters: HashSet<TheaterId>,
    shows: HashSet<ShowId>,
}

/// The errors in a file. Each has the path of its field, or line and column if the file isn't JSON.
#[derive(Debug)]
pub(crate) struct FileError {
    faults: Vec<Fault>,
    unlisted: usize,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join("\n  "))?;
        if self.unlisted > 0 { write!(f, "\n  and {} more", self.unlisted) } else { Ok(()) }
    }
}

/// Parses a whole file, or returns every error in it. `now` decides which day is today.
pub(crate) fn parse(text: &[u8], now: EpochMillis, seen: &mut Seen) -> Result<Contents, FileError> {
    let faults = Faults::default();
    let contents = json::read(text, "file", &faults, |node| {
        node.object(&["theaters", "shows"], |object| {
            if !object.has("theaters") && !object.has("shows") {
                return object.fault_on_object("theaters, shows, or both");
            }
            let expected = format_args!("a list of at most {MAX_THEATERS} theaters");
            let theaters = object.optional("theaters", |node| {
                node.array(0..=MAX_THEATERS, expected, |node| theater(node, &mut seen.theaters))
            });
            let expected = format_args!("a list of at most {MAX_ENTRIES} shows");
            let mut entry = 0;
            let shows = object.optional("shows", |node| {
                node.array(0..=MAX_ENTRIES, expected, |node| {
                    entry += 1;
                    shows::read(node, entry - 1, now, &mut seen.shows)
                })
            });
            let shows = shows.into_iter().flatten().flatten().collect();
            Some(Contents { theaters: theaters.unwrap_or_default(), shows })
        })
    });
    if let Some(contents) = &contents {
        check_shows(contents, &faults);
    }
    match contents {
        Some(contents) if faults.is_empty() => Ok(contents),
        _ => Err(FileError { unlisted: faults.unlisted(), faults: faults.into_list() }),
    }
}

fn theater(node: Node<'_, '_>, seen: &mut HashSet<TheaterId>) -> Option<Theater> {
    let Document { theater_id, layout } = Document::read_one_of(node, seen)?;
    let stored = layout.clone().into_layout(theater_id.clone()?, NO_VERSION).ok()?;
    if !Store::fits(&stored) {
        return node.fault(STORABLE);
    }
    Some(Theater { id: theater_id?, layout })
}

/// Checks prices and seats of shows against the theaters of the same file. Other theaters are checked when they are
/// read from the table.
fn check_shows(contents: &Contents, faults: &Faults) {
    let layouts: HashMap<_, Layout> = contents
        .theaters
        .iter()
        .filter_map(|theater| {
            Some((&theater.id, theater.layout.clone().into_layout(theater.id.clone(), NO_VERSION).ok()?))
        })
        .collect();
    let mut checked = HashSet::new();
    for show in &contents.shows {
        let Some(layout) = layouts.get(&show.theater) else { continue };
        if show.put.layout_version.is_some() || !checked.insert(show.entry) {
            continue;
        }
        let entry = show.entry;
        let prices = show.put.prices.clone().unwrap_or_default();
        if let Err(error) = PriceList::with_overrides(layout, &prices) {
            faults.named(format_args!("shows[{entry}].{}", error.field()), &error.expected);
        }
        for (place, booking) in show.bookings.iter().enumerate() {
            for (index, _) in
                booking.seats.iter().enumerate().filter(|(_, seat)| layout.seat_index(seat.seat.as_str()).is_none())
            {
                let field = format_args!("shows[{entry}].bookings[{place}].seats[{index}]");
                faults.named(field, format_args!("a seat of theater {}", show.theater));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMillis = EpochMillis::new(1_795_370_400_000);

    fn wrong(text: &str) -> String {
        parse(text.as_bytes(), NOW, &mut Seen::default()).unwrap_err().to_string()
    }

    #[test]
    fn each_theater_is_a_document_with_an_id() {
        let text = r#"{"theaters": [
                {"theater_id": "1", "name": "One", "seats": ["A1", "A2"]},
                {"theater_id": "2", "name": "Two", "sections": [
                    {"section": "Stalls", "prefix": "S", "rows": [{"row": "A", "first": 9, "last": 10}]}]}]}"#;
        for text in [text.to_owned(), format!("\u{feff}{text}")] {
            let Contents { theaters, .. } = parse(text.as_bytes(), NOW, &mut Seen::default()).unwrap();
            let labels =
                |place: usize| theaters[place].layout.seats.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!((theaters[0].id.as_str(), labels(0)), ("1", vec!["A1".to_owned(), "A2".to_owned()]));
            assert_eq!(labels(1), ["S-A-9", "S-A-10"]);
        }
    }

    #[test]
    fn invalid_json_error_has_line_and_column() {
        assert!(wrong("{\"theaters\": [\n {]}").contains("line 2"), "{}", wrong("{\"theaters\": [\n {]}"));
    }

    #[test]
    fn every_wrong_field_is_named_with_what_was_expected() {
        let theater = |rest: &str| format!(r#"{{"theaters": [{{"theater_id": "1", "name": "One", {rest}}}]}}"#);
        for (rest, faults) in [
            (r#""seats": ["A1", "A 2"]"#, vec!["theaters[0].seats[1]: expected a seat label of 1 to 36"]),
            (r#""seats": ["A1"], "sections": []"#, vec!["theaters[0].sections: expected either seats or sections"]),
            (
                r#""chairs": 1, "seats": ["A1", 7, null]"#,
                vec!["theaters[0].chairs: ", "theaters[0].seats[1]: ", "theaters[0].seats[2]: "],
            ),
        ] {
            let error = wrong(&theater(rest));
            for (fault, line) in faults.iter().zip(error.lines()) {
                assert!(line.trim().starts_with(fault), "{error}");
            }
            assert_eq!(error.lines().count(), faults.len(), "{error}");
        }
        let twice = r#"{"theaters": [{"theater_id": "1", "name": "x", "seats": ["A"]},
            {"theater_id": "1", "name": "y", "seats": ["A"]}]}"#;
        assert_eq!(wrong(twice), "theaters[1].theater_id: expected each theater once, 1 is there twice");
        for bad_id in [r#""theater_id": "a b", "#, r#""theater_id": "..", "#, ""] {
            let text = format!(r#"{{"theaters": [{{{bad_id}"name": "x", "seats": ["A"]}}]}}"#);
            assert!(wrong(&text).starts_with("theaters[0].theater_id: expected 1 to 64"), "{}", wrong(&text));
        }
    }
}
