use aws_sdk_dynamodb::types::{BillingMode, StreamViewType};

use super::*;
use crate::engine::DynamoDb;

const TEMPLATE: &str = "
Parameters:
  Level: { Type: String }
Conditions:
  InVpc: !Not [!Equals [!Ref Level, '']]
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ..
      VpcConfig: !If
        - InVpc
        - SubnetIds: !Ref SubnetIds
        - !Ref AWS::NoValue
      Environment: { Variables: { TABLE_NAME: !Ref SeatsTable, ARN: !GetAtt SeatsTable.Arn } }
      Policy: !Sub
        - '${Table}/*'
        - Table: !GetAtt [SeatsTable, Arn]
  SeatsTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: !Sub '${AWS::StackName}-seats'
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: n, AttributeType: N }
      KeySchema:
        - { AttributeName: pk, KeyType: HASH }
        - { AttributeName: n, KeyType: RANGE }
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
Outputs:
  Name: { Value: !Ref SeatsTable }
";

fn error_of(template: &str) -> String {
    format!("{:#}", TableDefinition::parse(template).unwrap_err())
}

#[test]
fn table_is_read_despite_cloudformation_functions() {
    let table = TableDefinition::parse(TEMPLATE).unwrap();
    assert_eq!(table.ttl_attribute(), Some("expires_at"));
    assert_eq!(table.billing, BillingMode::PayPerRequest);
    assert_eq!(table.stream, Some(StreamViewType::NewAndOldImages));
    let keys: Vec<_> = table.keys.iter().map(|key| (key.attribute_name(), key.key_type().as_str())).collect();
    assert_eq!(keys, [("pk", "HASH"), ("n", "RANGE")]);
    // `n` and `N` are names here, not the word no.
    let kinds: Vec<_> = table.attributes.iter().map(|a| (a.attribute_name(), a.attribute_type().as_str())).collect();
    assert_eq!(kinds, [("pk", "S"), ("n", "N")]);
}

#[test]
fn table_may_lack_stream_and_time_to_live() {
    let text = TEMPLATE
        .replace("StreamSpecification:", "Tags:")
        .replace("Enabled: true }\n      Point", "Enabled: false }\n      Point");
    let table = TableDefinition::parse(&text).unwrap();
    assert_eq!((table.stream, table.ttl_attribute), (None, None));
}

#[test]
fn the_checkouts_own_template_is_read() {
    let table = TableDefinition::from_checkout().unwrap();
    assert_eq!(table.ttl_attribute(), Some("expires_at"));
}

#[test]
fn a_template_without_the_table_is_refused() {
    let error = error_of(&TEMPLATE.replace("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"));
    assert_eq!(error, "expected exactly one AWS::DynamoDB::Table, called SeatsTable, and found []");
}

#[test]
fn a_second_table_is_refused() {
    let error = error_of(&TEMPLATE.replace("AWS::Serverless::Function", "AWS::DynamoDB::Table"));
    assert!(error.ends_with(r#"and found ["Function", "SeatsTable"]"#), "{error}");
}

#[test]
fn a_table_without_keys_is_refused_by_name() {
    let error = error_of(&TEMPLATE.replace("KeySchema:", "KeySkema:"));
    assert!(error.starts_with("can't read SeatsTable"), "{error}");
    assert!(error.contains("missing field `KeySchema`"), "{error}");
}

#[test]
fn a_parameter_in_the_table_is_refused() {
    let error = error_of(&TEMPLATE.replace("BillingMode: PAY_PER_REQUEST", "BillingMode: !Ref Billing"));
    assert!(error.contains("BillingMode `Billing`: expected, written out, one of"), "{error}");
}

#[test]
fn table_with_an_index_is_rejected() {
    let error = error_of(&TEMPLATE.replace(
        "StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }",
        "GlobalSecondaryIndexes: [{ IndexName: x }]",
    ));
    assert!(error.contains("secondary index"), "{error}");
}

#[test]
fn invalid_yaml_is_rejected() {
    assert!(error_of("Resources: [").starts_with("not a template"));
}

#[tokio::test]
async fn concurrent_creations_make_one_table_with_ttl() {
    let dynamodb = DynamoDb::memory().unwrap();
    let client = dynamodb.client();
    let table = TableDefinition::parse(TEMPLATE).unwrap();
    let (first, second) = tokio::join!(table.create(&client, "seats"), table.create(&client, "seats"));
    first.unwrap();
    second.unwrap();
    table.create(&client, "seats").await.unwrap();

    assert_eq!(client.list_tables().send().await.unwrap().table_names(), ["seats"]);
    let ttl = client.describe_time_to_live().table_name("seats").send().await.unwrap();
    let ttl = ttl.time_to_live_description().unwrap();
    assert_eq!((ttl.time_to_live_status().unwrap().as_str(), ttl.attribute_name()), ("ENABLED", Some("expires_at")));
}

#[tokio::test]
async fn existing_table_gets_its_stream() {
    let dynamodb = DynamoDb::memory().unwrap();
    let client = dynamodb.client();
    let earlier = TableDefinition::parse(&TEMPLATE.replace("StreamSpecification:", "Tags:")).unwrap();
    earlier.create(&client, "seats").await.unwrap();
    assert!(dynamodb.stream("seats").is_err());
    TableDefinition::parse(TEMPLATE).unwrap().create(&client, "seats").await.unwrap();
    dynamodb.stream("seats").unwrap();
}

#[tokio::test]
async fn failed_table_creation_reports_the_reason() {
    let dynamodb = DynamoDb::memory().unwrap();
    let table = TableDefinition::parse(TEMPLATE).unwrap();
    let error = table.create(&dynamodb.client(), "!").await.unwrap_err().to_string();
    assert!(error.starts_with("can't create the table !: 2 validation errors detected"), "{error}");
}

#[tokio::test]
async fn unreachable_database_reports_the_reason() {
    let client = crate::engine::client(&format!("http://127.0.0.1:{}", crate::ports::free_port().unwrap()));
    let error = TableDefinition::parse(TEMPLATE).unwrap().create(&client, "seats").await.unwrap_err().to_string();
    assert!(error.contains("Connection refused"), "{error}");
}
