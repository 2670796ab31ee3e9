//! The text of a seat preference, which is stored with the reservation. A repeat of a request is compared by it.
//!
//! Its bytes must stay the same in every release. They are written here and not by a formatter of the standard library,
//! because the output of `Debug` may change with the compiler.

use super::AccessibleSeats;
use super::escaped::is_escaped;

/// Returns the text of a seat preference, for example `2 Some("Stalls") None false`.
pub(super) fn preference_text(
    quantity: usize,
    section: Option<&str>,
    category: Option<&str>,
    accessible: AccessibleSeats,
) -> String {
    let mut text = quantity.to_string();
    for name in [section, category] {
        text.push(' ');
        push_name(&mut text, name);
    }
    match accessible {
        AccessibleSeats::None => text.push_str(" false"),
        AccessibleSeats::All => text.push_str(" true"),
        AccessibleSeats::Some(seats) => text.push_str(&format!(" {seats}")),
    }
    text
}

fn push_name(text: &mut String, name: Option<&str>) {
    let Some(name) = name else { return text.push_str("None") };
    text.push_str("Some(\"");
    for c in name.chars() {
        match c {
            '\0' => text.push_str("\\0"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            c if c.is_ascii() || is_escaped(c) => text.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push_str("\")");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn name(name: &str) -> String {
        let mut text = String::new();
        push_name(&mut text, Some(name));
        text
    }

    #[test]
    fn stored_bytes_of_a_preference_stay() {
        use AccessibleSeats::{All, None as No, Some as Seats};
        assert_eq!(preference_text(2, None, None, No), "2 None None false");
        assert_eq!(preference_text(10, Some("Stalls"), None, All), r#"10 Some("Stalls") None true"#);
        assert_eq!(preference_text(1, Some(""), Some("A B"), No), r#"1 Some("") Some("A B") false"#);
        assert_eq!(preference_text(3, None, None, Seats(1)), "3 None None 1");
        assert_eq!(name(r#"the "best" \ 'seats'"#), r#"Some("the \"best\" \\ 'seats'")"#);
        assert_eq!(name("Café 舞台 🎭"), "Some(\"Café 舞台 🎭\")");
        assert_eq!(name("\0 \t \n \r \u{1} \u{7f}"), r#"Some("\0 \t \n \r \u{1} \u{7f}")"#);
        assert_eq!(
            name("e\u{301} \u{a0} \u{e000} \u{378} \u{10ffff}"),
            r#"Some("e\u{301} \u{a0} \u{e000} \u{378} \u{10ffff}")"#
        );
    }

    /// A hash of all characters, because a list of them would be as long as the table.
    #[test]
    fn stored_bytes_of_each_character_stay() {
        assert_eq!(xxh3_64(name(&('\0'..=char::MAX).collect::<String>()).as_bytes()), 12_177_898_226_593_436_290);
    }

    proptest! {
        /// The first releases wrote the output of `Debug`. Its table of characters grows with Unicode, so only
        /// characters that were assigned long ago are compared.
        #[test]
        fn text_equals_that_of_the_first_releases(
            section in prop::option::of("[\\x00-\\u{24f}\\u{300}-\\u{36f}\\u{4e00}-\\u{4fff}\\u{1f600}-\\u{1f64f}]{0,20}"),
            category in prop::option::of(r#"["\\'a-z ]{0,10}"#),
            quantity in 0..200_usize,
            accessible: bool,
        ) {
            let seats = if accessible { AccessibleSeats::All } else { AccessibleSeats::None };
            let written = preference_text(quantity, section.as_deref(), category.as_deref(), seats);
            prop_assert_eq!(written, format!("{quantity} {section:?} {category:?} {accessible}"));
        }
    }
}
