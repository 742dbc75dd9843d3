//! The findings for people: problems first, then how many checks passed.

use super::finding::size;
use report::{Doctor, Finding, Grade};
use std::fmt::Write as _;

pub(super) fn text(doctor: &Doctor, all: bool) -> String {
    let machine = &doctor.machine;
    let mut text = format!(
        "coordinator {} on {}, {} processors, {}, Linux {}\n",
        pool::VERSION,
        if machine.cpu.is_empty() {
            &machine.arch
        } else {
            &machine.cpu
        },
        machine.cores,
        size(machine.memory_bytes),
        machine.kernel,
    );
    for (grade, title) in [
        (Grade::Bad, "Bad"),
        (Grade::CouldBeBetter, "Could be better"),
    ] {
        let findings = of(doctor, grade);
        if !findings.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        for finding in findings {
            let Finding {
                topic,
                found,
                means,
                ..
            } = finding;
            let _ = writeln!(text, "  {topic}: {found}\n    {means}");
            if let Some(command) = &finding.fix {
                let _ = writeln!(text, "    $ {command}");
            }
        }
    }
    let passed = of(doctor, Grade::Good);
    let _ = writeln!(text, "\n{}", summary(doctor, passed.len(), all));
    for finding in passed.into_iter().filter(|_| all) {
        let Finding {
            topic,
            found,
            means,
            ..
        } = finding;
        let _ = writeln!(text, "  {topic}: {found} ({means})");
    }
    text
}

/// `19 checks passed, 1 failed, 2 could be better; --all lists those that passed`.
fn summary(doctor: &Doctor, passed: usize, all: bool) -> String {
    let mut text = match passed {
        1 => "1 check passed".to_owned(),
        passed => format!("{passed} checks passed"),
    };
    for (grade, word) in [
        (Grade::Bad, "failed"),
        (Grade::CouldBeBetter, "could be better"),
    ] {
        let number = of(doctor, grade).len();
        if number > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, ", {number} {word}");
        }
    }
    text.push_str(if all {
        ":"
    } else {
        "; --all lists those that passed"
    });
    text
}

fn of(doctor: &Doctor, grade: Grade) -> Vec<&Finding> {
    let findings = doctor.findings.iter();
    findings.filter(|finding| finding.grade == grade).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{bad, better, good};
    use machine::machine;

    fn doctor(findings: Vec<Finding>) -> Doctor {
        Doctor {
            schema: report::SCHEMA,
            version: pool::VERSION.to_owned(),
            protocol: pool::PROTOCOL,
            machine: machine(),
            dataset: None,
            findings,
            trial: None,
        }
    }

    #[test]
    fn problems_come_first_and_checks_that_passed_are_counted() {
        let doctor = doctor(vec![
            bad("room", "none", "nothing fits"),
            better("pages", "small", "slow"),
            good("kernel", "6.1", "new"),
            good("processors", "2", "enough"),
        ]);
        let short = text(&doctor, false);
        let at =
            |text: &str, part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
        let order = [
            "Bad\n  room",
            "Could be better\n  pages",
            "2 checks passed, 1 failed, 1 could be better",
        ];
        assert!(order.map(|part| at(&short, part)).is_sorted(), "{short}");
        assert!(!short.contains("kernel: "), "{short}");
        let long = text(&doctor, true);
        assert!(at(&long, "2 checks passed") < at(&long, "kernel: 6.1 (new)"));
    }

    #[test]
    fn without_problems_there_is_the_count_alone() {
        let text = text(&doctor(vec![good("kernel", "6.1", "new")]), false);
        let (_, rest) = text.split_once('\n').unwrap();
        assert_eq!(rest, "\n1 check passed; --all lists those that passed\n");
    }
}
