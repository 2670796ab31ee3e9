//! Conditional requests (RFC 9110, 13.1): lists of entity tags, and how they compare.

use super::compress;

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition<'h> {
    /// `*`: any existing resource.
    Any,
    /// A list of tags, at least one.
    Tags(Vec<Tag<'h>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag<'h> {
    /// `true` if the tag starts with `W/`.
    pub(super) weak: bool,
    /// The text between the quotes, without the ending of a compressed response's tag.
    pub(super) opaque: &'h str,
}

impl<'h> Condition<'h> {
    /// The form of such a header, as a phrase that can follow "expected".
    pub(super) const EXPECTED: &'static str = "* or entity tags in quotes, separated by commas";

    /// Parses a header's value. Returns `None` if it is malformed.
    pub(super) fn parse(value: &'h str) -> Option<Self> {
        let value = value.trim_matches(WHITE_SPACE);
        if value == "*" {
            return Some(Self::Any);
        }
        let (mut tags, mut rest) = (Vec::new(), value);
        loop {
            // A recipient has to accept a reasonable number of empty elements (RFC 9110, 5.6.1).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (tag, after) = Tag::parse(rest)?;
            tags.push(tag);
            rest = after.trim_start_matches(WHITE_SPACE);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
        (!tags.is_empty()).then_some(Self::Tags(tags))
    }

    /// Returns `true` if the caller has the current resource, by the weak comparison of `If-None-Match`.
    pub(super) fn has_weakly(&self, is_current: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| is_current(tag.opaque)),
        }
    }
}

/// The optional white space of a header.
const WHITE_SPACE: [char; 2] = [' ', '\t'];

impl<'h> Tag<'h> {
    /// Parses the tag at the beginning of a text, and returns it with the rest.
    fn parse(text: &'h str) -> Option<(Self, &'h str)> {
        let (weak, quoted) = match text.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
        // The characters of `etagc`: visible ASCII without the quote, and everything beyond ASCII.
        let is_tag = opaque.chars().all(|c| c.is_ascii_graphic() || !c.is_ascii());
        is_tag.then_some((Self { weak, opaque: compress::plain_tag(opaque) }, rest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strong(opaque: &str) -> Tag<'_> {
        Tag { weak: false, opaque }
    }

    fn weak(opaque: &str) -> Tag<'_> {
        Tag { weak: true, opaque }
    }

    #[test]
    fn a_header_is_a_star_or_a_list_of_tags() {
        for (value, tags) in [
            ("\"a\"", vec![strong("a")]),
            (" \"a\" ", vec![strong("a")]),
            ("W/\"a\"", vec![weak("a")]),
            ("\"a\",W/\"b\" ,\t\"c\"", vec![strong("a"), weak("b"), strong("c")]),
            ("\"a,b\", \"W/\"", vec![strong("a,b"), strong("W/")]),
            (", ,\"a\",", vec![strong("a")]),
            ("\"\"", vec![strong("")]),
            ("\"a-gzip\", W/\"b-gzip\"", vec![strong("a"), weak("b")]),
            ("\"+7\", \"*\"", vec![strong("+7"), strong("*")]),
        ] {
            assert_eq!(Condition::parse(value), Some(Condition::Tags(tags)), "{value}");
        }
        assert_eq!(Condition::parse(" * "), Some(Condition::Any));
        for value in [
            "",
            " ",
            ",",
            "a",
            "\"a",
            "a\"",
            "\"a\" \"b\"",
            "\"a\"b",
            "w/\"a\"",
            "W/ \"a\"",
            "*, \"a\"",
            "\"a\", *",
            "\"a b\"",
        ] {
            assert_eq!(Condition::parse(value), None, "{value}");
        }
    }

    #[test]
    fn weak_and_strong_tags_match_alike() {
        let has = |value: &str| Condition::parse(value).is_some_and(|tags| tags.has_weakly(|tag| tag == "00aa"));
        for wanted in ["\"00aa\"", "\"x\", \"00aa\"", "W/\"00aa\"", "*"] {
            assert!(has(wanted), "{wanted}");
        }
        for wanted in ["\"00ab\"", "\"x\",\"y\"", "\"W/00aa\""] {
            assert!(!has(wanted), "{wanted}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_refused(value in "[ -~\\t]{0,40}") {
            if let Some(Condition::Tags(tags)) = Condition::parse(&value) {
                prop_assert!(!tags.is_empty());
            }
        }

        #[test]
        fn each_list_is_read_as_it_was_written(tags in prop::collection::vec((any::<bool>(), "[!#-~]{0,8}"), 1..6)) {
            let text = tags.iter().map(|(weak, opaque)| format!("{}\"{opaque}\"", if *weak { "W/" } else { "" }));
            let text = text.collect::<Vec<_>>().join(", ");
            let expected = tags.iter().map(|(weak, opaque)| Tag { weak: *weak, opaque });
            prop_assert_eq!(Condition::parse(&text), Some(Condition::Tags(expected.collect())));
        }
    }
}
