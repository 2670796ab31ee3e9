//! Comparison of figures with their budgets.

use std::collections::BTreeMap;
use std::fmt;

use super::tools::TOLERANCE;

/// Figures by subject and by name.
pub(crate) type Figures = BTreeMap<String, BTreeMap<String, f64>>;

/// A budget is reported as too high when the figure is below this part of it.
const FAR_BELOW: f64 = 0.9;

/// A reportable difference between a figure and its budget.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    /// The measured subject and the name of its figure.
    of: String,
    what: Deviation,
}

#[derive(Clone, Debug, PartialEq)]
enum Deviation {
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
        !matches!(self.what, Deviation::Below { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, what } = self;
        match what {
            Deviation::Over { budget, now, limit } => {
                let more = (now / budget - 1.0) * 100.0;
                write!(f, "OVER     {of}: {now}, {more:.1} % above the budget of {budget} (limit {limit:.0})")
            }
            Deviation::Not { budget, now } => write!(f, "DIFFERS  {of}: {now}, and has to be exactly {budget}"),
            Deviation::Unknown { now } => write!(f, "UNKNOWN  {of}: {now}, but there is no budget"),
            Deviation::Gone { budget } => write!(f, "GONE     {of}: has a budget of {budget}, but isn't measured"),
            Deviation::Below { budget, now } => {
                write!(f, "below    {of}: {now}, far below the budget of {budget}: lower it (`make budgets`)")
            }
        }
    }
}

/// Compares figures with their budgets. `tolerance` applies to instructions. Without valgrind there are no instructions
/// to compare.
pub(crate) fn compare(budgets: &Figures, figures: &Figures, tolerance: f64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let are_counted = figures.values().any(|of| of.contains_key("instructions"));
    let empty = Default::default();
    for (subject, budget) in budgets {
        let now = figures.get(subject).unwrap_or(&empty);
        for (name, budget) in budget.iter().filter(|(name, _)| are_counted || *name != "instructions") {
            let deviation = match now.get(name) {
                Some(now) => deviation(name, *budget, *now, tolerance),
                None => Some(Deviation::Gone { budget: *budget }),
            };
            findings.extend(deviation.map(|what| Finding { of: format!("{subject}: {name}"), what }));
        }
    }
    for (subject, now) in figures {
        let known = budgets.get(subject).unwrap_or(&empty);
        let unknown = now.iter().filter(|(name, _)| !known.contains_key(*name));
        findings.extend(
            unknown.map(|(name, now)| Finding {
                of: format!("{subject}: {name}"),
                what: Deviation::Unknown { now: *now },
            }),
        );
    }
    findings
}

fn deviation(name: &str, budget: f64, now: f64, tolerance_of_instructions: f64) -> Option<Deviation> {
    let is_exact = name.ends_with("_trips") || name == "capacity_units";
    if is_exact {
        return (now != budget).then_some(Deviation::Not { budget, now });
    }
    let limit = budget * (1.0 + if name == "instructions" { tolerance_of_instructions } else { TOLERANCE });
    if now > limit {
        return Some(Deviation::Over { budget, now, limit });
    }
    (now < budget * FAR_BELOW).then_some(Deviation::Below { budget, now })
}

#[cfg(test)]
mod tests {
    use super::super::tools::TOLERANCE_WITH_OTHER_TOOLS;
    use super::*;

    fn figures(of: &[(&str, f64)]) -> Figures {
        let of = of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Figures::from([("book".to_owned(), of)])
    }

    fn deviation(name: &str, budget: f64, now: f64, tolerance: f64) -> Vec<String> {
        compare(&figures(&[(name, budget)]), &figures(&[(name, now)]), tolerance)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn exceeded_budget_is_reported_with_its_limit() {
        assert_eq!(
            deviation("instructions", 1_000.0, 1_031.0, TOLERANCE),
            ["OVER     book: instructions: 1031, 3.1 % above the budget of 1000 (limit 1030)"]
        );
        assert!(deviation("instructions", 1_000.0, 1_030.0, TOLERANCE).is_empty());
    }

    #[test]
    fn trips_and_capacity_have_to_be_exact() {
        for name in ["redis_trips", "dynamodb_trips", "capacity_units"] {
            assert!(deviation(name, 2.0, 2.0, TOLERANCE_WITH_OTHER_TOOLS).is_empty());
            for now in [1.0, 2.5, 3.0] {
                let finding = &deviation(name, 2.0, now, TOLERANCE_WITH_OTHER_TOOLS)[0];
                assert_eq!(finding, &format!("DIFFERS  book: {name}: {now}, and has to be exactly 2"));
            }
        }
    }

    #[test]
    fn other_tools_relax_only_instructions() {
        assert!(deviation("instructions", 1_000.0, 1_150.0, TOLERANCE_WITH_OTHER_TOOLS).is_empty());
        assert_eq!(deviation("instructions", 1_000.0, 1_151.0, TOLERANCE_WITH_OTHER_TOOLS).len(), 1);
        for name in ["binary_bytes", "redis_bytes_sent"] {
            assert_eq!(deviation(name, 1_000.0, 1_031.0, TOLERANCE_WITH_OTHER_TOOLS).len(), 1);
        }
    }

    #[test]
    fn missing_budgets_and_figures_are_failures() {
        let (old, new) = (figures(&[("redis_trips", 1.0)]), figures(&[("dynamodb_trips", 1.0)]));
        let findings = compare(&old, &new, TOLERANCE);
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "GONE     book: redis_trips: has a budget of 1, but isn't measured",
                "UNKNOWN  book: dynamodb_trips: 1, but there is no budget"
            ]
        );
        assert!(findings.iter().all(Finding::is_failure));
        let whole = compare(&old, &Figures::new(), TOLERANCE);
        assert!(whole.len() == 1 && whole[0].is_failure(), "{whole:?}");
    }

    #[test]
    fn instructions_are_optional_without_valgrind() {
        let old = figures(&[("instructions", 1_000.0), ("redis_trips", 1.0)]);
        assert_eq!(compare(&old, &figures(&[("redis_trips", 1.0)]), TOLERANCE), []);
    }

    #[test]
    fn low_figure_is_reported_without_failure() {
        let findings = compare(&figures(&[("instructions", 1_000.0)]), &figures(&[("instructions", 899.0)]), TOLERANCE);
        assert_eq!(
            findings[0].to_string(),
            "below    book: instructions: 899, far below the budget of 1000: lower it (`make budgets`)"
        );
        assert!(!findings[0].is_failure());
        assert!(deviation("instructions", 1_000.0, 901.0, TOLERANCE).is_empty());
    }
}
