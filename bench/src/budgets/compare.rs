//! Comparison of figures with their budgets.

use std::fmt;

use super::Figures;
use super::toolchain::SLACK;

/// A budget is reported as too high when the figure is below this part of it.
const FAR_BELOW: f64 = 0.9;

/// A reportable difference between a figure and its budget.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    /// The measured subject and the name of its figure.
    of: String,
    what: Told,
}

#[derive(Clone, Debug, PartialEq)]
enum Told {
    /// The figure exceeds its budget.
    Over { budget: f64, now: f64, limit: f64 },
    /// The figure differs from its budget and has to be equal.
    Not { budget: f64, now: f64 },
    /// The figure has no budget.
    Unknown { now: f64 },
    /// The budget's figure is no longer measured.
    Gone { budget: f64 },
    /// The figure is so far below that the budget should be lowered.
    Below { budget: f64, now: f64 },
}

impl Finding {
    pub(crate) fn is_failure(&self) -> bool {
        !matches!(self.what, Told::Below { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, what } = self;
        match what {
            Told::Over { budget, now, limit } => {
                let more = (now / budget - 1.0) * 100.0;
                write!(f, "OVER     {of}: {now}, {more:.1} % above the budget of {budget} (limit {limit:.0})")
            }
            Told::Not { budget, now } => write!(f, "DIFFERS  {of}: {now}, and has to be exactly {budget}"),
            Told::Unknown { now } => write!(f, "UNKNOWN  {of}: {now}, but there is no budget"),
            Told::Gone { budget } => write!(f, "GONE     {of}: has a budget of {budget}, but isn't measured"),
            Told::Below { budget, now } => {
                write!(f, "below    {of}: {now}, far below the budget of {budget}: lower it (`make budgets`)")
            }
        }
    }
}

/// Compares figures with their budgets. `slack` applies to figures that depend on the tools. Without valgrind there are
/// no instructions to compare.
pub(crate) fn compare(budgets: &Figures, figures: &Figures, slack: f64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let are_counted = figures.values().any(|of| of.contains_key("instructions"));
    let empty = Default::default();
    for (subject, budget) in budgets {
        let now = figures.get(subject).unwrap_or(&empty);
        for (name, budget) in budget.iter().filter(|(name, _)| are_counted || *name != "instructions") {
            let told = match now.get(name) {
                Some(now) => told(name, *budget, *now, slack),
                None => Some(Told::Gone { budget: *budget }),
            };
            findings.extend(told.map(|what| Finding { of: format!("{subject}: {name}"), what }));
        }
    }
    for (subject, now) in figures {
        let known = budgets.get(subject).unwrap_or(&empty);
        let unknown = now.iter().filter(|(name, _)| !known.contains_key(*name));
        findings.extend(
            unknown.map(|(name, now)| Finding { of: format!("{subject}: {name}"), what: Told::Unknown { now: *now } }),
        );
    }
    findings
}

fn told(name: &str, budget: f64, now: f64, slack_of_tools: f64) -> Option<Told> {
    let is_exact = name.ends_with("_trips") || name == "capacity_units";
    if is_exact {
        return (now != budget).then_some(Told::Not { budget, now });
    }
    let depends_on_tools = matches!(name, "instructions" | "binary_bytes");
    let limit = budget * (1.0 + if depends_on_tools { slack_of_tools } else { SLACK });
    if now > limit {
        return Some(Told::Over { budget, now, limit });
    }
    (now < budget * FAR_BELOW).then_some(Told::Below { budget, now })
}

#[cfg(test)]
mod tests {
    use super::super::toolchain::SLACK_OF_OTHERS;
    use super::*;

    fn figures(of: &[(&str, f64)]) -> Figures {
        let of = of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Figures::from([("book".to_owned(), of)])
    }

    fn told(name: &str, budget: f64, now: f64, slack: f64) -> Vec<String> {
        compare(&figures(&[(name, budget)]), &figures(&[(name, now)]), slack).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_over_its_budget_by_more_than_the_slack_is_told_with_old_new_and_limit() {
        assert_eq!(
            told("instructions", 1_000.0, 1_031.0, SLACK),
            ["OVER     book: instructions: 1031, 3.1 % above the budget of 1000 (limit 1030)"]
        );
        assert!(told("instructions", 1_000.0, 1_030.0, SLACK).is_empty());
    }

    #[test]
    fn trips_and_capacity_have_no_slack_to_either_side() {
        for name in ["redis_trips", "dynamodb_trips", "capacity_units"] {
            assert!(told(name, 2.0, 2.0, SLACK_OF_OTHERS).is_empty());
            for now in [1.0, 2.5, 3.0] {
                let finding = &told(name, 2.0, now, SLACK_OF_OTHERS)[0];
                assert_eq!(finding, &format!("DIFFERS  book: {name}: {now}, and has to be exactly 2"));
            }
        }
    }

    #[test]
    fn other_tools_give_slack_to_instructions_and_sizes_and_to_nothing_else() {
        for name in ["instructions", "binary_bytes"] {
            assert!(told(name, 1_000.0, 1_150.0, SLACK_OF_OTHERS).is_empty());
            assert_eq!(told(name, 1_000.0, 1_151.0, SLACK_OF_OTHERS).len(), 1);
        }
        assert_eq!(told("redis_bytes_sent", 1_000.0, 1_031.0, SLACK_OF_OTHERS).len(), 1);
    }

    #[test]
    fn what_has_no_budget_and_what_is_not_measured_any_more_are_failures() {
        let (old, new) = (figures(&[("redis_trips", 1.0)]), figures(&[("dynamodb_trips", 1.0)]));
        let findings = compare(&old, &new, SLACK);
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "GONE     book: redis_trips: has a budget of 1, but isn't measured",
                "UNKNOWN  book: dynamodb_trips: 1, but there is no budget"
            ]
        );
        assert!(findings.iter().all(Finding::is_failure));
        let whole = compare(&old, &Figures::new(), SLACK);
        assert!(whole.len() == 1 && whole[0].is_failure(), "{whole:?}");
    }

    #[test]
    fn instructions_are_not_missed_where_nothing_counts_them() {
        let old = figures(&[("instructions", 1_000.0), ("redis_trips", 1.0)]);
        assert_eq!(compare(&old, &figures(&[("redis_trips", 1.0)]), SLACK), []);
    }

    #[test]
    fn what_is_far_below_its_budget_is_told_and_no_failure() {
        let findings = compare(&figures(&[("instructions", 1_000.0)]), &figures(&[("instructions", 899.0)]), SLACK);
        assert_eq!(
            findings[0].to_string(),
            "below    book: instructions: 899, far below the budget of 1000: lower it (`make budgets`)"
        );
        assert!(!findings[0].is_failure());
        assert!(told("instructions", 1_000.0, 901.0, SLACK).is_empty());
    }
}
