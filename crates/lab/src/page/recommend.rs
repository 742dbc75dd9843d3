//! What the page opens with: recommendations and break-even points, computed from the data beside it.

use maud::{Markup, html};
use report::{Bench, Matrix};

use crate::advice;

/// All recommendations of a folder; nothing where there is none.
pub(crate) fn section(matrix: Option<&Matrix>, jobs: &[Bench]) -> Markup {
    let all = advice::of(matrix, jobs);
    let points = advice::break_even(matrix, jobs);
    html! {
        @if !all.is_empty() {
            section.advice {
                h2 { "What to choose" }
                p {
                    "Without a need for isolation: threads. With it, this was the fastest here, or cannot be \
                     distinguished from the fastest and has a safer start method: spawn before forkserver \
                     before fork."
                }
                div.cards {
                    @for advice in &all {
                        article {
                            h3 { (advice.situation) }
                            p.choose { (advice.choose) }
                            p { (advice.why) }
                            details { summary { "The code" } pre { code { (advice.code) } } }
                        }
                    }
                }
            }
        }
        @if !points.is_empty() {
            section {
                h2 { "Break-even points" }
                p {
                    "From where on the other choice is the better one, by the medians below: for a pool with as \
                     many workers as were measured, started for the first use, filled once and ended after the \
                     last. A further sum takes as long as the second one, or as the first where no second was \
                     measured."
                }
                ul #break-even { @for line in &points { li { (line) } } }
            }
        }
    }
}
