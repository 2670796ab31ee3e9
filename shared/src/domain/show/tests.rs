//! Tests of shows: parsing, the list's order, and puts.

use proptest::prelude::*;

use super::*;
use crate::domain::new_show::{NewShow, PutShow, ReplaceShowError};
use crate::domain::sale::{NotOnSaleReason, SaleState};

const NOW: EpochMillis = EpochMillis::new(1_790_000_000_000);

fn request() -> PutShow {
    PutShow {
        copy_of: None,
        starts_at: StartsAt::parse("2026-12-01T23:30:00+01:00").unwrap(),
        theater: Some(TheaterId::parse("opera").unwrap()),
        title: Title::parse("Tosca"),
        timezone: Timezone::find("Europe/Vienna").ok(),
        layout_version: None,
        sale: None,
        prices: None,
        extra: None,
    }
}

fn create(request: PutShow) -> Show {
    let id = ShowId::parse("evening-1").unwrap();
    request.complete(None).unwrap().create(id, LayoutVersion::new(7), NOW).unwrap()
}

fn later() -> EpochMillis {
    NOW + std::time::Duration::from_secs(3_600)
}

#[test]
fn title_is_tidied_and_bounded() {
    assert_eq!(Title::parse(" Tosca ").unwrap().as_str(), "Tosca");
    assert_eq!(Title::parse("Cafe\u{301}").unwrap().as_str(), "Café");
    assert!(Title::parse(&"x".repeat(Title::MAX)).is_some());
    for bad in ["", "  ", "a\nb", "a\u{202e}b", &"x".repeat(Title::MAX + 1)] {
        assert_eq!(Title::parse(bad), None, "{bad:?}");
    }
    assert_eq!(Title::stored(" Tosca"), None);
}

#[test]
fn start_keeps_its_text() {
    let start = StartsAt::parse("2026-12-01T20:15:00+01:00").unwrap();
    assert_eq!((start.as_str(), start.instant()), ("2026-12-01T20:15:00+01:00", EpochSeconds::new(1_796_152_500)));
    assert_eq!(StartsAt::parse("2026-12-01T20:15"), None);
}

#[test]
fn new_show_has_the_current_layout_and_is_open() {
    let show = create(request());
    assert_eq!((show.layout_version, show.version.as_u64()), (LayoutVersion::new(7), NOW.as_millis()));
    assert_eq!(show.local.date.to_string(), "2026-12-01");
    assert_eq!(show.local.time.to_string(), "23:30");
    assert!(show.on_sale(NOW) && show.entry().on_sale(NOW));
    let start = EpochMillis::from(show.starts_at.instant());
    let refusal = show.check_sale(Selling::Book, start).unwrap_err();
    assert_eq!(refusal.reason, NotOnSaleReason::Closed);
    assert!(!show.entry().on_sale(start));
    let named = PutShow { layout_version: Some(LayoutVersion::new(5)), ..request() };
    assert_eq!(create(named).layout_version, LayoutVersion::new(5));
}

#[test]
fn incomplete_request_without_source_is_no_show() {
    for request in [
        PutShow { theater: None, ..request() },
        PutShow { title: None, ..request() },
        PutShow { timezone: None, ..request() },
    ] {
        assert_eq!(request.complete(None), None);
    }
}

