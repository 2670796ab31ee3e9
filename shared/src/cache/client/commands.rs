//! Commands that are sent in one round trip. Each of them gets its own answer.

use std::sync::Arc;

use redis::{Cmd, RedisResult, ServerErrorKind, Value};

use super::RedisClient;
use super::endpoint::Connection;
use super::error::{CacheError, ErrorMeaning};
use crate::cache::scripts;
use crate::context::RequestContext;

impl RedisClient {
    /// Sends one command.
    pub(crate) async fn send_one(&self, ctx: &RequestContext, command: &Cmd) -> Result<Value, CacheError> {
        let commands = [command];
        let send = |connection: Connection| async move { one(send(connection, &commands).await?) };
        self.call(ctx, send).await
    }

    /// Sends two commands in one round trip. In a cluster their keys are usually on two nodes, which one pipeline can't
    /// reach. So there the commands are sent separately, at the same time.
    pub(crate) async fn send_both(
        &self,
        ctx: &RequestContext,
        first: &Cmd,
        second: &Cmd,
    ) -> (Result<Value, CacheError>, Result<Value, CacheError>) {
        if self.is_cluster() {
            return tokio::join!(self.send_one(ctx, first), self.send_one(ctx, second));
        }
        let commands = [first, second];
        let send = |connection: Connection| async move { two(send(connection, &commands).await?) };
        match self.call(ctx, send).await {
            Ok((first, second)) => (part(ctx, first), part(ctx, second)),
            Err(error) => (Err(error.clone()), Err(error)),
        }
    }
}

/// Returns the answer to one of several commands. Logs and counts it if it is an error.
fn part(ctx: &RequestContext, answer: RedisResult<Value>) -> Result<Value, CacheError> {
    answer.map_err(|error| {
        ctx.record_costs(|costs| costs.redis_failures += 1);
        tracing::warn!(%error, "a part of a call to the cache was refused");
        CacheError::Refused(Arc::new(error))
    })
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
    let again = lacking.iter().map(|at| commands[*at].clone());
    let mut second: Vec<RedisResult<Value>> =
        pipeline(&mut scripts::load_commands().into_iter().chain(again)).query_async(&mut connection).await?;
    for (at, answer) in lacking.into_iter().zip(second.drain(scripts::COUNT..)) {
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
        Some(Err(error)) if ErrorMeaning::of(&error) != ErrorMeaning::Answer => Err(error),
        Some(answer) => Ok(answer),
        None => Ok(Ok(Value::Nil)),
    };
    Ok((next()?, next()?))
}
