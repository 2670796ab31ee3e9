//! The crowd: what each of them is about to do, and when.

use fastrand::Rng;

use super::hall::Person;
use super::parameters::Crowd;
use super::whole;

/// Nobody, and never.
const NONE: u32 = u32::MAX;
/// The most seats that somebody wants.
pub(super) const MOST_WANTED: usize = 4;

/// What somebody does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Look at the seats.
    Look,
    /// Ask for the seats that they chose.
    Reserve,
    /// Their reservation is being decided on.
    Reserving,
    /// Book the seats that they reserved.
    Book,
    /// Their booking is being decided on.
    Booking,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct One {
    pub(super) next: Next,
    /// How often they were refused in a row.
    pub(super) refusals: u8,
    chosen: u8,
    seats: [u16; MOST_WANTED],
    /// What their section was like when they saw it last, one more than its version; 0 if they never did.
    pub(super) seen: u32,
    /// When they give up (ms).
    pub(super) leaves: u32,
    /// When they first asked for what they are asking for now (ms).
    pub(super) since: u32,
}

/// All of them, in the order of the millisecond of what they do next.
#[derive(Debug)]
pub(super) struct People {
    all: Vec<One>,
    /// The first to act in each millisecond, and whoever acts after each.
    first: Vec<u32>,
    after: Vec<u32>,
    /// How many are there still, or are to come.
    pub(super) left: u32,
}

impl One {
    /// The seats that they want, or have.
    pub(super) fn seats(&self) -> &[u16] {
        &self.seats[..usize::from(self.chosen)]
    }

    /// Makes these the seats that they want.
    pub(super) fn choose(&mut self, seats: &[u16]) {
        let count = seats.len().min(MOST_WANTED);
        self.seats[..count].copy_from_slice(&seats[..count]);
        self.chosen = u8::try_from(count).unwrap_or(0);
    }
}

impl People {
    /// They arrive as the crowd's curve says, through the waiting room if there is one: then everybody gets a place in its queue when they
    /// come, and whoever has no patience left at their turn never looks.
    pub(super) fn new(crowd: &Crowd, room: Option<f64>, horizon: u32, rng: &mut Rng) -> Self {
        let slots = usize::try_from(horizon).unwrap_or(usize::MAX) + 1;
        let blank = One { next: Next::Look, refusals: 0, chosen: 0, seats: [0; 4], seen: 0, leaves: 0, since: 0 };
        let count = usize::try_from(crowd.people).unwrap_or(0);
        let mut people =
            Self { all: vec![blank; count], first: vec![NONE; slots], after: vec![NONE; count], left: crowd.people };
        let mut arrivals: Vec<f64> = (0..count).map(|_| arrival(crowd, rng)).collect();
        arrivals.sort_unstable_by(f64::total_cmp);
        let mut turn = 0.0_f64;
        for (person, came) in (0..crowd.people).zip(arrivals) {
            let leaves = came + exponential(crowd.patience, rng) * 1_000.0;
            let looks = match room {
                Some(rate) => {
                    turn = turn.max(came) + 1_000.0 / rate;
                    turn
                }
                None => came,
            };
            people.one(person).leaves = millis(leaves);
            // Somebody without a waiting room looks at least once.
            if room.is_some() && looks > leaves {
                people.left -= 1;
            } else {
                people.one(person).since = millis(looks);
                people.schedule(person, looks, Next::Look);
            }
        }
        people
    }

    /// One of them.
    pub(super) fn one(&mut self, person: Person) -> &mut One {
        &mut self.all[person as usize]
    }

    /// Says what somebody does next, and when (ms). After the end of everything nobody does anything.
    pub(super) fn schedule(&mut self, person: Person, at: f64, next: Next) {
        self.one(person).next = next;
        let slot = millis(at) as usize;
        match self.first.get_mut(slot) {
            Some(first) => self.after[person as usize] = std::mem::replace(first, person),
            None => self.left -= 1,
        }
    }

    /// Whoever is to act in this millisecond: one after the other, until nobody is left.
    pub(super) fn act(&mut self, now: u32) -> Option<Person> {
        let first = &mut self.first[now as usize];
        let person = *first;
        if person == NONE {
            return None;
        }
        *first = std::mem::replace(&mut self.after[person as usize], NONE);
        Some(person)
    }
}

/// When somebody comes (ms).
fn arrival(crowd: &Crowd, rng: &mut Rng) -> f64 {
    let seconds = if rng.f64() < crowd.at_opening { rng.f64() * crowd.opening } else { exponential(crowd.late, rng) };
    seconds * 1_000.0
}

/// An exponentially distributed span with this mean.
pub(super) fn exponential(mean: f64, rng: &mut Rng) -> f64 {
    -mean * (1.0 - rng.f64()).ln()
}

fn millis(at: f64) -> u32 {
    u32::try_from(whole(at.ceil())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_acts_once_at_the_time_they_were_told() {
        let crowd = Crowd { people: 100, at_opening: 1.0, opening: 1.0, ..Crowd::default() };
        let mut people = People::new(&crowd, None, 2_000, &mut Rng::with_seed(1));
        let acted: Vec<_> =
            (0..=2_000).flat_map(|now| std::iter::from_fn(|| people.act(now)).collect::<Vec<_>>()).collect();
        let mut sorted = acted.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        people.schedule(7, 2_000.5, Next::Look);
        assert_eq!(people.left, 99, "whoever would act after the end is gone");
    }

    #[test]
    fn a_waiting_room_lets_in_so_many_a_second_and_those_without_patience_leave() {
        let crowd = Crowd { people: 1_000, at_opening: 1.0, opening: 0.1, patience: 1e9, ..Crowd::default() };
        let mut people = People::new(&crowd, Some(100.0), 20_000, &mut Rng::with_seed(1));
        let in_first_second = (0..=1_000).map(|now| std::iter::from_fn(|| people.act(now)).count()).sum::<usize>();
        assert!((99..=101).contains(&in_first_second), "{in_first_second}");
        let hurried = Crowd { patience: 1.0, ..crowd };
        let people = People::new(&hurried, Some(100.0), 20_000, &mut Rng::with_seed(1));
        assert!(people.left < 250, "{}", people.left);
    }
}
