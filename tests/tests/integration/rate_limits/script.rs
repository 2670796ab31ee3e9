//! Conformance of the script to the model in `shared/src/domain/rate_limit.rs`, in a real Valkey, under random sequences of calls.
//!
//! Each step compares the reply, the bytes under the key, and the expiry of the key. The script returns the time that
//! it ran at.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use boxoffice::cache::Cache;
use boxoffice::context::RequestContext;
use boxoffice::domain::caller::BudgetKey;
use boxoffice::domain::rate_limit::{Activity, RateLimit, RateLimitBudget};
use boxoffice_tests::{Setup, World};
use proptest::prelude::*;
use redis::AsyncCommands;
use uuid::Uuid;

/// A step: an action on a budget.
#[derive(Clone, Debug)]
enum Step {
    /// Draws this many units under the first or the second limit.
    Draw(usize, u32),
    /// Stores these bytes.
    Bytes(Vec<u8>),
    /// Stores a budget that is full again after these intervals of the first limit and microseconds.
    WholeIn(i64, i64),
    /// Stores a list.
    List,
    /// Deletes the key.
    Gone,
}

fn step() -> impl Strategy<Value = Step> {
    let digits = "[0-9]{1,18}".prop_map(String::into_bytes);
    let nearly = "[-+ 0-9.exna]{0,12}".prop_map(String::into_bytes);
    let bytes = prop_oneof![digits, nearly, prop::collection::vec(any::<u8>(), 0..20)];
    prop_oneof![
        12 => (prop_oneof![4 => Just(0_usize), 1 => Just(1)], prop_oneof![2 => Just(1_u32), 1 => 0..9_u32])
            .prop_map(|(which, cost)| Step::Draw(which, cost)),
        1 => bytes.prop_map(Step::Bytes),
        3 => (-2..6_i64, -50..50_i64).prop_map(|(intervals, micros)| Step::WholeIn(intervals, micros)),
        1 => Just(Step::WholeIn(0, 3_600_000_000)),
        1 => Just(Step::List),
        1 => Just(Step::Gone),
    ]
}

/// Returns limits of any size. With short intervals budgets refill between two steps, with long ones they don't.
fn limit() -> impl Strategy<Value = RateLimit> {
    let minute = prop_oneof![1..10_u32, Just(60), 1_000..=RateLimit::MOST, Just(RateLimit::MOST)];
    minute.prop_flat_map(|minute| (1..=minute.min(6)).prop_map(move |burst| RateLimit::new(minute, burst).unwrap()))
}

/// Outcomes that all runs together must show, so that the test doesn't pass without comparing anything.
const SEEN: [&str; 3] = ["let through", "refused", "refused, and repaired"];

struct Scenario {
    cache: Cache,
    limits: [RateLimit; 2],
    whose: Uuid,
    key: String,
    redis: redis::aio::MultiplexedConnection,
    ctx: RequestContext,
}

impl Scenario {
    fn budget(&self, which: usize, cost: u32) -> RateLimitBudget {
        RateLimitBudget {
            key: BudgetKey::new(self.whose),
            activity: Activity::Reading,
            limit: self.limits[which],
            cost,
        }
    }

    /// Returns the value of the key, its expiry, and Redis's clock in microseconds.
    async fn read_key(&mut self) -> (redis::Value, i64, u64) {
        let mut read_key = redis::pipe();
        read_key.cmd("GET").arg(&self.key).cmd("PEXPIRETIME").arg(&self.key).cmd("TIME").ignore_errors();
        let (bytes, until, time): (
            redis::RedisResult<redis::Value>,
            redis::RedisResult<i64>,
            redis::RedisResult<(u64, u64)>,
        ) = read_key.query_async(&mut self.redis).await.unwrap();
        let time = time.unwrap();
        (bytes.unwrap_or(redis::Value::Okay), until.unwrap(), time.0 * 1_000_000 + time.1)
    }

    async fn set(&mut self, bytes: &[u8]) {
        // The expiry is long enough that the key outlives the step.
        let _: () = self.redis.set_ex(&self.key, bytes, 600).await.unwrap();
    }

    async fn take(&mut self, step: &Step) -> Result<Option<&'static str>, TestCaseError> {
        match step {
            Step::Draw(which, cost) => return self.draw(*which, *cost).await.map(Some),
            Step::Bytes(bytes) => self.set(bytes).await,
            Step::WholeIn(intervals, micros) => {
                let (_, _, now) = self.read_key().await;
                let interval = self.limits[0].interval() as i64;
                let full_at = now.strict_add_signed(intervals * interval + micros);
                self.set(full_at.to_string().as_bytes()).await;
            }
            Step::List => {
                let _: () = self.redis.del(&self.key).await.unwrap();
                let _: i64 = self.redis.lpush(&self.key, 1).await.unwrap();
            }
            Step::Gone => self.redis.del(&self.key).await.unwrap(),
        }
        Ok(None)
    }

    async fn draw(&mut self, which: usize, cost: u32) -> Result<&'static str, TestCaseError> {
        let budget = self.budget(which, cost);
        let (before, until, from) = self.read_key().await;
        let answer = self.cache.draw(&self.ctx, &budget).await.unwrap();
        let (after, ends, to) = self.read_key().await;
        prop_assert!((from..=to).contains(&answer.now), "{from} {answer:?} {to}");
        let stored = match &before {
            // The key expires at a millisecond. The script ran before or after it.
            redis::Value::BulkString(bytes) if until < 0 || (answer.now / 1_000) < until as u64 => {
                Some(bytes.as_slice())
            }
            _ => None,
        };
        let (verdict, store) = budget.limit.decide(stored, cost, answer.now);
        prop_assert_eq!(answer, verdict, "{:?}", before);
        let name = match (verdict.allowed, &store) {
            (true, _) => SEEN[0],
            (false, None) => SEEN[1],
            (false, Some(_)) => SEEN[2],
        };
        match store {
            Some(store) => {
                let expected = (answer.now / 1_000 + store.life) as i64;
                // The key is gone once it has expired. By then it no longer had a meaning.
                let ended = after == redis::Value::Nil && to / 1_000 >= expected as u64;
                prop_assert!(ended || after == redis::Value::BulkString(store.bytes.clone()), "{after:?} {store:?}");
                // For the expiry, Redis reads its clock once per command, a moment before the script asks for the time.
                let earliest = (from / 1_000 + store.life) as i64;
                prop_assert!(ended || (earliest..=expected).contains(&ends), "{earliest} {ends} {expected}");
            }
            None => prop_assert!(after == before || after == redis::Value::Nil, "{after:?} {before:?}"),
        }
        Ok(name)
    }
}

#[test]
fn the_script_does_what_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The deadline is long enough that no call is repeated.
    let world = runtime.block_on(World::on(Setup { cache_deadline: Duration::from_secs(120), ..Setup::shared() }));
    let (number, seen) = (Cell::new(0_u128), RefCell::new(BTreeSet::new()));
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(limits in [limit(), limit()], steps in prop::collection::vec(step(), 1..40))| {
        number.set(number.get() + 1);
        let whose = Uuid::from_u128(number.get());
        runtime.block_on(async {
            let key = format!("{}:{{{}}}:looks", world.prefix, whose.simple());
            let (cache, redis) = (world.cache(), world.redis().await);
            let mut scenario = Scenario { cache, limits, whose, key, redis, ctx: RequestContext::default() };
            for step in &steps {
                let name = scenario.take(step).await?;
                seen.borrow_mut().extend(name);
            }
            Ok::<_, TestCaseError>(())
        })?;
    });
    assert_eq!(seen.into_inner(), BTreeSet::from(SEEN));
}
