//! A theater's key and the operations of `availability.lua` on it, without Redis and without bytes.
//!
//! `tests/tests/integration/protocol` compares the model with the script. A key with corrupt bytes or in another
//! format can't be represented here. The script treats it as no key.

use boxoffice::cache::{FillReason, WhenBehind};
use boxoffice::domain::availability::{SeatState, Slot, SlotUpdate};
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::seat_index::SeatIndex;

/// Id of a filler. Its last byte numbers the attempts to begin.
pub type Token = [u8; 16];

/// Token of a key that no filler holds.
pub const NO_TOKEN: Token = [0; 16];

/// Value of a theater's key. Times are milliseconds of Redis's clock unless noted otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// `true` if readers may use it.
    pub complete: bool,
    /// Round of filling, 1 to 255.
    pub round: u8,
    /// `true` if a slot was merged in this round.
    pub merged: bool,
    /// Version of the layout whose seat indexes it uses.
    pub version: LayoutVersion,
    /// The current filler, or [`NO_TOKEN`].
    pub token: Token,
    /// End of the filler's lease.
    pub lease: u64,
    /// Length of that lease when it began.
    pub span: u64,
    /// End of the key's life, by the filler's clock. 0 while incomplete.
    pub ends: u64,
    /// Time at which Redis drops the key.
    pub until: u64,
    /// One slot per seat, in layout order.
    pub slots: Vec<Known>,
}

/// A slot and the round of its merge, or round 0 if it was filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    pub slot: Slot,
    pub round: u8,
}

/// Times of the protocol, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolTimes {
    /// First lease of a fill.
    pub lease: u64,
    /// Longest lease, after takeovers.
    pub longest: u64,
    /// Lifetime of an incomplete key.
    pub keep: u64,
    /// Remaining lifetime below which a complete key may be renewed.
    pub renewal: u64,
    /// Lifetime of a complete key, from the begin of its fill.
    pub life: u64,
    /// Maximum difference of two clocks.
    pub skew: u64,
}

/// Result of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The key accepted it.
    Taken,
    /// There was no key to merge into, or the merge dropped it.
    Nothing,
    /// The key has a newer layout.
    Behind,
}

/// Result of a begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The caller may fill.
    Fill,
    /// The key doesn't need a renewal yet.
    Fresh,
    /// The key's layout is newer.
    Behind,
    /// Another filler's lease lasts this many more milliseconds.
    Leased(u64),
    /// The key is already complete.
    Complete,
}

/// A call of the script: the key, Redis's clock, and the caller's layout version.
#[derive(Debug)]
pub struct Call<'a> {
    pub key: &'a mut Option<Key>,
    pub now: u64,
    /// Version of the caller's layout.
    pub version: LayoutVersion,
    pub times: ProtocolTimes,
}

