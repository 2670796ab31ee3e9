//! The rate limit in Redis: whether one more request passes. Checked in a call of its own, or together with another
//! call.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Script, ServerErrorKind, Value};

use super::client::RedisClient;
use super::client::endpoint::Connection;
use super::{Cache, CacheError, Lookup, Revision, decode_lookup, decode_peek};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::ids::TheaterId;
use crate::domain::rate_limit::{RateLimitBudget, RateLimitDecision};

const TEXT: &str = include_str!("rate_limit.lua");
pub(super) static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// The results of a call and of the rate-limit check that was sent with it. Either can fail without the other.
type WithDraw<T> = (Result<T, CacheError>, Result<RateLimitDecision, CacheError>);

impl Cache {
    /// Takes a request's units from a rate-limit budget.
    ///
    /// Unlike every other call to the cache, repeating it isn't harmless. If the answer is lost, the second attempt
    /// counts the request again.
    pub async fn draw(&self, ctx: &RequestContext, budget: &RateLimitBudget) -> Result<RateLimitDecision, CacheError> {
        decode_decision(self.send_one(ctx, &self.acquire_command(budget)).await)
    }

    /// Reads a theater's string as [`Cache::read`] or [`Cache::read_unless`] does, and takes units from a budget.
    pub async fn read_and_draw(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        unless: Option<Revision>,
        budget: &RateLimitBudget,
    ) -> WithDraw<Lookup> {
        let (read, drawn) =
            self.send_both(ctx, &self.read_command(theater, unless), &self.acquire_command(budget)).await;
        (decode_lookup(read), decode_decision(drawn))
    }

    /// Reads the slots of a few seats as [`Cache::peek`] does, and takes units from a budget.
    pub async fn peek_and_draw(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        version: u64,
        positions: &[u32],
        budget: &RateLimitBudget,
    ) -> WithDraw<Option<Vec<Slot>>> {
        let peek_command = evalsha(&super::SCRIPT, &self.key(theater), |call| {
            call.arg("peek").arg(version).arg(super::index_bytes(positions));
        });
        let (found, drawn) = self.send_both(ctx, &peek_command, &self.acquire_command(budget)).await;
        (found.map(|value| decode_peek(&value, positions.len())), decode_decision(drawn))
    }

    fn acquire_command(&self, budget: &RateLimitBudget) -> Cmd {
        // The braces keep all keys of a caller on one node of a cluster. It is unrelated to a theater's node.
        let key = format!("{}:{{{}}}:{}", self.prefix, budget.whose.simple(), budget.activity.as_str());
        evalsha(&SCRIPT, &key, |call| {
            call.arg(budget.take()).arg(budget.limit.tolerance());
        })
    }

    /// Sends one command.
    pub(super) async fn send_one(&self, ctx: &RequestContext, command: &Cmd) -> Result<Value, CacheError> {
        let commands = [command];
        let send = |connection: Connection| async move { one(send(connection, &commands).await?) };
        self.client.call(ctx, send).await
    }

    /// Sends two commands in one round trip. In a cluster their keys are usually on two nodes, which one pipeline can't
    /// reach. So there the commands are sent separately, at the same time.
    async fn send_both(
        &self,
        ctx: &RequestContext,
        first: &Cmd,
        second: &Cmd,
    ) -> (Result<Value, CacheError>, Result<Value, CacheError>) {
        if self.client.is_cluster() {
            return tokio::join!(self.send_one(ctx, first), self.send_one(ctx, second));
        }
        let commands = [first, second];
        let send = |connection: Connection| async move { two(send(connection, &commands).await?) };
        match self.client.call(ctx, send).await {
            Ok((first, second)) => (RedisClient::refused(ctx, first), RedisClient::refused(ctx, second)),
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

fn decode_decision(answer: Result<Value, CacheError>) -> Result<RateLimitDecision, CacheError> {
    let numbers = redis::from_redis_value::<(u8, u64, u64)>(answer?);
    let (allowed, full_at, now) = numbers.map_err(|_| CacheError::Unexpected("a rate-limit check"))?;
    Ok(RateLimitDecision { allowed: allowed == 1, full_at, now })
}
