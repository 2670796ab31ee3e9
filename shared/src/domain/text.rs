//! Texts for people: notes, and names of theaters and their parts.
//!
//! Names that look the same must be the same. So texts are compared in one form (Unicode NFC, trimmed), and invisible
//! characters are rejected.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Returns a text in the form that is compared and stored: composed (NFC) and trimmed. Returns `None` if it has a
/// [hidden](is_hidden) character.
pub fn normalize(text: &str) -> Option<String> {
    let composed: String = text.nfc().collect();
    let tidied = composed.trim();
    (!tidied.chars().any(is_hidden)).then(|| tidied.to_owned())
}

/// Returns `true` if [`normalize`] wouldn't change the text.
pub fn is_normalized(text: &str) -> bool {
    text.trim().len() == text.len() && !text.chars().any(is_hidden) && is_nfc(text)
}

/// Returns `true` if [`normalize`] wouldn't change the text and its number of characters is within `counts`.
pub fn is_valid_text(text: &str, counts: std::ops::RangeInclusive<usize>) -> bool {
    counts.contains(&text.chars().count()) && is_normalized(text)
}

/// Returns `true` if a text of another system can be stored as it is: it has no blanks around it, no
/// [hidden](is_hidden) character, and its number of characters is within `counts`.
pub fn is_visible(text: &str, counts: std::ops::RangeInclusive<usize>) -> bool {
    counts.contains(&text.chars().count()) && text.trim().len() == text.len() && !text.chars().any(is_hidden)
}

/// Returns `true` if a character is invisible or changes the order of other characters: control characters, and most
/// of Unicode's default-ignorable characters.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero-width characters, direction marks, line separators, embeddings and isolates.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Blank letters, variation selectors, the byte order mark, annotations.
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_that_look_the_same_become_the_same() {
        assert_eq!(normalize("Cafe\u{301}").as_deref(), Some("Café"));
        assert_eq!(normalize(" \u{a0}Stalls\u{3000} ").as_deref(), Some("Stalls"));
        assert_eq!(normalize("  ").as_deref(), Some(""));
        assert!(is_normalized("Café") && !is_normalized("Cafe\u{301}") && !is_normalized(" Café"));
    }

    #[test]
    fn hidden_characters_are_refused() {
        for c in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(normalize(&format!("a{c}b")), None, "{c:?}");
            assert!(!is_normalized(&format!("a{c}b")), "{c:?}");
        }
        for text in ["Großer Saal", "座席", "Партер", "المدرج", "आसन", "🎭", "a b"] {
            assert_eq!(normalize(text).as_deref(), Some(text));
        }
    }

    proptest! {
        #[test]
        fn normalized_text_stays_normalized(text in any::<String>()) {
            if let Some(tidied) = normalize(&text) {
                prop_assert!(is_normalized(&tidied), "{tidied:?}");
                prop_assert_eq!(normalize(&tidied), Some(tidied));
            }
        }
    }
}
