//! The conditions of requests that replace or delete something with a version (RFC 9110, 13.1).

/// The caller's condition on what is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition<V> {
    /// No condition.
    Unsaid,
    /// Any version or none. For operators' commands.
    Whatever,
    /// Any version, but there has to be one.
    Any,
    /// One of these versions. An empty list is a condition that is never met.
    OneOf(Vec<V>),
    /// Nothing is there.
    Nothing,
}

/// The reason why a condition rejects a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreconditionError<V> {
    /// This version is there, and the request has no condition that allows to replace it.
    #[error("a condition is required to replace what is there")]
    Required(V),
    /// The version isn't the one that the caller expects. Holds the version, if there is one.
    #[error("what is there has changed")]
    Failed(Option<V>),
}

impl<V: Copy + Ord> Precondition<V> {
    /// Rejects a request whose condition isn't met.
    pub(super) fn check(&self, there: Option<V>) -> Result<(), PreconditionError<V>> {
        match (self, there) {
            (Self::Unsaid, Some(version)) => Err(PreconditionError::Required(version)),
            (Self::OneOf(wanted), there) if !there.is_some_and(|there| wanted.contains(&there)) => {
                Err(PreconditionError::Failed(there))
            }
            (Self::Nothing, Some(version)) => Err(PreconditionError::Failed(Some(version))),
            (Self::Any, None) => Err(PreconditionError::Failed(None)),
            _ => Ok(()),
        }
    }

    /// Rejects a request for what is already there, unless an earlier request of the same caller may have put it.
    ///
    /// Such a request named this version or an earlier one (RFC 9110, 13.1.1), or no version at all.
    pub(super) fn check_repeat(&self, there: V) -> Result<(), PreconditionError<V>> {
        match self {
            Self::Nothing => Err(PreconditionError::Failed(Some(there))),
            Self::OneOf(wanted) if !wanted.iter().any(|wanted| *wanted <= there) => {
                Err(PreconditionError::Failed(Some(there)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_what_may_be_replaced() {
        let (required, failed) = (PreconditionError::Required, PreconditionError::Failed);
        let table = [
            (Precondition::Unsaid, Some(7), Err(required(7))),
            (Precondition::Unsaid, None, Ok(())),
            (Precondition::Whatever, Some(7), Ok(())),
            (Precondition::Any, None, Err(failed(None))),
            (Precondition::Any, Some(7), Ok(())),
            (Precondition::OneOf(vec![6]), Some(7), Err(failed(Some(7)))),
            (Precondition::OneOf(vec![6, 7]), Some(7), Ok(())),
            (Precondition::OneOf(vec![]), None, Err(failed(None))),
            (Precondition::Nothing, Some(7), Err(failed(Some(7)))),
            (Precondition::Nothing, None, Ok(())),
        ];
        for (condition, there, expected) in table {
            assert_eq!(condition.check(there), expected, "{condition:?} {there:?}");
        }
    }

    #[test]
    fn a_repeat_names_this_version_or_an_earlier_one() {
        assert_eq!(Precondition::OneOf(vec![6]).check_repeat(7), Ok(()));
        assert_eq!(Precondition::OneOf(vec![8]).check_repeat(7), Err(PreconditionError::Failed(Some(7))));
        assert_eq!(Precondition::Nothing.check_repeat(7), Err(PreconditionError::Failed(Some(7))));
        assert_eq!(Precondition::Unsaid.check_repeat(7), Ok(()));
    }
}
