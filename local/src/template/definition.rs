//! The definition of the table.

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, StreamViewType};

/// The table's name in the template.
pub(super) const LOGICAL_ID: &str = "SeatsTable";

/// The table as the template describes it. Only settings that affect how items are stored and found are read.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDefinition {
    pub(super) attributes: Vec<AttributeDefinition>,
    pub(super) keys: Vec<KeySchemaElement>,
    pub(super) billing: BillingMode,
    pub(super) stream: Option<StreamViewType>,
    pub(super) ttl_attribute: Option<String>,
}

impl TableDefinition {
    /// Returns the same table without a time to live. It is for tests: no answer may depend on the time to live, and an
    /// engine that collects expired items would use the real time of day.
    #[must_use]
    pub fn without_ttl(self) -> Self {
        Self { ttl_attribute: None, ..self }
    }

    /// Returns the attribute with the epoch second at which an item expires, if there is one.
    pub fn ttl_attribute(&self) -> Option<&str> {
        self.ttl_attribute.as_deref()
    }
}
