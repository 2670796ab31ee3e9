//! Signing in with IAM tokens, at a Valkey behind TLS that accepts a single token at a time. Each connection signs in
//! with a fresh token, and is replaced before ElastiCache would close it for its age.

use boxoffice::cache::{IamUser, sign};
use boxoffice_tests::world::START;

use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// The time by which all connections from the start are replaced.
const DUE: u64 = 11 * HOUR + 30 * MINUTE;

/// Timeout for events that happen by themselves. Far longer than they need.
const PATIENCE: Duration = Duration::from_secs(60);

/// A box office whose cache accepts only the token of one moment.
struct Guarded {
    world: World,
    proxy: RedisProxy,
    redis: redis::aio::MultiplexedConnection,
    _valkey: Valkey,
}

fn user() -> IamUser {
    IamUser::parse("box-office", "main", true).unwrap()
}

/// Returns the token that the functions in these tests sign this many milliseconds after the start.
fn token_at(millis: u64) -> String {
    let credentials = aws_sdk_dynamodb::config::Credentials::new("local", "local", None, None, "test");
    let token = sign(&user(), &credentials, boxoffice_local::engine::REGION, EpochMillis(START.0 + millis));
    token.unwrap().reveal().to_owned()
}

async fn let_in(redis: &mut redis::aio::MultiplexedConnection, millis: u64) {
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("box-office").arg(&["reset", "on", "~*", "+@all"]).arg(format!(">{}", token_at(millis)));
    acl.exec_async(redis).await.unwrap();
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

impl Guarded {
    async fn single() -> Self {
        Self::on(Valkey::start().unwrap(), false).await
    }

    async fn cluster() -> Self {
        Self::on(one_node_cluster().await, true).await
    }

    async fn on(valkey: Valkey, cluster: bool) -> Self {
        let client = redis::Client::open(valkey.url()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let proxy = RedisProxy::before(valkey.port()).await;
        let tls = TlsProxy::before(port(&proxy.url)).await;
        if cluster {
            let mut announce = redis::cmd("CONFIG");
            announce.arg("SET").arg("cluster-announce-ip").arg("127.0.0.1");
            announce.arg("cluster-announce-port").arg(port(&tls.url));
            announce.exec_async(&mut redis).await.unwrap();
        }
        let_in(&mut redis, 0).await;
        let cache = CacheAddress { url: tls.url, cluster, ca: Some(tls.authority) };
        let setup = Setup { cache: Some(cache), cache_iam: Some(user()), ..Setup::shared() };
        Self { world: World::on(setup).await, proxy, redis, _valkey: valkey }
    }

    async fn let_in(&mut self, millis: u64) {
        let_in(&mut self.redis, millis).await;
    }

    /// Reads the seats and returns the `x-cache` header.
    async fn look(&self) -> String {
        let look = Call::get_seats("1").send(&self.world.office).await;
        assert_eq!(look.status, 200, "{}", look.text);
        look.header("x-cache").to_owned()
    }

    async fn looks_with_the_cache(&self) {
        assert_ne!(self.look().await, "bypass");
    }

    /// Returns the ids of the connections that are signed in as the box office.
    async fn signed_in(&mut self) -> Vec<String> {
        let list: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut self.redis).await.unwrap();
        let ours = list.lines().filter(|line| line.contains(" user=box-office "));
        ours.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }

    /// Reads until all old connections are replaced. Replacement goes on by itself once it has begun.
    async fn until_replaced(&mut self, old: &[String]) {
        let looking = async {
            while !self.replaced(old).await {
                self.looks_with_the_cache().await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("it is replaced");
    }

    /// Returns `true` if there are as many signed-in connections as before, and none of the old ones.
    async fn replaced(&mut self, old: &[String]) -> bool {
        let new = self.signed_in().await;
        new.len() == old.len() && old.iter().all(|id| !new.contains(id))
    }
}

#[tokio::test]
async fn who_has_the_token_of_the_moment_gets_in() {
    let mut guarded = Guarded::single().await;
    serves(&guarded.world).await;
    assert_eq!((guarded.proxy.connections(), guarded.signed_in().await.len()), (1, 1));
}

#[tokio::test]
async fn who_has_another_token_is_refused_and_answered_without_the_cache() {
    let mut guarded = Guarded::single().await;
    // This instance starts a minute after the accepted token has expired, and signs its own.
    guarded.world.at(16 * MINUTE);
    let late = guarded.world.instance_on(&guarded.world.setup).await;
    let look = Call::get_seats("1").send(&late).await;
    assert_eq!((look.status, look.header("x-cache")), (200, "bypass"));
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&late).await.status, 201);
    assert_eq!(guarded.signed_in().await.len(), 1, "only the first instance is signed in");
    guarded.let_in(17 * MINUTE).await;
    guarded.world.at(17 * MINUTE);
    assert_eq!(Call::get_seats("1").send(&late).await.header("x-cache"), "miss", "signed in with a fresh token");
}

#[tokio::test]
async fn a_connection_that_is_due_is_replaced_once_and_fails_nobody() {
    let mut guarded = Guarded::single().await;
    guarded.looks_with_the_cache().await;
    guarded.world.at(11 * HOUR - 1);
    guarded.looks_with_the_cache().await;
    assert_eq!(guarded.proxy.connections(), 1, "not before 11 hours");
    let old = guarded.signed_in().await;
    guarded.let_in(DUE).await;
    guarded.world.at(DUE);
    for seat in ["A1", "A2", "A3", "B1"] {
        guarded.looks_with_the_cache().await;
        assert_eq!(Call::book("1", &json!({ "seat": seat })).send(&guarded.world.office).await.status, 201);
    }
    // The old connection closes when the new one is ready, however long that takes.
    guarded.until_replaced(&old).await;
    for _ in 0..10 {
        guarded.looks_with_the_cache().await;
    }
    assert_eq!((guarded.proxy.connections(), guarded.signed_in().await.len()), (2, 1));
}

#[tokio::test]
async fn a_connection_that_cannot_be_replaced_answers_on_and_is_tried_again_after_a_minute() {
    let mut guarded = Guarded::single().await;
    guarded.looks_with_the_cache().await;
    let old = guarded.signed_in().await;
    let mut now = DUE;
    for tried in 2..5 {
        // The failure of a replacement is known at the next call or later. The minute before the next attempt begins
        // then.
        while guarded.proxy.connections() < tried {
            assert!(now < DUE + HOUR, "it is tried again");
            now += MINUTE;
            guarded.world.at(now);
            guarded.looks_with_the_cache().await;
        }
        for _ in 0..10 {
            guarded.looks_with_the_cache().await;
        }
        assert_eq!(guarded.proxy.connections(), tried, "not with every call");
        assert!(!guarded.replaced(&old).await);
    }
    // From now on every token is accepted.
    let mut acl = redis::cmd("ACL");
    acl.arg(&["SETUSER", "box-office", "nopass"]).exec_async(&mut guarded.redis).await.unwrap();
    while !guarded.replaced(&old).await {
        assert!(now < DUE + 11 * HOUR, "it is replaced");
        now += MINUTE;
        guarded.world.at(now);
        guarded.looks_with_the_cache().await;
    }
}

#[tokio::test]
async fn a_connection_that_was_cut_is_followed_by_one_with_a_fresh_token() {
    for mut guarded in [Guarded::single().await, Guarded::cluster().await] {
        guarded.looks_with_the_cache().await;
        for minutes in [20, 40] {
            // Deleting a user closes its connections. ElastiCache does the same when it revokes access.
            redis::cmd("ACL").arg("DELUSER").arg("box-office").exec_async(&mut guarded.redis).await.unwrap();
            guarded.let_in(minutes * MINUTE).await;
            guarded.world.at(minutes * MINUTE);
            guarded.looks_with_the_cache().await;
        }
    }
}

#[tokio::test]
async fn a_cluster_signs_in_to_each_node_and_is_replaced_when_it_is_due() {
    let mut guarded = Guarded::cluster().await;
    serves(&guarded.world).await;
    let old = guarded.signed_in().await;
    guarded.let_in(DUE).await;
    guarded.world.at(DUE);
    guarded.until_replaced(&old).await;
}
