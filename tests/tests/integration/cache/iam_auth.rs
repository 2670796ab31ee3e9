//! Signing in with IAM tokens, at a Valkey behind TLS that accepts a single token at a time. Each connection signs in
//! with a fresh token, and is replaced before ElastiCache would close it for its age.

use std::time::Duration;

use boxoffice::cache::{IamUser, sign};
use boxoffice_tests::world::START;

use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// The time by which all connections from the start are replaced.
const DUE: u64 = 11 * HOUR + 30 * MINUTE;

/// Timeout for events that happen by themselves. Far longer than they need.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A box office whose cache accepts only the token of one moment.
struct IamWorld {
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
    let token = sign(&user(), &credentials, boxoffice_local::engine::REGION, START + Duration::from_millis(millis));
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

impl IamWorld {
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
    async fn seat_map(&self) -> String {
        let seat_map = Call::get_seats("1").send(&self.world.office).await;
        assert_eq!(seat_map.status, 200, "{}", seat_map.text);
        seat_map.header("x-cache").to_owned()
    }

    async fn reads_with_the_cache(&self) {
        assert_ne!(self.seat_map().await, "bypass");
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
                self.reads_with_the_cache().await;
            }
        };
        tokio::time::timeout(TIMEOUT, looking).await.expect("it is replaced");
    }

    /// Returns `true` if there are as many signed-in connections as before, and none of the old ones.
    async fn replaced(&mut self, old: &[String]) -> bool {
        let new = self.signed_in().await;
        new.len() == old.len() && old.iter().all(|id| !new.contains(id))
    }
}

#[tokio::test]
async fn connection_with_the_current_token_is_accepted() {
    let mut iam_world = IamWorld::single().await;
    serves(&iam_world.world).await;
    assert_eq!((iam_world.proxy.connections(), iam_world.signed_in().await.len()), (1, 1));
}

#[tokio::test]
async fn rejected_token_means_answers_without_the_cache() {
    let mut iam_world = IamWorld::single().await;
    // This instance starts a minute after the accepted token has expired, and signs its own.
    iam_world.world.at(16 * MINUTE);
    let late = iam_world.world.instance_on(&iam_world.world.setup).await;
    let seat_map = Call::get_seats("1").send(&late).await;
    assert_eq!((seat_map.status, seat_map.header("x-cache")), (200, "bypass"));
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&late).await.status, 201);
    assert_eq!(iam_world.signed_in().await.len(), 1, "only the first instance is signed in");
    iam_world.let_in(17 * MINUTE).await;
    iam_world.world.at(17 * MINUTE);
    assert_eq!(Call::get_seats("1").send(&late).await.header("x-cache"), "miss", "signed in with a fresh token");
}

#[tokio::test]
async fn old_connection_is_replaced_once_without_failures() {
    let mut iam_world = IamWorld::single().await;
    iam_world.reads_with_the_cache().await;
    iam_world.world.at(11 * HOUR - 1);
    iam_world.reads_with_the_cache().await;
    assert_eq!(iam_world.proxy.connections(), 1, "not before 11 hours");
    let old = iam_world.signed_in().await;
    iam_world.let_in(DUE).await;
    iam_world.world.at(DUE);
    for seat in ["A1", "A2", "A3", "B1"] {
        iam_world.reads_with_the_cache().await;
        assert_eq!(Call::book("1", &json!({ "seat": seat })).send(&iam_world.world.office).await.status, 201);
    }
    // The old connection closes when the new one is ready, however long that takes.
    iam_world.until_replaced(&old).await;
    for _ in 0..10 {
        iam_world.reads_with_the_cache().await;
    }
    assert_eq!((iam_world.proxy.connections(), iam_world.signed_in().await.len()), (2, 1));
}

#[tokio::test]
async fn failed_replacement_keeps_connection_and_retries_in_a_minute() {
    let mut iam_world = IamWorld::single().await;
    iam_world.reads_with_the_cache().await;
    let old = iam_world.signed_in().await;
    let mut now = DUE;
    for tried in 2..5 {
        // The failure of a replacement is known at the next call or later. The minute before the next attempt begins
        // then.
        while iam_world.proxy.connections() < tried {
            assert!(now < DUE + HOUR, "it is tried again");
            now += MINUTE;
            iam_world.world.at(now);
            iam_world.reads_with_the_cache().await;
        }
        for _ in 0..10 {
            iam_world.reads_with_the_cache().await;
        }
        assert_eq!(iam_world.proxy.connections(), tried, "not with every call");
        assert!(!iam_world.replaced(&old).await);
    }
    // From now on every token is accepted.
    let mut acl = redis::cmd("ACL");
    acl.arg(&["SETUSER", "box-office", "nopass"]).exec_async(&mut iam_world.redis).await.unwrap();
    while !iam_world.replaced(&old).await {
        assert!(now < DUE + 11 * HOUR, "it is replaced");
        now += MINUTE;
        iam_world.world.at(now);
        iam_world.reads_with_the_cache().await;
    }
}

#[tokio::test]
async fn cut_connection_reconnects_with_a_fresh_token() {
    for mut iam_world in [IamWorld::single().await, IamWorld::cluster().await] {
        iam_world.reads_with_the_cache().await;
        for minutes in [20, 40] {
            // Deleting a user closes its connections. ElastiCache does the same when it revokes access.
            redis::cmd("ACL").arg("DELUSER").arg("box-office").exec_async(&mut iam_world.redis).await.unwrap();
            iam_world.let_in(minutes * MINUTE).await;
            iam_world.world.at(minutes * MINUTE);
            iam_world.reads_with_the_cache().await;
        }
    }
}

#[tokio::test]
async fn cluster_connections_sign_in_per_node_and_are_replaced() {
    let mut iam_world = IamWorld::cluster().await;
    serves(&iam_world.world).await;
    let old = iam_world.signed_in().await;
    iam_world.let_in(DUE).await;
    iam_world.world.at(DUE);
    iam_world.until_replaced(&old).await;
}
