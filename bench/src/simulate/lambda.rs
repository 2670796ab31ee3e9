//! Lambda: one event at a time per instance, cold starts, and a concurrency limit that all functions share.

use super::limits::TokenBucket;
use super::units::whole;

/// The longest time that an instance can be busy (ms). Busy instances are indexed by the millisecond in which they
/// finish.
const MAX_BUSY_MS: usize = 1 << 14;

/// The concurrency of an account.
#[derive(Debug)]
pub(super) struct Account {
    limit: u32,
    /// Concurrency that reads can't use.
    reserved_for_writes: u32,
    /// Busy instances of reads and of writes.
    busy: [u32; 2],
    /// The peak of busy instances.
    pub(super) most: u32,
}

/// The kind of a function. It decides the usable part of the account's concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FunctionKind {
    /// get-seats
    Looks = 0,
    /// reserve, book
    Writes = 1,
}

/// The instances of a function.
#[derive(Debug)]
pub(super) struct Function {
    kind: FunctionKind,
    idle: Vec<u32>,
    /// The instances that become idle, by millisecond.
    ends: Vec<Vec<u32>>,
    /// The next millisecond to process.
    now: u64,
    /// The number of started instances.
    pub(super) started: u32,
    provisioned: u32,
    starts: TokenBucket,
}

/// An instance that has taken an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instance {
    pub(super) id: u32,
    /// `true` if the instance had to be started.
    pub(super) is_cold: bool,
}

impl Account {
    pub(super) fn new(limit: u32, reserved_for_writes: u32) -> Self {
        Self { limit, reserved_for_writes, busy: [0; 2], most: 0 }
    }

    fn has_room(&self, kind: FunctionKind) -> bool {
        let [looks, writes] = self.busy;
        // The reserved part is closed to reads. Writes use it first.
        let looks_may_have = self.limit - self.reserved_for_writes.min(self.limit);
        looks + writes < self.limit && (kind == FunctionKind::Writes || looks < looks_may_have)
    }

    /// Returns the number of busy instances.
    pub(super) fn busy(&self) -> u32 {
        self.busy.iter().sum()
    }
}

impl Function {
    pub(super) fn new(kind: FunctionKind, provisioned: u32, instances_per_10_s: f64) -> Self {
        Self {
            kind,
            idle: (0..provisioned).collect(),
            ends: vec![Vec::new(); MAX_BUSY_MS],
            now: 0,
            started: 0,
            provisioned,
            starts: TokenBucket::new(instances_per_10_s / 10.0, instances_per_10_s),
        }
    }

    /// Gives an event to an instance, if the limits allow one.
    pub(super) fn take(&mut self, now: f64, account: &mut Account) -> Option<Instance> {
        if !account.has_room(self.kind) {
            return None;
        }
        let (id, is_cold) = match self.idle.pop() {
            Some(id) => (id, false),
            None if self.starts.take(now) => {
                self.started += 1;
                (self.provisioned + self.started - 1, true)
            }
            None => return None,
        };
        account.busy[self.kind as usize] += 1;
        account.most = account.most.max(account.busy());
        Some(Instance { id, is_cold })
    }

    /// Records the time at which the instance will finish.
    pub(super) fn busy_until(&mut self, instance: Instance, end: f64) {
        let latest = self.now + MAX_BUSY_MS as u64 - 1;
        let end = whole(end.ceil()).clamp(self.now, latest);
        self.ends[slot(end)].push(instance.id);
    }

    /// Makes all instances idle that have finished by now (ms).
    pub(super) fn advance(&mut self, now: u64, account: &mut Account) {
        while self.now <= now {
            let done = &mut self.ends[slot(self.now)];
            account.busy[self.kind as usize] -= u32::try_from(done.len()).unwrap_or(0);
            self.idle.append(done);
            self.now += 1;
        }
    }
}

fn slot(end: u64) -> usize {
    usize::try_from(end % MAX_BUSY_MS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_is_reused_only_after_it_is_done() {
        let mut account = Account::new(2, 0);
        let mut function = Function::new(FunctionKind::Looks, 0, 1_000.0);
        let first = function.take(0.0, &mut account).unwrap();
        assert!(first.is_cold);
        function.busy_until(first, 10.0);
        let second = function.take(5.0, &mut account).unwrap();
        assert!(second.is_cold);
        function.busy_until(second, 20.0);
        assert!(function.take(9.0, &mut account).is_none(), "two is the limit");
        function.advance(10, &mut account);
        let third = function.take(10.5, &mut account).unwrap();
        assert_eq!((third.id, third.is_cold, function.started), (first.id, false, 2));
    }

    #[test]
    fn reads_do_not_use_concurrency_reserved_for_writes() {
        let mut account = Account::new(3, 2);
        let mut looks = Function::new(FunctionKind::Looks, 0, 1_000.0);
        let mut writes = Function::new(FunctionKind::Writes, 0, 1_000.0);
        assert!(looks.take(0.0, &mut account).is_some());
        assert!(looks.take(0.0, &mut account).is_none());
        assert!(writes.take(0.0, &mut account).is_some());
        assert!(writes.take(0.0, &mut account).is_some());
        assert!(writes.take(0.0, &mut account).is_none());
    }

    #[test]
    fn instance_starts_are_limited_per_ten_seconds() {
        let mut account = Account::new(1_000, 0);
        let mut function = Function::new(FunctionKind::Looks, 5, 100.0);
        let taken = (0..500).filter(|_| function.take(0.0, &mut account).is_some()).count();
        assert_eq!((taken, function.started), (105, 100));
    }
}
