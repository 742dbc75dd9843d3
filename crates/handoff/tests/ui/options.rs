#[handoff::task(retries = 3)]
fn one() -> u32 {
    1
}

#[handoff::task]
struct NotAFunction;

fn main() {}
