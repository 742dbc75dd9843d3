//! The JSON of `coordinator sum`, written by hand, so that a renamed key breaks a test.

use report::{Ended, StartMethod, Sum, Transport, What};

const SAMPLE: &str = include_str!("sum.json");

#[test]
fn every_key_reads_and_is_written_back() {
    let sum: Sum = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(sum.schema, report::SCHEMA);
    assert_eq!(sum.plan.start_method, Some(StartMethod::ForkServer));
    assert_eq!(sum.plan.transport, Transport::Shm);
    assert_eq!(sum.workers[0].ended, Some(Ended::Exit(0)));
    assert_eq!(sum.workers[1].ended, Some(Ended::Signal(9)));
    assert_eq!(sum.workers[2].ended, None);
    assert_eq!(sum.workers[0].events[2].what, What::Received);
    assert_eq!(sum.workers[0].events[2].batch, Some(0));

    let by_hand: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(serde_json::to_value(&sum).unwrap(), by_hand);
}

#[test]
fn a_sum_that_is_not_finite_is_null() {
    let mut sum: Sum = serde_json::from_str(SAMPLE).unwrap();
    sum.result.sum = Some(f64::INFINITY);
    let json = serde_json::to_value(&sum).unwrap();
    assert!(json["result"]["sum"].is_null());
    let back: Sum = serde_json::from_value(json).unwrap();
    assert_eq!(back.result.sum, None);
}

#[test]
fn the_exact_integer_is_there_for_integers_alone() {
    let mut sum: Sum = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(sum.result.sum_int, None);
    // Beyond what a JSON number holds exactly: hence a string.
    sum.result.sum_int = Some("9007199254740993".to_owned());
    let json = serde_json::to_value(&sum).unwrap();
    assert_eq!(json["result"]["sum_int"], "9007199254740993");
    let back: Sum = serde_json::from_value(json).unwrap();
    assert_eq!(back, sum);
}

#[test]
fn void_is_there_only_where_it_is_true() {
    let mut sum: Sum = serde_json::from_str(SAMPLE).unwrap();
    assert!(
        serde_json::to_value(&sum).unwrap()["seconds"]
            .get("void")
            .is_none()
    );
    sum.seconds.void = true;
    assert_eq!(serde_json::to_value(&sum).unwrap()["seconds"]["void"], true);
}
