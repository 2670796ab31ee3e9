//! The event source mapping, read from `infra/template.yaml`: the filter, the batch size and the largest age.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::checkout;

/// Lambda's settings for the delivery of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSourceMapping {
    /// The largest number of records in one delivery.
    pub batch_size: usize,
    /// Older records are given up.
    pub longest_age: Duration,
    /// Filter patterns. A record has to match one of them, if there are any.
    pub patterns: Vec<Value>,
    /// The function's own environment, without variables that refer to AWS resources.
    pub environment: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    batch_size: usize,
    maximum_record_age_in_seconds: u64,
    filter_criteria: Filters,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filters {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    pattern: String,
}

impl EventSourceMapping {
    /// Returns the mapping of a function in the checkout's template. The binary's name identifies the function.
    pub fn from_checkout(function: &str) -> Result<Self> {
        let path = checkout::root()?.join("infra/template.yaml");
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text, function).with_context(|| format!("the stream of {function} in {}", path.display()))
    }

    fn parse(template: &str, function: &str) -> Result<Self> {
        let template: Value = serde_saphyr::from_str(template).context("not a template")?;
        let mut resources = template["Resources"].as_object().context("no Resources")?.iter();
        let of_function = |(_, resource): &(_, &Value)| resource["Metadata"]["BuildProperties"]["Binary"] == function;
        let (name, function) = resources.find(of_function).context("there is no such function")?;
        let function = &function["Properties"];
        let Some(mapping) = stream_event(function).or_else(|| stream_mapping(&template, name)) else {
            bail!("there is no event of the type DynamoDB, and no event source mapping");
        };
        let variables = function["Environment"]["Variables"].as_object().into_iter().flatten();
        // References to AWS resources have no meaning here. `!Ref Queue` is read as the name of the resource. Pseudo
        // parameters have no meaning either: `!Ref AWS::NoValue`, which removes a global setting, or `!Ref
        // AWS::StackId`.
        let resources = template["Resources"].as_object().into_iter().chain(template["Parameters"].as_object());
        let named: Vec<&String> = resources.flat_map(|part| part.keys()).collect();
        let written_out = variables.map(|(name, value)| (name.clone(), text(value)));
        let environment = written_out.filter(|(_, value)| !named.contains(&value) && !value.starts_with("AWS::"));
        let environment = environment.collect();
        let properties = Properties::deserialize(mapping)?;
        let patterns = properties.filter_criteria.filters.iter();
        let patterns = patterns.map(|filter| serde_json::from_str(&filter.pattern).context("a filter's pattern"));
        Ok(Self {
            batch_size: properties.batch_size,
            longest_age: Duration::from_secs(properties.maximum_record_age_in_seconds),
            patterns: patterns.collect::<Result<_>>()?,
            environment,
        })
    }

    /// Returns `true` if a record passes the filter.
    pub fn wants(&self, record: &Value) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| fits(pattern, record))
    }
}

/// Finds the properties of a function's own event of the type DynamoDB.
fn stream_event(function: &Value) -> Option<&Value> {
    let mut events = function["Events"].as_object()?.values();
    Some(&events.find(|event| event["Type"] == "DynamoDB")?["Properties"])
}

/// Finds the properties of a separate event source mapping that calls the function's alias.
fn stream_mapping<'t>(template: &'t Value, function: &str) -> Option<&'t Value> {
    let alias = format!("{function}.Alias");
    let mappings = template["Resources"].as_object()?.values();
    let mut mappings = mappings.filter(|resource| resource["Type"] == "AWS::Lambda::EventSourceMapping");
    Some(&mappings.find(|mapping| mapping["Properties"]["FunctionName"] == *alias)?["Properties"])
}

/// Returns a variable's value as text. CloudFormation accepts numbers, too.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns `true` if a value matches a pattern. Each field has to match, and a text has to match one of the choices. A
/// choice is a text or a `prefix`. Lambda has more kinds:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>
fn fits(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, pattern)| fits(pattern, &value[name])),
        Value::Array(choices) => choices.iter().any(|choice| match (choice["prefix"].as_str(), value.as_str()) {
            (Some(prefix), Some(text)) => text.starts_with(prefix),
            (Some(_), None) => false,
            (None, _) => choice == value,
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sync_cache_mapping_delivers_only_seats() {
        let mapping = EventSourceMapping::from_checkout("sync-cache").unwrap();
        let record = |sk: &str| json!({ "dynamodb": { "Keys": { "sk": { "S": sk } } } });
        assert!(mapping.wants(&record("SEAT#A1")));
        assert!(!mapping.wants(&record("BOOKING")));
        assert!(!mapping.wants(&record("LAYOUT")));
        assert!(!mapping.wants(&json!({})));
        assert!((1..=10_000).contains(&mapping.batch_size), "Lambda's limits");
        assert_eq!(mapping.environment, [("CACHE_DEADLINE_MS".to_owned(), "1000".to_owned())]);
        assert!(mapping.longest_age >= Duration::from_secs(60), "at least the lifetime of a cached copy");
    }

    #[test]
    fn publish_events_mapping_delivers_seats_bookings_and_layouts() {
        let mapping = EventSourceMapping::from_checkout("publish-events").unwrap();
        let wants = |sk: &str| mapping.wants(&json!({ "dynamodb": { "Keys": { "sk": { "S": sk } } } }));
        assert!(wants("SEAT#A1") && wants("BOOKING") && wants("LAYOUT") && wants("SHOW") && wants("SALE"));
        assert!(!wants("LAYOUT#7#0") && !wants("SHOW#evening-1") && !wants("RESERVATION") && !wants("CALLER"));
        assert_eq!(mapping.environment, [], "no bus, queue or stack exists here");
    }

    #[test]
    fn function_without_stream_has_no_mapping() {
        let error = EventSourceMapping::from_checkout("book").unwrap_err();
        assert!(format!("{error:#}").contains("no event of the type DynamoDB"), "{error:#}");
    }
}
