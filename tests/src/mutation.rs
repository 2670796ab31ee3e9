//! Random changes of inputs: flipped bits, cuts, splices, doubled members, deep nesting, huge numbers.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces that are difficult for parsers, inserted at any position.
const PIECES: &[&str] = &[
    "null",
    "true",
    "[",
    "]",
    "{",
    "}",
    "\"",
    ",",
    ":",
    "\\ud800",
    "\\u0000",
    "\\",
    "\0",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "é",
    "NaN",
    "Infinity",
    "1e999",
    "-0",
    "1.0",
    "18446744073709551616",
    "%00",
    "%ff",
    "%",
    "&",
    "=",
    ";",
    "W/\"",
    "*",
    "A1",
    "consistent=true",
    " ",
    "\n",
];

/// Members inserted after an opening brace. They make a field occur twice or in a wrong place.
const MEMBERS: &[&str] = &[
    "\"seat\":\"A2\",",
    "\"seat\":null,",
    "\"seats\":[\"A1\"],",
    "\"seats\":[\"B1\",\"B1\"],",
    "\"seats\":[],",
    "\"expires_in\":60,",
    "\"expires_in\":1e999,",
    "\"booking_id\":\"\",",
    "\"reservation_id\":7,",
    "\"headers\":{},",
    "\"cookies\":[\"\"],",
    "\"pathParameters\":null,",
    "\"isBase64Encoded\":true,",
    "\"body\":\"e30=\",",
    "\"stage\":\"/ \",",
];

/// One change of an input.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// Flips these bits of a byte.
    Flip(Index, u8),
    /// Removes all bytes from this position on.
    Cut(Index),
    /// Inserts a piece several times.
    Insert(Index, &'static str, usize),
    /// Inserts a member after an opening brace.
    Member(Index, &'static str),
    /// Replaces all bytes from this position on by the end of another seed.
    Splice(Index, Index, Index),
}

/// Returns a strategy for all mutations.
pub fn any_mutation() -> impl Strategy<Value = Mutation> {
    let times = prop_oneof![6 => Just(1_usize), 1 => 2..300_usize, 1 => Just(10_000_usize)];
    prop_oneof![
        3 => (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        4 => (any::<Index>(), select(PIECES), times).prop_map(|(at, piece, times)| Mutation::Insert(at, piece, times)),
        3 => (any::<Index>(), select(MEMBERS)).prop_map(|(at, member)| Mutation::Member(at, member)),
        1 => (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, seed, from)| Mutation::Splice(at, seed, from)),
    ]
}

impl Mutation {
    /// Applies the mutation and returns the changed bytes.
    pub fn apply(&self, mut bytes: Vec<u8>, seeds: &[Vec<u8>]) -> Vec<u8> {
        match self {
            Self::Flip(at, bits) => {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= bits;
                }
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Self::Insert(at, piece, times) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, piece.repeat(*times).into_bytes());
            }
            Self::Member(at, member) => {
                let braces: Vec<_> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{').collect();
                if !braces.is_empty() {
                    let at = braces[at.index(braces.len())].0 + 1;
                    bytes.splice(at..at, member.bytes());
                }
            }
            Self::Splice(at, seed, from) => {
                let other = &seeds[seed.index(seeds.len())];
                bytes.truncate(at.index(bytes.len() + 1));
                bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
        bytes
    }
}

/// Returns a configuration with this number of cases. `PROPTEST_CASES` overrides it.
pub fn cases(least: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if default.cases == 256 { least } else { default.cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}
