//! How fast each kernel sums each layout, beside a plain read of the same bytes.
fn main() {}
