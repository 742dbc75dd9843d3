//! The verdict on a round: a right answer, a clear error, the end that was requested, or a violated
//! guarantee.

use harness::exit;
use report::{Sum, SumResult, parse_count};

use super::fault::{Fault, Injection};
use super::plan::{Round, STARTED};
use super::play::{End, Outcome, was_done};
use super::work::{SumWork, Work};

/// How a round kept the guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The answer is bit-identical to the right one.
    Right,
    /// One clear error, and its documented exit code.
    ClearError,
    /// Ended by the signal that it was sent.
    Signalled,
}

/// A violated guarantee: its name, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) kind: &'static str,
    pub(crate) what: String,
}

/// Exit codes of the programs.
const DONE: i32 = exit::DONE as i32;
const FAILED: i32 = exit::FAILED as i32;
const USAGE: i32 = exit::USAGE as i32;
const SIGNAL: i32 = exit::SIGNAL as i32;
/// Of `mixed-load`.
const WRONG: i32 = 3;

/// Compares an outcome with the guarantees. `answers` are those of the dataset and of the one that
/// takes its place.
pub(crate) fn judge(
    round: &Round,
    outcome: &Outcome,
    answers: &[SumResult; 2],
) -> Result<Kept, Vec<Broken>> {
    let mut broken = Vec::new();
    let mut kept = Kept::ClearError;
    match end(round, outcome, answers) {
        Ok(how) => kept = how,
        Err(one) => broken.push(one),
    }
    // A worker's lines are led by its name; this is the program's own.
    let panics = |line: &&str| line.starts_with("thread '") || line.starts_with("stack backtrace");
    if let Some(line) = outcome.stderr.lines().find(panics) {
        broken.push(Broken::new("panic", line));
    }
    for (kind, left) in [
        ("left-process", outcome.left_processes.clone()),
        ("left-segment", left_segments(outcome)),
        ("left-file", outcome.left_files.join(", ")),
    ] {
        if !left.is_empty() {
            broken.push(Broken::new(kind, left));
        }
    }
    if broken.is_empty() {
        Ok(kept)
    } else {
        Err(broken)
    }
}

/// Segments that nobody has an excuse for: where program and guardian were both killed, the next
/// start is to remove them.
fn left_segments(outcome: &Outcome) -> String {
    let killed = Fault::SignalProgram {
        signal: libc::SIGKILL,
    };
    let is_excused = was_done(outcome, |fault| fault == killed)
        && was_done(outcome, |fault| fault == Fault::KillGuardian);
    if is_excused {
        return String::new();
    }
    outcome.left_segments.join(", ")
}

fn end(round: &Round, outcome: &Outcome, answers: &[SumResult; 2]) -> Result<Kept, Broken> {
    let signal = match &outcome.end {
        End::Hang(account) => return Err(Broken::new("hang", account)),
        End::Exit(DONE) => return answer(round, outcome, answers),
        End::Exit(FAILED) => return clear_error(round, outcome),
        // There is no such program to name.
        End::Exit(USAGE) if was_done(outcome, Fault::is_to_programs) => {
            return clear_error(round, outcome);
        }
        End::Exit(WRONG) if matches!(round.work, Work::Load(_)) => {
            return Err(Broken::new("wrong-answer", last_line(outcome)));
        }
        // A program that is a library's user dies of the signal; so does a coordinator that has
        // not yet come to taking signals over.
        End::Signal(signal) => *signal,
        End::Exit(code) => code - SIGNAL,
    };
    if !was_done(outcome, |fault| fault.ends_by() == Some(signal)) {
        let what = format!("{:?}: {}", outcome.end, last_line(outcome));
        return Err(Broken::new("unclear-error", what));
    }
    if outcome.stdout.is_empty() {
        return Ok(Kept::Signalled);
    }
    // One that was killed may have been about to exit with 0. A code of its own is chosen.
    match outcome.end {
        End::Signal(_) => answer(round, outcome, answers).map(|_| Kept::Signalled),
        _ => Err(Broken::new("unclear-error", "a result beside a signal")),
    }
}

