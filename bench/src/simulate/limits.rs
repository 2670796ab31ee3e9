//! Limits: a token bucket, which rejects, and a pipe, which makes callers wait.

/// A token bucket.
#[derive(Debug)]
pub(super) struct TokenBucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: f64,
}

impl TokenBucket {
    /// Creates a full bucket with this many tokens a second.
    pub(super) fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, tokens: burst, at: 0.0 }
    }

    /// Takes one token, if there is one at this time (ms).
    pub(super) fn take(&mut self, now: f64) -> bool {
        self.tokens = self.burst.min(self.tokens + (now - self.at).max(0.0) * self.rate / 1_000.0);
        self.at = self.at.max(now);
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

/// A server that handles work in the order of arrival, at a rate of units a second. A caller who would wait too long
/// leaves and costs nothing. This assumption is optimistic, because a real server also works for some callers who have
/// left.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    rate: f64,
    free_at: f64,
}

impl Pipe {
    /// Creates an idle pipe with this many units a second.
    pub(super) fn new(rate: f64) -> Self {
        Self { rate, free_at: 0.0 }
    }

    /// Returns the time in ms that this work would take from now, including the wait.
    pub(super) fn quote(&self, now: f64, work: f64) -> f64 {
        (self.free_at - now).max(0.0) + work * 1_000.0 / self.rate
    }

    /// Adds the work.
    pub(super) fn commit(&mut self, now: f64, work: f64) {
        self.free_at = self.free_at.max(now) + work * 1_000.0 / self.rate;
    }

    /// Adds the work unless it would take longer than `patience`. Returns the time that it takes.
    pub(super) fn serve(&mut self, now: f64, work: f64, patience: f64) -> Option<f64> {
        let takes = self.quote(now, work);
        if takes > patience {
            return None;
        }
        self.commit(now, work);
        Some(takes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let mut bucket = TokenBucket::new(10.0, 5.0);
        assert_eq!((0..20).filter(|_| bucket.take(0.0)).count(), 5);
        assert_eq!((0..20).filter(|_| bucket.take(300.0)).count(), 3);
        assert_eq!((0..20).filter(|_| bucket.take(60_000.0)).count(), 5, "at most the burst is saved");
    }

    #[test]
    fn pipe_serves_in_order_and_drops_long_waits() {
        let mut pipe = Pipe::new(100.0);
        assert_eq!(pipe.serve(0.0, 1.0, 25.0), Some(10.0));
        assert_eq!(pipe.serve(0.0, 1.0, 25.0), Some(20.0));
        assert_eq!(pipe.serve(0.0, 1.0, 25.0), None);
        assert_eq!(pipe.serve(5.0, 1.0, 25.0), Some(25.0), "a caller who left costs nothing");
        assert_eq!(pipe.serve(1_000.0, 1.0, 25.0), Some(10.0));
    }
}
