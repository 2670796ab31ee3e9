//! The ids by which a repeated request is recognized.

/// The id of a request that can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestId<T> {
    /// An id that the caller chose.
    Given(T),
    /// An id that was derived from the caller's `Idempotency-Key`.
    Keyed(T),
}

impl<T> RequestId<T> {
    pub fn id(self) -> T {
        match self {
            Self::Given(id) | Self::Keyed(id) => id,
        }
    }
}
