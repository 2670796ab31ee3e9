//! Tables in Markdown.

use std::fmt::Write;

/// One table.
pub(crate) struct Table(String);

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let rule: Vec<_> = head.iter().map(|_| "---").collect();
        let mut table = Self(String::new());
        table.row(head);
        table.row(&rule);
        table
    }

    pub(crate) fn row(&mut self, cells: &[impl AsRef<str>]) {
        self.0.push('|');
        for cell in cells {
            // Can't fail, because it writes to a string.
            let _ = write!(self.0, " {} |", cell.as_ref());
        }
        self.0.push('\n');
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// Formats a number with three significant digits, and with no decimals from 100 on.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        ..1.0 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| {
        let rest = rest.trim_end_matches('0');
        (whole, if rest.is_empty() { String::new() } else { format!(".{rest}") })
    });
    format!("{}{rest}", grouped(whole))
}

/// Formats a number, or a dash for `None`.
pub(super) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// Inserts thousands separators.
fn grouped(whole: &str) -> String {
    let mut text = String::with_capacity(whole.len() + whole.len() / 3);
    let digits = whole.chars().filter(char::is_ascii_digit).count();
    let mut left = digits;
    for character in whole.chars() {
        if character.is_ascii_digit() {
            if left < digits && left % 3 == 0 {
                text.push(',');
            }
            left -= 1;
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.125, "0.125"),
            (1.0, "1"),
            (1.5, "1.5"),
            (12.34, "12.3"),
            (999.6, "1,000"),
            (1_234_567.8, "1,234,568"),
            (-1_234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!((optional(None), optional(Some(2.0))), ("–".to_owned(), "2".to_owned()));
    }

    #[test]
    fn a_table_has_a_head_a_rule_and_rows() {
        let mut table = Table::new(&["call", "µs"]);
        table.row(&["look", "12"]);
        assert_eq!(table.text(), "| call | µs |\n| --- | --- |\n| look | 12 |\n");
    }
}
