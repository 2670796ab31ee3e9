//! The stored form of lines: JSON with an array for each seat, in the order of the seats.
//!
//! The array is `[section, row, number, category, price, ticket type]`. An absent member is `null`, absent members at
//! the end are left out, and the ticket type is absent if it is `standard`. Labels and currency are stored beside it.

use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use super::{FixedPrice, Line, Lines};
use crate::domain::ids::SeatLabel;
use crate::domain::prices::{Currency, MAX_PRICE, TicketType};

/// Number of members of a seat's array.
const MEMBERS: usize = 6;

/// A member of a seat's array.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Number(u64),
    Text(String),
}

/// A line in its stored form.
struct Stored<'a>(&'a Line);

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Line { seat: _, section, row, number, category, fixed_price } = self.0;
        let ticket_type = fixed_price.as_ref().map(|fixed| &fixed.ticket_type).filter(|of| !of.is_standard());
        let price = self.0.price();
        let present = [section, row, number, category].map(Option::is_some);
        let present = present.into_iter().chain([price.is_some(), ticket_type.is_some()]);
        let length = (1..).zip(present).filter(|(_, present)| *present).map(|(length, _)| length).last();
        let length = length.unwrap_or(0);
        let mut members = serializer.serialize_seq(Some(length))?;
        for text in [section, row, number, category].into_iter().take(length) {
            members.serialize_element(text)?;
        }
        if length > 4 {
            members.serialize_element(&price)?;
        }
        if length > 5 {
            members.serialize_element(&ticket_type)?;
        }
        members.end()
    }
}

impl Lines {
    /// Returns the lines as compact JSON, without labels and currency.
    pub fn encode(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(Stored).collect();
        serde_json::to_string(&lines).expect("texts and numbers can be written as JSON")
    }

    /// Reads what [`Lines::encode`] has written for these seats.
    ///
    /// # Errors
    ///
    /// Returns the reason if the text isn't valid or belongs to another number of seats.
    pub fn decode(seats: &[SeatLabel], currency: Currency, text: &str) -> Result<Self, String> {
        let stored: Vec<Vec<Option<Member>>> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if stored.len() != seats.len() {
            return Err(format!("expected {} lines, got {}", seats.len(), stored.len()));
        }
        let lines = seats.iter().zip(stored).map(|(seat, members)| line(seat, members)).collect::<Result<_, _>>()?;
        Ok(Self { lines, currency })
    }
}

fn line(seat: &SeatLabel, members: Vec<Option<Member>>) -> Result<Line, String> {
    if members.len() > MEMBERS {
        return Err(format!("expected at most {MEMBERS} members for seat {seat}, got {}", members.len()));
    }
    let mut members = members.into_iter();
    let mut text = |what: &str| match members.next().flatten() {
        None => Ok(None),
        Some(Member::Text(text)) => Ok(Some(text)),
        Some(Member::Number(_)) => Err(format!("expected a text as {what} of seat {seat}")),
    };
    let (section, row, number, category) = (text("section")?, text("row")?, text("number")?, text("category")?);
    let price = match members.next().flatten() {
        None => None,
        Some(Member::Number(price)) if price <= MAX_PRICE => Some(price),
        Some(_) => return Err(format!("expected a price from 0 to {MAX_PRICE} for seat {seat}")),
    };
    let ticket_type = match (members.next().flatten(), price) {
        (None, _) => TicketType::standard(),
        (Some(Member::Text(text)), Some(_)) => TicketType::parse(&text).map_err(|error| error.to_string())?,
        (Some(_), _) => return Err(format!("expected a ticket type after a price for seat {seat}")),
    };
    let fixed_price = price.map(|price| FixedPrice { ticket_type, price });
    Ok(Line { seat: seat.clone(), section, row, number, category, fixed_price })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::lines;
    use super::*;

    fn labels(lines: &Lines) -> Vec<SeatLabel> {
        lines.iter().map(|line| line.seat.clone()).collect()
    }

    #[test]
    fn stored_lines_are_compact() {
        let expected =
            r#"[["Stalls","A","1a","premium",4500,"child"],["Stalls","A","2","cheap",3000],[null,null,"1"]]"#;
        assert_eq!(lines().encode(), expected);
    }

    #[test]
    fn invalid_stored_lines_are_refused() {
        let (lines, currency) = (lines(), lines().currency());
        let seats = &labels(&lines)[..1];
        assert!(Lines::decode(seats, currency, "[[]]").is_ok());
        for bad in [
            "",
            "[]",
            "[[],[]]",
            "[{}]",
            "[[1]]",
            "[[true]]",
            r#"[[null,null,null,null,"5"]]"#,
            "[[null,null,null,null,-1]]",
            "[[null,null,null,null,1.5]]",
            "[[null,null,null,null,1000000001]]",
            r#"[[null,null,null,null,null,"child"]]"#,
            r#"[[null,null,null,null,1,"Child"]]"#,
            "[[null,null,null,null,1,2]]",
            "[[null,null,null,null,1,null,null]]",
        ] {
            assert!(Lines::decode(seats, currency, bad).is_err(), "{bad}");
        }
    }

    fn fixed_price() -> impl Strategy<Value = FixedPrice> {
        let ticket_type = prop_oneof![Just("standard".to_owned()), "[a-z0-9_-]{1,36}"];
        (ticket_type, 0..=MAX_PRICE)
            .prop_map(|(name, price)| FixedPrice { ticket_type: TicketType::parse(&name).unwrap(), price })
    }

    fn line() -> impl Strategy<Value = Line> {
        let text = || prop::option::of("[a-zé席\"\\\\0-9]{1,8}");
        (text(), text(), text(), text(), prop::option::of(fixed_price())).prop_map(
            |(section, row, number, category, fixed_price)| {
                let seat = SeatLabel::parse("A1").unwrap();
                Line { seat, section, row, number, category, fixed_price }
            },
        )
    }

    proptest! {
        #[test]
        fn encoded_lines_are_decoded(list in prop::collection::vec(line(), 0..5)) {
            let lines = Lines::new(list, Currency::parse("JPY").unwrap());
            prop_assert_eq!(Lines::decode(&labels(&lines), lines.currency(), &lines.encode()), Ok(lines));
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "[\\[\\],\"a-z0-9null-]{0,40}") {
            let seats = labels(&lines());
            let currency = lines().currency();
            if let Ok(read) = Lines::decode(&seats, currency, &text) {
                prop_assert_eq!(Lines::decode(&seats, currency, &read.encode()), Ok(read));
            }
        }
    }
}
