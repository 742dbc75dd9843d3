//! What a worker prints: every line is reported, and of stderr the first and the last ones are kept for its
//! death report. The first has the cause where a backtrace follows.

use nix::errno::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Last lines that are kept.
const KEPT: usize = 10;
/// First lines that are kept.
const KEPT_FIRST: usize = 3;
/// The longest line; a longer one is cut into several.
const MAX_LINE: usize = 4096;
/// The most that is read in one turn, in bytes: a worker that floods it holds up nobody.
const TURN: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Lines {
    pipe: OwnedFd,
    partial: Vec<u8>,
    first: Vec<String>,
    kept: VecDeque<String>,
    /// How many lines came between those.
    dropped: usize,
    open: bool,
    /// Bytes that the last turn has read.
    turn: usize,
}

impl Lines {
    pub(crate) fn new(pipe: OwnedFd) -> Lines {
        Lines {
            pipe,
            partial: Vec::new(),
            first: Vec::new(),
            kept: VecDeque::new(),
            dropped: 0,
            open: true,
            turn: 0,
        }
    }

    /// Reads what is there, giving whole lines to `each`. `false` once all writers are gone.
    pub(crate) fn read(&mut self, mut each: impl FnMut(&str)) -> bool {
        let mut buffer = [0; 4096];
        self.turn = 0;
        while self.open && self.turn < TURN {
            match nix::unistd::read(&self.pipe, &mut buffer) {
                Ok(0) => self.open = false,
                Ok(count) => {
                    self.turn += count;
                    self.partial.extend_from_slice(&buffer[..count]);
                    self.cut(&mut each);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return true,
                Err(_) => self.open = false,
            }
        }
        self.open
    }

    /// How many bytes the last turn has read.
    pub(crate) fn turn(&self) -> usize {
        self.turn
    }

    /// Reads the rest that a dead worker has left, without waiting for others that hold the pipe.
    pub(crate) fn read_rest(&mut self, mut each: impl FnMut(&str)) {
        self.read(&mut each);
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.keep(&line, &mut each);
        }
    }

    /// The first and the last lines, oldest first.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let between = match self.dropped {
            0 => None,
            dropped => Some(format!("... {dropped} more lines ...")),
        };
        let first = self.first.iter().cloned().chain(between);
        first.chain(self.kept.iter().cloned()).collect()
    }

    fn cut(&mut self, each: &mut impl FnMut(&str)) {
        let bytes = std::mem::take(&mut self.partial);
        let mut rest = &bytes[..];
        loop {
            let end = rest.iter().position(|&byte| byte == b'\n');
            let (line, after) = match end {
                Some(end) => (&rest[..end], end + 1),
                None if rest.len() >= MAX_LINE => (&rest[..MAX_LINE], MAX_LINE),
                None => break,
            };
            self.keep(line, each);
            rest = &rest[after..];
        }
        self.partial = rest.to_vec();
    }

    fn keep(&mut self, line: &[u8], each: &mut impl FnMut(&str)) {
        let line = String::from_utf8_lossy(line).into_owned();
        each(&line);
        if self.first.len() < KEPT_FIRST {
            self.first.push(line);
            return;
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(line);
    }
}

impl AsFd for Lines {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::OFlag;

    #[test]
    fn lines_are_told_whole_and_the_last_are_kept() {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
        let mut stderr = Lines::new(reader);
        let mut told = Vec::new();
        nix::unistd::write(&writer, b"one\ntw").unwrap();
        assert!(stderr.read(|line| told.push(line.to_owned())));
        nix::unistd::write(&writer, b"o\n").unwrap();
        let many: String = (0..20).map(|n| format!("line {n}\n")).collect();
        nix::unistd::write(&writer, many.as_bytes()).unwrap();
        nix::unistd::write(&writer, &[b'x'; MAX_LINE + 5]).unwrap();
        // The writer stays open, as in a grandchild's hands.
        stderr.read_rest(|line| told.push(line.to_owned()));
        assert_eq!(&told[..3], ["one", "two", "line 0"]);
        assert_eq!(told.len(), 24);
        let lines = stderr.last_lines();
        assert_eq!(&lines[..3], ["one", "two", "line 0"]);
        assert_eq!(lines[3], "... 11 more lines ...");
        assert_eq!(lines.len(), KEPT_FIRST + 1 + KEPT);
        assert_eq!(lines[KEPT_FIRST + KEPT], "xxxxx");
        drop(writer);
        assert!(!stderr.read(|_| {}));
    }
}
