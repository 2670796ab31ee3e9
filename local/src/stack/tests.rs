use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::*;
use crate::engine::ValkeyOptions;
use crate::ports;

/// Returns Valkey's answer to one command, or `None` if Valkey can't be reached.
fn ask(port: u16, command: &str) -> Option<String> {
    let mut stream = TcpStream::connect(ports::loopback(port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_running(pid: u32) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap().status.success()
}

#[tokio::test]
async fn stack_stores_items_and_answers_as_cache() {
    let stack = LocalStack::start().unwrap();
    stack.create_table("seats").await.unwrap();
    let client = stack.dynamodb.client();
    let key =
        |sk: &str| [("pk".to_owned(), AttributeValue::S("p".into())), ("sk".to_owned(), AttributeValue::S(sk.into()))];
    let put = client.put_item().table_name("seats").set_item(Some(key("s").into()));
    put.send().await.unwrap();
    let got = client.get_item().table_name("seats").set_key(Some(key("s").into())).send().await.unwrap();
    assert!(got.item().is_some());
    assert_eq!(ask(stack.valkey.port(), "PING").unwrap(), "+PONG\r\n+OK\r\n");
}

#[test]
fn database_outlives_the_runtime_of_its_first_use() {
    let stack = LocalStack::start().unwrap();
    for name in ["first-table", "second-table"] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(stack.create_table(name)).unwrap();
    }
}

#[tokio::test]
async fn sweep_deletes_only_expired_items() {
    let dynamodb = DynamoDb::memory().unwrap();
    let client = dynamodb.client();
    template::create_table(&client, "seats").await.unwrap();
    // One second after 1970 began, and in the year 2128.
    for (sk, expires_at) in [("gone", 1_u64), ("stays", 5_000_000_000)] {
        let put = client.put_item().table_name("seats").item("pk", AttributeValue::S("p".into()));
        let put = put.item("sk", AttributeValue::S(sk.into()));
        put.item("expires_at", AttributeValue::N(expires_at.to_string())).send().await.unwrap();
    }
    assert_eq!(dynamodb.sweep_ttl().unwrap(), 1);
    let left = client.scan().table_name("seats").send().await.unwrap();
    assert_eq!(left.items().len(), 1);
}

#[tokio::test]
async fn database_file_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dynamodb.sqlite");
    let first = DynamoDb::open(&file, 0).unwrap();
    template::create_table(&first.client(), "seats").await.unwrap();
    first.stop();
    let second = DynamoDb::open(&file, 0).unwrap();
    assert_eq!(second.client().list_tables().send().await.unwrap().table_names(), ["seats"]);
}

#[test]
fn valkey_restarts_empty_on_the_same_port() {
    let mut valkey = Valkey::start().unwrap();
    let port = valkey.port();
    for end in [Valkey::stop, Valkey::kill] {
        ask(port, "SET k v").unwrap();
        end(&mut valkey).unwrap();
        assert_eq!(ask(port, "PING"), None);
        assert!(valkey.check().unwrap_err().to_string().contains("Valkey has ended by itself"));
        valkey.restart().unwrap();
        assert_eq!(ask(port, "GET k").unwrap(), "$-1\r\n+OK\r\n");
    }
}

#[test]
fn paused_valkey_answers_after_resume() {
    let mut valkey = Valkey::start().unwrap();
    valkey.pause().unwrap();
    let mut stream = TcpStream::connect(ports::loopback(valkey.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    assert!(stream.read_exact(&mut [0; 5]).is_err());
    valkey.resume().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.read_exact(&mut [0; 5]).unwrap();
    valkey.pause().unwrap();
    valkey.stop().unwrap();
    assert!(!is_running(valkey.pid()));
}

#[test]
fn valkey_ends_when_it_is_dropped() {
    let valkey = Valkey::start().unwrap();
    let pid = valkey.pid();
    assert!(is_running(pid));
    drop(valkey);
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(25));
        !is_running(pid)
    });
    assert!(gone);
}

#[test]
fn valkey_accepts_arguments_and_cluster_mode() {
    let args = ["--cluster-enabled", "yes", "--maxmemory", "1mb"].map(str::to_owned).into();
    let valkey = Valkey::start_with(&ValkeyOptions { args, ..ValkeyOptions::default() }).unwrap();
    assert!(ask(valkey.port(), "CLUSTER INFO").unwrap().contains("cluster_state"));
}

#[test]
fn failed_valkey_start_reports_the_reason() {
    let args = vec!["--no-such-option".to_owned(), "1".to_owned()];
    let error = Valkey::start_with(&ValkeyOptions { args, ..ValkeyOptions::default() }).unwrap_err().to_string();
    assert!(error.contains("Valkey has ended by itself"), "{error}");
    assert!(error.contains("no-such-option"), "{error}");
}

#[test]
fn functions_get_the_templates_memory_setting() {
    let template = std::fs::read_to_string(crate::checkout::root().unwrap().join("infra/template.yaml")).unwrap();
    let written: Vec<_> = template.lines().filter_map(|line| line.trim().strip_prefix("GLIBC_TUNABLES: ")).collect();
    assert_eq!(written, [GLIBC_TUNABLES]);
}
