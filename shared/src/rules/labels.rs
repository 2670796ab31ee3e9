//! All labels of a layout in one text, from which those of any seats are copied without a decision for each.

use super::names::SeatLabel;

/// Bytes that surround a label: `\"` before, `\",` behind.
const AROUND: usize = 5;
/// Sizes of the pieces that are copied, each known to the compiler so that copying one is a few instructions without a loop. The
/// smallest holds the labels of most halls, the largest any label.
const SHORT: usize = 16;
const MIDDLING: usize = 24;
const LONG: usize = SeatLabel::MAX + AROUND;

/// Labels as the items of a JSON list that is itself within a JSON text: `\"A1\",\"A2\",`. No label has a character that
/// would have to be escaped.
#[derive(Debug)]
pub struct Labels {
    /// The items, and after the last as many bytes as make it a whole piece.
    text: Vec<u8>,
    /// Where each begins, and where the last ends.
    starts: Vec<u32>,
    /// Bytes of the longest item.
    longest: usize,
}

impl Labels {
    /// Writes them, once.
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
        text.resize(text.len() + LONG, 0);
        Self { text, starts, longest }
    }

    /// The most bytes that [`Labels::write`] needs, on its way too.
    pub fn most(&self) -> usize {
        self.text.len()
    }

    /// Appends the items of those seats, in layout order, that are wanted; no comma after the last.
    ///
    /// Each is written, and the next one over it unless it is wanted: in a hall half sold nobody can foresee which are, and a
    /// wrong guess costs a processor more than the copy.
    pub fn write(&self, wanted: impl IntoIterator<Item = bool>, out: &mut Vec<u8>) {
        if self.longest <= SHORT {
            self.write_by::<SHORT>(wanted, out);
        } else if self.longest <= MIDDLING {
            self.write_by::<MIDDLING>(wanted, out);
        } else {
            self.write_by::<LONG>(wanted, out);
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

    /// Labels of at most so many characters: short, middling or long ones.
    fn seats() -> impl Strategy<Value = Vec<(String, bool)>> {
        prop_oneof![Just(11), Just(19), Just(36)].prop_flat_map(|most| {
            let label = proptest::string::string_regex(&format!("[A-Za-z0-9_-]{{1,{most}}}")).unwrap();
            prop::collection::vec((label, any::<bool>()), 1..40)
        })
    }

    proptest! {
        #[test]
        fn those_that_are_wanted_are_written_in_order(
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
