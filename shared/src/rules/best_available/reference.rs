//! The slow and obvious way, for straight rows: every block is tried, and judged by looking at the whole hall.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::{Shortage, Wish};
use crate::rules::plan::Plan;

/// A block and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) orphans: usize,
    pub(super) accessible: usize,
    pub(super) distance: u64,
    pub(super) seats: Vec<usize>,
}

/// The seats next to a seat: in its row, nearer than one and a half seats.
pub(super) fn next_to(plan: &Plan, seat: usize) -> Vec<usize> {
    let here = &plan.places()[seat];
    let near = |other: &usize| {
        let there = &plan.places()[*other];
        let pitch = f64::from(crate::rules::plan::SEAT_PITCH);
        let apart = f64::from((here.point.x - there.point.x).abs());
        *other != seat && here.row == there.row && apart <= 1.5 * pitch
    };
    (0..plan.places().len()).filter(near).collect()
}

/// Every block there is.
pub(super) fn blocks(plan: &Plan, available: &[bool], wish: &Wish) -> (Vec<Judged>, Shortage) {
    let fits = |seat: usize| {
        let place = &plan.places()[seat];
        available[seat]
            && wish.section.is_none_or(|section| plan.section_of(place) == section)
            && wish.category.is_none_or(|category| place.category == Some(category))
            && (!wish.accessible || place.accessible)
    };
    let to_the_right = |seat: usize| {
        next_to(plan, seat).into_iter().find(|other| plan.places()[*other].point.x > plan.places()[seat].point.x)
    };
    let run_from = |seat: usize, most: usize| {
        let mut run = vec![seat];
        while run.len() < most {
            match to_the_right(run[run.len() - 1]).filter(|next| fits(*next)) {
                Some(next) => run.push(next),
                None => break,
            }
        }
        run
    };
    let fitting: Vec<_> = (0..available.len()).filter(|seat| fits(*seat)).collect();
    let shortage = Shortage {
        available: fitting.len(),
        largest_block: fitting.iter().map(|seat| run_from(*seat, usize::MAX).len()).max().unwrap_or(0),
    };
    let runs = fitting.iter().map(|seat| run_from(*seat, wish.quantity)).filter(|run| run.len() == wish.quantity);
    (runs.map(|seats| judge(plan, available, wish, seats)).collect(), shortage)
}

pub(super) fn judge(plan: &Plan, available: &[bool], wish: &Wish, seats: Vec<usize>) -> Judged {
    let alone = |seat: usize, available: &dyn Fn(usize) -> bool| {
        available(seat) && !next_to(plan, seat).into_iter().any(available)
    };
    let after = |seat: usize| available[seat] && !seats.contains(&seat);
    let orphans = (0..available.len()).filter(|seat| alone(*seat, &after) && !alone(*seat, &|seat| available[seat]));
    let distance = |seat: &usize| {
        let (point, focal) = (plan.places()[*seat].point, plan.focal_point());
        f64::hypot(f64::from(point.x - focal.x), f64::from(point.y - focal.y)).round() as u64
    };
    Judged {
        orphans: orphans.count(),
        accessible: seats.iter().filter(|seat| !wish.accessible && plan.places()[**seat].accessible).count(),
        distance: seats.iter().map(distance).sum(),
        seats,
    }
}
