//! The rate limit in Redis: whether one more request passes. Checked in a call of its own, or together with another
//! call.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Script, ServerErrorKind, Value};

use super::client::Link;
use super::client::endpoint::Connection;
use super::{Cache, CacheError, Lookup, Revision, looked_up, peeked};
use crate::context::Tally;
use crate::domain::availability::Slot;
use crate::domain::ids::TheaterId;
use crate::domain::rate_limit::{Budget, Verdict};

const TEXT: &str = include_str!("rate_limit.lua");
pub(super) static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// The results of a call and of the rate-limit check that was sent with it. Either can fail without the other.
type WithDraw<T> = (Result<T, CacheError>, Result<Verdict, CacheError>);

impl Cache {
    /// Takes a request's units from a rate-limit budget.
    ///
    /// Unlike every other call to the cache, repeating it isn't harmless. If the answer is lost, the second attempt
    /// counts the request again.
    pub async fn draw(&self, tally: &Tally, budget: &Budget) -> Result<Verdict, CacheError> {
        judged(self.ask(tally, &self.drawing(budget)).await)
    }

    /// Reads a theater's string as [`Cache::read`] or [`Cache::read_unless`] does, and takes units from a budget.
    pub async fn read_and_draw(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        unless: Option<Revision>,
        budget: &Budget,
    ) -> WithDraw<Lookup> {
        let (read, drawn) = self.ask_both(tally, &self.reading(theater, unless), &self.drawing(budget)).await;
        (looked_up(read), judged(drawn))
    }

    /// Reads the slots of a few seats as [`Cache::peek`] does, and takes units from a budget.
    pub async fn peek_and_draw(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        version: u64,
        positions: &[u32],
        budget: &Budget,
    ) -> WithDraw<Option<Vec<Slot>>> {
        let peeking = evalsha(&super::SCRIPT, &self.key(theater), |call| {
            call.arg("peek").arg(version).arg(super::wanted(positions));
        });
        let (found, drawn) = self.ask_both(tally, &peeking, &self.drawing(budget)).await;
        (found.map(|value| peeked(&value, positions.len())), judged(drawn))
    }

    fn drawing(&self, budget: &Budget) -> Cmd {
        // The braces keep all keys of a caller on one node of a cluster. It is unrelated to a theater's node.
        let key = format!("{}:{{{}}}:{}", self.prefix, budget.whose.simple(), budget.activity.as_str());
        evalsha(&SCRIPT, &key, |call| {
            call.arg(budget.take()).arg(budget.limit.tolerance());
        })
    }

    /// Sends one command.
    pub(super) async fn ask(&self, tally: &Tally, command: &Cmd) -> Result<Value, CacheError> {
        let commands = [command];
        let send = |connection: Connection| async move { one(send(connection, &commands).await?) };
        self.link.call(tally, send).await
    }

    /// Sends two commands in one round trip. In a cluster their keys are usually on two nodes, which one pipeline can't
    /// reach. So there the commands are sent separately, at the same time.
    async fn ask_both(
        &self,
        tally: &Tally,
        first: &Cmd,
        second: &Cmd,
    ) -> (Result<Value, CacheError>, Result<Value, CacheError>) {
        if self.link.is_cluster() {
            return tokio::join!(self.ask(tally, first), self.ask(tally, second));
        }
        let commands = [first, second];
        let send = |connection: Connection| async move { two(send(connection, &commands).await?) };
        match self.link.call(tally, send).await {
            Ok((first, second)) => (Link::refused(tally, first), Link::refused(tally, second)),
            Err(error) => (Err(error.clone()), Err(error)),
        }
    }
}

/// Builds a call of a script by its hash. The server usually knows the script.
pub(super) fn evalsha(script: &Script, key: &str, args: impl FnOnce(&mut Cmd)) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(script.get_hash()).arg(1).arg(key);
    args(&mut call);
    call
}

/// Sends commands in one round trip. If the server doesn't know the scripts, loads them and repeats the commands that
/// failed, in a second round trip.
async fn send(mut connection: Connection, commands: &[&Cmd]) -> RedisResult<Vec<RedisResult<Value>>> {
    let pipeline = |commands: &mut dyn Iterator<Item = Cmd>| {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        pipeline.ignore_errors();
        pipeline
    };
    let mut answers: Vec<RedisResult<Value>> =
        pipeline(&mut commands.iter().map(|command| (*command).clone())).query_async(&mut connection).await?;
    let lacks = |answer: &RedisResult<Value>| {
        answer.as_ref().is_err_and(|error| error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript))
    };
    let lacking: Vec<usize> = (0..answers.len()).filter(|at| lacks(&answers[*at])).collect();
    if lacking.is_empty() {
        return Ok(answers);
    }
    let loads = [TEXT, super::TEXT].map(|text| redis::cmd("SCRIPT").arg("LOAD").arg(text).clone());
    let again = lacking.iter().map(|at| commands[*at].clone());
    let mut second: Vec<RedisResult<Value>> =
        pipeline(&mut loads.into_iter().chain(again)).query_async(&mut connection).await?;
    for (at, answer) in lacking.into_iter().zip(second.drain(2..)) {
        answers[at] = answer;
    }
    Ok(answers)
}

fn one(answers: Vec<RedisResult<Value>>) -> RedisResult<Value> {
    answers.into_iter().next().unwrap_or(Ok(Value::Nil))
}

/// Returns both answers. An error that shows that the connection leads to the wrong server is the error of both
/// commands.
fn two(answers: Vec<RedisResult<Value>>) -> RedisResult<(RedisResult<Value>, RedisResult<Value>)> {
    let mut answers = answers.into_iter();
    let mut next = || match answers.next() {
        Some(Err(error)) if !crate::cache::client::is_worth_keeping(&error) => Err(error),
        Some(answer) => Ok(answer),
        None => Ok(Ok(Value::Nil)),
    };
    Ok((next()?, next()?))
}

fn judged(answer: Result<Value, CacheError>) -> Result<Verdict, CacheError> {
    let numbers = redis::from_redis_value::<(u8, u64, u64)>(answer?);
    let (allowed, whole_at, now) = numbers.map_err(|_| CacheError::Unexpected("a rate-limit check"))?;
    Ok(Verdict { allowed: allowed == 1, whole_at, now })
}
