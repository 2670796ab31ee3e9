//! Parts that several documents share: points, outlines, names, categories.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::details::{Extra, Names, Outline, SectionDetails, Stage};
use crate::domain::layout::Layout;
use crate::domain::prices::{Currency, PriceList, TicketPrices};
use crate::domain::seating_plan::{Point, SeatPlacement};

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PointBody {
    x: i32,
    y: i32,
}

impl From<Point> for PointBody {
    fn from(Point { x, y }: Point) -> Self {
        Self { x, y }
    }
}

/// An outline: a list of lines, each a list of points. It always has this form, because generated clients know only
/// one.
#[derive(Debug)]
pub(crate) struct OutlineBody<'a>(&'a Outline);

impl Serialize for OutlineBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let points = |line: &Vec<Point>| line.iter().map(|point| PointBody::from(*point)).collect::<Vec<_>>();
        serializer.collect_seq(self.0.0.iter().map(points))
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct StageBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outline: Option<OutlineBody<'a>>,
}

impl<'a> From<&'a Stage> for StageBody<'a> {
    fn from(stage: &'a Stage) -> Self {
        Self { label: stage.label.as_deref(), outline: stage.outline.as_ref().map(OutlineBody) }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct CategoryBody<'a> {
    category: &'a str,
    /// Price of `standard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<u64>,
    /// Prices of all ticket types, if there are others than `standard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<&'a TicketPrices>,
    currency: Currency,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
}

/// A section without its rows.
#[derive(Debug, Serialize)]
pub(crate) struct SectionHead<'a> {
    section: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outline: Option<OutlineBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
}

/// Returns the categories of a layout, without details. `prices` replaces the layout's own prices.
pub(crate) fn categories<'a>(layout: &'a Layout, prices: Option<&'a PriceList>) -> Vec<CategoryBody<'a>> {
    let body = layout.plan().categories().iter().enumerate().map(|(index, category)| {
        let prices = prices.map_or(&category.prices, |list| &list.categories()[index]);
        CategoryBody {
            category: &category.name,
            price: prices.standard(),
            prices: prices.has_other_types().then_some(prices),
            currency: category.currency,
            names: None,
            extra: None,
        }
    });
    body.collect()
}

/// Returns the categories of a layout, with details. `prices` replaces the layout's own prices.
pub(crate) fn categories_with_details<'a>(layout: &'a Layout, prices: Option<&'a PriceList>) -> Vec<CategoryBody<'a>> {
    let details = &layout.details().categories;
    let body = (0..).zip(categories(layout, prices)).map(|(index, category)| match details.get(&index) {
        Some(of) => CategoryBody { names: names(&of.names), extra: json(of.extra.as_ref()), ..category },
        None => category,
    });
    body.collect()
}

/// Returns the sections of a layout, with details.
pub(crate) fn section_heads(layout: &Layout) -> Vec<SectionHead<'_>> {
    let details = &layout.details().sections;
    let heads = (0..).zip(layout.plan().sections()).map(|(index, section)| {
        let of: Option<&SectionDetails> = details.get(&index);
        SectionHead {
            section,
            label: of.and_then(|of| of.label.as_deref()),
            names: of.and_then(|of| names(&of.names)),
            outline: of.and_then(|of| of.outline.as_ref()).map(OutlineBody),
            extra: of.and_then(|of| json(of.extra.as_ref())),
        }
    });
    heads.collect()
}

/// Returns the name of a place's category, if it has one.
pub(crate) fn category_of<'a>(layout: &'a Layout, place: &SeatPlacement) -> Option<&'a str> {
    place.category.map(|index| layout.plan().categories()[usize::from(index)].name.as_str())
}

/// Returns the label of the accessible seat that a place accompanies.
pub(crate) fn companion_of<'a>(layout: &'a Layout, place: &SeatPlacement) -> Option<&'a str> {
    place.companion_of.map(|seat| layout.seats()[seat.as_usize()].as_str())
}

/// Returns the names, or `None` if there are none.
pub(crate) fn names(names: &Names) -> Option<&Names> {
    (!names.is_empty()).then_some(names)
}

/// Returns an `extra` as JSON.
pub(crate) fn json(extra: Option<&Extra>) -> Option<&RawValue> {
    extra.map(|extra| serde_json::from_str(extra.as_json()).expect("an `Extra` is valid JSON"))
}
