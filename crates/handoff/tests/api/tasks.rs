//! What `#[task]` makes of functions.

use crate::methods;
use handoff::{ErrorKind, Input, Pool, StartMethod, Task, TaskError, task};

#[task]
fn factorial(n: u64) -> u64 {
    if n < 2 { 1 } else { n * factorial(n - 1) }
}

#[task]
fn same(same: u32, mut other: u32, (x, _): (u32, u32), _: ()) -> u32 {
    other += 1;
    same + other + x
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl std::fmt::Display for Outer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "outer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[task]
fn typed(text: String) -> Result<u32, Outer> {
    text.parse().map_err(Outer)
}

#[task]
fn boxed(text: String) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(text.parse().map_err(Outer)?)
}

#[task]
fn boxed_sync(text: String) -> Result<u32, TaskError> {
    Ok(text.parse().map_err(Outer)?)
}

#[task]
fn only_display(text: String) -> Result<u32, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

#[task]
fn of_the_facade() -> Result<u32, handoff::Error> {
    only_display("x".to_owned()).run_here()
}

#[task]
#[expect(clippy::too_many_arguments, reason = "as many as there may be")]
fn sixteen(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
    n: u8,
    o: u8,
    p: u8,
) -> Vec<u8> {
    vec![a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

pub(crate) struct Double;

impl Task for Double {
    const NAME: &'static str = "double";
    type Args = u32;
    type Output = u32;
    fn run(n: u32, _: Input<'_>) -> Result<u32, TaskError> {
        n.checked_mul(2).ok_or_else(|| "too large".into())
    }
}

/// What [`Double`] is in another build.
pub(crate) struct OtherDouble;

impl Task for OtherDouble {
    const NAME: &'static str = "double";
    type Args = u64;
    type Output = u32;
    fn run(_: u64, _: Input<'_>) -> Result<u32, TaskError> {
        Ok(0)
    }
}

fn pool() -> Pool {
    let builder = Pool::builder().start_method(StartMethod::InProcess);
    builder.workers(1).start().unwrap()
}

pub(crate) fn recursion_calls_the_plain_function() {
    assert_eq!(pool().run(factorial(5)).unwrap(), 120);
    assert_eq!(factorial(6).run_here().unwrap(), 720);
    assert_eq!(factorial(0).task(), concat!(module_path!(), "::factorial"));
}

pub(crate) fn an_argument_may_have_the_tasks_name() {
    assert_eq!(pool().run(same(1, 2, (3, 4), ())).unwrap(), 7);
}

pub(crate) fn sources_of_errors_are_kept() {
    let mut pool = pool();
    let cause = "outer: invalid digit found in string";
    assert_eq!(pool.run(typed("x".into())).unwrap_err().to_string(), cause);
    assert_eq!(pool.run(boxed("x".into())).unwrap_err().to_string(), cause);
    assert_eq!(
        pool.run(boxed_sync("x".into())).unwrap_err().to_string(),
        cause
    );
    let plain = pool.run(only_display("x".into())).unwrap_err();
    assert_eq!(
        (plain.kind(), &plain.to_string()[..]),
        (ErrorKind::Failed, "not a number")
    );
    assert_eq!(
        pool.run(of_the_facade()).unwrap_err().to_string(),
        "not a number"
    );
    assert_eq!(pool.run(typed("7".into())).unwrap(), 7);
}

pub(crate) fn sixteen_arguments() {
    let call = sixteen(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    assert_eq!(pool().run(call).unwrap(), (0..16).collect::<Vec<u8>>());
}

pub(crate) fn tasks_of_the_trait_are_called_too() {
    for method in methods() {
        let mut pool = Pool::builder()
            .start_method(method)
            .workers(1)
            .start()
            .unwrap();
        assert_eq!(pool.run(handoff::call::<Double>(&21)).unwrap(), 42);
        let error = pool.run(handoff::call::<Double>(&u32::MAX)).unwrap_err();
        assert_eq!(error.to_string(), "too large");
    }
    assert_eq!(handoff::call::<Double>(&4).run_here().unwrap(), 8);
}
