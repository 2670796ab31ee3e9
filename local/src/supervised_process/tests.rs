use super::*;

fn shell(log: &Path, command: &str) -> Program {
    Program {
        name: "the test's child".to_owned(),
        path: "/bin/sh".into(),
        args: ["-c", command].map(OsString::from).into(),
        env: vec![("GREETING".into(), "hello".into())],
        without_env: vec!["HOME".into()],
        folder: "/".into(),
        log: log.to_path_buf(),
    }
}

fn wait_for_log(log: &Path, text: &str) {
    let said = (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        fs::read_to_string(log).unwrap_or_default().contains(text)
    });
    assert!(said, "{text} is not in the log");
}

#[test]
fn ended_child_is_reported_with_its_log_tail() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = SupervisedProcess::start(&shell(&log, "echo $GREETING ${HOME-homeless} $PWD; exit 7")).unwrap();
    child.wait_for_end().unwrap();
    let error = child.check().unwrap_err().to_string();
    assert!(error.starts_with("the test's child has ended by itself (exit status: 7)"), "{error}");
    assert!(error.contains("    hello homeless /\n"), "{error}");
}

#[test]
fn child_may_end_gracefully_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child =
        SupervisedProcess::start(&shell(&log, "trap 'echo bye; exit 0' TERM; echo up; sleep 100 & wait")).unwrap();
    wait_for_log(&log, "up");
    child.stop().unwrap();
    child.stop().unwrap();
    assert!(child.ended().unwrap().success());
    wait_for_log(&log, "bye");
}

#[test]
fn child_that_ignores_term_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = SupervisedProcess::start(&shell(&log, "trap '' TERM; echo up; while :; do sleep 1; done")).unwrap();
    wait_for_log(&log, "up");
    child.stop().unwrap();
    assert_eq!(child.ended().unwrap().code(), Some(128 + 9));
}

#[test]
fn missing_program_fails_at_once_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = SupervisedProcess::start(&Program { path: "/no/such/file".into(), ..shell(&log, "") }).unwrap();
    child.wait_for_end().unwrap();
    let error = child.check().unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
}

#[test]
fn direct_child_ends_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let before = Instant::now();
    let child = SupervisedProcess::start_direct(&shell(&log, "echo up $GREETING ${HOME-homeless}; exec sleep 100"));
    let child = child.unwrap();
    assert!(before <= child.started() && child.started() <= Instant::now());
    wait_for_log(&log, "up hello homeless");
    let pid = child.pid;
    drop(child);
    assert!(rustix::process::test_kill_process(pid).is_err(), "it still runs");
}
