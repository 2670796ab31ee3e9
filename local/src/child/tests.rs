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
fn a_child_that_ends_is_noticed_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Supervised::start(&shell(&log, "echo $GREETING ${HOME-homeless} $PWD; exit 7")).unwrap();
    child.wait_for_end().unwrap();
    let error = child.check().unwrap_err().to_string();
    assert!(error.starts_with("the test's child has ended by itself (exit status: 7)"), "{error}");
    assert!(error.contains("    hello homeless /\n"), "{error}");
}

#[test]
fn a_child_can_end_in_its_own_way_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Supervised::start(&shell(&log, "trap 'echo bye; exit 0' TERM; echo up; sleep 100 & wait")).unwrap();
    wait_for_log(&log, "up");
    child.stop().unwrap();
    child.stop().unwrap();
    assert!(child.ended().unwrap().success());
    wait_for_log(&log, "bye");
}

#[test]
fn a_child_that_refuses_to_end_is_made_to() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Supervised::start(&shell(&log, "trap '' TERM; echo up; while :; do sleep 1; done")).unwrap();
    wait_for_log(&log, "up");
    child.stop().unwrap();
    assert_eq!(child.ended().unwrap().code(), Some(128 + 9));
}

#[test]
fn a_program_that_is_not_there_ends_at_once_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Supervised::start(&Program { path: "/no/such/file".into(), ..shell(&log, "") }).unwrap();
    child.wait_for_end().unwrap();
    let error = child.check().unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
}
