//! Callers' budgets: whether one more request is let through, asked by itself or on the way of another call.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Script, ServerErrorKind, Value};

use super::link::Link;
use super::target::Connection;
use super::{Cache, CacheError, Lookup, Revision, looked_up, peeked};
use crate::rules::availability::Slot;
use crate::rules::limits::{Budget, Verdict};
use crate::rules::names::TheaterId;
use crate::tally::Tally;

const TEXT: &str = include_str!("limits.lua");
pub(super) static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// What became of a call, and of the budget that was asked for on its way. Either may fail by itself.
type WithDraw<T> = (Result<T, CacheError>, Result<Verdict, CacheError>);

impl Cache {
    /// Draws on a budget.
    ///
    /// Not harmless to repeat, as all else here is: where an answer is lost on the way, the second attempt counts the
    /// request once more.
    pub async fn draw(&self, budget: &Budget, tally: &Tally) -> Result<Verdict, CacheError> {
        judged(self.ask(&self.drawing(budget), tally).await)
    }

    /// [`Cache::read`], or [`Cache::read_unless`], and on its way a draw.
    pub async fn read_and_draw(
        &self,
        theater: &TheaterId,
        unless: Option<Revision>,
        budget: &Budget,
        tally: &Tally,
    ) -> WithDraw<Lookup> {
        let (read, drawn) = self.ask_both(&self.reading(theater, unless), &self.drawing(budget), tally).await;
        (looked_up(read), judged(drawn))
    }

    /// [`Cache::peek`], and on its way a draw.
    pub async fn peek_and_draw(
        &self,
        theater: &TheaterId,
        version: u64,
        positions: &[u32],
        budget: &Budget,
        tally: &Tally,
    ) -> WithDraw<Option<Vec<Slot>>> {
        let peeking = evalsha(&super::SCRIPT, &self.key(theater), |call| {
            call.arg("peek").arg(version).arg(super::wanted(positions));
        });
        let (found, drawn) = self.ask_both(&peeking, &self.drawing(budget), tally).await;
        (found.map(|value| peeked(&value, positions.len())), judged(drawn))
    }

    fn drawing(&self, budget: &Budget) -> Cmd {
        // Braces in a key make a cluster keep together what a caller has; it has nothing in common with a theater's.
        let key = format!("{}:{{{}}}:{}", self.prefix, budget.whose.simple(), budget.activity.as_str());
        evalsha(&SCRIPT, &key, |call| {
            call.arg(budget.take()).arg(budget.limit.tolerance());
        })
    }

    /// One call by itself.
    pub(super) async fn ask(&self, command: &Cmd, tally: &Tally) -> Result<Value, CacheError> {
        let commands = [command];
        let send = |connection: Connection| async move { one(send(connection, &commands).await?) };
        self.link.call(tally, send).await
    }

    /// Two calls in one round trip; in a cluster, where their keys are on two nodes as a rule and one pipeline can't be,
    /// two at the same time.
    async fn ask_both(
        &self,
        first: &Cmd,
        second: &Cmd,
        tally: &Tally,
    ) -> (Result<Value, CacheError>, Result<Value, CacheError>) {
        if self.link.is_cluster() {
            return tokio::join!(self.ask(first, tally), self.ask(second, tally));
        }
        let commands = [first, second];
        let send = |connection: Connection| async move { two(send(connection, &commands).await?) };
        match self.link.call(tally, send).await {
            Ok((first, second)) => (Link::refused(first, tally), Link::refused(second, tally)),
            Err(error) => (Err(error.clone()), Err(error)),
        }
    }
}

/// A call of a script, whose text the server has as a rule.
pub(super) fn evalsha(script: &Script, key: &str, args: impl FnOnce(&mut Cmd)) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(script.get_hash()).arg(1).arg(key);
    args(&mut call);
    call
}

/// Sends commands in one round trip; in another one again, with the scripts' texts, those that met a server without them.
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

/// Both answers. An error that says that the connection leads to the wrong server is both calls' error.
fn two(answers: Vec<RedisResult<Value>>) -> RedisResult<(RedisResult<Value>, RedisResult<Value>)> {
    let mut answers = answers.into_iter();
    let mut next = || match answers.next() {
        Some(Err(error)) if !super::link::is_worth_keeping(&error) => Err(error),
        Some(answer) => Ok(answer),
        None => Ok(Ok(Value::Nil)),
    };
    Ok((next()?, next()?))
}

fn judged(answer: Result<Value, CacheError>) -> Result<Verdict, CacheError> {
    let numbers = redis::from_redis_value::<(u8, u64, u64)>(answer?);
    let (allowed, whole_at, now) = numbers.map_err(|_| CacheError::Unexpected("drawing on a budget"))?;
    Ok(Verdict { allowed: allowed == 1, whole_at, now })
}
