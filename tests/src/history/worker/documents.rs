//! The calls that put the inventory of a history, and its prices.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::Call;
use crate::history::money::{CURRENCY, Price, TicketType};
use crate::history::plan::InventoryKind;
use crate::history::seats::LABELS;

/// The time from the start of a history to the start of its show, in seconds. No history lasts so long.
const SHOW_STARTS_AFTER: u64 = 86_400;
/// The list of a layout whose prices a show replaces. No call may sell by it.
const NEVER_SOLD: u8 = u8::MAX;
const CATEGORY: &str = "all";

/// Returns the calls that create the inventory.
pub(super) fn create(stage: &Stage<'_>) -> Vec<Call> {
    match stage.plan.inventory {
        InventoryKind::Theater => vec![Call::put_theater(&stage.id, &theater(stage, 0))],
        InventoryKind::Show => {
            let layout = Call::put_theater(&stage.id, &theater(stage, NEVER_SOLD));
            vec![layout, Call::put_show(&stage.id, &show(stage, 0))]
        }
    }
}

/// Returns the call that replaces all prices by those of a list.
pub(super) fn put_prices(stage: &Stage<'_>, list: u8) -> Call {
    let call = match stage.plan.inventory {
        InventoryKind::Theater => Call::put_theater(&stage.id, &theater(stage, list)),
        InventoryKind::Show => Call::put_show(&stage.id, &show(stage, list)),
    };
    call.header("If-Match", "*")
}

fn theater(stage: &Stage<'_>, list: u8) -> Value {
    let labels = &LABELS[..stage.plan.seats];
    if !stage.plan.has_prices {
        return json!({ "name": "H", "seats": labels });
    }
    let seats: Vec<_> = labels.iter().map(|label| json!({ "seat": label })).collect();
    json!({
        "name": "H",
        "categories": [{ "category": CATEGORY, "prices": prices(list), "currency": CURRENCY }],
        "sections": [{ "section": "", "rows": [{ "row": "A", "category": CATEGORY, "seats": seats }] }],
    })
}

fn show(stage: &Stage<'_>, list: u8) -> Value {
    let starts_at = i64::try_from(stage.base / 1_000 + SHOW_STARTS_AFTER).expect("a time in this century");
    let starts_at = jiff::Timestamp::from_second(starts_at).expect("a time in this century").to_string();
    let mut show = json!({ "theater_id": stage.id, "title": "S", "starts_at": starts_at, "timezone": "Europe/Vienna" });
    if stage.plan.has_prices {
        show["prices"] = json!({ CATEGORY: prices(list) });
    }
    show
}

fn prices(list: u8) -> Value {
    let price = |ticket_type: TicketType| Price { ticket_type, list }.minor_units();
    json!({ "standard": price(TicketType::Standard), "child": price(TicketType::Child) })
}
