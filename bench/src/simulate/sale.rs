//! The on-sale. Time advances by milliseconds, and people act when they have something to do.

use fastrand::Rng;

use super::counters::{Component, Counters};
use super::edge::EdgeLocations;
use super::parameters::{Crowd, Parameters};
use super::people::{Next, People, exponential};
use super::stack::{Purpose, ReadResult, Services, Write, popular_index};
use super::venue::{Person, Seats};

/// The state of the simulation.
pub(super) struct Sale<'a> {
    parameters: &'a Parameters,
    rng: Rng,
    pub(super) seats: Seats,
    people: People,
    pub(super) serving: Services,
    edge: Option<EdgeLocations>,
    pub(super) counters: Counters,
    /// The end of the sale (ms).
    pub(super) ended: u32,
}

impl<'a> Sale<'a> {
    /// Creates the state before the opening.
    pub(super) fn new(parameters: &'a Parameters) -> Option<Self> {
        let mut rng = Rng::with_seed(parameters.seed);
        let stack = &parameters.stack;
        let people = People::new(&parameters.crowd, stack.waiting_room, parameters.horizon * 1_000, &mut rng);
        Some(Self {
            seats: Seats::new(parameters.venue.seats, stack.sections),
            people,
            serving: Services::new(parameters),
            edge: stack.edge.as_ref().map(|edge| EdgeLocations::new(edge, stack.sections)),
            counters: Counters::new()?,
            rng,
            parameters,
            ended: 0,
        })
    }

    /// Runs until everything is sold, everybody has left, or time is up.
    pub(super) fn run(&mut self) {
        for now in 0..=self.parameters.horizon * 1_000 {
            self.ended = now;
            if self.seats.next_end().is_some_and(|end| end <= now) {
                self.seats.expire_reservations(now);
            }
            self.serving.advance(u64::from(now));
            while let Some(person) = self.people.act(now) {
                self.act(person, now);
            }
            if now % 1_000 == 999 {
                self.counters.second_over(self.seats.booked());
                if self.people.left == 0 || self.seats.booked() == u32::from(self.parameters.venue.seats) {
                    return;
                }
            }
        }
    }

    fn act(&mut self, person: Person, now: u32) {
        match self.people.one(person).next {
            Next::Look => self.look(person, now),
            Next::Reserve => self.write(person, now, Purpose::Reserve),
            Next::Book => self.write(person, now, Purpose::Book),
            Next::Reserving => self.reserve(person, now),
            Next::Booking => self.book(person, now),
        }
    }

    fn look(&mut self, person: Person, at: u32) {
        let now = f64::from(at);
        let one = *self.people.one(person);
        if at >= one.leaves {
            self.people.left -= 1;
            return;
        }
        // The caller's section and edge location depend on their number.
        let section = u16::try_from(person % u32::from(self.parameters.stack.sections.max(1))).unwrap_or(0);
        let looked = match &mut self.edge {
            None => self.serving.look(now, section, one.seen, &self.seats, &mut self.counters),
            Some(edge) => {
                edge.look(now, (person, section, one.seen), &mut self.serving, &self.seats, &mut self.counters)
            }
        };
        let ReadResult { took, version: Some(version) } = looked else {
            return self.refused(person, now + looked.took, Next::Look);
        };
        self.counters.looked(took);
        let one = self.people.one(person);
        (one.seen, one.refusals) = (version + 1, 0);
        self.decide(person, section, now + took);
    }

    /// Decides the next action of a person who has seen the seats.
    fn decide(&mut self, person: Person, section: u16, now: f64) {
        let Crowd { poll, poll_sold_out, tries, thinking, popularity, .. } = self.parameters.crowd;
        let shown = self.edge.as_ref().map(|edge| edge.shown(person, section));
        let available = shown.map_or(self.seats.available(), |shown| u32::try_from(shown.len()).unwrap_or(0));
        let around = 0.5 + self.rng.f64();
        if available == 0 {
            return self.people.schedule(person, now + poll_sold_out * 1_000.0 * around, Next::Look);
        }
        if self.rng.f64() >= tries {
            return self.people.schedule(person, now + poll * 1_000.0 * around, Next::Look);
        }
        let wanted = wanted(&self.parameters.crowd, &mut self.rng);
        let nth = popular_index(self.rng.f64(), popularity, available);
        let chosen = match shown {
            None => self.seats.pick(nth, wanted),
            Some(shown) => shown.iter().skip(nth as usize).take(wanted as usize).copied().collect(),
        };
        let asks = now + exponential(thinking, &mut self.rng) * 1_000.0;
        let one = self.people.one(person);
        one.choose(&chosen);
        self.asks_at(person, asks, Next::Reserve);
    }

