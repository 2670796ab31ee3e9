//! The corpus: small inputs that once caused a bug, or that show what could cause one. Every run replays all of them.

use std::path::PathBuf;

/// A file of the corpus.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The file name, which says what is unusual about the content.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Returns all events: the valid ones of `events/` and the hostile ones of `tests/corpus/events`.
pub fn events() -> Vec<Seed> {
    let mut seeds = folder("events");
    seeds.retain(|seed| seed.name.ends_with(".json"));
    seeds.extend(folder("tests/corpus/events"));
    seeds
}

/// Returns packed strings for the cache. The files hold hexadecimal digits. White space and text after `#` are ignored.
pub fn packed() -> Vec<Seed> {
    folder("tests/corpus/packed").into_iter().map(|seed| Seed { bytes: from_hex(&seed), ..seed }).collect()
}

/// Returns table items in DynamoDB's JSON.
pub fn items() -> Vec<Seed> {
    folder("tests/corpus/items")
}

fn folder(path: &str) -> Vec<Seed> {
    let path: PathBuf = boxoffice_local::checkout::root().expect("the checkout").join(path);
    let files = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut seeds: Vec<_> = files
        .map(|file| {
            let file = file.expect("a file");
            let name = file.file_name().into_string().expect("a plain name");
            Seed { name, bytes: std::fs::read(file.path()).expect("a readable file") }
        })
        .collect();
    seeds.sort_by(|a, b| a.name.cmp(&b.name));
    seeds
}

fn from_hex(seed: &Seed) -> Vec<u8> {
    let text = std::str::from_utf8(&seed.bytes).expect("text");
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let digits: String = lines.flat_map(str::chars).filter(|digit| !digit.is_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "{}: an odd number of digits", seed.name);
    let byte =
        |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("{}: bad digit at {at}", seed.name));
    (0..digits.len()).step_by(2).map(byte).collect()
}