impl Call<'_> {
    /// Merges the slots with larger stamps.
    pub fn merge(self, news: &[SlotUpdate], when_behind: WhenBehind) -> Merge {
        let Some(key) = self.key.as_mut() else { return Merge::Nothing };
        if key.version > self.version && when_behind == WhenBehind::Keep {
            return Merge::Behind;
        }
        let ours = key.version == self.version;
        if !ours || !news.iter().all(|learned| key.take(*learned, self.times.skew)) {
            *self.key = None;
            return Merge::Nothing;
        }
        Merge::Taken
    }

    /// Begins a fill, unless it isn't needed or another filler is active.
    pub fn begin(self, seats: usize, token: Token, why: FillReason) -> Begun {
        let known = self.key.as_ref();
        if known.is_some_and(|key| key.version > self.version) {
            return Begun::Behind;
        }
        let mut known = known.filter(|key| key.version == self.version && key.slots.len() == seats);
        if known.is_some_and(|key| key.token == token) {
            return Begun::Fill;
        }
        let ours = known.is_some_and(|key| key.token[..15] == token[..15]);
        let is_held_by_other = |key: &Key| !ours && key.token != NO_TOKEN;
        let mut held = known
            .filter(|key| is_held_by_other(key) && key.lease > self.now && key.lease - self.now <= self.times.longest)
            .map(|key| key.lease - self.now);
        if let Some(key) = known.filter(|key| key.complete) {
            match why {
                FillReason::Missing => return Begun::Complete,
                FillReason::Renewal if held.is_some() || key.until > self.now + self.times.renewal => {
                    return Begun::Fresh;
                }
                FillReason::Renewal => {}
                FillReason::Unreadable => (known, held) = (None, None),
            }
        }
        if let Some(left) = held {
            return Begun::Leased(left);
        }
        let key = match known {
            Some(key) => {
                let doubled = (key.span * 2).min(self.times.longest).max(self.times.lease);
                let span = if is_held_by_other(key) { doubled } else { self.times.lease };
                let until = if key.complete { key.until } else { self.now + self.times.keep };
                let round = key.round % 255 + 1;
                let lease = self.now + span;
                Key { round, merged: false, token, lease, span, until, ..key.clone() }
            }
            None => self.blank(seats, token),
        };
        *self.key = Some(key);
        Begun::Fill
    }

    /// Ends a fill with the slots that were read. Returns `true` if they were accepted.
    pub fn end(self, token: Token, read: &[Slot], callers_now: u64) -> bool {
        let Some(key) = self.key.as_mut() else { return false };
        if key.version != self.version || key.token != token || key.slots.len() != read.len() {
            return false;
        }
        // The slots are as old as the begin, so their lifetime starts there.
        let Some(left @ 1..) = (self.times.life + key.lease).checked_sub(self.now + key.span) else { return false };
        // By another clock, the begin may be in the future.
        let left = left.min(self.times.life);
        let (merged, round, skew) = (key.merged, key.round, self.times.skew);
        for (known, read) in key.slots.iter_mut().zip(read) {
            let in_this_round = merged && known.round == round;
            if in_this_round && is_order_uncertain(known.slot, *read, skew) {
                *self.key = None;
                return false;
            }
            if !(in_this_round && known.slot > *read) {
                *known = Known { slot: *read, round: 0 };
            }
        }
        (key.complete, key.merged, key.token, key.lease, key.span) = (true, false, NO_TOKEN, 0, 0);
        (key.ends, key.until) = (callers_now + left, self.now + left);
        true
    }

    /// Returns the slots at these seat indexes, if the key is complete and has them.
    pub fn peek(self, seat_indexes: &[SeatIndex]) -> Option<Vec<Slot>> {
        let key = self.key.as_ref().filter(|key| key.complete && key.version == self.version)?;
        seat_indexes.iter().map(|seat_index| Some(key.slots.get(seat_index.as_usize())?.slot)).collect()
    }

    fn blank(&self, seats: usize, token: Token) -> Key {
        let ProtocolTimes { lease: span, keep, .. } = self.times;
        Key {
            complete: false,
            round: 1,
            merged: false,
            version: self.version,
            token,
            lease: self.now + span,
            span,
            ends: 0,
            until: self.now + keep,
            slots: vec![Known::default(); seats],
        }
    }
}

impl Key {
    /// Merges a slot if it is later. Returns `false` if the order of the two slots is uncertain.
    fn take(&mut self, learned: SlotUpdate, skew: u64) -> bool {
        let known = self.slots.get_mut(learned.seat_index.as_usize());
        let Some(known) = known else { return true };
        if is_order_uncertain(known.slot, learned.slot, skew) {
            return false;
        }
        if learned.slot > known.slot {
            *known = Known { slot: learned.slot, round: self.round };
            self.merged = true;
        }
        true
    }
}

/// Returns `true` if the order of two slots of a seat may differ from the order of their stamps.
///
/// That is possible if the slot with the larger stamp is a reservation that may have expired before the other write,
/// given the difference of clocks.
pub(crate) fn is_order_uncertain(a: Slot, b: Slot, skew: u64) -> bool {
    let (smaller, larger) = (a.min(b), a.max(b));
    let SeatState::Reserved { expires_at } = larger.state else { return false };
    smaller.changed_at.as_millis() > 0
        && larger.changed_at > smaller.changed_at
        && expires_at.as_secs() * 1_000 <= smaller.changed_at.as_millis() + skew
}
