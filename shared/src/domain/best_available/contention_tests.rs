//! Contention test without a database. 300 callers choose 4 of 1,200 seats each, in waves. All callers of a wave see
//! the hall as it was before the wave.

use super::*;
use crate::domain::ids::SeatLabel;

/// Returns the number of conflicts until every caller who can get seats has them.
fn conflicts(at_once: usize, steered: bool) -> usize {
    let labels = (0..30).flat_map(|row| (1..=40).map(move |seat| format!("{}-{seat}", char::from(b'A' + row % 26))));
    let labels: Vec<_> =
        labels.enumerate().map(|(n, label)| SeatLabel::parse(&format!("R{}{label}", n / 40)).unwrap()).collect();
    let plan = SeatingPlan::of_list(&labels);
    let neighbors = Neighbors::of(&plan);
    let wish = Wish { quantity: 4, section: None, category: None, accessible: 0, is_protected: true };
    let mut available = vec![true; 1_200];
    let (mut waiting, mut conflicts, mut changed_lately, mut seed) = (300, 0, 0, 0);
    while waiting > 0 {
        let seen = available.clone();
        let mut had = 0;
        for _ in 0..waiting.min(at_once) {
            seed += 1;
            let spread = if steered { changed_lately } else { 0 };
            let Ok(seats) = choose(&plan, &neighbors, &seen, &wish, Steering { spread, seed }) else {
                return conflicts;
            };
            let seats: Vec<_> = seats.into_iter().map(SeatIndex::as_usize).collect();
            if seats.iter().all(|seat| available[*seat]) {
                seats.iter().for_each(|seat| available[*seat] = false);
                had += 1;
            } else {
                conflicts += 1;
            }
        }
        waiting -= had;
        changed_lately = 4 * had;
    }
    conflicts
}

#[test]
fn steering_halves_the_conflicts() {
    for at_once in [2, 8, 32] {
        let (same, steered) = (conflicts(at_once, false), conflicts(at_once, true));
        println!("{at_once} at once: {same} conflicts without steering, {steered} with it, for 300 callers");
        assert!(steered * 2 < same, "{at_once} at once: {steered} of {same}");
    }
}
