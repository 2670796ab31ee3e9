//! The calls of docs/authorization.md, word for word.

use std::process::Command;

use boxoffice_local::checkout;

use crate::deployment::deployment;

#[test]
fn the_documented_curls_with_tokens_are_answered_as_shown() {
    let page = std::fs::read_to_string(checkout::root().unwrap().join("docs/authorization.md")).unwrap();
    let address = |url: &str| url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let mut blocks = page.split("```").skip(1).step_by(2);
    let mut tried = 0;
    while let Some(script) = blocks.next() {
        let Some(script) = script.strip_prefix("sh\n") else { continue };
        let shown =
            blocks.next().and_then(|block| block.strip_prefix("console\n")).expect("each script has its output");
        let shown = shown.replace("127.0.0.1:8000", &address(&deployment().url));
        let script = script.replace("127.0.0.1:8000", &address(&deployment().url));
        let script = script.replace("127.0.0.1:8090", &address(&deployment().issuer));
        let output = Command::new("sh").arg("-euc").arg(&script).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        let varies = |text: &str| -> Vec<String> { text.lines().map(without_ids).collect() };
        assert_eq!(varies(&said), varies(&shown), "{script}");
        tried += 1;
    }
    assert!(tried >= 2, "{tried}");
}

/// Removes the parts of a line that differ on every run: ids and times.
fn without_ids(line: &str) -> String {
    let mut fields: Vec<_> = line.split(',').map(str::to_owned).collect();
    for field in &mut fields {
        for name in ["\"request_id\":", "\"expires_at\":", "\"layout_version\":", "\"booked_at\":"] {
            if field.trim_start_matches('{').starts_with(name) {
                *field = format!("{name} varies");
            }
        }
    }
    fields.join(",")
}
