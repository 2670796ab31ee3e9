//! The file of theaters, with a document for each theater.

use std::collections::HashSet;
use std::fmt;

use boxoffice::app::STORABLE;
use boxoffice::domain::ids::TheaterId;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::new_layout::NewLayout;
use boxoffice::json::{self, Fault, Faults, Node};
use boxoffice::layout_json::Document;
use boxoffice::store::Store;

/// Largest number of theaters in one file.
const MAX_THEATERS: usize = 1_000;

/// A theater that is ready to be put.
#[derive(Debug)]
pub(crate) struct Theater {
    pub(crate) id: TheaterId,
    pub(crate) layout: NewLayout,
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

/// Parses a whole file, or returns every error in it.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Theater>, FileError> {
    let faults = Faults::default();
    let mut seen = HashSet::new();
    let theaters = json::read(text, "file", &faults, |node| {
        node.object(&["theaters"], |object| {
            object.required("theaters", |node| {
                let expected = format_args!("a list of at most {MAX_THEATERS} theaters");
                node.array(0..=MAX_THEATERS, expected, |node| theater(node, &mut seen))
            })
        })
    });
    theaters.ok_or_else(|| FileError { unlisted: faults.unlisted(), faults: faults.into_list() })
}

fn theater(node: Node<'_, '_>, seen: &mut HashSet<TheaterId>) -> Option<Theater> {
    let Document { theater_id, layout } = Document::read_one_of(node, seen)?;
    let stored = layout.clone().into_layout(theater_id.clone()?, LayoutVersion::new(u64::MAX)).ok()?;
    if !Store::fits(&stored) {
        return node.fault(STORABLE);
    }
    Some(Theater { id: theater_id?, layout })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn each_theater_is_a_document_with_an_id() {
        let text = r#"{"theaters": [
                {"theater_id": "1", "name": "One", "seats": ["A1", "A2"]},
                {"theater_id": "2", "name": "Two", "sections": [
                    {"section": "Stalls", "prefix": "S", "rows": [{"row": "A", "first": 9, "last": 10}]}]}]}"#;
        for text in [text.to_owned(), format!("\u{feff}{text}")] {
            let theaters = parse(text.as_bytes()).unwrap();
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
