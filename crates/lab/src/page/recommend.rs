//! What the page opens with: recommendations, computed from the data beside it.

use maud::{Markup, html};
use report::{Bench, Matrix};

use crate::advice::{self, Advice};

/// All recommendations of a folder; nothing where there is none.
pub(crate) fn section(matrix: Option<&Matrix>, jobs: &[Bench]) -> Markup {
    let mut all: Vec<Advice> = matrix.map(advice::of_matrix).unwrap_or_default();
    all.extend(jobs.iter().flat_map(advice::of_bench));
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
    }
}