    fn write(&mut self, person: Person, at: u32, purpose: Purpose) {
        let now = f64::from(at);
        let one = *self.people.one(person);
        if purpose == Purpose::Reserve && at >= one.leaves {
            self.people.left -= 1;
            return;
        }
        let (again, next) = match purpose {
            Purpose::Reserve => (Next::Reserve, Next::Reserving),
            Purpose::Book => (Next::Book, Next::Booking),
        };
        match self.serving.write(now, purpose, one.seats(), &self.seats, &mut self.counters) {
            Write::Refused(took) => {
                self.counters.writes_refused += 1;
                self.refused(person, now + took, again);
            }
            Write::Taken(took) => {
                self.counters.conflicts_early += 1;
                self.people.schedule(person, now + took, Next::Look);
            }
            Write::Decided(took) => self.people.schedule(person, now + took, next),
        }
    }

    /// Decides a reservation in DynamoDB.
    fn reserve(&mut self, person: Person, now: u32) {
        self.decided(person, now);
        let until = now + self.parameters.venue.reservation * 1_000;
        let one = *self.people.one(person);
        if !self.seats.reserve(one.seats(), person, until) {
            self.counters.conflicts_late += 1;
            return self.people.schedule(person, f64::from(now), Next::Look);
        }
        self.counters.reserved += 1;
        let Crowd { abandon, paying, .. } = self.parameters.crowd;
        if self.rng.f64() < abandon {
            self.people.left -= 1;
            return;
        }
        let pays = f64::from(now) + paying * 1_000.0 * (1.0 + 4.0 * self.rng.f64()) / 3.0;
        self.asks_at(person, pays, Next::Book);
    }

    /// Decides a booking in DynamoDB.
    fn book(&mut self, person: Person, now: u32) {
        self.decided(person, now);
        let one = *self.people.one(person);
        if self.seats.book(one.seats(), person) {
            self.counters.bookings += 1;
            self.people.left -= 1;
        } else {
            self.counters.bookings_too_late += 1;
            self.people.schedule(person, f64::from(now), Next::Look);
        }
    }

    fn asks_at(&mut self, person: Person, at: f64, next: Next) {
        self.people.schedule(person, at, next);
        self.people.one(person).since = u32::try_from(super::units::whole(at)).unwrap_or(u32::MAX);
    }

    fn decided(&mut self, person: Person, now: u32) {
        let one = self.people.one(person);
        one.refusals = 0;
        self.counters.write_times.saturating_record(super::units::micros(f64::from(now - one.since.min(now))));
    }

    /// Schedules a repeat after a pause that doubles.
    fn refused(&mut self, person: Person, now: f64, again: Next) {
        let Crowd { pause, longest_pause, .. } = self.parameters.crowd;
        let one = self.people.one(person);
        let doubled = pause * f64::from(1_u32 << one.refusals.min(10));
        one.refusals = one.refusals.saturating_add(1);
        let around = 0.5 + self.rng.f64();
        self.people.schedule(person, now + doubled.min(longest_pause) * 1_000.0 * around, again);
    }
}

/// Returns the number of seats that a person wants.
fn wanted(crowd: &Crowd, rng: &mut Rng) -> u32 {
    let mut share = rng.f64();
    for (wanted, portion) in (1..).zip(crowd.wanted) {
        if share < portion {
            return wanted;
        }
        share -= portion;
    }
    1
}

/// The components in the order in which a request passes them.
pub(super) const COMPONENTS: [Component; 6] =
    [Component::Edge, Component::Gateway, Component::Lambda, Component::Cache, Component::Reads, Component::Writes];
