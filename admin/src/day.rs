//! Days that are counted from another day, and times of day.

use boxoffice::domain::local_time::LocalTime;
use boxoffice::json::Node;

/// Largest distance of a day from today, or of a sale's instant from the day of the show.
const FARTHEST_DAY: i32 = 366;

/// Reads a day as the number of days after another. A negative number means before it.
pub(crate) fn days_after(node: Node<'_, '_>) -> Option<i32> {
    node.integer_with_unit("days", -FARTHEST_DAY..=FARTHEST_DAY)
}

/// Reads `20:15`.
pub(crate) fn time_of_day(node: Node<'_, '_>) -> Option<LocalTime> {
    node.parsed("a time of day such as 20:15", |text| LocalTime::parse(text).ok_or(()))
}
