//! The part of Redis' protocol that is needed to count commands.

/// Parses the first complete command of a stream, an array of bulk strings. Returns its name and length.
/// <https://redis.io/docs/latest/develop/reference/protocol-spec/>
pub(super) fn command(bytes: &[u8]) -> Option<(String, usize)> {
    let mut at = 0;
    let words = number(bytes, &mut at, b'*')?;
    let mut name = String::new();
    for word in 0..words {
        let length = number(bytes, &mut at, b'$')?;
        let text = bytes.get(at..at + length)?;
        if word == 0 {
            name = String::from_utf8_lossy(text).to_uppercase();
        }
        at += length + 2;
    }
    (at <= bytes.len()).then_some((name, at))
}

fn number(bytes: &[u8], at: &mut usize, mark: u8) -> Option<usize> {
    let rest = bytes.get(*at..)?;
    assert!(rest.first().is_none_or(|first| *first == mark), "not a command: {rest:?}");
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    *at += end + 2;
    std::str::from_utf8(&rest[1..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn only_complete_redis_commands_are_counted() {
        let bytes = b"*2\r\n$3\r\nget\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n";
        assert_eq!(command(bytes), Some(("GET".to_owned(), 20)));
        assert_eq!(command(&bytes[20..]), Some(("PING".to_owned(), 14)));
        for cut in 0..20 {
            assert_eq!(command(&bytes[..cut]), None, "{cut}");
        }
    }
}
