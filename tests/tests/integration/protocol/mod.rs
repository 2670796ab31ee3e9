//! Conformance of the script to the model, in a real Valkey, under random sequences of calls.
//!
//! Each step compares the reply and everything under the key. The model (`model/`) proves the properties of the
//! protocol for every order of events. This test shows that the model describes this script.

mod revisions;
mod steps;
mod stored;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use boxoffice::cache::{Begun, Cache, FillToken, LEASE, LIFETIME, Lookup, Merged, RENEWAL, Revision};
use boxoffice::context::RequestContext;
use boxoffice::domain::availability::Slot;
use boxoffice::domain::ids::{SeatLabel, TheaterId};
use boxoffice::domain::inventory::Inventory;
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice_model::key::{self, Call, Key, Merge, ProtocolTimes};
use boxoffice_tests::{Setup, World};
use proptest::prelude::*;
use redis::AsyncCommands;

use revisions::Revisions;
use steps::{Step, step};
use stored::{alike, revision, unpack};

const LIMITS: ProtocolTimes = ProtocolTimes {
    lease: LEASE.as_millis() as u64,
    longest: 8_000,
    keep: 10_000,
    renewal: RENEWAL.as_millis() as u64,
    life: LIFETIME.as_millis() as u64,
    skew: 10_000,
};

/// Versions of two layouts of one theater. The newer layout has one seat more.
const VERSIONS: [LayoutVersion; 2] = [LayoutVersion::new(7), LayoutVersion::new(8)];

/// A reply of the script, in terms of both the cache and the model.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Merged(Merged),
    Begun(key::Begun),
    Ended(bool),
    Peeked(Option<Vec<Slot>>),
}

/// Outcomes that all runs together must show, so that the test doesn't pass without comparing anything.
const SEEN: [&str; 13] = [
    "a fill",
    "a key that is complete",
    "a lease of another filler",
    "a merge",
    "a merge into a newer layout",
    "a merge that drops the key",
    "a newer layout",
    "a peek",
    "a peek at nothing",
    "a renewal that isn't due",
    "an end",
    "a rejected end",
    "an end that drops the key",
];

impl Answer {
    /// Returns the name of the outcome, given whether the key disappeared.
    fn name(&self, gone: bool) -> &'static str {
        match self {
            Self::Begun(key::Begun::Fill) => "a fill",
            Self::Begun(key::Begun::Complete) => "a key that is complete",
            Self::Begun(key::Begun::Leased(_)) => "a lease of another filler",
            Self::Begun(key::Begun::Behind) => "a newer layout",
            Self::Begun(key::Begun::Fresh) => "a renewal that isn't due",
            Self::Merged(Merged::Behind) => "a merge into a newer layout",
            Self::Merged(Merged::Done) if gone => "a merge that drops the key",
            Self::Merged(Merged::Done) => "a merge",
            Self::Peeked(Some(_)) => "a peek",
            Self::Peeked(None) => "a peek at nothing",
            Self::Ended(true) => "an end",
            Self::Ended(false) if gone => "an end that drops the key",
            Self::Ended(false) => "a rejected end",
        }
    }
}

struct Scenario {
    cache: Cache,
    inventories: [Inventory; 2],
    name: String,
    redis: redis::aio::MultiplexedConnection,
    callers_now: u64,
    ctx: RequestContext,
    /// For each filler, the token that it begins with and the token of its last answered begin.
    fillers: [(FillToken, Option<FillToken>); 2],
    /// The key at the last read, its revision, and Redis's clock then.
    key: Option<Key>,
    revision: Option<Revision>,
    now: u64,
}

impl Scenario {
    async fn new(world: &World, number: usize) -> Self {
        let theater = TheaterId::parse(&format!("play-{number}")).unwrap();
        let inventory = |version, labels: &[&str]| {
            let seats = labels.iter().map(|label| SeatLabel::parse(label).unwrap()).collect();
            Inventory::of_theater(Layout::new(theater.clone(), "T".into(), version, seats).unwrap())
        };
        Self {
            cache: world.cache(),
            inventories: [inventory(VERSIONS[0], &["A1", "A2"]), inventory(VERSIONS[1], &["A1", "A2", "A3"])],
            name: world.cache_key(theater.as_str()),
            redis: world.redis().await,
            callers_now: world.clock.now().as_millis(),
            ctx: RequestContext::default(),
            fillers: [(FillToken::new(), None), (FillToken::new(), None)],
            key: None,
            revision: None,
            now: 0,
        }
    }