#[test]
fn copy_has_everything_but_the_sale() {
    let paused = SaleTerms::new(SaleState::Paused, None, None, None).unwrap();
    let prices = PriceOverrides::from_json(r#"{"premium":{"child":5}}"#).unwrap();
    let source = create(PutShow {
        sale: Some(paused),
        prices: Some(prices.clone()),
        extra: Extra::of(r#"{"a":1}"#.to_owned()),
        layout_version: Some(LayoutVersion::new(3)),
        ..request()
    });
    let starts_at = StartsAt::parse("2026-12-02T20:15:00+01:00").unwrap();
    let blank = PutShow { theater: None, title: None, timezone: None, starts_at, ..request() };
    let copied = blank.clone().complete(Some(&source)).unwrap();
    assert_eq!(
        (&copied.theater, &copied.title, &copied.timezone, copied.layout_version, &copied.prices, &copied.extra),
        (&source.theater, &source.title, &source.timezone, Some(LayoutVersion::new(3)), &prices, &source.extra)
    );
    assert_eq!((copied.sale, copied.starts_at.as_str()), (None, "2026-12-02T20:15:00+01:00"));
    let title = Title::parse("Aida");
    let cheaper = PriceOverrides::from_json(r#"{"premium":{"child":4}}"#).unwrap();
    let named = PutShow { title: title.clone(), prices: Some(cheaper.clone()), ..blank.clone() };
    let named = named.complete(Some(&source)).unwrap();
    assert_eq!((Some(named.title), named.prices), (title, cheaper));
    let unset = PutShow { prices: Some(PriceOverrides::default()), extra: Extra::of("{}".to_owned()), ..blank.clone() };
    let unset = unset.complete(Some(&source)).unwrap();
    assert_eq!((unset.prices, unset.extra), (prices, source.extra.clone()), "empty objects count as missing");
    let elsewhere = PutShow { theater: TheaterId::parse("arena").ok(), ..blank };
    assert_eq!(elsewhere.complete(Some(&source)).unwrap().layout_version, None, "each theater has its own versions");
}

fn replace(existing: &Show, request: PutShow) -> Result<Show, ReplaceShowError> {
    request.complete(None).unwrap().replace(existing, later())
}

#[test]
fn same_show_differs_in_its_version_only() {
    let show = create(PutShow { extra: Extra::of(r#"{"a":1}"#.to_owned()), ..request() });
    let again = replace(&show, PutShow { extra: show.extra.clone(), ..request() }).unwrap();
    assert!(again.version > show.version && again.is_same_but_for_version(&show));
    let terms = replace(&show, PutShow { extra: show.extra.clone(), sale: Some(show.sale.terms), ..request() });
    assert!(terms.unwrap().is_same_but_for_version(&show), "the same terms are no new sale");
    assert!(!replace(&show, request()).unwrap().is_same_but_for_version(&show), "the extra is gone");
}

#[test]
fn only_another_layout_renumbers_the_seats() {
    let show = create(request());
    let moved = |version| replace(&show, PutShow { layout_version: Some(LayoutVersion::new(version)), ..request() });
    assert_eq!(moved(7).unwrap().seats_version, show.seats_version);
    let moved = moved(8).unwrap();
    assert!(moved.seats_version > show.seats_version && moved.layout_version == LayoutVersion::new(8));
    // A change without a version keeps the layout of the show, whatever the theater has by now.
    assert_eq!(replace(&moved, request()).unwrap().layout_version, LayoutVersion::new(8));
    let behind = NewShow { layout_version: Some(LayoutVersion::new(9)), ..request().complete(None).unwrap() };
    let behind = behind.replace(&show, EpochMillis::new(0)).unwrap();
    assert!(behind.seats_version > show.seats_version && behind.version > show.version);
}

#[test]
fn theater_is_fixed_and_sale_stays() {
    let paused = SaleTerms::new(SaleState::Paused, None, None, None).unwrap();
    let show = create(request()).with_sale(paused, NOW).unwrap();
    let other = PutShow { theater: TheaterId::parse("arena").ok(), ..request() };
    assert_eq!(replace(&show, other), Err(ReplaceShowError::TheaterFixed));
    assert_eq!(replace(&show, request()).unwrap().sale, show.sale);
    let timezone = Timezone::stored("Europe/Nowhere");
    assert!(matches!(replace(&show, PutShow { timezone, ..request() }), Err(ReplaceShowError::UnknownTimezone(_))));
}

#[test]
fn replaced_sale_keeps_the_first_opening() {
    let show = create(request());
    let terms = SaleTerms::new(SaleState::Open, Some(EpochSeconds::new(1_795_000_000)), None, None).unwrap();
    let changed = show.with_sale(terms, later()).unwrap();
    assert_eq!((changed.sale.terms, changed.sale.first_opens_at()), (terms, EpochSeconds::new(0)));
    assert!(changed.version > show.version && !changed.on_sale(later()));
}

#[test]
fn place_is_read_back_and_nothing_else_is() {
    let place = create(request()).place();
    assert_eq!(place.to_string(), "2026-12-01#001796164200#evening-1");
    assert_eq!(ListPlace::parse(&place.to_string()).as_ref(), Some(&place));
    assert_eq!(ListPlace::parse_within_day(&place.text_within_day()), Some((place.starts_at, place.show)));
    for bad in [
        "",
        "2026-12-01",
        "2026-12-01#001796164200",
        "2026-12-01#1796164200#evening-1",
        "2026-12-01#+01796164200#evening-1",
        "2026-12-01#999999999999#evening-1",
        "2026-12-01#001796164200#",
        "2026-12-01#001796164200#a#b",
        "2026-12-32#001796164200#evening-1",
    ] {
        assert_eq!(ListPlace::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn texts_have_the_order_of_places(one in (0..3_u64, "[a-c._:-]{1,3}"), other in (0..3_u64, "[a-c._:-]{1,3}")) {
        let date = LocalDate::parse("2026-12-01").unwrap();
        let place = |(at, show): (u64, String)| {
            let starts_at = EpochSeconds::new(at * 1_000_000_000);
            ShowId::parse(&show).ok().map(|show| ListPlace { date, starts_at, show })
        };
        if let Some((one, other)) = place(one).zip(place(other)) {
            prop_assert_eq!(one.cmp(&other), one.text_within_day().cmp(&other.text_within_day()));
        }
    }
}
