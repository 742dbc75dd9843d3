#[handoff::task]
async fn later() -> u32 {
    1
}

fn main() {}
