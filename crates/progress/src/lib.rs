//! Progress of work that takes longer than a moment: one line on stderr, with rate and time left,
//! drawn only where somebody looks.
//!
//! Every command line of the workspace draws by the rules of this crate:
//!
//! - nothing where stderr is no terminal, where `TERM` is `dumb` or unset, or where `--quiet` asks
//!   for it; never on stdout; and never a colour, so there is nothing for `NO_COLOR` to forbid;
//! - nothing for the first half second: what is done by then needs no progress;
//! - drawn from inside the work's own calls, at most twenty times a second. No thread ticks
//!   ([`Progress::ticking`] is for programs that only wait for others), since a coordinator forks;
//! - lines that are printed meanwhile go above it ([`Progress::line`]), and it is gone when the work
//!   is done, when it fails, and when the program is stopped by an error.
//!
//! ```
//! let total = 10_000_000;
//! let mut progress = progress::Progress::bytes("copying", total, progress::wanted(false));
//! for done in (0..=total).step_by(1 << 20) {
//!     progress.to(done);
//! }
//! ```

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Work that is done by then shows no progress.
const UNSEEN: Duration = Duration::from_millis(500);
/// Between two drawings of what nobody moves.
const TICK: Duration = Duration::from_secs(1);

/// Whether progress is to be drawn: stderr is a terminal that can show it, and nobody asked for quiet.
pub fn wanted(quiet: bool) -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    !quiet && !dumb && io::stderr().is_terminal()
}

/// How far some work has come. Dropping it removes its line.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
    /// Wanted, and too early so far.
    waits: bool,
    /// A thread draws it.
    ticks: bool,
}

impl Progress {
    /// No progress.
    pub fn none() -> Progress {
        Progress::new("", "", 0, false)
    }

    /// Work on `total` bytes; `what` says it in a word or two.
    pub fn bytes(what: &'static str, total: u64, wanted: bool) -> Progress {
        let style = "{msg} {wide_bar} {percent:>3}% {decimal_bytes_per_sec:>12} {left:>5} left";
        Progress::new(what, style, total, wanted)
    }

    /// Work in `total` steps, each of which takes a while.
    pub fn steps(what: &'static str, total: u64, wanted: bool) -> Progress {
        let style = "{bar:24} {pos}/{len} {per_minute:>8} {left:>5} left  {wide_msg}";
        Progress::new(what, style, total, wanted)
    }

    fn new(what: &'static str, template: &str, total: u64, wanted: bool) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if wanted {
            let style =
                ProgressStyle::with_template(template).expect("the templates are constants");
            bar.set_style(
                style
                    .with_key("left", left)
                    .with_key("per_minute", per_minute),
            );
            bar.set_message(what);
        }
        Progress {
            bar,
            began: Instant::now(),
            waits: wanted,
            ticks: false,
        }
    }

    /// Draws at once and from a thread of its own once a second: for a program that waits for
    /// others, and never forks.
    #[must_use]
    pub fn ticking(mut self) -> Progress {
        if self.waits {
            self.show();
            self.bar.enable_steady_tick(TICK);
            self.ticks = true;
        }
        self
    }

    /// Says what is being done now.
    pub fn about(&self, what: impl Into<Cow<'static, str>>) {
        self.bar.set_message(what);
    }

    /// So much is done. Cheap enough to be called every few microseconds.
    pub fn to(&mut self, done: u64) {
        if self.waits && self.began.elapsed() >= UNSEEN {
            self.show();
        }
        self.bar.set_position(done);
    }

    /// One more step is done.
    pub fn step(&mut self) {
        self.to(self.bar.position() + 1);
    }

    /// Prints a line on stderr, above the progress where that is drawn.
    pub fn line(&self, line: &str) {
        // A reader that has gone away is no reason to stop the work.
        let print = |text: String| drop(io::stderr().write_all(text.as_bytes()));
        if self.ticks {
            self.bar.suspend(|| print(format!("{line}\n")));
        } else if self.waits || self.bar.is_hidden() {
            print(format!("{line}\n"));
        } else {
            // It takes the place of the progress, which is drawn below when it is next due: to draw
            // it again for each of many lines would take longer than the lines.
            print(format!("\r\x1b[2K{line}\n"));
        }
    }

    fn show(&mut self) {
        self.waits = false;
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The time left, as soon as there is something to tell it by.
fn left(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    // What cannot be written to is a line that nobody sees.
    let _ = match state.pos() {
        0 => to.write_str("?"),
        _ => write!(to, "{:#}", HumanDuration(state.eta())),
    };
}

/// Steps that take long are counted by the minute.
fn per_minute(state: &ProgressState, to: &mut dyn std::fmt::Write) {
    let _ = match state.pos() {
        0 => to.write_str(""),
        _ => write!(to, "{:.0}/min", state.per_sec() * 60.0),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Progress that is switched off neither draws nor stores what it is given.
    #[test]
    fn unwanted_progress_stays_hidden() {
        for mut progress in [
            Progress::none(),
            Progress::bytes("copying", 10, false),
            Progress::steps("cell", 10, false).ticking(),
        ] {
            progress.began -= 2 * UNSEEN;
            progress.to(5);
            progress.step();
            progress.about("something else");
            assert!(progress.bar.is_hidden() && !progress.waits);
            assert_eq!(progress.bar.position(), 6);
        }
    }

    #[test]
    fn what_is_done_soon_is_not_drawn() {
        let mut progress = Progress::bytes("copying", 10, true);
        progress.to(5);
        assert!(progress.waits && progress.bar.is_hidden());
        progress.began -= UNSEEN;
        progress.to(6);
        assert!(!progress.waits);
    }
}
