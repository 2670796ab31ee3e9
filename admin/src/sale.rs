//! The sale of a file's shows. Its instants are instants, or days and times relative to the day of the show.

use boxoffice::domain::local_time::{LocalDate, LocalStart, LocalTime, Timezone};
use boxoffice::domain::rfc_3339;
use boxoffice::domain::sale::{SaleState, SaleTerms};
use boxoffice::domain::time::EpochSeconds;
use boxoffice::json::{Json, Node, Object};

use crate::day::{days_after, time_of_day};

const INSTANTS: [&str; 3] = ["opens_at", "closes_at", "booking_closes_at"];
const FIELDS: &[&str] = &["state", INSTANTS[0], INSTANTS[1], INSTANTS[2]];

/// The sale of each show of an entry.
#[derive(Debug)]
pub(crate) struct SaleTemplate {
    state: SaleState,
    /// In the order of [`INSTANTS`].
    instants: [Option<When>; 3],
}

/// An instant of a sale.
#[derive(Clone, Copy, Debug)]
enum When {
    Instant(EpochSeconds),
    /// The time of a local day, which is this number of days after the day of the show.
    Relative {
        days: i32,
        time: LocalTime,
    },
}

impl SaleTemplate {
    pub(crate) fn read(node: Node<'_, '_>) -> Option<Self> {
        node.object(FIELDS, |object| {
            let state = object
                .required("state", |node| node.parsed(SaleState::EXPECTED, |word| SaleState::parse(word).ok_or(())));
            let read = INSTANTS.map(|name| (name, object.optional(name, When::read)));
            if read.iter().any(|(name, when)| object.has(name) && when.is_none()) {
                return None;
            }
            Some(Self { state: state?, instants: read.map(|(_, when)| when) })
        })
    }

    /// Returns the terms of the sale of a show on a local day. `entry` is the entry of the show, for faults.
    pub(crate) fn terms(&self, entry: &Object<'_, '_, '_>, timezone: &Timezone, day: LocalDate) -> Option<SaleTerms> {
        let mut instants = [None; 3];
        for ((instant, when), name) in instants.iter_mut().zip(self.instants).zip(INSTANTS) {
            let Some(when) = when else { continue };
            let found = when.instant(timezone, day);
            *instant = Some(found.or_else(|| entry.fault(&format!("sale.{name}"), rfc_3339::EXPECTED))?);
        }
        let [opens_at, closes_at, booking_closes_at] = instants;
        match SaleTerms::new(self.state, opens_at, closes_at, booking_closes_at) {
            Ok(terms) => Some(terms),
            Err(wrong) => entry.fault(&format!("sale.{}", wrong.field), wrong.expected),
        }
    }
}

impl When {
    fn read(node: Node<'_, '_>) -> Option<Self> {
        match node.json() {
            Json::Object(_) => node.object(&["day", "time"], |object| {
                let days = object.required("day", days_after);
                let time = object.required("time", time_of_day);
                Some(Self::Relative { days: days?, time: time? })
            }),
            _ => {
                let expected = format_args!("{}, or an object with day and time", rfc_3339::EXPECTED);
                node.parsed(expected, |text| rfc_3339::parse(text).ok_or(())).map(Self::Instant)
            }
        }
    }

    /// Returns `None` for a day that isn't in the calendar.
    fn instant(self, timezone: &Timezone, day: LocalDate) -> Option<EpochSeconds> {
        match self {
            Self::Instant(instant) => Some(instant),
            Self::Relative { days, time } => {
                let text = timezone.instant_at(LocalStart { date: day.plus_days(days)?, time }).ok()?;
                rfc_3339::parse(&text)
            }
        }
    }
}
