//! The table, read from `infra/template.yaml`: the template is its one description, on AWS, here and in tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, StreamViewType};

use self::shape::{AnyResource, OurResources, Template};
use crate::checkout;

mod create;
mod shape;

/// The table's name in the template.
const LOGICAL_ID: &str = "SeatsTable";
const TABLE_TYPE: &str = "AWS::DynamoDB::Table";

/// The table as the template describes it. Only what decides how items are stored and found is read.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDefinition {
    attributes: Vec<AttributeDefinition>,
    keys: Vec<KeySchemaElement>,
    billing: BillingMode,
    stream: Option<StreamViewType>,
    ttl_attribute: Option<String>,
}

/// Creates the checkout's table under this name and waits until it can be used. Repeating it does nothing.
pub async fn create_table(client: &Client, name: &str) -> Result<()> {
    TableDefinition::of_checkout()?.create(client, name).await
}

impl TableDefinition {
    /// Reads `infra/template.yaml` of the checkout.
    pub fn of_checkout() -> Result<Self> {
        Self::read(&checkout::root()?.join("infra/template.yaml"))
    }

    /// Reads a template.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the table in {}", path.display()))
    }

    /// Reads the text of a template. CloudFormation's functions may be anywhere in it but in the table's definition.
    pub fn parse(text: &str) -> Result<Self> {
        let every: Template<BTreeMap<String, AnyResource>> = serde_saphyr::from_str(text).context("not a template")?;
        let tables: Vec<&String> =
            every.resources.iter().filter(|(_, resource)| resource.kind == TABLE_TYPE).map(|(id, _)| id).collect();
        if tables != [LOGICAL_ID] {
            bail!("expected exactly one {TABLE_TYPE}, called {LOGICAL_ID}, and found {tables:?}");
        }
        let template: Template<OurResources> =
            serde_saphyr::from_str(text).with_context(|| format!("can't read {LOGICAL_ID}"))?;
        template.resources.table.properties.try_into()
    }

    /// The same table where nothing is ever collected: for tests, since no answer may depend on it, and an engine that does
    /// collect would do so by the real time of day.
    #[must_use]
    pub fn without_ttl(self) -> Self {
        Self { ttl_attribute: None, ..self }
    }

    /// The attribute whose epoch second ends an item's life, where there is one.
    pub fn ttl_attribute(&self) -> Option<&str> {
        self.ttl_attribute.as_deref()
    }
}

#[cfg(test)]
mod tests;
