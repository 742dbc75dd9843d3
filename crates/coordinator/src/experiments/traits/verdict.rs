//! What a claim's statements come to.

use report::{TraitStatement, Verdict};

/// The verdict on a claim. Where the original study says something, only that counts.
pub(super) fn verdict(statements: &[TraitStatement]) -> Verdict {
    let of_study = statements.iter().any(|statement| statement.study);
    let counted = || {
        let counts = move |statement: &&TraitStatement| statement.study || !of_study;
        statements.iter().filter(counts)
    };
    match counted().filter(|statement| statement.holds).count() {
        _ if statements.is_empty() => Verdict::NotMeasured,
        0 => Verdict::DoesNotHold,
        held if held == counted().count() => Verdict::Holds,
        _ => Verdict::InPart,
    }
}

#[cfg(test)]
mod tests {
    use super::super::claim::{ours, study};
    use super::*;

    #[test]
    fn the_studys_statements_count_where_there_are_any() {
        assert_eq!(verdict(&[]), Verdict::NotMeasured);
        assert_eq!(verdict(&[study("", true), ours("", false)]), Verdict::Holds);
        assert_eq!(
            verdict(&[study("", false), ours("", true)]),
            Verdict::DoesNotHold
        );
        assert_eq!(
            verdict(&[study("", false), study("", true)]),
            Verdict::InPart
        );
        assert_eq!(verdict(&[ours("", false), ours("", true)]), Verdict::InPart);
        assert_eq!(verdict(&[ours("", true)]), Verdict::Holds);
    }
}
