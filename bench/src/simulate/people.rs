//! The crowd, with the next action and its time for each person.

use fastrand::Rng;

use super::parameters::Crowd;
use super::units::whole;
use super::venue::Person;

/// The index of no person.
const NONE: u32 = u32::MAX;
/// The largest number of seats that a person wants.
pub(super) const MAX_WANTED: usize = 4;

/// The next action of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read the seats.
    Look,
    /// Request a reservation of the chosen seats.
    Reserve,
    /// The decision on their reservation.
    Reserving,
    /// Request a booking of the reserved seats.
    Book,
    /// The decision on their booking.
    Booking,
}

/// A person.
#[derive(Clone, Copy, Debug)]
pub(super) struct One {
    pub(super) next: Next,
    /// The number of rejections in a row.
    pub(super) refusals: u8,
    chosen: u8,
    seats: [u16; MAX_WANTED],
    /// The section's version at the last read, plus one. 0 before the first read.
    pub(super) seen: u32,
    /// The time at which they give up (ms).
    pub(super) leaves: u32,
    /// The time of their first request for the current goal (ms).
    pub(super) since: u32,
}

/// All people, ordered by the millisecond of their next action.
#[derive(Debug)]
pub(super) struct People {
    all: Vec<One>,
    /// The first person to act in each millisecond, and the next person after each.
    first: Vec<u32>,
    after: Vec<u32>,
    /// The number of people who are present or will come.
    pub(super) left: u32,
}

impl One {
    /// Returns the seats that they want or have.
    pub(super) fn seats(&self) -> &[u16] {
        &self.seats[..usize::from(self.chosen)]
    }

    /// Sets the seats that they want.
    pub(super) fn choose(&mut self, seats: &[u16]) {
        let count = seats.len().min(MAX_WANTED);
        self.seats[..count].copy_from_slice(&seats[..count]);
        self.chosen = u8::try_from(count).unwrap_or(0);
    }
}

impl People {
    /// Creates the arrivals of the crowd, through the waiting room if there is one. In the waiting room everybody gets
    /// a place in the queue on arrival. A person whose patience ends before their turn never reads the seats.
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
            // Without a waiting room every person reads at least once.
            if room.is_some() && looks > leaves {
                people.left -= 1;
            } else {
                people.one(person).since = millis(looks);
                people.schedule(person, looks, Next::Look);
            }
        }
        people
    }

    pub(super) fn one(&mut self, person: Person) -> &mut One {
        &mut self.all[person as usize]
    }

    /// Schedules the next action of a person (ms). Actions after the horizon are dropped.
    pub(super) fn schedule(&mut self, person: Person, at: f64, next: Next) {
        self.one(person).next = next;
        let slot = millis(at) as usize;
        match self.first.get_mut(slot) {
            Some(first) => self.after[person as usize] = std::mem::replace(first, person),
            None => self.left -= 1,
        }
    }

    /// Returns the next person who acts in this millisecond, until none is left.
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

/// Returns the arrival time of a person (ms).
fn arrival(crowd: &Crowd, rng: &mut Rng) -> f64 {
    let seconds = if rng.f64() < crowd.at_opening { rng.f64() * crowd.opening } else { exponential(crowd.late, rng) };
    seconds * 1_000.0
}

/// Returns an exponentially distributed time with this mean.
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
    fn each_person_acts_once_at_the_scheduled_time() {
        let crowd = Crowd { people: 100, at_opening: 1.0, opening: 1.0, ..Crowd::default() };
        let mut people = People::new(&crowd, None, 2_000, &mut Rng::with_seed(1));
        let acted: Vec<_> =
            (0..=2_000).flat_map(|now| std::iter::from_fn(|| people.act(now)).collect::<Vec<_>>()).collect();
        let mut sorted = acted.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        people.schedule(7, 2_000.5, Next::Look);
        assert_eq!(people.left, 99, "actions after the end are dropped");
    }

    #[test]
    fn waiting_room_limits_entries_and_loses_the_impatient() {
        let crowd = Crowd { people: 1_000, at_opening: 1.0, opening: 0.1, patience: 1e9, ..Crowd::default() };
        let mut people = People::new(&crowd, Some(100.0), 20_000, &mut Rng::with_seed(1));
        let in_first_second = (0..=1_000).map(|now| std::iter::from_fn(|| people.act(now)).count()).sum::<usize>();
        assert!((99..=101).contains(&in_first_second), "{in_first_second}");
        let hurried = Crowd { patience: 1.0, ..crowd };
        let people = People::new(&hurried, Some(100.0), 20_000, &mut Rng::with_seed(1));
        assert!(people.left < 250, "{}", people.left);
    }
}
