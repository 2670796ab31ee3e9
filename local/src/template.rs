//! The table, read from `infra/template.yaml`. The template is the only description of the table: on AWS, here and in
//! tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;

use self::definition::LOGICAL_ID;
pub use self::definition::TableDefinition;
use self::shape::{AnyResource, OurResources, Template};
use crate::checkout;

mod create;
mod definition;
mod shape;

const TABLE_TYPE: &str = "AWS::DynamoDB::Table";

/// Creates the checkout's table under this name and waits until it can be used. Repeating the call does nothing.
pub async fn create_table(client: &Client, name: &str) -> Result<()> {
    TableDefinition::from_checkout()?.create(client, name).await
}

impl TableDefinition {
    /// Reads `infra/template.yaml` of the checkout.
    pub fn from_checkout() -> Result<Self> {
        Self::read(&checkout::root()?.join("infra/template.yaml"))
    }

    /// Reads a template.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the table in {}", path.display()))
    }

    /// Parses a template. CloudFormation's functions may occur anywhere except in the table's definition.
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
}

#[cfg(test)]
mod tests;
