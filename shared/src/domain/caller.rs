//! The caller of a request and the ownership of reservations and bookings.

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;
use uuid::{Uuid, uuid};

use super::ids::parse_uuid;
use super::time::EpochMillis;

/// Namespace of the owners' name-based UUIDs, generated once at random. If it changes, all callers lose access to
/// their reservations and bookings.
const OWNER: Uuid = uuid!("3b0f6d0e-9a3c-4c58-8f0b-5f5f0f3c2d11");

/// Namespace of the addresses' name-based UUIDs, generated once at random.
const ADDRESS: Uuid = uuid!("af29c103-f78f-4216-8bdd-e88a8c606acc");

/// The proven identity of a caller. Different callers never share reservations, bookings or keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// No identity was proven.
    Anonymous,
    /// Subject (`sub`) that the API's authorizer verified.
    Subject(String),
    /// A member of the staff, whose verified token has the scope of staff.
    Staff(Staff),
}

/// A member of the staff, and the buyer whom the call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Subject (`sub`) that the API's authorizer verified.
    pub subject: String,
    /// The buyer. With `None` the call is for the member of the staff, as for every signed-in caller.
    pub acts_for: Option<Buyer>,
}

/// A buyer whom staff name in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buyer {
    /// A buyer who isn't signed in. Their reservations and bookings have no owner.
    Anonymous,
    Owner(Owner),
}

/// The role in which a caller changes something, if they aren't a buyer. It is stored with the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Staff,
}

/// Owner of a reservation or a booking, as stored: a hash of the subject, which doesn't reveal it.
///
/// Reservations and bookings of anonymous callers have no owner. Everyone who knows their id can use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub Uuid);

impl Buyer {
    /// Form of a buyer in a request, for messages.
    pub const EXPECTED: &'static str = "the buyer's owner, a UUID (not nil), or anonymous";

    /// Parses a buyer.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "anonymous" => Some(Self::Anonymous),
            owner => parse_uuid(owner).ok().map(|owner| Self::Owner(Owner(owner))),
        }
    }

    fn owner(self) -> Option<Owner> {
        match self {
            Self::Anonymous => None,
            Self::Owner(owner) => Some(owner),
        }
    }
}

impl Role {
    /// Parses the word of a role.
    pub fn parse(word: &str) -> Option<Self> {
        (word == Self::Staff.as_str()).then_some(Self::Staff)
    }

    /// Returns the word in the table, in responses and in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
        }
    }
}

impl Owner {
    /// Returns the owner of everything that a subject creates.
    fn of_subject(subject: &str) -> Self {
        Self(Uuid::new_v5(&OWNER, subject.as_bytes()))
    }
}

impl Caller {
    /// Returns the caller as parts, so that no subject equals the anonymous caller, and no call for a buyer equals a
    /// call for another one.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let (kind, subject, buyer): (&[u8], &str, Option<&[u8]>) = match self {
            Self::Anonymous => (b"anonymous", "", None),
            Self::Subject(subject) | Self::Staff(Staff { subject, acts_for: None }) => (b"subject", subject, None),
            Self::Staff(Staff { subject, acts_for: Some(buyer) }) => {
                let buyer: &[u8] = match buyer {
                    Buyer::Anonymous => b"anonymous",
                    Buyer::Owner(owner) => owner.0.as_bytes(),
                };
                (b"staff", subject, Some(buyer))
            }
        };
        [kind, subject.as_bytes()].into_iter().chain(buyer)
    }

    /// Returns the owner of everything that this caller creates. For staff this is the buyer whom they act for.
    pub fn owner(&self) -> Option<Owner> {
        match self {
            Self::Staff(Staff { acts_for: Some(buyer), .. }) => buyer.owner(),
            _ => self.subject().map(Owner::of_subject),
        }
    }

    /// Returns the role in which this caller changes something. Buyers have none.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Anonymous | Self::Subject(_) => None,
            Self::Staff(_) => Some(Role::Staff),
        }
    }

    /// Returns `true` if the limits of buyers don't apply to this caller.
    pub fn is_staff(&self) -> bool {
        self.role() == Some(Role::Staff)
    }

    /// Returns the subject of the verified token.
    fn subject(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::Subject(subject) | Self::Staff(Staff { subject, .. }) => Some(subject),
        }
    }

    /// Returns the key of the rate-limit budget: a hash of the subject, or else of the address.
    ///
    /// An IPv6 address counts by its first 64 bits, which one household or server usually gets.
    pub fn budget(&self, address: IpAddr) -> BudgetKey {
        let of = |bytes: &[u8]| BudgetKey(Uuid::new_v5(&ADDRESS, bytes));
        match (self.subject(), address.to_canonical()) {
            (Some(subject), _) => BudgetKey(Owner::of_subject(subject).0),
            (None, IpAddr::V4(address)) => of(&address.octets()),
            (None, IpAddr::V6(address)) => of(&address.octets()[..8]),
        }
    }
}

