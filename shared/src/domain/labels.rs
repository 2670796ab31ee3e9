//! All labels of a layout in one text. The labels of any subset of seats are copied from it without a branch per
//! seat.
//!
//! The text is in the format of responses, which the domain shouldn't know. It is here because the layout keeps it. An
//! instance writes it once for each layout, and copies from it for each response.

use super::ids::SeatLabel;

/// Bytes around a label: `\"` before it and `\",` after it.
const AROUND: usize = 5;
/// Sizes of the copied pieces. The compiler knows each size, so that a copy is a few instructions without a loop. The
/// smallest size fits the labels of most halls, the largest fits any label.
const SMALL_PIECE: usize = 16;
const MEDIUM_PIECE: usize = 24;
const LARGE_PIECE: usize = SeatLabel::MAX + AROUND;

/// Labels as items of a JSON list inside a JSON text: `\"A1\",\"A2\",`. No label has a character that needs escaping.
#[derive(Debug)]
pub struct Labels {
    /// The items, padded so that a copy of a whole piece from the last item stays in bounds.
    text: Vec<u8>,
    /// Start of each item, and the end of the last one.
    starts: Vec<u32>,
    /// Length of the longest item in bytes.
    longest: usize,
}

impl Labels {
    /// Builds the text of all labels.
    pub(super) fn of(seats: &[SeatLabel]) -> Self {
        let mut text = Vec::new();
        let mut starts = vec![0];
        let longest = seats.iter().map(|seat| seat.as_str().len() + AROUND).max().unwrap_or_default();
        for seat in seats {
            text.extend_from_slice(b"\\\"");
            text.extend_from_slice(seat.as_str().as_bytes());
            text.extend_from_slice(b"\\\",");
            starts.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        text.resize(text.len() + LARGE_PIECE, 0);
        Self { text, starts, longest }
    }

    /// Returns the maximum number of bytes that [`Labels::write`] needs, including temporary ones.
    pub fn most(&self) -> usize {
        self.text.len()
    }

    /// Appends the items of the wanted seats, in layout order, without a comma after the last one.
    ///
    /// Copies every label and advances only past wanted ones. In a half-sold hall a branch per seat is unpredictable,
    /// and a misprediction costs more than the copy.
    pub fn write(&self, wanted: impl IntoIterator<Item = bool>, out: &mut Vec<u8>) {
        if self.longest <= SMALL_PIECE {
            self.write_by::<SMALL_PIECE>(wanted, out);
        } else if self.longest <= MEDIUM_PIECE {
            self.write_by::<MEDIUM_PIECE>(wanted, out);
        } else {
            self.write_by::<LARGE_PIECE>(wanted, out);
        }
    }

    fn write_by<const PIECE: usize>(&self, wanted: impl IntoIterator<Item = bool>, out: &mut Vec<u8>) {
        let begin = out.len();
        let mut end = begin;
        out.resize(begin + self.text.len(), 0);
        for (bounds, wanted) in self.starts.windows(2).zip(wanted) {
            let (from, to) = (bounds[0] as usize, bounds[1] as usize);
            out[end..end + PIECE].copy_from_slice(&self.text[from..from + PIECE]);
            end += if wanted { to - from } else { 0 };
        }
        out.truncate(if end == begin { begin } else { end - 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Generates labels of at most 11, 19 or 36 characters, for all three piece sizes.
    fn seats() -> impl Strategy<Value = Vec<(String, bool)>> {
        prop_oneof![Just(11), Just(19), Just(36)].prop_flat_map(|most| {
            let label = proptest::string::string_regex(&format!("[A-Za-z0-9_-]{{1,{most}}}")).unwrap();
            prop::collection::vec((label, any::<bool>()), 1..40)
        })
    }

    proptest! {
        #[test]
        fn wanted_labels_are_written_in_order(
            seats in seats(),
            before in "[a-z]{0,30}",
        ) {
            let labels: Vec<_> = seats.iter().map(|(label, _)| SeatLabel::parse(label).unwrap()).collect();
            let labels = Labels::of(&labels);
            let mut out = before.clone().into_bytes();
            labels.write(seats.iter().map(|(_, wanted)| *wanted), &mut out);
            let items: Vec<_> =
                seats.iter().filter(|(_, wanted)| *wanted).map(|(label, _)| format!("\\\"{label}\\\"")).collect();
            prop_assert_eq!(String::from_utf8(out).unwrap(), before + &items.join(","));
        }
    }
}
