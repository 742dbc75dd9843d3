//! What time it is on rank 0: machines have clocks of their own, each with its own zero.
//!
//! Rank 0 asks each rank on another clock for its time, often; of the quickest answer the sender
//! knows best when it was given: halfway there and back, give or take half the way. That is
//! Cristian's method (Probabilistic clock synchronization, 1989).

use crate::comm::{Comm, Tag};
use crate::place::Place;
use report::ClockOffset;

/// Questions to each rank. The first wakes it; one undisturbed answer is enough.
const QUESTIONS: usize = 16;

/// One question and its answer, in nanoseconds: asked and heard on rank 0's clock, answered on the
/// other.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    asked: u64,
    answered: u64,
    heard: u64,
}

/// How far a rank's clock is ahead of rank 0's, and how much that may be wrong; nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) ns: i64,
    pub(crate) error_ns: u64,
}

impl Ahead {
    /// Known before and after a run: clocks drift meanwhile, by what the two differ.
    pub(crate) fn widened(self, after: Ahead) -> Ahead {
        Ahead {
            ns: self.ns,
            error_ns: self.error_ns + self.ns.abs_diff(after.ns) + after.error_ns,
        }
    }

    /// A time of rank 0's clock on the other clock.
    pub(crate) fn there(self, here_ns: u64) -> u64 {
        here_ns.saturating_add_signed(self.ns)
    }
}

impl From<Ahead> for ClockOffset {
    fn from(ahead: Ahead) -> ClockOffset {
        ClockOffset {
            offset: ahead.ns as f64 / 1e9,
            error: ahead.error_ns as f64 / 1e9,
        }
    }
}

/// How far the clocks of all ranks are ahead of rank 0's, measured; every rank receives its own.
/// One machine after the other, so that answers do not wait for each other.
pub(crate) fn compare(comm: &Comm, places: &[Place]) -> Ahead {
    if comm.rank() > 0 {
        let mine = &places[comm.rank() as usize];
        if !mine.clock_of_rank_0 {
            for _ in 0..QUESTIONS {
                let () = comm.receive_at_once(0, Tag::Clock);
                comm.send(0, Tag::Clock, &runtime::now_ns());
            }
        }
        return comm.scatter::<(i64, u64)>(None).into();
    }
    let all = (0..)
        .zip(places)
        .map(|(rank, place)| match place.clock_of_rank_0 {
            true => (0, 0),
            false => {
                let exchanges = (0..QUESTIONS).map(|_| ask(comm, rank));
                let ahead = estimate(exchanges);
                (ahead.ns, ahead.error_ns)
            }
        })
        .collect();
    comm.scatter(Some(all)).into()
}

impl From<(i64, u64)> for Ahead {
    fn from((ns, error_ns): (i64, u64)) -> Ahead {
        Ahead { ns, error_ns }
    }
}

fn ask(comm: &Comm, rank: u32) -> Exchange {
    let asked = runtime::now_ns();
    comm.send(rank, Tag::Clock, &());
    let answered = comm.receive_at_once(rank, Tag::Clock);
    let heard = runtime::now_ns();
    Exchange {
        asked,
        answered,
        heard,
    }
}

/// From the quickest of the exchanges.
fn estimate(exchanges: impl Iterator<Item = Exchange>) -> Ahead {
    let quickest = exchanges
        .min_by_key(|exchange| exchange.heard - exchange.asked)
        .expect("at least one question");
    let there_and_back = quickest.heard - quickest.asked;
    let halfway = quickest.asked + there_and_back / 2;
    Ahead {
        ns: quickest.answered.wrapping_sub(halfway) as i64,
        error_ns: there_and_back.div_ceil(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_answer_counts_and_is_never_off_by_more_than_its_error() {
        for ahead in [-7_000i64, 0, 5_000_000_000] {
            for (there, back) in [(10, 10), (0, 40), (39, 2)] {
                let exchange = |asked: u64, there: u64, back: u64| Exchange {
                    asked,
                    answered: (asked + there).saturating_add_signed(ahead),
                    heard: asked + there + back,
                };
                let all = [exchange(10_000, 900, 10), exchange(20_000, there, back)];
                let found = estimate(all.into_iter());
                assert!(found.ns.abs_diff(ahead) <= found.error_ns, "{found:?}");
                assert_eq!(found.error_ns, (there + back).div_ceil(2));
            }
        }
    }

    #[test]
    fn drift_widens_the_error() {
        let before = Ahead {
            ns: 100,
            error_ns: 5,
        };
        let after = Ahead {
            ns: 130,
            error_ns: 7,
        };
        assert_eq!(
            before.widened(after),
            Ahead {
                ns: 100,
                error_ns: 42
            }
        );
        assert_eq!(before.there(1_000), 1_100);
    }
}
