//! Tests of shows and entries as items.

use super::*;
use crate::domain::new_show::PutShow;
use crate::domain::sale::{SaleState, SaleTerms};
use crate::domain::time::{EpochMillis, EpochSeconds};

fn show(sale: Option<SaleTerms>, prices: &str, extra: Option<&str>) -> Show {
    let request = PutShow {
        copy_of: None,
        starts_at: StartsAt::parse("2026-12-01T23:30:00+01:00").unwrap(),
        theater: Some(TheaterId::parse("opera").unwrap()),
        title: Title::parse("Tosca, 3. Akt"),
        timezone: Timezone::find("Europe/Vienna").ok(),
        layout_version: None,
        sale,
        prices: Some(PriceOverrides::from_json(prices).unwrap()),
        extra: extra.map(|extra| Extra::of(extra.to_owned()).unwrap()),
    };
    let (id, now) = (ShowId::parse("evening:1").unwrap(), EpochMillis::new(1_790_000_000_000));
    request.complete(None).unwrap().create(id, LayoutVersion::new(7), now).unwrap()
}

fn full() -> Show {
    let at = |second| Some(EpochSeconds::new(second));
    let terms = SaleTerms::new(SaleState::Closed, at(100), at(200), at(300)).unwrap();
    show(Some(terms), r#"{"premium":{"child":4500}}"#, Some(r#"{"a":[1,null]}"#))
}

#[test]
fn shows_and_entries_are_read_back() {
    for show in [full(), show(None, "{}", None)] {
        assert_eq!(read(&write(&show)).unwrap(), show);
        assert_eq!(read_entry(&write_entry(&show)).unwrap(), show.entry());
    }
    let plain = write(&show(None, "{}", None));
    assert!(!plain.contains_key("prices") && !plain.contains_key("extra"));
    // An item with this attribute would be deleted by the table's TTL.
    assert!(!plain.contains_key("expires_at") && !write(&full()).contains_key("expires_at"));
}

#[test]
fn keys_are_those_of_the_list_and_never_a_seat() {
    let (show, key) = (full(), |item: Item| (item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone()));
    let pair = |pk: &str, sk: &str| (pk.to_owned(), sk.to_owned());
    assert_eq!(key(write(&show)), pair("SHOW#evening:1", "SHOW"));
    assert_eq!(key(write_entry(&show)), pair("SHOWS#2026-12-01", "001796164200#evening:1"));
    let pointer = pointer_key(&show.theater, &show.id);
    assert_eq!(read_pointer(&pointer).unwrap(), show.id);
    assert!(!pointer["sk"].as_s().unwrap().starts_with(crate::store::schema::SEAT_PREFIX));
    assert_eq!(key(pointer), pair("THEATER#opera", "SHOW#evening:1"));
    assert!(read_pointer(&show_key(&show.id)).is_err());
}

#[test]
fn entry_at_another_place_is_an_error() {
    let entry = write_entry(&full());
    for (name, value, named) in [
        ("pk", "SHOWS#2026-12-02", "local_date"),
        ("sk", "001796164201#evening:1", "starts_at"),
        ("sk", "1796164200#evening:1", "sk"),
        ("sk", "001796164200#a/b", "sk"),
        ("local_date", "2026-12-02", "local_date"),
        ("starts_at", "2026-12-01T23:30:00+02:00", "starts_at"),
    ] {
        let mut item = entry.clone();
        item.insert(name.to_owned(), s(value));
        let error = read_entry(&item).unwrap_err().to_string();
        assert!(error.contains(&format!("attribute {named}: ")), "{error}");
    }
}

#[test]
fn attribute_in_another_form_is_an_error() {
    let item = write(&full());
    for (name, value) in [
        ("pk", s("SHOW#a/b")),
        ("theater_id", s("a/b")),
        ("title", s(" Tosca")),
        ("starts_at", s("2026-12-01T23:30")),
        ("timezone", s("Europe Vienna")),
        ("local_date", s("2026-12-1")),
        ("local_time", s("24:00")),
        ("layout_version", s("7")),
        ("seats_version", n(1 << 48)),
        ("show_version", s("7")),
        ("prices", s("[]")),
        ("prices", n(1)),
        ("extra", s("[]")),
        ("sale_state", s("")),
    ] {
        let mut item = item.clone();
        item.insert(name.to_owned(), value);
        let error = read(&item).unwrap_err().to_string();
        assert!(error.contains(&format!("attribute {name}: ")), "{error}");
    }
    for name in item.keys().filter(|name| !["sk", "prices", "extra"].contains(&name.as_str())) {
        let mut item = item.clone();
        item.remove(name);
        // An absent instant of a sale is no error. It is a sale without that instant.
        let optional = ["opens_at", "closes_at", "booking_closes_at"].contains(&name.as_str());
        assert_eq!(read(&item).is_ok(), optional, "{name}");
    }
}
