//! The file of theaters: its format, and what is said of one that doesn't have it.

use std::collections::HashSet;

use boxoffice::rules::layout::{InvalidLayout, Layout};
use boxoffice::rules::names::{SeatLabel, TheaterId};
use serde::Deserialize;

/// One theater, ready to be written.
#[derive(Debug)]
pub(crate) struct Theater {
    pub(crate) id: TheaterId,
    pub(crate) name: String,
    /// In the order in which they are shown.
    pub(crate) seats: Vec<SeatLabel>,
}

/// What is wrong with a file, and where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It isn't JSON of the right shape. The message of the JSON reader has line and column.
    #[error("{path}: {error}")]
    Shape { path: String, error: serde_json::Error },
    /// A field isn't what it has to be.
    #[error("{path}: {problem}")]
    Field { path: String, problem: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TheatersFile {
    theaters: Vec<TheaterEntry>,
}

/// Either `seats`, or `sections` of rows whose labels are made of prefix, row and number: `S-A-12`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TheaterEntry {
    theater_id: String,
    name: String,
    seats: Option<Vec<String>>,
    sections: Option<Vec<Section>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "section")]
    _name: String,
    prefix: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    row: String,
    first: u16,
    last: u16,
}

/// Reads a whole file, or says what is wrong with the first thing that is.
pub(crate) fn parse(text: &str) -> Result<Vec<Theater>, FileError> {
    let reader = &mut serde_json::Deserializer::from_str(text);
    let file: TheatersFile = serde_path_to_error::deserialize(reader)
        .map_err(|error| FileError::Shape { path: error.path().to_string(), error: error.into_inner() })?;
    let mut ids = HashSet::new();
    let mut theaters = Vec::with_capacity(file.theaters.len());
    for (place, entry) in file.theaters.into_iter().enumerate() {
        let path = format!("theaters[{place}]");
        let theater = theater(&path, entry)?;
        if !ids.insert(theater.id.clone()) {
            return Err(field(format!("{path}.theater_id"), format!("{} is there twice", theater.id)));
        }
        theaters.push(theater);
    }
    Ok(theaters)
}

fn theater(path: &str, entry: TheaterEntry) -> Result<Theater, FileError> {
    let id = TheaterId::parse(&entry.theater_id)
        .map_err(|error| field(format!("{path}.theater_id"), format!("{error}, got {:?}", entry.theater_id)))?;
    let (seats_path, seats) = match (entry.seats, entry.sections) {
        (Some(seats), None) => (format!("{path}.seats"), listed(path, &seats)?),
        (None, Some(sections)) => (format!("{path}.sections"), in_sections(path, &sections)?),
        _ => return Err(field(path.to_owned(), "expected either seats or sections".to_owned())),
    };
    // The same check as when it is written; the version is of no matter here.
    Layout::new(id.clone(), entry.name.clone(), 0, seats.clone()).map_err(|error| match error {
        InvalidLayout::Name => field(format!("{path}.name"), error.to_string()),
        InvalidLayout::Count(_) | InvalidLayout::Twice(_) | InvalidLayout::Plan { .. } => {
            field(seats_path, error.to_string())
        }
    })?;
    Ok(Theater { id, name: entry.name, seats })
}

fn listed(path: &str, seats: &[String]) -> Result<Vec<SeatLabel>, FileError> {
    let labels = seats.iter().enumerate();
    labels.map(|(place, text)| label(format!("{path}.seats[{place}]"), text)).collect()
}

fn in_sections(path: &str, sections: &[Section]) -> Result<Vec<SeatLabel>, FileError> {
    let mut seats = Vec::new();
    for (s, section) in sections.iter().enumerate() {
        for (r, row) in section.rows.iter().enumerate() {
            let path = format!("{path}.sections[{s}].rows[{r}]");
            if row.first > row.last {
                let problem = format!("expected a number from first ({}) on, got {}", row.first, row.last);
                return Err(field(format!("{path}.last"), problem));
            }
            for number in row.first..=row.last {
                seats.push(label(path.clone(), &format!("{}-{}-{number}", section.prefix, row.row))?);
            }
        }
    }
    Ok(seats)
}

fn label(path: String, text: &str) -> Result<SeatLabel, FileError> {
    SeatLabel::parse(text).map_err(|error| field(path, format!("{error}, got {text:?}")))
}

fn field(path: String, problem: String) -> FileError {
    FileError::Field { path, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn seats_are_listed_or_made_of_sections_and_rows() {
        let theaters = parse(
            r#"{"theaters": [
                {"theater_id": "1", "name": "One", "seats": ["A1", "A2"]},
                {"theater_id": "2", "name": "Two", "sections": [
                    {"section": "Stalls", "prefix": "S", "rows": [{"row": "A", "first": 9, "last": 10}]}]}]}"#,
        )
        .unwrap();
        let labels = |place: usize| theaters[place].seats.iter().map(SeatLabel::as_str).collect::<Vec<_>>();
        assert_eq!(labels(0), ["A1", "A2"]);
        assert_eq!(labels(1), ["S-A-9", "S-A-10"]);
    }

    #[test]
    fn a_file_of_another_shape_is_told_by_path_line_and_column() {
        let error = wrong("{\"theaters\": [\n  {\"theater_id\": 1}]}");
        assert!(error.contains("theaters[0].theater_id") && error.contains("line 2"), "{error}");
        let error = wrong("{\"theaters\": [{\"theater_id\": \"1\", \"name\": \"x\", \"chairs\": []}]}");
        assert!(error.contains("chairs") && error.contains("line 1"), "{error}");
        assert!(wrong("{\"theaters\": [").contains("line 1"));
    }

    #[test]
    fn a_wrong_field_is_named_with_what_was_expected() {
        let theater = |rest: &str| format!(r#"{{"theaters": [{{"theater_id": "1", "name": "One", {rest}}}]}}"#);
        for (rest, path, problem) in [
            (r#""seats": ["A1", "A 2"]"#, "theaters[0].seats[1]", "1 to 16"),
            (r#""seats": ["A1", "A1"]"#, "theaters[0].seats", "twice"),
            (r#""seats": []"#, "theaters[0].seats", "1 to 20000"),
            (r#""seats": ["A1"], "sections": []"#, "theaters[0]", "either seats or sections"),
            (
                r#""sections": [{"section": "S", "prefix": "S", "rows": [{"row": "A", "first": 2, "last": 1}]}]"#,
                "theaters[0].sections[0].rows[0].last",
                "from first (2)",
            ),
        ] {
            let error = wrong(&theater(rest));
            assert!(error.starts_with(&format!("{path}: ")) && error.contains(problem), "{error}");
        }
        let twice = r#"{"theaters": [{"theater_id": "1", "name": "x", "seats": ["A"]},
            {"theater_id": "1", "name": "y", "seats": ["A"]}]}"#;
        assert!(wrong(twice).starts_with("theaters[1].theater_id: "));
        let bad_id = r#"{"theaters": [{"theater_id": "a b", "name": "x", "seats": ["A"]}]}"#;
        assert!(wrong(bad_id).starts_with("theaters[0].theater_id: "));
    }
}
