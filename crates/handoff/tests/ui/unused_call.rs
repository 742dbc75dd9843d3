#![deny(unused_must_use)]

#[handoff::task]
fn one() -> u32 {
    1
}

fn main() {
    one();
}
