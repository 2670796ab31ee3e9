//! The cache protocol under random sequences of everything that may happen, against the real script in a real Valkey.
//!
//! Held at every step: a complete string never lacks a write whose caller was answered (its merge was delivered, or
//! tried and found nothing to merge into), and never shows what the table never held. Held at the end: once all is
//! delivered and a fill went through, cached is stored.

use boxoffice::cache::{Begun, Cache, FillReason, FillToken, Lookup, WhenBehind};
use boxoffice::rules::availability::{LearnedSlot, SeatState, Slot, merge};
use boxoffice::rules::layout::Layout;
use boxoffice::rules::names::{SeatLabel, TheaterId};
use boxoffice::rules::time::{EpochMillis, EpochSeconds};
use boxoffice::tally::Tally;
use boxoffice_tests::World;
use proptest::prelude::*;
use redis::AsyncCommands;

const SEATS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// DynamoDB accepts a write of this seat.
    Write(usize),
    /// The merge of one of the writes so far is delivered; late, or once more.
    Deliver(usize),
    /// A filler begins, on what is missing or on what ends soon.
    Begin(usize, FillReason),
    /// A filler that has begun reads the table.
    Read(usize),
    /// A filler that has read ends.
    End(usize),
    /// The key goes away.
    Evict,
    /// Whoever is filling has had its time.
    LeaseEnds,
}

fn step() -> impl Strategy<Value = Step> {
    let filler = 0..2_usize;
    prop_oneof![
        3 => (0..SEATS).prop_map(Step::Write),
        4 => any::<prop::sample::Index>().prop_map(|index| Step::Deliver(index.index(1_000))),
        3 => filler.clone().prop_map(|filler| Step::Begin(filler, FillReason::Missing)),
        2 => filler.clone().prop_map(|filler| Step::Begin(filler, FillReason::Renewal)),
        4 => filler.clone().prop_map(Step::Read),
        4 => filler.prop_map(Step::End),
        1 => Just(Step::Evict),
        2 => Just(Step::LeaseEnds),
    ]
}

/// A filler: nothing begun, begun, or begun and read.
#[derive(Clone, Default)]
struct Filler {
    token: Option<FillToken>,
    read: Option<Vec<Slot>>,
}

struct Play {
    cache: Cache,
    layout: Layout,
    key: String,
    redis: redis::aio::MultiplexedConnection,
    tally: Tally,
    stored: Vec<Slot>,
    writes: Vec<LearnedSlot>,
    /// What the merges delivered so far amount to, by the rules' own merge.
    told: Vec<Slot>,
    fillers: Vec<Filler>,
}

impl Play {
    async fn new(world: &World, number: usize) -> Self {
        let seats = ["A1", "A2"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
        let theater = TheaterId::parse(&format!("play-{number}")).unwrap();
        Self {
            cache: world.cache(),
            key: world.cache_key(theater.as_str()),
            layout: Layout::new(theater, "T".into(), 7, seats).unwrap(),
            redis: world.redis().await,
            tally: Tally::default(),
            stored: vec![Slot::default(); SEATS],
            writes: Vec::new(),
            told: vec![Slot::default(); SEATS],
            fillers: vec![Filler::default(); 2],
        }
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Write(seat) => self.write(seat),
            Step::Deliver(index) if !self.writes.is_empty() => {
                let write = self.writes[index % self.writes.len()];
                self.deliver(write).await;
            }
            Step::Begin(filler, reason) => self.begin(filler, reason).await,
            Step::Read(filler) if self.fillers[filler].token.is_some() => {
                self.fillers[filler].read = Some(self.stored.clone());
            }
            Step::End(filler) => {
                if let Filler { token: Some(token), read: Some(read) } = std::mem::take(&mut self.fillers[filler]) {
                    self.cache.end(&self.layout, token, &read, &self.tally).await.unwrap();
                }
            }
            Step::Evict => {
                let _: () = self.redis.del(&self.key).await.unwrap();
            }
            Step::LeaseEnds if self.redis.exists(&self.key).await.unwrap() => {
                let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut self.redis).await.unwrap();
                let now = (seconds * 1_000 + micros / 1_000).to_be_bytes();
                let _: usize = self.redis.setrange(&self.key, 26, &now[2..]).await.unwrap();
            }
            Step::Deliver(_) | Step::Read(_) | Step::LeaseEnds => {}
        }
    }

    fn write(&mut self, seat: usize) {
        let stamp = self.stored[seat].changed_at.0 + 1;
        let state = match stamp % 3 {
            0 => SeatState::Booked,
            rest => SeatState::Reserved { expires_at: EpochSeconds(100 * rest) },
        };
        self.stored[seat] = Slot { changed_at: EpochMillis(stamp), state };
        self.writes.push(LearnedSlot { position: seat as u32, slot: self.stored[seat] });
    }

    async fn deliver(&mut self, write: LearnedSlot) {
        let theater = &self.layout.theater;
        self.cache.merge(theater, 7, &[write], WhenBehind::Drop, &self.tally).await.unwrap();
        let mut news = vec![Slot::default(); SEATS];
        news[write.position as usize] = write.slot;
        merge(&mut self.told, &news);
    }

    async fn begin(&mut self, filler: usize, reason: FillReason) {
        if reason == FillReason::Renewal {
            // As if most of its life had gone by.
            let _: bool = self.redis.pexpire(&self.key, 10_000).await.unwrap();
        }
        let begun = self.cache.begin(&self.layout, reason, FillToken::new(), &self.tally).await.unwrap();
        if let Begun::Fill(token) = begun {
            self.fillers[filler] = Filler { token: Some(token), read: None };
        }
    }

    async fn shown(&self) -> Option<Vec<Slot>> {
        match self.cache.read(&self.layout.theater, &self.tally).await.unwrap() {
            Lookup::Complete(packed) => Some(packed.slots(&self.layout).expect("readable")),
            Lookup::Miss => None,
        }
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        let Some(shown) = self.shown().await else { return Ok(()) };
        for (seat, slot) in shown.iter().enumerate() {
            let (told, stored) = (self.told[seat], self.stored[seat]);
            prop_assert!(slot.changed_at >= told.changed_at, "seat {seat}: {slot:?}, and {told:?} was answered");
            let held = self.writes.iter().any(|write| write.position as usize == seat && write.slot == *slot);
            prop_assert!(held || *slot == Slot::default(), "seat {seat}: {slot:?} was never stored");
            prop_assert!(slot.changed_at <= stored.changed_at);
        }
        Ok(())
    }

    async fn come_to_rest(&mut self) -> Result<(), TestCaseError> {
        for write in self.writes.clone() {
            self.deliver(write).await;
        }
        self.check().await?;
        if let Some(shown) = self.shown().await {
            prop_assert_eq!(&shown, &self.stored, "all is delivered");
        }
        for step in [Step::LeaseEnds, Step::Begin(0, FillReason::Missing), Step::Read(0), Step::End(0)] {
            self.take(&step).await;
        }
        let shown = self.shown().await;
        prop_assert_eq!(shown.as_ref(), Some(&self.stored));
        Ok(())
    }
}

#[test]
fn a_complete_string_never_lacks_what_was_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let number = std::cell::Cell::new(0);
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60))| {
        number.set(number.get() + 1);
        runtime.block_on(async {
            let mut play = Play::new(&world, number.get()).await;
            for step in &steps {
                play.take(step).await;
                play.check().await?;
            }
            play.come_to_rest().await
        })?;
    });
}
