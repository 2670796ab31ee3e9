//! Processes of the stack that are killed or frozen.

use std::time::{Duration, Instant};

use boxoffice_tests::local_run::{PATIENCE, Run, is_running, signal};
use futures_util::future::join_all;

use crate::site::send;

async fn statuses(run: &Run, path: &str, calls: usize) -> Vec<u16> {
    let calls = (0..calls).map(|_| async { send("GET", &run.url(path), &[], "").await.status });
    join_all(calls).await
}

/// A killed process loses its request, which gets a 500 as on AWS. Other processes answer the other requests, and the
/// killed one is started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_are_started_again() {
    let data = tempfile::tempdir().unwrap();
    let run = Run::start(data.path());
    for _ in 0..20 {
        let calls = statuses(&run, "/theaters/1/seats", 40);
        let kill = async { signal("-9", &run.processes_of("get-seats")) };
        let (statuses, ()) = tokio::join!(calls, kill);
        assert!(statuses.iter().all(|status| [200, 500].contains(status)), "{statuses:?}");
    }
    let started = Instant::now();
    assert_eq!(statuses(&run, "/theaters/1/seats", 1).await, [200]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(run.stderr(), "", "no instance is lost");
}

/// Kills the process more often than there are places for instances.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_killed_repeatedly_is_started_again() {
    let data = tempfile::tempdir().unwrap();
    let run = Run::start(data.path());
    for _ in 0..20 {
        signal("-9", &run.processes_of("book"));
        let answer = send("POST", &run.url("/theaters/1/book"), &[("content-type", "application/json")], "{}").await;
        assert!([400, 500].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(run.stderr(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_cargo_lambda_watch_is_reported_and_restarted() {
    let data = tempfile::tempdir().unwrap();
    let run = Run::start(data.path());
    assert_eq!(statuses(&run, "/theaters/1/seats", 1).await, [200]);

    signal("-9", &run.processes_of("boxoffice-local"));
    run.wait_for_stderr("cargo lambda watch has lost an instance of a function; starting it again");
    assert_eq!(statuses(&run, "/theaters/1/seats", 20).await, [200; 20], "requests wait for the restart");
    await_running_again(&run, 1);

    signal("-9", &[watch(&run)]);
    run.wait_for_stderr("cargo lambda watch has ended; starting it again");
    await_running_again(&run, 2);
    assert_eq!(statuses(&run, "/theaters/1/seats", 20).await, [200; 20]);

    signal("-STOP", &[watch(&run)]);
    // This request detects the standstill. Its outcome is unknown, because the function may have received it.
    assert_eq!(statuses(&run, "/theaters/1/seats", 1).await, [503]);
    run.wait_for_stderr(
        "cargo lambda watch stands still: get-seats has requests and does not answer; starting it again",
    );
    await_running_again(&run, 3);
    assert_eq!(statuses(&run, "/theaters/1/seats", 20).await, [200; 20]);

    let processes = run.processes();
    assert_eq!(run.end(), Some(0));
    assert_gone(&processes);
}

fn await_running_again(run: &Run, times: usize) {
    let end = Instant::now() + PATIENCE;
    while run.stderr().matches("cargo lambda watch is running again").count() < times {
        assert!(Instant::now() < end, "{}", run.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the `cargo lambda watch` process. It is the process with the most processes below it.
fn watch(run: &Run) -> u32 {
    let is_watch = |pid: &&u32| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split('\0').next().is_some_and(|program| program.ends_with("cargo-lambda"))
    };
    *run.processes().iter().find(is_watch).expect("cargo lambda watch")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_leaves_no_process_and_the_next_start_is_fast() {
    let data = tempfile::tempdir().unwrap();
    let run = Run::start(data.path());
    assert_eq!(statuses(&run, "/theaters/1/seats", 40).await, [200; 40]);
    let processes = run.processes();
    assert!(processes.len() > 20, "{processes:?}");
    assert_eq!(run.end(), Some(0));
    assert_gone(&processes);
    let started = Instant::now();
    let again = Run::start(data.path());
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(again.end(), Some(0));
}

/// Waits until the processes have ended. A zombie counts as ended, because it only waits for its parent.
fn assert_gone(processes: &[u32]) {
    let is_alive = |pid: &&u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        is_running(**pid) && stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    let end = Instant::now() + Duration::from_secs(10);
    while let Some(pid) = processes.iter().find(is_alive) {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(Instant::now() < end, "process {pid} is left: {command}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