/// Exit code 0: then there is a result, and it is right.
fn answer(round: &Round, outcome: &Outcome, answers: &[SumResult; 2]) -> Result<Kept, Broken> {
    let wrong = |what: &str| Err(Broken::new("wrong-answer", what));
    if round.is_unread(libc::STDOUT_FILENO) {
        return wrong("success, though the result could not be printed");
    }
    let stdout = outcome.stdout.as_str();
    let Work::Sum(sum) = &round.work else {
        // It has checked its answers itself.
        return if stdout.starts_with("right ") && stdout.lines().count() == 1 {
            Ok(Kept::Right)
        } else {
            wrong(&format!("no tally, but {stdout:?}"))
        };
    };
    let Some(found) = result(sum, stdout) else {
        return wrong(&format!("no result, but {stdout:?}"));
    };
    let replaced = was_done(outcome, |fault| fault == Fault::ReplaceData);
    let right = &answers[..if replaced { 2 } else { 1 }];
    if right.contains(&found) {
        Ok(Kept::Right)
    } else {
        wrong(&format!("{found:?} instead of {right:?}"))
    }
}

/// Exit code 1 or 2: then there is one line that says why, and a reason.
fn clear_error(round: &Round, outcome: &Outcome) -> Result<Kept, Broken> {
    let unclear = |what: &str| Err(Broken::new("unclear-error", what));
    if !outcome.stdout.is_empty() {
        return unclear("an error, and a result");
    }
    if may_not_fail(round, outcome) {
        return Err(Broken::new("unprovoked-error", last_line(outcome)));
    }
    if round.is_unread(libc::STDERR_FILENO) {
        return Ok(Kept::ClearError);
    }
    let name = match round.work {
        Work::Sum(_) => "error: ",
        Work::Load(_) => "error: ",
    };
    let said = outcome.stderr.lines().filter(|line| line.starts_with(name));
    if said.count() != 1 || !last_line(outcome).starts_with(name) {
        return unclear(&format!(
            "not one line that says why, but {:?}",
            last_lines(outcome, 5)
        ));
    }
    if let Some(remedies) = remedies(round, outcome)
        && !remedies
            .iter()
            .any(|remedy| last_line(outcome).contains(remedy))
    {
        return unclear(&format!("no limit named: {}", last_line(outcome)));
    }
    Ok(Kept::ClearError)
}

/// What the error says, one of these, where nothing but limits can have caused it.
fn remedies(round: &Round, outcome: &Outcome) -> Option<Vec<&'static str>> {
    let mut others = round.clone();
    others.surroundings.retain(|one| one.remedy().is_none());
    let limits_alone = outcome.done.is_empty() && !others.may_fail_from_the_start();
    let remedies = round.surroundings.iter().filter_map(|one| one.remedy());
    limits_alone.then(|| remedies.collect())
}

/// Whether all that was done is something that a run gets over.
fn may_not_fail(round: &Round, outcome: &Outcome) -> bool {
    let Work::Sum(sum) = &round.work else {
        // Whether single tasks fail is for it to count.
        return outcome.done.is_empty() && !round.may_fail_from_the_start();
    };
    // A worker that dies before it was ready is an error of the start.
    let is_death = |injection: &&Injection| {
        matches!(
            injection.fault,
            Fault::SignalWorker { .. } | Fault::KillForkserver
        )
    };
    let deaths = outcome.done.iter().filter(is_death).count();
    let is_gotten_over = |injection: &Injection| match injection.fault {
        Fault::SignalWorker { .. } | Fault::KillForkserver => injection.mark == STARTED,
        Fault::StopWorker { .. } | Fault::StopForkserver { .. } | Fault::StopProgram { .. } => {
            sum.timeout_ms.is_none()
        }
        Fault::KillGuardian => true,
        Fault::RemovePrograms | Fault::ReplacePrograms => injection.mark == STARTED && deaths == 0,
        _ => false,
    };
    !round.may_fail_from_the_start()
        && deaths <= sum.retries as usize
        && outcome.done.iter().all(is_gotten_over)
}

