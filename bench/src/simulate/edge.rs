//! A CDN in front of reads. Each of its edge locations keeps an answer for a short time.

use super::counters::{Component, Counters};
use super::limits::TokenBucket;
use super::parameters::Edge;
use super::stack::{ReadResult, Services};
use super::venue::{Person, Seats};

/// Round trip between a caller and an edge location (ms): assumed.
const NETWORK: f64 = 15.0;

/// All edge locations.
#[derive(Debug)]
pub(super) struct EdgeLocations {
    lifetime: f64,
    places: u16,
    sections: u16,
    rate: TokenBucket,
    kept: Vec<CachedAnswer>,
}

/// A cached answer of an edge location.
#[derive(Clone, Debug)]
struct CachedAnswer {
    at: f64,
    version: Option<u32>,
    /// The seats that the answer shows as available.
    shown: Vec<u16>,
}

impl EdgeLocations {
    pub(super) fn new(edge: &Edge, sections: u16) -> Self {
        let (places, sections) = (edge.places.max(1), sections.max(1));
        let kept = CachedAnswer { at: f64::NEG_INFINITY, version: None, shown: Vec::new() };
        Self {
            lifetime: edge.lifetime,
            places,
            sections,
            rate: TokenBucket::new(edge.rate, edge.rate),
            kept: vec![kept; usize::from(places) * usize::from(sections)],
        }
    }

    /// Returns the index of a section's cached answer in the caller's edge location.
    fn kept(&self, person: Person, section: u16) -> usize {
        let place = (person / u32::from(self.sections)) % u32::from(self.places);
        place as usize * usize::from(self.sections) + usize::from(section)
    }

    /// Returns the seats that the caller's edge location shows as available.
    pub(super) fn shown(&self, person: Person, section: u16) -> &[u16] {
        &self.kept[self.kept(person, section)].shown
    }

    /// Reads a section from the cached answer, or renews that first. If the renewal fails, the old answer is used.
    pub(super) fn look(
        &mut self,
        now: f64,
        (person, section, seen): (Person, u16, u32),
        serving: &mut Services,
        seats: &Seats,
        counters: &mut Counters,
    ) -> ReadResult {
        if !self.rate.take(now) {
            counters.refused(Component::Edge, now);
            return ReadResult { took: NETWORK, version: None };
        }
        counters.passed(Component::Edge, 1.0, 0.0);
        counters.edge_requests += 1;
        let place = self.kept(person, section);
        let mut took = NETWORK;
        let kept = &mut self.kept[place];
        if now - kept.at >= self.lifetime {
            let known = kept.version.map_or(0, |version| version + 1);
            let looked = serving.look(now, section, known, seats, counters);
            took += looked.took;
            if looked.version.is_some() {
                kept.version = looked.version;
                kept.shown = seats.pick(0, u32::MAX);
            }
            // Concurrent callers wait for the renewal or get the old answer. In both cases no other renewal starts
            // before the answer's end.
            kept.at = now;
        } else {
            counters.from_edge += 1;
        }
        let kept = &self.kept[place];
        let unchanged = kept.version.is_some_and(|version| version + 1 == seen);
        if kept.version.is_some() {
            counters.edge_bytes += serving.answer(unchanged, None, seats);
        }
        ReadResult { took, version: kept.version }
    }
}
