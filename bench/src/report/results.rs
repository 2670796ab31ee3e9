//! The figures of one run.

use serde::{Deserialize, Serialize};

use crate::cases::CallKind;
use crate::choose::Choosing;
use crate::load::cold::ColdReads;
use crate::load::conflicts::ConflictCosts;
use crate::load::sale::Sale;
use crate::measure::exact::ExactFigures;
use crate::measure::memory::Memory;
use crate::measure::raw_get::RawGet;
use crate::measure::size::Size;
use crate::measure::start::Start;
use crate::measure::timed::TimedFigures;
use crate::stats::{Line, fit};
use crate::venues::SoldShare;

/// All measurements of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// The date of the run.
    pub(crate) day: String,
    /// `true` for a run with few requests.
    pub(crate) quick: bool,
    pub(crate) machine: Machine,
    pub(crate) sizes: Vec<Size>,
    pub(crate) starts: Vec<Start>,
    pub(crate) calls: Vec<CallFigures>,
    pub(crate) raw_gets: Vec<RawGet>,
    pub(crate) python: Vec<CallFigures>,
    /// The reason for missing figures of Python.
    pub(crate) no_python: Option<String>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) sales: Vec<Sale>,
    pub(crate) cold: ColdReads,
    pub(crate) conflicts: Vec<ConflictCosts>,
    pub(crate) choosing: Vec<Choosing>,
}

/// The machine and its software.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) valgrind: Option<String>,
    /// Load by other processes: the number of runnable processes at the start.
    pub(crate) load_before: String,
}

/// The measurements of one kind of call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallFigures {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) seats: Option<usize>,
    pub(crate) sold: Option<SoldShare>,
    pub(crate) timed: TimedFigures,
    pub(crate) exact: Option<ExactFigures>,
}

impl CallFigures {
    pub(crate) fn of(kind: CallKind, timed: TimedFigures, exact: Option<ExactFigures>) -> Self {
        let (seats, sold) = (kind.venue().map(|venue| venue.seats), kind.venue().map(|venue| venue.sold));
        Self { name: kind.name(), what: kind.what().to_owned(), seats, sold, timed, exact }
    }
}

impl Results {
    /// Returns the call of this name.
    pub(crate) fn call(&self, name: &str) -> Option<&CallFigures> {
        self.calls.iter().find(|call| call.name == name)
    }

    /// Returns the calls of a kind in venues of this sold part, by seats.
    pub(crate) fn by_seats(&self, what: &str, sold: SoldShare) -> Vec<(usize, &CallFigures)> {
        let calls = self.calls.iter().filter(|call| call.what == what && call.sold == Some(sold));
        calls.filter_map(|call| Some((call.seats?, call))).collect()
    }

    /// Fits a line to a figure of reads, in venues of this sold part.
    #[allow(clippy::cast_precision_loss, reason = "no venue is that large")]
    pub(crate) fn line(&self, what: &str, sold: SoldShare, of: impl Fn(&CallFigures) -> Option<f64>) -> Option<Line> {
        let calls = self.by_seats(what, sold);
        let points: Vec<_> = calls.iter().filter_map(|(seats, call)| Some((*seats as f64, of(call)?))).collect();
        fit(&points)
    }

    pub(crate) fn start(&self, function: &str) -> Option<&Start> {
        self.starts.iter().find(|start| start.function == function)
    }
}