/// The result on stdout, in either format.
fn result(sum: &SumWork, stdout: &str) -> Option<SumResult> {
    if sum.json {
        // One object and nothing else.
        return Some(serde_json::from_str::<Sum>(stdout).ok()?.result);
    }
    let field = |name: &str| {
        let line = stdout.lines().find(|line| line.starts_with(name))?;
        Some(line[name.len()..].trim())
    };
    let (text, hex) = field("sum")?.split_once(" (")?;
    Some(SumResult {
        sum: text.parse().ok(),
        sum_hex: hex.strip_suffix(')')?.to_owned(),
        sum_int: None,
        count: parse_count(field("count")?).ok()?,
        nan_count: parse_count(field("nan")?).ok()?,
    })
}

fn last_lines(outcome: &Outcome, most: usize) -> Vec<&str> {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}

fn last_line(outcome: &Outcome) -> &str {
    outcome.stderr.lines().last().unwrap_or_default()
}

impl Broken {
    pub(crate) fn new(kind: &'static str, what: impl Into<String>) -> Broken {
        let mut what = what.into();
        // A report is read by people.
        let end = (0..=8000.min(what.len())).rfind(|&end| what.is_char_boundary(end));
        what.truncate(end.unwrap_or(0));
        Broken { kind, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::fault::Mark;
    use crate::rounds::surrounding::Surrounding;
    use std::time::Duration;

    fn answers() -> [SumResult; 2] {
        [(1.5, "0x1.8p+0"), (2.0, "0x1p+1")].map(|(sum, hex)| SumResult {
            sum: Some(sum),
            sum_hex: hex.to_owned(),
            sum_int: None,
            count: 1_000,
            nan_count: 7,
        })
    }

    /// A round of `sum` to which nothing is done, its result printed as text.
    fn calm() -> Round {
        let mut round = (0..)
            .map(|number| Round::derive(1, number))
            .find(|round| {
                let text = matches!(&round.work, Work::Sum(sum) if !sum.json && sum.retries > 0
                    && sum.timeout_ms.is_none());
                text && round.kinds().is_empty()
            })
            .unwrap();
        round.injections.clear();
        round
    }

    fn outcome(end: End, stdout: &str, stderr: &str) -> Outcome {
        Outcome {
            end,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            done: Vec::new(),
            took: Duration::ZERO,
            cleanup: Duration::ZERO,
            left_processes: String::new(),
            left_segments: Vec::new(),
            left_files: Vec::new(),
        }
    }

    fn kind(judged: Result<Kept, Vec<Broken>>) -> &'static str {
        judged.unwrap_err()[0].kind
    }

    fn injection(fault: Fault, mark: Mark) -> Injection {
        let delay_us = 0;
        Injection {
            mark,
            delay_us,
            fault,
        }
    }

    const TEXT: &str = "sum      1.5 (0x1.8p+0)\ncount    1_000\nnan      7\n";

    #[test]
    fn an_answer_is_right_or_wrong() {
        let round = calm();
        let judged = judge(&round, &outcome(End::Exit(0), TEXT, ""), &answers());
        assert_eq!(judged, Ok(Kept::Right));
        let other = "sum      2 (0x1p+1)\ncount    1_000\nnan      7\n";
        let mut ended = outcome(End::Exit(0), other, "");
        assert_eq!(kind(judge(&round, &ended, &answers())), "wrong-answer");
        ended.done = vec![injection(Fault::ReplaceData, Mark::Begin)];
        assert_eq!(judge(&round, &ended, &answers()), Ok(Kept::Right));
        let nothing = outcome(End::Exit(0), "", "");
        assert_eq!(kind(judge(&round, &nothing, &answers())), "wrong-answer");
    }

    #[test]
    fn an_error_needs_a_cause_and_one_line() {
        let round = calm();
        let line = "error: batch 3: a worker died\n";
        let mut failed = outcome(End::Exit(1), "", line);
        assert_eq!(kind(judge(&round, &failed, &answers())), "unprovoked-error");
        // One death is within the retries, and a run gets over it.
        let killed = Fault::SignalWorker { pick: 0, signal: 9 };
        failed.done = vec![injection(killed, STARTED)];
        assert_eq!(kind(judge(&round, &failed, &answers())), "unprovoked-error");
        failed.done = vec![injection(killed, Mark::Begin)];
        assert_eq!(judge(&round, &failed, &answers()), Ok(Kept::ClearError));
        failed.stderr = format!("{line}and more\n");
        assert_eq!(kind(judge(&round, &failed, &answers())), "unclear-error");
        failed.stderr = format!("thread 'main' panicked at x.rs\n{line}");
        assert_eq!(kind(judge(&round, &failed, &answers())), "panic");
    }

    #[test]
    fn surroundings_excuse_what_they_may_cost_and_no_more() {
        let mut round = calm();
        let mut failed = outcome(
            End::Exit(1),
            "",
            "error: 8 workers need more: `ulimit -n 60`\n",
        );
        round.surroundings = vec![Surrounding::IgnoredSigchld, Surrounding::StrictUmask];
        assert_eq!(kind(judge(&round, &failed, &answers())), "unprovoked-error");
        round.surroundings.push(Surrounding::FewFiles(24));
        assert_eq!(judge(&round, &failed, &answers()), Ok(Kept::ClearError));
        failed.stderr = "error: too many open files\n".to_owned();
        assert_eq!(kind(judge(&round, &failed, &answers())), "unclear-error");
        let died = outcome(End::Signal(libc::SIGXFSZ), "", "");
        round.surroundings = vec![Surrounding::SmallFiles(4096)];
        assert_eq!(kind(judge(&round, &died, &answers())), "unclear-error");
        // A result that cannot be printed is no success.
        round.surroundings = vec![Surrounding::Closed(&[1])];
        let done = outcome(End::Exit(0), "", "");
        assert_eq!(kind(judge(&round, &done, &answers())), "wrong-answer");
        assert_eq!(judge(&round, &failed, &answers()), Ok(Kept::ClearError));
        // Of programs that are gone before the workers started, none can be started.
        round.surroundings.clear();
        failed.end = End::Exit(2);
        failed.done = vec![injection(Fault::RemovePrograms, Mark::Begin)];
        assert_eq!(judge(&round, &failed, &answers()), Ok(Kept::ClearError));
        failed.done = vec![injection(Fault::RemovePrograms, STARTED)];
        assert_eq!(kind(judge(&round, &failed, &answers())), "unprovoked-error");
    }

    #[test]
    fn a_signal_ends_whom_it_was_sent_to() {
        let round = calm();
        for end in [End::Exit(130), End::Signal(2)] {
            let mut ended = outcome(end, "", "");
            assert_eq!(kind(judge(&round, &ended, &answers())), "unclear-error");
            ended.done = vec![injection(Fault::SignalProgram { signal: 2 }, Mark::Begin)];
            assert_eq!(judge(&round, &ended, &answers()), Ok(Kept::Signalled));
            let is_death = matches!(ended.end, End::Signal(_));
            ended.stdout = TEXT.to_owned();
            assert_eq!(judge(&round, &ended, &answers()).is_ok(), is_death);
            ended.stdout = TEXT.replace("1.5", "2.5");
            assert!(judge(&round, &ended, &answers()).is_err());
        }
        let panicked = outcome(End::Exit(101), "", "");
        assert_eq!(kind(judge(&round, &panicked, &answers())), "unclear-error");
    }

    #[test]
    fn a_right_answer_does_not_make_up_for_what_is_left() {
        let mut ended = outcome(End::Exit(0), TEXT, "");
        ended.left_segments = vec!["handoff-1-2-3".to_owned()];
        assert_eq!(kind(judge(&calm(), &ended, &answers())), "left-segment");
    }
}
