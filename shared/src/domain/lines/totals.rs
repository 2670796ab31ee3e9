//! The numbers by which a caller checks that a booking is what its buyer has seen.

use serde::Serialize;

use crate::domain::prices::Currency;

/// Number of seats, and their total price if they are sold for money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub seats: usize,
    /// Sum of all prices in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// The totals that a caller expects. An absent member isn't compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expect {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

impl Totals {
    /// Returns the totals of seats that are sold without money.
    pub fn without_prices(seats: usize) -> Self {
        Self { seats, total: None, currency: None }
    }
}

impl Expect {
    /// Returns `true` if each expected member is equal. Seats that are sold without money have neither total nor
    /// currency.
    pub fn is_met_by(&self, actual: &Totals) -> bool {
        self.seats.is_none_or(|seats| seats == actual.seats)
            && self.total.is_none_or(|total| Some(total) == actual.total)
            && self.currency.is_none_or(|currency| Some(currency) == actual.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    #[test]
    fn each_expected_member_is_compared() {
        let currency = |code| Some(Currency::parse(code).unwrap());
        let actual = lines().totals();
        assert_eq!(actual, Totals { seats: 3, total: Some(7_500), currency: currency("EUR") });
        let all = Expect { seats: Some(3), total: Some(7_500), currency: currency("EUR") };
        for met in [all, Expect::default(), Expect { seats: None, ..all }, Expect { total: None, ..all }] {
            assert!(met.is_met_by(&actual), "{met:?}");
        }
        for other in [
            Expect { seats: Some(2), ..all },
            Expect { total: Some(7_501), ..all },
            Expect { currency: currency("USD"), ..all },
        ] {
            assert!(!other.is_met_by(&actual), "{other:?}");
        }
    }

    #[test]
    fn seats_without_prices_meet_no_expected_total() {
        let actual = Totals::without_prices(3);
        assert!(Expect { seats: Some(3), ..Expect::default() }.is_met_by(&actual));
        assert!(!Expect { total: Some(0), ..Expect::default() }.is_met_by(&actual));
        assert_eq!(serde_json::to_string(&actual).unwrap(), r#"{"seats":3}"#);
    }
}
