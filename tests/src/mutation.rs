//! What becomes of input at random: flipped bits, cuts, splices, doubled members, deep nesting, huge numbers.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces that parsers stumble over, put anywhere.
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

/// Members put behind an opening brace: then a field is there twice, or where it doesn't belong.
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

/// One change of some bytes.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// These bits of a byte are flipped.
    Flip(Index, u8),
    /// What follows is gone.
    Cut(Index),
    /// A piece is put in, so many times.
    Insert(Index, &'static str, usize),
    /// A member is put behind a brace that opens.
    Member(Index, &'static str),
    /// What follows is taken from another seed.
    Splice(Index, Index, Index),
}

/// Any mutation.
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
    /// The bytes after it.
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

/// How often a hunt is repeated: so often by default, more where `PROPTEST_CASES` says so.
pub fn cases(least: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if default.cases == 256 { least } else { default.cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}
