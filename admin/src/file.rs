//! The file of theaters: a document for each, and what is said of one that isn't right.

use std::collections::HashSet;

use boxoffice::document::{Document, NewLayout};
use boxoffice::rules::names::TheaterId;
use serde::Deserialize;

/// One theater, ready to be put.
#[derive(Debug)]
pub(crate) struct Theater {
    pub(crate) id: TheaterId,
    pub(crate) layout: NewLayout,
}

/// What is wrong with a file, and where: a field's path, and for what isn't JSON of the right shape line and column.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub(crate) struct FileError {
    path: String,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TheatersFile {
    theaters: Vec<Document>,
}

/// Reads a whole file, or says what is wrong with the first thing that is.
pub(crate) fn parse(text: &str) -> Result<Vec<Theater>, FileError> {
    let reader = &mut serde_json::Deserializer::from_str(text);
    let file: TheatersFile = serde_path_to_error::deserialize(reader)
        .map_err(|error| FileError { path: error.path().to_string(), problem: error.into_inner().to_string() })?;
    let mut ids = HashSet::new();
    let mut theaters = Vec::with_capacity(file.theaters.len());
    for (place, document) in file.theaters.into_iter().enumerate() {
        let path = format!("theaters[{place}]");
        let id = theater_id(&path, document.theater_id.as_deref())?;
        if !ids.insert(id.clone()) {
            return Err(field(format!("{path}.theater_id"), format!("{id} is there twice")));
        }
        let layout = document.into_layout(&path).map_err(|error| field(error.path, error.problem))?;
        theaters.push(Theater { id, layout });
    }
    Ok(theaters)
}

fn theater_id(path: &str, id: Option<&str>) -> Result<TheaterId, FileError> {
    let path = format!("{path}.theater_id");
    let Some(id) = id else { return Err(field(path, format!("expected {}", TheaterId::EXPECTED))) };
    TheaterId::parse(id).map_err(|error| field(path, format!("{error}, got {id:?}")))
}

fn field(path: String, problem: String) -> FileError {
    FileError { path, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn each_theater_is_a_document_with_an_id() {
        let theaters = parse(
            r#"{"theaters": [
                {"theater_id": "1", "name": "One", "seats": ["A1", "A2"]},
                {"theater_id": "2", "name": "Two", "sections": [
                    {"section": "Stalls", "prefix": "S", "rows": [{"row": "A", "first": 9, "last": 10}]}]}]}"#,
        )
        .unwrap();
        let labels = |place: usize| theaters[place].layout.seats.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((theaters[0].id.as_str(), labels(0)), ("1", vec!["A1".to_owned(), "A2".to_owned()]));
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
            (r#""seats": ["A1"], "sections": []"#, "theaters[0].seats", "either seats or sections"),
        ] {
            let error = wrong(&theater(rest));
            assert!(error.starts_with(&format!("{path}: ")) && error.contains(problem), "{error}");
        }
        let twice = r#"{"theaters": [{"theater_id": "1", "name": "x", "seats": ["A"]},
            {"theater_id": "1", "name": "y", "seats": ["A"]}]}"#;
        assert!(wrong(twice).starts_with("theaters[1].theater_id: "));
        for bad_id in [r#""theater_id": "a b", "#, ""] {
            let text = format!(r#"{{"theaters": [{{{bad_id}"name": "x", "seats": ["A"]}}]}}"#);
            assert!(wrong(&text).starts_with("theaters[0].theater_id: expected 1 to 64"), "{}", wrong(&text));
        }
    }
}
