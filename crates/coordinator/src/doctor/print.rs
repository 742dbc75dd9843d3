//! The findings for people: the worst first, the good ones in a line each.

use super::finding::size;
use report::{Doctor, Finding, Grade};
use std::fmt::Write as _;

pub(super) fn text(doctor: &Doctor) -> String {
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
        (Grade::Good, "Good"),
    ] {
        let of_it: Vec<&Finding> = doctor
            .findings
            .iter()
            .filter(|f| f.grade == grade)
            .collect();
        if of_it.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n{title}");
        for finding in of_it {
            let Finding {
                topic,
                found,
                means,
                ..
            } = finding;
            if grade == Grade::Good {
                let _ = writeln!(text, "  {topic}: {found} ({means})");
                continue;
            }
            let _ = writeln!(text, "  {topic}: {found}\n    {means}");
            if let Some(command) = &finding.mend {
                let _ = writeln!(text, "    $ {command}");
            }
        }
    }
    if doctor
        .findings
        .iter()
        .all(|finding| finding.grade == Grade::Good)
    {
        text.push_str("\nNothing to mend.\n");
    }
    text
}
