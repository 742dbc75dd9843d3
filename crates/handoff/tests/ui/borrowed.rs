#[handoff::task]
fn length(text: &str) -> usize {
    text.len()
}

#[handoff::task]
fn total(parts: Vec<&[f64]>) -> f64 {
    parts.concat().iter().sum()
}

#[handoff::task]
fn name() -> &'static str {
    "name"
}

fn main() {}
