//! Events of shows and sales from the records of the table's stream.

use super::change::Change;
use crate::domain::domain_event::DomainEventKind;
use crate::domain::sale::SaleTerms;
use crate::store::StoreError;
use crate::store::schema::{sale, show};

/// Returns the events of a write of a show's item. Each write makes one about the show, because it raises the show's
/// version. A write that changed the terms of the sale makes another one. A new show without terms is open, as
/// consumers expect without an event.
pub(super) fn show_events(change: &Change) -> Result<Vec<DomainEventKind>, StoreError> {
    let Some(new) = &change.new else {
        let removed = change.old.as_ref().map(show::read).transpose()?;
        let removed = removed.map(|show| DomainEventKind::ShowRemoved { theater: show.theater, version: show.version });
        return Ok(removed.into_iter().collect());
    };
    let show = show::read(new)?;
    // The old item may be anything. If it can't be read, its sale counts as another one.
    let before = match &change.old {
        None => Some(SaleTerms::default()),
        Some(old) => show::read(old).ok().map(|old| old.sale.terms),
    };
    let (terms, version) = (show.sale.terms, show.version);
    let mut events = vec![DomainEventKind::ShowPut(Box::new(show))];
    if before != Some(terms) {
        events.push(DomainEventKind::SaleChanged { terms, version });
    }
    Ok(events)
}

