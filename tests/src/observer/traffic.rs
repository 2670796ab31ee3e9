//! Traffic for the observer: writers, readers and evictions at the same time on a few theaters.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use boxoffice::clock::Clock;
use boxoffice::domain::time::EpochMillis;
use fastrand::Rng;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use uuid::Uuid;

use super::{Observer, ObserverReport, Taken};
use crate::world::START;
use crate::{Call, Reply, Setup, World};

const THEATERS: usize = 6;
const WRITERS: u64 = 3;
const READERS: u64 = 4;
/// The number of reads for each write and each read of the table. It makes reads the majority, however fast the machine
/// is.
const READS_PER_TURN: usize = 25;
/// The number of writes after which a theater is replaced. By then most of it is booked.
const WRITES_PER_THEATER: u64 = 120;
/// The time in milliseconds by which a write advances the clock. During a theater's life, reservations expire and its
/// cache key has to be renewed.
const MILLIS_PER_WRITE: u64 = 90;
/// The largest difference between two clocks, in milliseconds.
const MAX_CLOCK_DIFFERENCE: u64 = 5_000;

const LABELS: [&str; 16] =
    ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4", "C1", "C2", "C3", "C4", "D1", "D2", "D3", "D4"];

/// Theaters with their writers and readers.
pub struct Traffic {
    world: World,
    observer: Arc<Observer>,
    theaters: RwLock<Vec<Arc<Theater>>>,
    time: AtomicU64,
    cached_reads: AtomicUsize,
    writing: Semaphore,
    reading: Semaphore,
    repair: Option<watch::Sender<u64>>,
}

struct Theater {
    id: String,
    writes: AtomicU64,
}

impl Traffic {
    /// Creates theaters in this world, watched by this observer.
    pub async fn new(world: World, observer: Arc<Observer>) -> Arc<Self> {
        Self::with(world, observer, None).await
    }

    /// Creates theaters like [`Traffic::new`], but all writers except one have no cache. Their writes count as answered
    /// after the table's stream has delivered them: see [`Traffic::delivered`].
    pub async fn cut_off(world: World, observer: Arc<Observer>) -> Arc<Self> {
        Self::with(world, observer, Some(watch::Sender::default())).await
    }

    async fn with(world: World, observer: Arc<Observer>, repair: Option<watch::Sender<u64>>) -> Arc<Self> {
        let traffic = Self {
            world,
            observer,
            theaters: RwLock::default(),
            time: AtomicU64::new(START.as_millis()),
            cached_reads: AtomicUsize::new(0),
            writing: Semaphore::new(0),
            reading: Semaphore::new(0),
            repair,
        };
        for _ in 0..THEATERS {
            let theater = traffic.open().await;
            traffic.theaters.write().unwrap().push(theater);
        }
        Arc::new(traffic)
    }

    /// Records that the stream was delivered to its end once more.
    pub fn delivered(&self) {
        self.repair.iter().for_each(|times| times.send_modify(|times| *times += 1));
    }

    /// Waits until the stream has delivered all accepted writes.
    async fn delivery(&self) {
        let Some(times) = &self.repair else { return };
        // A delivery that is running may already have passed the write.
        let enough = *times.borrow() + 2;
        // Can't fail: `self` keeps the sender alive.
        let _ = times.subscribe().wait_for(|times| *times >= enough).await;
    }

