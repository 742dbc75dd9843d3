//! What errors say.

use crate::methods;
use handoff::{ErrorKind, Pool, StartMethod, task};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[task]
fn fail() -> Result<(), String> {
    Err("on purpose".to_owned())
}

#[task]
fn panic() {
    panic!("in panic");
}

#[task]
fn abort() {
    eprintln!("last words");
    std::process::abort();
}

#[task]
fn hang() {
    loop {
        std::thread::park();
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    One { n: u32 },
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<String>,
    b: u64,
}

#[task]
fn value(value: serde_json::Value) -> String {
    value.to_string()
}

#[task]
fn tagged(tagged: Tagged) -> String {
    format!("{tagged:?}")
}

#[task]
fn skipping(skipping: Skipping) -> String {
    format!("{skipping:?}")
}

#[task]
fn gives_value() -> serde_json::Value {
    serde_json::json!({"a": 1})
}

pub(crate) fn kinds_and_details() {
    for method in methods() {
        let in_process = method == StartMethod::InProcess;
        let builder = Pool::builder()
            .start_method(method)
            .workers(1)
            .stderr(false);
        let mut pool = builder
            .retries(0)
            .grace(Duration::from_millis(50))
            .start()
            .unwrap();

        let error = pool.run(fail()).unwrap_err();
        assert_eq!(
            (error.kind(), &error.to_string()[..]),
            (ErrorKind::Failed, "on purpose")
        );
        assert!(
            error.worker().unwrap().ends_with("-1"),
            "{:?}",
            error.worker()
        );

        let error = pool.run(panic()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(error.location().unwrap().contains("errors.rs:"), "{error}");
        assert!(error.to_string().ends_with("in panic"), "{error}");
        assert!(format!("{error:?}").lines().count() == 1, "{error:?}");

        if in_process {
            continue;
        }
        let error = pool.run(abort()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Died);
        let death = error.death().unwrap();
        assert_eq!(
            (death.signal(), death.exit_code(), death.count()),
            (Some(6), None, 1)
        );
        assert_eq!(death.stderr(), ["last words"]);
        assert!(error.to_string().contains("SIGABRT"), "{error}");

        let limited = hang().timeout(Duration::from_millis(50));
        assert_eq!(pool.run(limited).unwrap_err().kind(), ErrorKind::TimedOut);

        let handle = pool.submit(hang()).unwrap();
        assert!(pool.cancel(&handle));
        assert_eq!(pool.wait(handle).unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

pub(crate) fn threads_refuse_limits() {
    let builder = || Pool::builder().start_method(StartMethod::InProcess);
    let limit = Duration::from_secs(1);
    let error = builder().timeout(limit).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let mut pool = builder().start().unwrap();
    let error = pool.run(fail().timeout(limit)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        pool.run(fail().timeout(Duration::MAX)).unwrap_err().kind(),
        ErrorKind::Failed
    );
}

pub(crate) fn types_that_cannot_travel_say_so() {
    let mut pool = Pool::builder()
        .start_method(StartMethod::Spawn)
        .workers(1)
        .start()
        .unwrap();
    let errors = [
        (
            pool.run(value(serde_json::json!([1, "a"]))).unwrap_err(),
            ErrorKind::Arguments,
        ),
        (
            pool.run(tagged(Tagged::One { n: 1 })).unwrap_err(),
            ErrorKind::Arguments,
        ),
        (
            pool.run(skipping(Skipping::default())).unwrap_err(),
            ErrorKind::Arguments,
        ),
        (
            pool.run(gives_value()).map(drop).unwrap_err(),
            ErrorKind::Output,
        ),
    ];
    for (error, kind) in errors {
        assert!(error.to_string().contains("JSON in a String"), "{error}");
        assert_eq!(error.kind(), kind, "{error}");
    }
}
