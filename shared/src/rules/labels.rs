//! All labels of a layout in one text, from which those of any seats are copied without a decision for each.

use super::names::SeatLabel;

/// Bytes that are copied of every label, however short: the longest with all that surrounds it.
const PIECE: usize = 24;

/// Labels as the items of a JSON list that is itself within a JSON text: `\"A1\",\"A2\",`. No label has a character that
/// would have to be escaped.
#[derive(Debug)]
pub struct Labels {
    /// The items, and after the last as many bytes as make it a whole piece.
    text: Vec<u8>,
    /// Where each begins, and where the last ends.
    starts: Vec<u32>,
}

impl Labels {
    /// Writes them, once.
    pub(super) fn of(seats: &[SeatLabel]) -> Self {
        let mut text = Vec::new();
        let mut starts = vec![0];
        for seat in seats {
            text.extend_from_slice(b"\\\"");
            text.extend_from_slice(seat.as_str().as_bytes());
            text.extend_from_slice(b"\\\",");
            starts.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        text.resize(text.len() + PIECE, 0);
        Self { text, starts }
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

    proptest! {
        #[test]
        fn those_that_are_wanted_are_written_in_order(
            seats in prop::collection::vec(("[A-Za-z0-9-]{1,16}", any::<bool>()), 1..40),
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
