//! A theater's key and the script's operations on it: what `availability.lua` does, without Redis and without bytes.
//!
//! `tests/tests/integration/protocol` holds the two against each other. What can't be said here is a key that is no
//! key of ours (spoilt bytes, another format); the script treats it as none.

use boxoffice::cache::{FillReason, WhenBehind};
use boxoffice::rules::availability::{LearnedSlot, SeatState, Slot};

/// Who is filling: its last byte numbers the attempts to begin.
pub type Token = [u8; 16];

/// The token of nobody.
pub const NOBODY: Token = [0; 16];

/// What stands under a theater's key. Times are milliseconds of Redis's clock unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Whether readers may use it.
    pub complete: bool,
    /// The round of filling, 1 to 255.
    pub round: u8,
    /// Whether something was merged in this round.
    pub merged: bool,
    /// The layout whose positions it uses.
    pub version: u64,
    /// Who is filling, or [`NOBODY`].
    pub token: Token,
    /// Until when that is its alone.
    pub lease: u64,
    /// How long that lease was from its begin.
    pub span: u64,
    /// When the key ends, by the clock of whoever filled it; 0 while incomplete.
    pub ends: u64,
    /// When Redis drops the key.
    pub until: u64,
    /// One per seat, in layout order.
    pub slots: Vec<Known>,
}

/// A slot and the round in which it was merged, 0 if it was filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// What is known of the seat.
    pub slot: Slot,
    /// The round.
    pub round: u8,
}

/// The times that the protocol is run with, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The first lease of a fill.
    pub lease: u64,
    /// The longest, after take-overs.
    pub longest: u64,
    /// How long an incomplete key is kept.
    pub keep: u64,
    /// With so little left a complete key may be renewed.
    pub renewal: u64,
    /// How long a complete key lives, from the begin of its fill.
    pub life: u64,
    /// What two clocks may differ by.
    pub skew: u64,
}

/// What a merge answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The key took it.
    Taken,
    /// There was nothing to merge into, or is no longer.
    Nothing,
    /// The key has a newer layout.
    Behind,
}

/// What a begin answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is the caller's turn.
    Fill,
    /// No need to renew.
    Fresh,
    /// The key's layout is newer.
    Behind,
    /// Somebody else has so many milliseconds left.
    Held(u64),
    /// It is complete.
    Complete,
}

/// A call of the script: on which key, at which instant of Redis's clock, by the layout of which version.
#[derive(Debug)]
pub struct Call<'a> {
    /// What stands under the key.
    pub key: &'a mut Option<Key>,
    /// Redis's clock.
    pub now: u64,
    /// The caller's layout.
    pub version: u64,
    /// The protocol's times.
    pub limits: Limits,
}

impl Call<'_> {
    /// Takes each slot whose stamp is larger.
    pub fn merge(self, news: &[LearnedSlot], when_behind: WhenBehind) -> Merge {
        let Some(key) = self.key.as_mut() else { return Merge::Nothing };
        if key.version > self.version && when_behind == WhenBehind::Tell {
            return Merge::Behind;
        }
        let ours = key.version == self.version;
        if !ours || !news.iter().all(|learned| key.take(*learned, self.limits.skew)) {
            *self.key = None;
            return Merge::Nothing;
        }
        Merge::Taken
    }

    /// Begins to fill, unless there is no need or somebody else is at it.
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
        let somebodys = |key: &Key| !ours && key.token != NOBODY;
        let mut held = known
            .filter(|key| somebodys(key) && key.lease > self.now && key.lease - self.now <= self.limits.longest)
            .map(|key| key.lease - self.now);
        if let Some(key) = known.filter(|key| key.complete) {
            match why {
                FillReason::Missing => return Begun::Complete,
                FillReason::Renewal if held.is_some() || key.until > self.now + self.limits.renewal => {
                    return Begun::Fresh;
                }
                FillReason::Renewal => {}
                FillReason::Unreadable => (known, held) = (None, None),
            }
        }
        if let Some(left) = held {
            return Begun::Held(left);
        }
        let key = match known {
            Some(key) => {
                let doubled = (key.span * 2).min(self.limits.longest).max(self.limits.lease);
                let span = if somebodys(key) { doubled } else { self.limits.lease };
                let until = if key.complete { key.until } else { self.now + self.limits.keep };
                let round = key.round % 255 + 1;
                let lease = self.now + span;
                Key { round, merged: false, token, lease, span, until, ..key.clone() }
            }
            None => self.blank(seats, token),
        };
        *self.key = Some(key);
        Begun::Fill
    }

    /// Ends filling with what was read; whether that was taken.
    pub fn end(self, token: Token, read: &[Slot], callers_now: u64) -> bool {
        let Some(key) = self.key.as_mut() else { return false };
        if key.version != self.version || key.token != token || key.slots.len() != read.len() {
            return false;
        }
        // What was read is as old as the begin, so its life is counted from there.
        let Some(left @ 1..) = (self.limits.life + key.lease).checked_sub(self.now + key.span) else { return false };
        // The begin may lie in the future of another clock.
        let left = left.min(self.limits.life);
        let (merged, round, skew) = (key.merged, key.round, self.limits.skew);
        for (known, read) in key.slots.iter_mut().zip(read) {
            let in_this_round = merged && known.round == round;
            if in_this_round && doubtful(known.slot, *read, skew) {
                *self.key = None;
                return false;
            }
            if !(in_this_round && known.slot > *read) {
                *known = Known { slot: *read, round: 0 };
            }
        }
        (key.complete, key.merged, key.token, key.lease, key.span) = (true, false, NOBODY, 0, 0);
        (key.ends, key.until) = (callers_now + left, self.now + left);
        true
    }

    /// The slots at these positions, if the key is complete and has them.
    pub fn peek(self, positions: &[u32]) -> Option<Vec<Slot>> {
        let key = self.key.as_ref().filter(|key| key.complete && key.version == self.version)?;
        positions.iter().map(|position| Some(key.slots.get(usize::try_from(*position).ok()?)?.slot)).collect()
    }

    fn blank(&self, seats: usize, token: Token) -> Key {
        let Limits { lease: span, keep, .. } = self.limits;
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
    /// Takes a slot if it is later; whether its order can be told.
    fn take(&mut self, learned: LearnedSlot, skew: u64) -> bool {
        let known = usize::try_from(learned.position).ok().and_then(|position| self.slots.get_mut(position));
        let Some(known) = known else { return true };
        if doubtful(known.slot, learned.slot, skew) {
            return false;
        }
        if learned.slot > known.slot {
            *known = Known { slot: learned.slot, round: self.round };
            self.merged = true;
        }
        true
    }
}

/// Whether two slots of a seat may be in the other order than their stamps: the larger stamp is a reservation's that
/// had ended, as far as clocks can tell, when the smaller one was written.
pub(crate) fn doubtful(a: Slot, b: Slot, skew: u64) -> bool {
    let (smaller, larger) = (a.min(b), a.max(b));
    let SeatState::Reserved { expires_at } = larger.state else { return false };
    smaller.changed_at.0 > 0
        && larger.changed_at > smaller.changed_at
        && expires_at.0 * 1_000 <= smaller.changed_at.0 + skew
}
