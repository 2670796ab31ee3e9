//! The Lua scripts that run in Redis.

use std::sync::LazyLock;

use redis::{Cmd, RedisResult, Script, aio::ConnectionLike};

const AVAILABILITY_TEXT: &str = include_str!("protocol/availability.lua");
const RATE_LIMIT_TEXT: &str = include_str!("rate_limit.lua");

/// The script of the protocol.
pub(super) static AVAILABILITY: LazyLock<Script> = LazyLock::new(|| Script::new(AVAILABILITY_TEXT));
/// The script of the rate limit.
pub(super) static RATE_LIMIT: LazyLock<Script> = LazyLock::new(|| Script::new(RATE_LIMIT_TEXT));

/// The number of scripts.
pub(super) const COUNT: usize = 2;

/// Loads the scripts.
pub(super) async fn load(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    AVAILABILITY.load_async(connection).await?;
    RATE_LIMIT.load_async(connection).await.map(drop)
}

/// Builds the commands that load the scripts.
pub(super) fn load_commands() -> [Cmd; COUNT] {
    [RATE_LIMIT_TEXT, AVAILABILITY_TEXT].map(|text| redis::cmd("SCRIPT").arg("LOAD").arg(text).clone())
}

/// Builds a call of a script by its hash. The server usually knows the script.
pub(super) fn evalsha(script: &Script, key: &str, args: impl FnOnce(&mut Cmd)) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(script.get_hash()).arg(1).arg(key);
    args(&mut call);
    call
}