/// Key of a rate-limit budget: a hash of a subject or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BudgetKey(Uuid);

impl BudgetKey {
    pub const fn new(hash: Uuid) -> Self {
        Self(hash)
    }

    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// Key for the pseudonyms of callers in log lines. `Debug` hides it from logs.
///
/// It stores the hash state after the key, so that a request doesn't have to hash the key again.
#[derive(Clone)]
pub struct LogKey(SipHasher24);

impl LogKey {
    /// Creates a key from a secret of any length.
    pub fn new(secret: &[u8]) -> Self {
        let mut key = [0; 16];
        key.iter_mut().zip(Sha256::digest(secret)).for_each(|(byte, digest)| *byte = digest);
        Self(SipHasher24::new_with_key(&key))
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey(secret)")
    }
}

impl Caller {
    /// Returns the caller's pseudonym for log lines: 16 hexadecimal digits that change daily (UTC).
    ///
    /// It is SipHash-2-4, a keyed hash for short inputs, of the day and the subject, or else the address as budgets
    /// count it. Without the key it reveals nothing about the caller. With the key, a guessed subject or address can
    /// be confirmed. An HMAC with SHA-256 protects no better, and takes a twentieth of all instructions of a request
    /// for seats.
    pub fn pseudonym(&self, address: IpAddr, key: &LogKey, now: EpochMillis) -> String {
        let mut hash = key.0;
        hash.write(&(now.days()).to_be_bytes());
        match (self.subject(), address.to_canonical()) {
            (Some(subject), _) => {
                hash.write(b"s");
                hash.write(subject.as_bytes());
            }
            (None, IpAddr::V4(address)) => {
                hash.write(b"4");
                hash.write(&address.octets());
            }
            (None, IpAddr::V6(address)) => {
                hash.write(b"6");
                hash.write(&address.octets()[..8]);
            }
        }
        format!("{:016x}", hash.finish())
    }
}

/// Returns `true` if `by` may see and use something of `owner`: either `by` is the owner, or there is no owner and
/// knowing the id is enough.
pub fn may_access(owner: Option<Owner>, by: Option<Owner>) -> bool {
    owner.is_none() || owner == by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_objects_are_private_and_ownerless_ones_are_shared() {
        let owner = |subject: &str| Caller::Subject(subject.to_owned()).owner();
        assert!(may_access(owner("a"), owner("a")));
        assert!(!may_access(owner("a"), owner("b")));
        assert!(!may_access(owner("a"), Caller::Anonymous.owner()));
        assert!(may_access(None, owner("a")) && may_access(None, None));
    }

    #[test]
    fn budget_belongs_to_subject_or_address_or_ipv6_prefix() {
        let of = |address: &str| Caller::Anonymous.budget(address.parse().unwrap());
        let ann = |address: &str| Caller::Subject("ann".to_owned()).budget(address.parse().unwrap());
        assert_eq!(ann("192.0.2.1"), ann("2001:db8::1"));
        assert_ne!(ann("192.0.2.1"), of("192.0.2.1"));
        assert_ne!(ann("192.0.2.1"), Caller::Subject("bob".to_owned()).budget("192.0.2.1".parse().unwrap()));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    }

    #[test]
    fn pseudonyms_distinguish_callers_like_budgets() {
        let key = LogKey::new(&[7; 200]);
        let callers = [
            ("", "192.0.2.1"),
            ("", "192.0.2.2"),
            ("", "::ffff:192.0.2.1"),
            ("", "2001:db8:0:1::1"),
            ("", "2001:db8:0:1:ffff::2"),
            ("", "2001:db8:0:2::1"),
            ("ann", "192.0.2.1"),
            ("ann", "192.0.2.2"),
            ("bob", "192.0.2.1"),
        ];
        let of = callers.map(|(subject, address)| {
            let caller = if subject.is_empty() { Caller::Anonymous } else { Caller::Subject(subject.to_owned()) };
            let address = address.parse().unwrap();
            (caller.budget(address), caller.pseudonym(address, &key, EpochMillis::new(0)))
        });
        for (one, other) in of.iter().flat_map(|one| of.iter().map(move |other| (one, other))) {
            assert_eq!(one.0 == other.0, one.1 == other.1, "{one:?} {other:?}");
        }
    }

    #[test]
    fn pseudonym_changes_daily_and_depends_on_the_key() {
        let of = |subject: &str, key: &str, day: u64| {
            let now = EpochMillis::new(day * 86_400_000 + 1_000);
            Caller::Subject(subject.to_owned()).pseudonym(
                "192.0.2.1".parse().unwrap(),
                &LogKey::new(key.as_bytes()),
                now,
            )
        };
        let ann = of("ann", "key", 20_000);
        assert!(ann.len() == 16 && ann.bytes().all(|c| c.is_ascii_hexdigit()), "{ann}");
        assert_eq!(ann, of("ann", "key", 20_000));
        for other in [of("bob", "key", 20_000), of("ann", "other", 20_000), of("ann", "key", 20_001)] {
            assert_ne!(ann, other);
        }
        assert!(!format!("{:?}", LogKey::new(b"hidden")).contains("hidden"));
    }

    fn staff(subject: &str, acts_for: Option<Buyer>) -> Caller {
        Caller::Staff(Staff { subject: subject.to_owned(), acts_for })
    }

    /// docs/api.md computes this owner.
    #[test]
    fn owner_of_a_subject_stays() {
        let owner = Caller::Subject("alice".to_owned()).owner().unwrap();
        assert_eq!(owner.0.to_string(), "018e5937-2ac1-5bac-a082-03d8c04dc5e8");
    }

    #[test]
    fn staff_act_for_a_buyer_or_for_themselves() {
        let ann = Caller::Subject("ann".to_owned());
        let owner = ann.owner().unwrap();
        assert_eq!(staff("kim", Some(Buyer::Owner(owner))).owner(), Some(owner));
        assert_eq!(staff("kim", Some(Buyer::Anonymous)).owner(), None);
        assert_eq!(staff("kim", None).owner(), Caller::Subject("kim".to_owned()).owner());
        assert!(staff("kim", None).is_staff() && !ann.is_staff() && !Caller::Anonymous.is_staff());
    }

    #[test]
    fn budget_and_pseudonym_of_staff_are_their_own() {
        let key = LogKey::new(&[7; 200]);
        let address = "192.0.2.1".parse().unwrap();
        let of = |caller: &Caller| (caller.budget(address), caller.pseudonym(address, &key, EpochMillis::new(0)));
        let own = of(&Caller::Subject("kim".to_owned()));
        let ann = Caller::Subject("ann".to_owned()).owner().unwrap();
        for acts_for in [None, Some(Buyer::Anonymous), Some(Buyer::Owner(ann))] {
            assert_eq!(of(&staff("kim", acts_for)), own, "{acts_for:?}");
        }
    }

    #[test]
    fn buyer_is_an_owner_or_anonymous() {
        let text = "0188c0de-0000-7000-8000-00000000b001";
        assert_eq!(Buyer::parse(text), Some(Buyer::Owner(Owner(text.parse().unwrap()))));
        assert_eq!(Buyer::parse("anonymous"), Some(Buyer::Anonymous));
        for wrong in ["", "Anonymous", "-", "ann", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(Buyer::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn owner_hides_the_subject() {
        let Some(owner) = Caller::Subject("somebody@example.com".to_owned()).owner() else { panic!("an owner") };
        assert!(!format!("{owner:?}").contains("somebody"));
    }
}