    async fn run(
        mut self,
        steps: &[Step],
        seen: &RefCell<BTreeSet<&str>>,
        revisions: &RefCell<Revisions>,
    ) -> Result<(), TestCaseError> {
        self.read_key().await;
        for step in steps {
            let before = (self.key.clone(), self.revision);
            let names = self.compare(step).await?;
            seen.borrow_mut().extend(names);
            revisions.borrow_mut().judge(step, &before, (&self.key, self.revision))?;
            self.read_with_revision().await?;
        }
        Ok(())
    }

    /// Takes a step in Valkey. Returns the reply if the step is a call of the script.
    async fn take(&mut self, step: &Step) -> Option<Answer> {
        let ctx = &self.ctx;
        match step {
            Step::Merge(at, told, when) => {
                let (inventory, version) = (&self.inventories[*at].id, VERSIONS[*at]);
                let merged = self.cache.merge(ctx, inventory, version, told, *when).await.unwrap();
                return Some(Answer::Merged(merged));
            }
            Step::Begin(at, filler, why) => {
                let (own, answered) = &mut self.fillers[*filler];
                let begun = self.cache.begin(ctx, &self.inventories[*at], *why, *own).await.unwrap();
                return Some(Answer::Begun(match begun {
                    Begun::Fill(token) => {
                        *answered = Some(token);
                        key::Begun::Fill
                    }
                    Begun::Leased(left) => key::Begun::Leased(left.as_millis() as u64),
                    Begun::Complete(_) => key::Begun::Complete,
                    Begun::NotDue => key::Begun::Fresh,
                    Begun::Behind => key::Begun::Behind,
                }));
            }
            Step::End(at, filler, read) => {
                let inventory = &self.inventories[*at];
                let token = self.fillers[*filler].1?;
                let ended =
                    self.cache.end(ctx, inventory, token, &read[..inventory.layout.seats().len()]).await.unwrap();
                return Some(Answer::Ended(ended));
            }
            Step::Peek(at, seat_indexes) => {
                let inventory = &self.inventories[*at].id;
                let peeked = self.cache.peek(ctx, inventory, VERSIONS[*at], seat_indexes).await.unwrap();
                return Some(Answer::Peeked(peeked));
            }
            Step::Evict => self.redis.del(&self.name).await.unwrap(),
            Step::LeaseEnds(ago) => {
                let lease = self.now.strict_sub_signed(ago * 1_000);
                self.overwrite(26, &lease.to_be_bytes()[2..]).await;
            }
            Step::AnotherAttempt => self.overwrite(25, &[99]).await,
            Step::Age => self.redis.pexpire(&self.name, 10_000).await.unwrap(),
        }
        None
    }

    /// Reads the string with its revision, and with another revision.
    async fn read_with_revision(&self) -> Result<(), TestCaseError> {
        let inventory = self
            .inventories
            .iter()
            .find(|inventory| self.key.as_ref().is_some_and(|key| key.version == inventory.version));
        let (Some(inventory), Some(key), Some(now)) = (inventory, &self.key, self.revision) else { return Ok(()) };
        let other = Revision(now.0.map(|byte| !byte));
        let read_key = async |known| self.cache.read_unless(&self.ctx, &inventory.id, known).await.unwrap();
        match (key.complete, read_key(now).await, read_key(other).await) {
            (true, Lookup::Unchanged(told), Lookup::Complete(whole)) => {
                prop_assert_eq!((told.layout_version, told.ends_at.as_millis()), (key.version, key.ends));
                prop_assert!(told.is_of(inventory) && whole.revision() == now);
            }
            (false, Lookup::Miss, Lookup::Miss) => {}
            (_, again, whole) => prop_assert!(false, "{key:?}\n{again:?}\n{whole:?}"),
        }
        Ok(())
    }