    /// Runs the traffic until the observer has checked this number of cached answers or found an error. The seed
    /// determines all actions.
    pub async fn run(self: &Arc<Self>, seed: u64, checked: usize) {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..WRITERS {
            let cut_off = self.repair.is_some() && number > 0;
            tasks.spawn(self.clone().run_writer(Rng::with_seed(seed + number), cut_off));
        }
        for number in 0..READERS {
            tasks.spawn(self.clone().run_reader(Rng::with_seed(seed + WRITERS + number)));
        }
        tasks.spawn(self.clone().run_table_reader(checked));
        while let Some(left) = tasks.join_next().await {
            if let Err(failed) = left {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
    }

    /// Waits for a turn. Returns `false` at the end of the run.
    async fn turn(turns: &Semaphore) -> bool {
        turns.acquire().await.map(SemaphorePermit::forget).is_ok()
    }

    /// Sets a clock to the current time plus its error.
    fn set(&self, clock: &Clock, off: u64) {
        clock.set(EpochMillis::new(self.time.load(Ordering::SeqCst) + off));
    }

    async fn open(&self) -> Arc<Theater> {
        let id = format!("traffic-{}", Uuid::now_v7().simple());
        self.world.put_theater(&id, "T", &LABELS).await;
        self.observer.watch(&id, &LABELS);
        Arc::new(Theater { id, writes: AtomicU64::new(0) })
    }

    fn some_theater(&self, rng: &mut Rng) -> (usize, Arc<Theater>) {
        let place = rng.usize(0..THEATERS);
        (place, self.theaters.read().unwrap()[place].clone())
    }

    async fn run_writer(self: Arc<Self>, mut rng: Rng, cut_off: bool) {
        let (clock, off) = (Clock::manual(START), rng.u64(0..MAX_CLOCK_DIFFERENCE));
        let cache = self.world.setup.cache.clone().filter(|_| !cut_off);
        let setup = Setup { cache, ..self.world.setup.clone() };
        let (office, mut redis) = (self.world.instance_at(&setup, clock.clone()).await, self.world.redis().await);
        let mut mine = None;
        while Self::turn(&self.writing).await {
            let (place, theater) = self.some_theater(&mut rng);
            if rng.u8(0..3) == 0 {
                self.evict(&mut redis, &mut rng, &theater).await;
            }
            if theater.writes.fetch_add(1, Ordering::SeqCst) == WRITES_PER_THEATER {
                let next = self.open().await;
                self.theaters.write().unwrap()[place] = next;
                // Readers of the old theater finish. One last read checks most of their answers.
                self.observer.read(&self.world, &theater.id).await;
            }
            self.time.fetch_add(MILLIS_PER_WRITE, Ordering::SeqCst);
            self.set(&clock, off);
            let reply = draw_call(&mut rng, &theater.id, mine.as_deref()).send(&office).await;
            if [200, 201].contains(&reply.status) {
                if cut_off {
                    self.delivery().await;
                }
                self.observer.answered(&theater.id, &reply.seats(), taken(&reply));
                mine = reply.body["reservation_id"].as_str().map(str::to_owned).or(mine);
            } else {
                assert_eq!(reply.status, 409, "{}", reply.text);
            }
        }
    }

    /// Evicts a key, or shortens its life so that it has to be renewed.
    async fn evict(&self, redis: &mut MultiplexedConnection, rng: &mut Rng, theater: &Theater) {
        let key = self.world.cache_key(&theater.id);
        if rng.bool() {
            let _: usize = redis.del(&key).await.expect("the cache");
        } else {
            let _: bool = redis.expire(&key, 10).await.expect("the cache");
        }
    }

    async fn run_reader(self: Arc<Self>, mut rng: Rng) {
        let (clock, off) = (Clock::manual(START), rng.u64(0..MAX_CLOCK_DIFFERENCE));
        let office = self.world.instance(clock.clone()).await;
        while !self.reading.is_closed() {
            let (_, theater) = self.some_theater(&mut rng);
            self.set(&clock, off);
            let began = Instant::now();
            let reply = Call::get_seats(&theater.id).send(&office).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            self.observer.record_cached_answer(&theater.id, began, clock.now(), &reply);
            if self.cached_reads.fetch_add(1, Ordering::SeqCst).is_multiple_of(READS_PER_TURN) {
                self.writing.add_permits(1);
                self.reading.add_permits(1);
            }
        }
    }

    /// Reads the table theater by theater, and ends the run when enough answers are checked.
    async fn run_table_reader(self: Arc<Self>, checked: usize) {
        let mut place = 0;
        let goes_on = |report: ObserverReport| report.checked < checked && report.is_clean();
        while goes_on(self.observer.report()) && Self::turn(&self.reading).await {
            let theater = self.theaters.read().unwrap()[place].clone();
            self.observer.read(&self.world, &theater.id).await;
            place = (place + 1) % THEATERS;
        }
        self.writing.close();
        self.reading.close();
    }
}

/// Draws a writer's call: mostly short reservations, and some bookings.
fn draw_call(rng: &mut Rng, theater: &str, mine: Option<&str>) -> Call {
    let wanted = rng.usize(1..=3);
    let mut seats = LABELS.to_vec();
    rng.shuffle(&mut seats);
    seats.truncate(wanted);
    if rng.u8(0..10) > 0 {
        return Call::reserve(theater, &json!({ "seats": seats, "expires_in": rng.u32(1..=20) }));
    }
    let reservation = mine.map_or(Value::Null, Value::from);
    Call::book(theater, &json!({ "seats": seats, "reservation_id": reservation }))
}

/// Returns how long the seats in a writer's answer are taken.
fn taken(reply: &Reply) -> Taken {
    match reply.body["expires_at"].as_str() {
        Some(until) => {
            let until = until.parse::<jiff::Timestamp>().expect("an instant").as_second();
            Taken::Until(u64::try_from(until).expect("after 1970"))
        }
        None => Taken::ForGood,
    }
}
