//! Who is calling, as far as it was proven, and what belongs to them.

use uuid::{Uuid, uuid};

/// Namespace of the owners' name-based UUIDs. Made once at random; changing it takes everything from everybody.
const OWNER: Uuid = uuid!("3b0f6d0e-9a3c-4c58-8f0b-5f5f0f3c2d11");

/// Who is calling, as far as it was proven: what different callers have never meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody proved anything.
    Anonymous,
    /// The subject (`sub`) that the API's authorizer vouches for.
    Subject(String),
}

/// Whose a reservation or a booking is, as it is stored: made of the subject, and doesn't tell it.
///
/// What an anonymous caller makes has no owner: it is theirs who know its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub Uuid);

impl Caller {
    /// Two parts, so that no subject can spell the anonymous caller.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Anonymous => [b"anonymous", b""],
            Self::Subject(subject) => [b"subject", subject.as_bytes()],
        }
    }

    /// Who will own what this caller makes.
    pub fn owner(&self) -> Option<Owner> {
        match self {
            Self::Anonymous => None,
            Self::Subject(subject) => Some(Owner(Uuid::new_v5(&OWNER, subject.as_bytes()))),
        }
    }
}

/// Whether something that belongs to `owner` may be seen and used by `by`: by its owner, and if it has none by everybody
/// who knows its id.
pub fn is_theirs(owner: Option<Owner>, by: Option<Owner>) -> bool {
    owner.is_none() || owner == by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_owner_is_theirs_alone_and_what_has_none_everybodys() {
        let owner = |subject: &str| Caller::Subject(subject.to_owned()).owner();
        assert!(is_theirs(owner("a"), owner("a")));
        assert!(!is_theirs(owner("a"), owner("b")));
        assert!(!is_theirs(owner("a"), Caller::Anonymous.owner()));
        assert!(is_theirs(None, owner("a")) && is_theirs(None, None));
    }

    #[test]
    fn an_owner_does_not_tell_the_subject() {
        let Some(owner) = Caller::Subject("somebody@example.com".to_owned()).owner() else { panic!("an owner") };
        assert!(!format!("{owner:?}").contains("somebody"));
    }
}
