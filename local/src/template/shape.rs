//! The structure of the template, and its conversion. A field of type text keeps its literal spelling, although YAML
//! could read `N` or `on` as a boolean. A tag like `!Ref` is ignored.

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamViewType,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::definition::{LOGICAL_ID, TableDefinition};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Template<R> {
    pub(super) resources: R,
}

#[derive(Deserialize)]
pub(super) struct AnyResource {
    #[serde(rename = "Type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
pub(super) struct OurResources {
    #[serde(rename = "SeatsTable")]
    pub(super) table: TableResource,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TableResource {
    pub(super) properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Properties {
    attribute_definitions: Vec<AttributeShape>,
    key_schema: Vec<KeyShape>,
    billing_mode: String,
    stream_specification: Option<StreamShape>,
    time_to_live_specification: Option<TtlShape>,
    global_secondary_indexes: Option<IgnoredAny>,
    local_secondary_indexes: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeShape {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyShape {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamShape {
    stream_view_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TtlShape {
    attribute_name: Option<String>,
    enabled: bool,
}

impl TryFrom<Properties> for TableDefinition {
    type Error = anyhow::Error;

    fn try_from(properties: Properties) -> Result<Self> {
        if properties.global_secondary_indexes.is_some() || properties.local_secondary_indexes.is_some() {
            bail!("{LOGICAL_ID} has a secondary index, and those are not created here yet");
        }
        let attributes = properties.attribute_definitions.into_iter().map(|shape| {
            let kind = literal(&shape.attribute_type, "AttributeType", ScalarAttributeType::values())?;
            Ok(AttributeDefinition::builder().attribute_name(shape.attribute_name).attribute_type(kind).build()?)
        });
        let keys = properties.key_schema.into_iter().map(|shape| {
            let kind = literal(&shape.key_type, "KeyType", KeyType::values())?;
            Ok(KeySchemaElement::builder().attribute_name(shape.attribute_name).key_type(kind).build()?)
        });
        let stream = properties.stream_specification;
        let stream = stream.map(|shape| literal(&shape.stream_view_type, "StreamViewType", StreamViewType::values()));
        let ttl = properties.time_to_live_specification.filter(|ttl| ttl.enabled);
        Ok(Self {
            attributes: attributes.collect::<Result<_>>()?,
            keys: keys.collect::<Result<_>>()?,
            billing: literal(&properties.billing_mode, "BillingMode", BillingMode::values())?,
            stream: stream.transpose()?,
            ttl_attribute: ttl
                .map(|ttl| ttl.attribute_name.context("TimeToLiveSpecification lacks its AttributeName"))
                .transpose()?,
        })
    }
}

/// Parses one of DynamoDB's values. The name of a parameter, left over from a `!Ref`, is an error.
fn literal<T: for<'a> From<&'a str>>(text: &str, property: &str, known: &[&str]) -> Result<T> {
    if !known.contains(&text) {
        bail!("{property} `{text}`: expected, written out, one of {known:?}");
    }
    Ok(T::from(text))
}
