struct Plain(u32);

#[handoff::task]
fn unwrapped(plain: Plain) -> u32 {
    plain.0
}

#[handoff::task]
fn wrapped(n: u32) -> Result<Plain, String> {
    Ok(Plain(n))
}

fn main() {}
