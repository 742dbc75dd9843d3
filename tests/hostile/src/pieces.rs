//! An input as a sequence of pieces.

/// Cuts an input into pieces, each after one byte with its length; the last may be cut off. So an
/// input is a sequence of bodies, most of which survive a mutation.
pub(crate) fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = input.split_first()?;
        let (piece, after) = rest.split_at(rest.len().min(usize::from(length)));
        input = after;
        Some(piece)
    })
}
