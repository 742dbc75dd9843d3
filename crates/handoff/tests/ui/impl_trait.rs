#[handoff::task]
fn shown(value: impl ToString) -> String {
    value.to_string()
}

#[handoff::task]
fn numbers() -> impl Iterator<Item = u32> {
    0..3
}

fn main() {}
