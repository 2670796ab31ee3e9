//! Reading the fields of a purchase: seats with their ticket types, expected totals, and the caller's reference.

use super::body::label;
use crate::domain::ids::SeatLabel;
use crate::domain::layout::MAX_SEATS;
use crate::domain::lines::Expect;
use crate::domain::prices::{Currency, TicketType};
use crate::domain::seat_request::{Reference, SeatRequest};
use crate::json::{Json, Node, Object};

/// Largest total that a caller may expect: the largest integer that every JSON reader holds exactly.
const MAX_TOTAL: u64 = 9_007_199_254_740_991;

/// Reads `seat` or `seats`: one to `most` seats without repetition, each a label or an object with `seat` and
/// `ticket_type`.
pub(in crate::http) fn seat_requests(body: &Object<'_, '_, '_>, most: usize) -> Option<Vec<SeatRequest>> {
    let one = body.optional("seat", seat_request);
    let several = body.optional("seats", |node| list_of_seats(node, most));
    match (body.has("seat"), body.has("seats")) {
        (true, false) => Some(vec![one?]),
        (false, true) => several,
        (false, false) => body.fault("seat", "seat (a label) or seats (an array of labels)"),
        (true, true) => body.fault("seats", "either seat or seats, got both"),
    }
}

/// Reads an array of one to `most` seats without repetition.
fn list_of_seats(node: Node<'_, '_>, most: usize) -> Option<Vec<SeatRequest>> {
    if let Json::Array(elements) = node.json()
        && !(1..=most).contains(&elements.len())
    {
        return node.fault(format_args!("1 to {most} seats, got {}", elements.len()));
    }
    let mut seen: Vec<SeatLabel> = Vec::new();
    node.array(1..=most, "an array of seat labels, or of objects with seat and ticket_type", |node| {
        let request = seat_request(node)?;
        if seen.contains(&request.seat) {
            return node.fault(format_args!("another seat, as {} is there twice", request.seat));
        }
        seen.push(request.seat.clone());
        Some(request)
    })
}

/// Reads a seat: a label, or an object with a label.
fn seat_request(node: Node<'_, '_>) -> Option<SeatRequest> {
    match node.json() {
        Json::Object(_) => node.object(&["seat", "ticket_type"], |object| {
            let seat = object.required("seat", label);
            let ticket_type = object.optional("ticket_type", ticket_type);
            (ticket_type.is_some() || !object.has("ticket_type")).then_some(())?;
            Some(SeatRequest { seat: seat?, ticket_type })
        }),
        Json::Text(_) => label(node).map(SeatRequest::of),
        _ => node.fault(format_args!("{}, or an object with it in the field seat", SeatLabel::EXPECTED)),
    }
}

/// Reads the optional `ticket_types`: one for each of `quantity` seats.
///
/// An empty array counts as none, because generated Java clients send one for each list that isn't set.
pub(in crate::http) fn ticket_types(body: &Object<'_, '_, '_>, quantity: usize) -> Option<Vec<TicketType>> {
    let types = body.optional("ticket_types", |node| {
        let expected = format_args!("an array of {quantity} ticket types, one for each seat");
        match node.json() {
            Json::Array(none) if none.is_empty() => Some(Vec::new()),
            _ => node.array(quantity..=quantity, expected, ticket_type),
        }
    });
    types.filter(|types| !types.is_empty())
}

fn ticket_type(node: Node<'_, '_>) -> Option<TicketType> {
    node.parsed(TicketType::EXPECTED, TicketType::parse)
}

/// Reads the optional `expect`: an object with at least one of `seats`, `total` and `currency`.
pub(in crate::http) fn expect(body: &Object<'_, '_, '_>) -> Option<Expect> {
    body.optional("expect", |node| {
        node.object(&["seats", "total", "currency"], |object| {
            let expect = Expect {
                seats: object.optional("seats", |node| node.whole(1..=MAX_SEATS)),
                total: object.optional("total", |node| node.integer_with_unit("minor units", 0..=MAX_TOTAL)),
                currency: object.optional("currency", |node| node.parsed(Currency::EXPECTED, Currency::parse)),
            };
            if ["seats", "total", "currency"].iter().any(|name| object.has(name)) {
                return Some(expect);
            }
            object.fault_on_object("at least one of the fields seats, total, currency")
        })
    })
}

