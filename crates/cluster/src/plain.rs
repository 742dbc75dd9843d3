//! Results that are nothing but bytes, as they travel: many of them together, without an account of each.

use crate::ids::{Group, add_to, first_with};

/// Results in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    /// Each is of results that came one after the other.
    pub(crate) runs: Vec<Group>,
    /// Of each: the call's place in its entry, a byte; how many bytes, four; the bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Plain {
    /// Results.
    pub(crate) fn calls(&self) -> usize {
        self.runs.iter().map(|run| run.calls()).sum()
    }

    pub(crate) fn push(&mut self, id: u64, output: &[u8]) {
        add_to(&mut self.runs, id);
        self.bytes.push((id - first_with(id)) as u8);
        let len = u32::try_from(output.len()).expect("outputs are shorter than 4 GiB");
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(output);
    }

    /// Adds those that came later.
    pub(crate) fn append(&mut self, mut later: Plain) {
        if self.runs.is_empty() {
            *self = later;
        } else {
            self.runs.append(&mut later.runs);
            self.bytes.append(&mut later.bytes);
        }
    }
}

/// Takes the next result off: its call's place in the entry, and its bytes.
pub(crate) fn next_result<'b>(bytes: &mut &'b [u8]) -> Option<(u64, &'b [u8])> {
    let (&at, rest) = bytes.split_first()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (output, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *bytes = rest;
    Some((at.into(), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_as_they_were_written() {
        let mut plain = Plain::default();
        let mut later = Plain::default();
        let results: [(u64, &[u8]); 4] = [(66, b"two"), (64, b""), (190, b"last"), (67, b"3")];
        for (n, (id, output)) in results.into_iter().enumerate() {
            let to = if n < 2 { &mut plain } else { &mut later };
            to.push(id, output);
        }
        plain.append(later);
        let run = |first, which| Group { first, which };
        assert_eq!(
            plain.runs,
            [run(64, 0b101), run(128, 1 << 62), run(64, 0b1000)]
        );
        assert_eq!(plain.calls(), 4);
        let mut bytes = &plain.bytes[..];
        let mut read = Vec::new();
        for run in &plain.runs {
            for _ in 0..run.calls() {
                let (at, output) = next_result(&mut bytes).unwrap();
                read.push((run.first + at, output));
            }
        }
        assert_eq!(read, results);
        assert_eq!(next_result(&mut bytes), None);
        assert_eq!(next_result(&mut &plain.bytes[..3]), None);
    }
}
