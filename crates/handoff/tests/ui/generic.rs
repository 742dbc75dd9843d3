#[handoff::task]
fn largest<T: Ord>(values: Vec<T>) -> Option<T> {
    values.into_iter().max()
}

#[handoff::task]
fn first<'a>(text: String) -> usize {
    text.len()
}

fn main() {}
