//! The end of a text that may grow indefinitely: a flooded stderr, whose last line is what counts.

/// Twice this many bytes are held at most, and at least this many where there were more.
const KEPT: usize = 1 << 20;

/// The last lines of a text.
#[derive(Debug, Default)]
pub(crate) struct Tail(String);

impl Tail {
    /// Adds a line.
    pub(crate) fn push(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
        if self.0.len() > 2 * KEPT {
            let from = self.0.len() - KEPT;
            let from = (from..)
                .find(|&at| self.0.is_char_boundary(at))
                .unwrap_or(from);
            let whole = self.0[from..].find('\n').map_or(from, |at| from + at + 1);
            self.0.drain(..whole);
        }
    }

    /// The lines that are left.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole_and_kept() {
        let mut tail = Tail::default();
        for number in 0..500_000 {
            tail.push(&format!("line {number} é"));
        }
        let text = tail.into_text();
        assert!(text.len() > KEPT - 100 && text.len() <= 2 * KEPT);
        assert!(text.starts_with("line "));
        assert!(text.ends_with("line 499999 é\n"));
    }
}