/// Returns the event of a write of a theater's sale, if it changed the terms. A theater without a sale is open. The
/// deletion of a sale makes no event, because it is deleted with its theater only.
pub(super) fn sale_events(change: &Change) -> Result<Vec<DomainEventKind>, StoreError> {
    let Some(new) = &change.new else { return Ok(Vec::new()) };
    let stored = sale::read_theater_sale(new)?;
    let before = match &change.old {
        None => Some(SaleTerms::default()),
        Some(old) => sale::read_theater_sale(old).ok().map(|old| old.sale.terms),
    };
    let terms = stored.sale.terms;
    let changed = before != Some(terms);
    Ok(changed.then_some(DomainEventKind::SaleChanged { terms, version: stored.version }).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::domain_event::DomainEvent;
    use crate::domain::ids::{ShowId, TheaterId};
    use crate::domain::layout_version::LayoutVersion;
    use crate::domain::local_time::Timezone;
    use crate::domain::new_show::PutShow;
    use crate::domain::sale::{Sale, SaleState, TheaterSale};
    use crate::domain::show::{Show, StartsAt, Title};
    use crate::domain::time::EpochMillis;
    use crate::domain::version::Version;
    use crate::store::schema::{Item, layout_snapshot};
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde_json::{Value, json};

    const PAUSED: SaleState = SaleState::Paused;

    fn terms(state: SaleState) -> SaleTerms {
        SaleTerms::new(state, None, None, None).unwrap()
    }

    fn new_show() -> Show {
        let request = PutShow {
            copy_of: None,
            starts_at: StartsAt::parse("2026-12-01T20:15:00+01:00").unwrap(),
            theater: TheaterId::parse("hall").ok(),
            title: Title::parse("Tosca"),
            timezone: Timezone::find("Europe/Vienna").ok(),
            layout_version: None,
            sale: None,
            prices: None,
            extra: None,
        };
        let new = request.complete(None).unwrap();
        new.create(ShowId::parse("evening-1").unwrap(), LayoutVersion::new(7), EpochMillis::new(5)).unwrap()
    }

    fn theater_sale(state: SaleState, version: u64) -> Item {
        let stored = TheaterSale { sale: Sale::first(terms(state)), version: Version::new(version) };
        sale::write_theater_sale(&TheaterId::parse("hall").unwrap(), &stored)
    }

    fn image(item: &Item) -> Value {
        let typed = item.iter().map(|(name, value)| match value {
            AttributeValue::N(number) => (name.clone(), json!({ "N": number })),
            value => (name.clone(), json!({ "S": value.as_s().unwrap() })),
        });
        Value::Object(typed.collect())
    }

    fn read(old: Option<&Item>, new: Option<&Item>) -> Result<Vec<DomainEventKind>, StoreError> {
        let keys = image(old.or(new).unwrap());
        let mut images = json!({ "Keys": { "pk": keys["pk"], "sk": keys["sk"] } });
        for (name, item) in [("OldImage", old), ("NewImage", new)] {
            if let Some(item) = item {
                images[name] = image(item);
            }
        }
        let events = DomainEvent::read(&json!({ "eventName": "MODIFY", "dynamodb": images }))?;
        let of = if keys["sk"]["S"] == "SHOW" { "show/evening-1" } else { "hall" };
        assert!(events.iter().all(|event| event.inventory.to_string() == of), "{events:?}");
        Ok(events.into_iter().map(|event| event.kind).collect())
    }

    fn put(show: &Show) -> DomainEventKind {
        DomainEventKind::ShowPut(Box::new(show.clone()))
    }

    fn changed(state: SaleState, version: Version) -> DomainEventKind {
        DomainEventKind::SaleChanged { terms: terms(state), version }
    }

    #[test]
    fn show_is_put_and_its_sale_only_if_that_changed() {
        let open = new_show();
        let paused = open.with_sale(terms(PAUSED), EpochMillis::new(9)).unwrap();
        let again = paused.with_sale(terms(PAUSED), EpochMillis::new(10)).unwrap();
        let resumed = paused.with_sale(terms(SaleState::Open), EpochMillis::new(11)).unwrap();
        let [of_open, of_paused] = [&open, &paused].map(show::write);
        for (old, new, events) in [
            (None, &open, vec![put(&open)]),
            (None, &paused, vec![put(&paused), changed(PAUSED, paused.version)]),
            (Some(&of_open), &paused, vec![put(&paused), changed(PAUSED, paused.version)]),
            (Some(&of_paused), &again, vec![put(&again)]),
            (Some(&of_paused), &resumed, vec![put(&resumed), changed(SaleState::Open, resumed.version)]),
        ] {
            assert_eq!(read(old, Some(&show::write(new))).unwrap(), events);
        }
        let removed = DomainEventKind::ShowRemoved { theater: paused.theater.clone(), version: paused.version };
        assert_eq!(read(Some(&of_paused), None).unwrap(), [removed]);
    }

    #[test]
    fn sale_of_a_theater_changes_from_open() {
        let [open, paused] = [SaleState::Open, PAUSED].map(|state| theater_sale(state, 5));
        assert_eq!(read(None, Some(&open)).unwrap(), []);
        assert_eq!(read(None, Some(&paused)).unwrap(), [changed(PAUSED, Version::new(5))]);
        assert_eq!(read(Some(&paused), Some(&theater_sale(PAUSED, 6))).unwrap(), []);
        let closed = theater_sale(SaleState::Closed, 7);
        assert_eq!(read(Some(&paused), Some(&closed)).unwrap(), [changed(SaleState::Closed, Version::new(7))]);
        assert_eq!(read(Some(&paused), None).unwrap(), []);
    }

    #[test]
    fn unreadable_new_item_fails_and_an_old_one_counts_as_another_sale() {
        let show = new_show();
        let broken = |item: &Item, name: &str| {
            let mut item = item.clone();
            item.insert(name.to_owned(), AttributeValue::S("nonsense".to_owned()));
            item
        };
        let (of_show, of_sale) = (show::write(&show), theater_sale(SaleState::Open, 5));
        for item in [broken(&of_show, "starts_at"), broken(&of_show, "sale_state"), broken(&of_sale, "sale_state")] {
            assert!(read(None, Some(&item)).is_err(), "{item:?}");
        }
        let of_broken = broken(&of_show, "show_version");
        assert!(read(Some(&of_broken), None).is_err(), "which version was removed isn't known");
        let events = read(Some(&of_broken), Some(&of_show)).unwrap();
        assert_eq!(events, [put(&show), changed(SaleState::Open, show.version)]);
        let events = read(Some(&broken(&of_sale, "sale_state")), Some(&of_sale)).unwrap();
        assert_eq!(events, [changed(SaleState::Open, Version::new(5))]);
    }

    #[test]
    fn list_pointers_and_snapshots_make_no_event() {
        let show = new_show();
        let snapshot = layout_snapshot::snapshot_key(&show.theater, show.layout_version);
        for item in [show::write_entry(&show), show::pointer_key(&show.theater, &show.id), snapshot] {
            assert_eq!(read(None, Some(&item)).unwrap(), [], "{item:?}");
            assert_eq!(read(Some(&item), None).unwrap(), [], "{item:?}");
        }
    }

    #[test]
    fn sale_or_show_under_another_key_is_an_error() {
        for (pk, sk) in [("SHOW#evening-1", "SALE"), ("THEATER#hall", "SHOW"), ("SHOW#no id", "SHOW")] {
            let keys = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
            let record = json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys, "NewImage": keys } });
            assert!(DomainEvent::read(&record).is_err(), "{pk} {sk}");
        }
    }
}
