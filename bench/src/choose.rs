//! The cost of choosing the best seats in a large venue, without a database.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use boxoffice::domain::best_available::{Neighbors, Steering, Wish, choose};
use boxoffice::domain::seating_plan::{Point, ROW_PITCH, Row, SEAT_PITCH, SeatPlacement, SeatingPlan};
use serde::{Deserialize, Serialize};

use crate::stats::micros;

const RUNS: usize = 201;
/// Seats of the venues. The last one is as large as a layout can be.
const VENUE_SIZES: [usize; 3] = [1_200, 5_000, 20_000];
const SEATS_PER_ROW: usize = 50;

/// The cost of choosing four seats in a venue with half of its seats taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Choosing {
    pub(crate) seats: usize,
    /// The spread between callers, in percent.
    pub(crate) spread: usize,
    /// Microseconds, the median.
    pub(crate) micros: f64,
    /// The ratio to one pass over the seats.
    pub(crate) passes: f64,
}

/// Measures with and without spread, and one pass over all seats for comparison.
pub(crate) fn measure() -> Result<Vec<Choosing>> {
    let mut measured = Vec::new();
    for seats in VENUE_SIZES {
        let plan = venue(seats)?;
        let neighbors = Neighbors::of(&plan);
        // Blocks of five seats, alternately taken.
        let is_available: Vec<_> = (0..seats).map(|seat| seat / 5 % 2 == 0).collect();
        let wish = Wish { quantity: 4, section: None, category: None, accessible: 0, is_protected: true };
        let pass = median(|| black_box(&is_available).iter().filter(|is_available| **is_available).count());
        for spread in [0, 100] {
            let steering = Steering { spread, seed: 7 };
            ensure!(choose(&plan, &neighbors, &is_available, &wish, steering).is_ok_and(|chosen| chosen.len() == 4));
            let choosing = median(|| choose(&plan, &neighbors, black_box(&is_available), &wish, steering));
            let passes = choosing.as_secs_f64() / pass.as_secs_f64();
            measured.push(Choosing { seats, spread, micros: micros(choosing), passes });
        }
    }
    Ok(measured)
}

fn venue(seats: usize) -> Result<SeatingPlan> {
    let place = |seat: usize| -> Result<SeatPlacement> {
        let (row, at) = (seat / SEATS_PER_ROW, i32::try_from(seat % SEATS_PER_ROW)?);
        let point = Point { x: at * SEAT_PITCH, y: i32::try_from(row)? * ROW_PITCH };
        Ok(SeatPlacement { row: u16::try_from(row)?, point, category: None, accessible: false, companion_of: None })
    };
    let places = (0..seats).map(place).collect::<Result<Vec<_>>>()?;
    let rows = (0..seats.div_ceil(SEATS_PER_ROW)).map(|row| Row { name: row.to_string(), section: 0 }).collect();
    let focal_point = SeatingPlan::default_focal_point(&places);
    SeatingPlan::new(focal_point, vec!["Hall".to_owned()], rows, Vec::new(), places)
        .map_err(|wrong| anyhow::anyhow!("{}: {}", wrong.part, wrong.expected))
}

fn median<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            black_box(run());
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}
