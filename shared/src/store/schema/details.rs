//! The stored form of a layout's details, inside its packed seating plan. Absent details take no bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::details::{CategoryDetails, Details, Extra, Names, Outline, SeatDetails, SectionDetails, Stage};
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::Point;

/// Lines of an outline, as x and y of each point in turn.
type Lines = Vec<Vec<i32>>;

/// Details in columns. A detail that few seats have is a list of seat indexes and values.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredDetails {
    #[serde(skip_serializing_if = "Names::is_empty")]
    names: Names,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<StoredStage>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sections: BTreeMap<u16, StoredSection>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kinds: BTreeMap<u16, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    categories: BTreeMap<u16, StoredCategory>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<(u32, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<(u32, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restricted: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_ids: Vec<(u32, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extras: Vec<(u32, String)>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredStage {
    label: Option<String>,
    outline: Option<Lines>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredSection {
    label: Option<String>,
    names: Names,
    outline: Option<Lines>,
    extra: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredCategory {
    names: Names,
    extra: Option<String>,
}

impl StoredDetails {
    /// Returns `true` if there are no details.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Converts details to their stored form.
    pub(super) fn of(details: &Details) -> Self {
        let texts = |text: fn(&SeatDetails) -> Option<&str>| {
            let texts = details
                .seats
                .iter()
                .filter_map(|(seat_index, seat)| Some((seat_index.as_u32(), text(seat)?.to_owned())));
            texts.collect()
        };
        let section = |of: &SectionDetails| StoredSection {
            label: of.label.clone(),
            names: of.names.clone(),
            outline: of.outline.as_ref().map(lines),
            extra: json(of.extra.as_ref()),
        };
        let category =
            |of: &CategoryDetails| StoredCategory { names: of.names.clone(), extra: json(of.extra.as_ref()) };
        let restricted = details.seats.iter().filter(|(_, seat)| seat.restricted_view);
        Self {
            names: details.names.clone(),
            extra: json(details.extra.as_ref()),
            stage: details
                .stage
                .as_ref()
                .map(|stage| StoredStage { label: stage.label.clone(), outline: stage.outline.as_ref().map(lines) }),
            sections: details.sections.iter().map(|(index, of)| (*index, section(of))).collect(),
            kinds: details.kinds.clone(),
            categories: details.categories.iter().map(|(index, of)| (*index, category(of))).collect(),
            numbers: texts(|seat| seat.number.as_deref()),
            notes: texts(|seat| seat.note.as_deref()),
            restricted: restricted.map(|(seat_index, _)| seat_index.as_u32()).collect(),
            external_ids: texts(|seat| seat.external_id.as_deref()),
            extras: texts(|seat| seat.extra.as_ref().map(Extra::as_json)),
        }
    }

    /// Converts the stored form back to details. The layout checks their limits.
    pub(super) fn into_details(self) -> Result<Details, &'static str> {
        let mut seats: BTreeMap<SeatIndex, SeatDetails> = BTreeMap::new();
        for (index, number) in self.numbers {
            seats.entry(SeatIndex::new(index)).or_default().number = Some(number);
        }
        for (index, note) in self.notes {
            seats.entry(SeatIndex::new(index)).or_default().note = Some(note);
        }
        for index in self.restricted {
            seats.entry(SeatIndex::new(index)).or_default().restricted_view = true;
        }
        for (index, id) in self.external_ids {
            seats.entry(SeatIndex::new(index)).or_default().external_id = Some(id);
        }
        for (index, text) in self.extras {
            seats.entry(SeatIndex::new(index)).or_default().extra = extra(Some(text))?;
        }
        let section = |(index, of): (u16, StoredSection)| {
            let StoredSection { label, names, outline: lines, extra: text } = of;
            Ok::<_, &str>((index, SectionDetails { label, names, outline: outline(lines)?, extra: extra(text)? }))
        };
        let category = |(index, of): (u16, StoredCategory)| {
            Ok::<_, &str>((index, CategoryDetails { names: of.names, extra: extra(of.extra)? }))
        };
        let stage = |of: StoredStage| Ok::<_, &str>(Stage { label: of.label, outline: outline(of.outline)? });
        Ok(Details {
            names: self.names,
            extra: extra(self.extra)?,
            stage: self.stage.map(stage).transpose()?,
            sections: self.sections.into_iter().map(section).collect::<Result<_, _>>()?,
            kinds: self.kinds,
            categories: self.categories.into_iter().map(category).collect::<Result<_, _>>()?,
            seats,
        })
    }
}

fn json(extra: Option<&Extra>) -> Option<String> {
    extra.map(|extra| extra.as_json().to_owned())
}

fn extra(text: Option<String>) -> Result<Option<Extra>, &'static str> {
    text.map(|text| Extra::of(text).ok_or("an extra isn't a JSON object")).transpose()
}

fn lines(outline: &Outline) -> Lines {
    outline.0.iter().map(|line| line.iter().flat_map(|point| [point.x, point.y]).collect()).collect()
}

fn outline(lines: Option<Lines>) -> Result<Option<Outline>, &'static str> {
    let line = |line: Vec<i32>| {
        let (points, rest) = line.as_chunks::<2>();
        let points = points.iter().map(|[x, y]| Point { x: *x, y: *y }).collect();
        if rest.is_empty() { Ok(points) } else { Err("an outline has half a point") }
    };
    lines.map(|lines| lines.into_iter().map(line).collect::<Result<_, _>>().map(Outline)).transpose()
}
