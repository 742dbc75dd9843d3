//! Texts cut to a length. What they say, and how long they may be, is left to their users.

/// As much of the beginning of a text as whole characters make of `most` bytes.
///
/// `str::floor_char_boundary` came with Rust 1.91.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    // A character has at most four bytes, so that a boundary is among the last four.
    let end = (most.saturating_sub(3)..=most).rfind(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Cuts a text to what [`beginning`] gives.
pub(crate) fn cut(text: &mut String, most: usize) {
    text.truncate(beginning(text, most).len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stay_whole() {
        let text = "aé€😀";
        let lengths = (0..12).map(|most| beginning(text, most).len());
        assert_eq!(
            lengths.collect::<Vec<_>>(),
            [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10]
        );
        let mut cut_off = text.to_owned();
        cut(&mut cut_off, 5);
        assert_eq!(cut_off, "aé");
    }
}