/// Reads the optional `reference`.
pub(in crate::http) fn reference(body: &Object<'_, '_, '_>) -> Option<Reference> {
    body.optional("reference", |node| node.parsed(Reference::EXPECTED, Reference::parse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, Faults};

    const FIELDS: &[&str] = &["seat", "seats", "ticket_types", "expect", "reference"];

    /// Reads a part of a body. `None` inside means that the part is missing.
    fn read<T>(text: &str, read: impl FnOnce(&Object<'_, '_, '_>) -> Option<T>) -> Result<Option<T>, Vec<String>> {
        let faults = Faults::default();
        let read = json::read(text.as_bytes(), "body", &faults, |node| node.object(FIELDS, |body| Some(read(body))));
        read.ok_or_else(|| faults.into_list().iter().map(ToString::to_string).collect())
    }

    fn seats(text: &str) -> Result<String, Vec<String>> {
        let requests = read(text, |body| seat_requests(body, 3))?.unwrap();
        let text = |of: &SeatRequest| match &of.ticket_type {
            Some(ticket_type) => format!("{} {ticket_type}", of.seat),
            None => of.seat.to_string(),
        };
        Ok(requests.iter().map(text).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn a_seat_is_a_label_or_an_object() {
        for (text, read) in [
            (r#"{"seat":"A1"}"#, "A1"),
            (r#"{"seat":{"seat":"A1"}}"#, "A1"),
            (r#"{"seat":{"seat":"A1","ticket_type":"child"}}"#, "A1 child"),
            (r#"{"seats":["A2",{"ticket_type":"standard","seat":"A1"},{"seat":"B1"}]}"#, "A2, A1 standard, B1"),
        ] {
            assert_eq!(seats(text).as_deref(), Ok(read), "{text}");
        }
    }

    #[test]
    fn wrong_seats_are_named_by_path() {
        for (text, named) in [
            ("{}", "seat: expected seat (a label) or seats"),
            (r#"{"seat":"A1","seats":["A2"]}"#, "seats: expected either seat or seats"),
            (r#"{"seat":1}"#, "seat: expected a seat label"),
            (r#"{"seat":null}"#, "seat: expected a seat label"),
            (r#"{"seat":["A1"]}"#, "seat: expected a seat label"),
            (r#"{"seat":{}}"#, "seat.seat: expected a seat label"),
            (r#"{"seat":{"seat":"A1","ticket_type":null}}"#, "seat.ticket_type: expected a ticket type"),
            (r#"{"seat":{"seat":"A1","price":1}}"#, "seat.price: expected one of the fields seat, ticket_type"),
            (r#"{"seats":"A1"}"#, "seats: expected an array"),
            (r#"{"seats":[]}"#, "seats: expected 1 to 3 seats, got 0"),
            (r#"{"seats":["A","B","C","D"]}"#, "seats: expected 1 to 3 seats, got 4"),
            (r#"{"seats":["A1",{"seat":"A2","ticket_type":"Child"}]}"#, "seats[1].ticket_type: expected a ticket type"),
            (r#"{"seats":["A1",{"seat":"A 2"}]}"#, "seats[1].seat: expected a seat label"),
            (r#"{"seats":["A1",{"seat":"A1","ticket_type":"child"}]}"#, "seats[1]: expected another seat, as A1"),
            (r#"{"seats":[{"seat":"A1"},"A1"]}"#, "seats[1]: expected another seat, as A1"),
        ] {
            let faults = seats(text).unwrap_err();
            assert!(faults.len() == 1 && faults[0].starts_with(named), "{text}: {faults:?}");
        }
        let faults = seats(r#"{"seats":[{"seat":1,"ticket_type":2},{"seat":"A1","ticket_type":""}]}"#).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(fields, ["seats[0].seat", "seats[0].ticket_type", "seats[1].ticket_type"]);
    }

    #[test]
    fn each_seat_of_a_quantity_has_a_ticket_type() {
        let types = |text: &str| {
            let read = read(text, |body| ticket_types(body, 2))?;
            Ok::<_, Vec<String>>(read.map(|types| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        };
        assert_eq!(types(r#"{"ticket_types":["standard","child"]}"#), Ok(Some("standard child".to_owned())));
        assert_eq!((types("{}"), types(r#"{"ticket_types":[]}"#)), (Ok(None), Ok(None)));
        for (text, named) in [
            (
                r#"{"ticket_types":["child"]}"#,
                "ticket_types: expected an array of 2 ticket types, one for each seat, got 1",
            ),
            (r#"{"ticket_types":"child"}"#, "ticket_types: expected an array of 2"),
            (r#"{"ticket_types":["child","Child"]}"#, "ticket_types[1]: expected a ticket type"),
        ] {
            let faults = types(text).unwrap_err();
            assert!(faults.len() == 1 && faults[0].starts_with(named), "{text}: {faults:?}");
        }
    }

    #[test]
    fn expected_totals_are_read() {
        let all = read(r#"{"expect":{"seats":2,"total":9000,"currency":"EUR"}}"#, expect).unwrap().unwrap();
        let currency = Some(Currency::parse("EUR").unwrap());
        assert_eq!(all, Expect { seats: Some(2), total: Some(9_000), currency });
        let total = read(r#"{"expect":{"total":0}}"#, expect).unwrap().unwrap();
        assert_eq!(total, Expect { total: Some(0), ..Expect::default() });
        assert_eq!(read("{}", expect), Ok(None));
        for (text, named) in [
            (r#"{"expect":{}}"#, "expect: expected at least one"),
            (r#"{"expect":[]}"#, "expect: expected a JSON object"),
            (r#"{"expect":{"seats":0}}"#, "expect.seats: expected a whole number from 1"),
            (r#"{"expect":{"total":1.5}}"#, "expect.total: expected a whole number of minor units"),
            (r#"{"expect":{"currency":"eur"}}"#, "expect.currency: expected a currency"),
            (r#"{"expect":{"sum":1}}"#, "expect.sum: expected one of the fields"),
        ] {
            let faults = read(text, expect).unwrap_err();
            assert!(faults.iter().any(|fault| fault.starts_with(named)), "{text}: {faults:?}");
        }
    }

    #[test]
    fn reference_is_a_visible_text() {
        let read_reference = |text: &str| read(text, |body| reference(body).map(|of| of.as_str().to_owned()));
        assert_eq!(read_reference(r#"{"reference":"Order 7"}"#), Ok(Some("Order 7".to_owned())));
        for bad in [r#""""#, "7", r#""a\u202eb""#, r#"" a""#] {
            let faults = read_reference(&format!(r#"{{"reference":{bad}}}"#)).unwrap_err();
            assert_eq!(faults, [format!("reference: expected {}", Reference::EXPECTED)], "{bad}");
        }
    }
}
