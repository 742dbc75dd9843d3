//! What an experiment saw, beside what the original study saw.

use super::process::write_whole;
use std::collections::BTreeSet;

/// One thing that was looked at.
pub(super) struct Observation {
    /// What was looked at.
    what: &'static str,
    /// What was seen, worked out from the processes' answers.
    seen: String,
    /// What the original study saw; none where it has no such run or does not show it.
    study: Option<&'static str>,
}

impl Observation {
    pub(super) fn new(
        what: &'static str,
        seen: impl Into<String>,
        study: Option<&'static str>,
    ) -> Observation {
        Observation {
            what,
            seen: seen.into(),
            study,
        }
    }

    fn line(&self) -> String {
        let Observation { what, seen, study } = self;
        match study {
            Some(study) if study == seen => {
                format!("  {what}: {seen} (agrees with the original study)")
            }
            Some(study) => format!("  {what}: {seen} (the original study saw {study}: differs)"),
            None => format!("  {what}: {seen} (not in the original study)"),
        }
    }
}

/// Prints them under a heading, after the lines of the processes.
pub(super) fn print(observations: &[Observation]) {
    let lines: Vec<String> = observations.iter().map(Observation::line).collect();
    write_whole(&format!("\nObservations\n{}\n", lines.join("\n")));
}

/// How the ids that processes gave for one thing relate: the coordinator's first.
pub(super) fn relation(coordinator: u64, workers: &[u64]) -> &'static str {
    let distinct: BTreeSet<u64> = workers.iter().copied().collect();
    match (distinct.contains(&coordinator), distinct.len()) {
        (true, 1) => "the same in every process",
        (false, 1) if workers.len() > 1 => "one for the workers, another for the coordinator",
        (false, count) if count == workers.len() => "another in every process",
        _ => "the same in some processes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_related_by_what_they_are() {
        assert_eq!(relation(1, &[1, 1]), "the same in every process");
        assert_eq!(relation(1, &[2, 3]), "another in every process");
        assert_eq!(
            relation(1, &[2, 2]),
            "one for the workers, another for the coordinator"
        );
        assert_eq!(relation(1, &[1, 2]), "the same in some processes");
        assert_eq!(relation(1, &[2, 2, 3]), "the same in some processes");
    }

    #[test]
    fn agreement_is_worked_out() {
        let line = |seen, study| Observation::new("lines", seen, study).line();
        assert_eq!(
            line("1", Some("1")),
            "  lines: 1 (agrees with the original study)"
        );
        assert_eq!(
            line("2", Some("1")),
            "  lines: 2 (the original study saw 1: differs)"
        );
        assert_eq!(line("2", None), "  lines: 2 (not in the original study)");
    }
}
