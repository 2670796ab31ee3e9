use std::cell::RefCell;

use anyhow::bail;

use super::*;

fn mapping() -> EventSourceMapping {
    EventSourceMapping { batch_size: 10, longest_age: Duration::from_secs(60), patterns: vec![], environment: vec![] }
}

fn batch(numbers: &[u32]) -> Batch {
    let record = |number: &u32| json!({ "dynamodb": { "SequenceNumber": number.to_string() } });
    numbers.iter().map(|number| (Instant::now(), record(number))).collect()
}

fn numbers(records: &[Value]) -> Vec<u32> {
    let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().parse().unwrap();
    records.iter().map(number).collect()
}

fn failures(numbers: &[u32]) -> Value {
    let failure = |number: &u32| json!({ "itemIdentifier": number.to_string() });
    json!({ "batchItemFailures": numbers.iter().map(failure).collect::<Vec<_>>() })
}

/// Delivers a batch to a function that gives these answers and then succeeds. Returns the batches that the function
/// got, and the result.
async fn play(
    mapping: &EventSourceMapping,
    batch: Batch,
    answers: Vec<Result<Value>>,
) -> (Vec<Vec<u32>>, DeliveryReport) {
    let answers = RefCell::new(VecDeque::from(answers));
    let handed = RefCell::new(Vec::new());
    let mut delivered = DeliveryReport::default();
    let invoke = async |event: Value| {
        handed.borrow_mut().push(numbers(event["Records"].as_array().unwrap()));
        answers.borrow_mut().pop_front().unwrap_or_else(|| Ok(failures(&[])))
    };
    deliver(batch, mapping, &invoke, &mut delivered).await;
    (handed.into_inner(), delivered)
}

#[tokio::test]
async fn a_batch_that_succeeds_is_delivered_once() {
    let (handed, delivered) = play(&mapping(), batch(&[1, 2, 3]), vec![]).await;
    assert_eq!(handed, [vec![1, 2, 3]]);
    assert_eq!((delivered.invocations, delivered.undelivered.len()), (1, 0));
}

#[tokio::test]
async fn batch_is_redelivered_from_the_first_failed_record() {
    let (handed, _) = play(&mapping(), batch(&[1, 2, 3, 4]), vec![Ok(failures(&[4, 2]))]).await;
    assert_eq!(handed, [vec![1, 2, 3, 4], vec![2, 3, 4]]);
    let (handed, _) = play(&mapping(), batch(&[1, 2]), vec![Ok(failures(&[99]))]).await;
    assert_eq!(handed, [[1, 2], [1, 2]], "an unknown record means the whole batch");
}

#[tokio::test]
async fn failing_batch_is_halved_until_the_bad_record_is_alone() {
    let answers = vec![Err(anyhow::anyhow!("staged"))];
    let (handed, _) = play(&mapping(), batch(&[1, 2, 3]), answers).await;
    assert_eq!(handed, [vec![1, 2, 3], vec![1], vec![2, 3]]);
}

#[tokio::test]
async fn expired_records_are_given_up_and_the_rest_delivered() {
    let mapping = EventSourceMapping { longest_age: Duration::from_millis(300), ..mapping() };
    let taken = RefCell::new(Vec::new());
    let poisoned = async |event: Value| {
        let numbers = numbers(event["Records"].as_array().unwrap());
        if numbers.contains(&2) {
            bail!("staged");
        }
        taken.borrow_mut().extend(numbers);
        Ok(json!({}))
    };
    let mut delivered = DeliveryReport::default();
    deliver(batch(&[1, 2, 3]), &mapping, &poisoned, &mut delivered).await;
    let given_up = numbers(&delivered.undelivered);
    assert!(given_up.contains(&2));
    let mut all = [given_up, taken.into_inner()].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3], "each is delivered or given up");
}