    /// Overwrites bytes of the header if a fill is running.
    async fn overwrite(&mut self, at: isize, bytes: &[u8]) {
        if self.key.as_ref().is_some_and(|key| key.token != key::NO_TOKEN) {
            let _: usize = self.redis.setrange(&self.name, at, bytes).await.unwrap();
        }
    }

    /// Takes a step in the model. Returns the reply if the step is a call of the script.
    fn step_in_model(&self, step: &Step, key: &mut Option<Key>, now: u64) -> Option<Answer> {
        let call = |at: &usize, key| Call { key, now, version: VERSIONS[*at], times: LIMITS };
        Some(match step {
            Step::Merge(at, told, when) => Answer::Merged(match call(at, key).merge(told, *when) {
                Merge::Taken | Merge::Nothing => Merged::Done,
                Merge::Behind => Merged::Behind,
            }),
            Step::Begin(at, filler, why) => {
                let mut token = self.fillers[*filler].0.bytes();
                token[15] = 1;
                Answer::Begun(call(at, key).begin(self.inventories[*at].layout.seats().len(), token, *why))
            }
            Step::End(at, filler, read) => {
                let token = self.fillers[*filler].1?.bytes();
                Answer::Ended(call(at, key).end(
                    token,
                    &read[..self.inventories[*at].layout.seats().len()],
                    self.callers_now,
                ))
            }
            Step::Peek(at, seat_indexes) => Answer::Peeked(call(at, key).peek(seat_indexes)),
            _ => return None,
        })
    }

    /// Takes a step in both. The script ran at some instant between two reads of Redis's clock. At one of these
    /// instants the model must return the same reply and leave the same key. Returns the name of the outcome, if there
    /// was a reply.
    async fn compare(&mut self, step: &Step) -> Result<Option<&'static str>, TestCaseError> {
        let before = self.key.clone();
        let from = self.now;
        let answer = self.take(step).await;
        self.read_key().await;
        let to = self.now;
        let Some(seen) = answer.as_ref().map(|answer| answer.name(before.is_some() && self.key.is_none())) else {
            return Ok(None);
        };
        let mirror = |now| {
            let mut key = before.clone().filter(|key| key.until > now);
            let answer = self.step_in_model(step, &mut key, now);
            (answer, key.filter(|key| key.until > to))
        };
        let same = |(step_in_model, key): &(Option<Answer>, Option<Key>)| {
            *step_in_model == answer && alike(key.as_ref(), self.key.as_ref(), to - from + 1)
        };
        let real = (&answer, &self.key);
        prop_assert!((from..=to).map(mirror).any(|it| same(&it)), "{before:?}\n{real:?}\n{:?}", mirror(from));
        Ok(Some(seen))
    }

    /// Reads everything under the key.
    async fn read_key(&mut self) {
        let mut read_key = redis::pipe();
        read_key.atomic().get(&self.name).cmd("PEXPIRETIME").arg(&self.name).cmd("TIME");
        let (bytes, until, time): (Option<Vec<u8>>, i64, (u64, u64)) =
            read_key.query_async(&mut self.redis).await.unwrap();
        self.revision = bytes.as_deref().map(revision);
        self.key = bytes.map(|bytes| unpack(&bytes, u64::try_from(until).expect("a key that ends")));
        self.now = time.0 * 1_000 + time.1 / 1_000;
    }
}

#[test]
fn the_script_does_what_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The deadline is long enough that no call is repeated.
    let world = runtime.block_on(World::on(Setup { cache_deadline: Duration::from_secs(120), ..Setup::shared() }));
    let (number, seen, revisions) = (Cell::new(0), RefCell::new(BTreeSet::new()), RefCell::new(Revisions::default()));
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60))| {
        number.set(number.get() + 1);
        runtime.block_on(async { Scenario::new(&world, number.get()).await.run(&steps, &seen, &revisions).await })?;
    });
    assert_eq!(seen.into_inner(), BTreeSet::from(SEEN));
    revisions.into_inner().were_of_many_kinds();
}
