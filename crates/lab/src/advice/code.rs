//! The lines of code that make a choice. Those of `examples/choices.rs` are the same, so that they compile.

use report::{BenchKey, HandOver, StartMethod};

/// The lines that run a job in the way of a row: with data that goes to the tasks, or `results` that come from them.
pub(crate) fn of(key: BenchKey, results: bool) -> String {
    let workers = key.workers;
    if key.hand_over == Some(HandOver::Inherit) {
        return format!(
            "let results = handoff::fork_map({workers}, &parts, |part| compute(part))?;"
        );
    }
    let method = match key.start_method {
        Some(StartMethod::Fork) => ".start_method(StartMethod::Fork)",
        Some(StartMethod::ForkServer) => ".start_method(StartMethod::ForkServer)",
        Some(StartMethod::Spawn) | None => "",
    };
    let pool = format!("let mut pool = Pool::builder(){method}.workers({workers}).start()?;\n");
    pool + match (key.hand_over, results) {
        (Some(HandOver::Array), false) => {
            "let data = Array::from_slice(&numbers)?;\n\
             let results = pool.map(data.chunks(part).map(task));"
        }
        (Some(HandOver::Array), true) => {
            "let results = pool.map(arguments.map(task)); // which gives an Array"
        }
        (Some(HandOver::InPlace), false) => {
            "let parts = ArrayMut::from_slice(&numbers)?.split(part);\n\
             let results = pool.map(parts.into_iter().map(task));"
        }
        (Some(HandOver::InPlace), true) => {
            "let parts = ArrayMut::zeroed(count)?.split(part);\n\
             let results = pool.map(parts.into_iter().map(task)); // which fills it and gives it back"
        }
        (Some(HandOver::File), false) => {
            "let results = pool.map(ranges.map(|range| task(path.clone(), range))); // which maps the file"
        }
        (Some(HandOver::File), true) => {
            "let written = pool.map(ranges.map(|range| task(path.clone(), range))); // which writes to the file"
        }
        _ => "let results = pool.map(arguments.map(task));",
    }
}

#[cfg(test)]
mod tests {
    use report::Runner;

    use super::*;

    #[test]
    fn every_line_is_in_the_example_which_compiles() {
        let words = |text: &str| -> String {
            // Formatting aside, and comments.
            let lines = text.lines().map(|line| line.split("//").next().unwrap());
            let text: String = lines.collect();
            text.split_whitespace().collect()
        };
        let example = words(include_str!("../../examples/choices.rs"));
        for hand_over in HandOver::ALL {
            for start_method in StartMethod::ALL {
                for results in [false, true] {
                    let key = BenchKey {
                        bytes: 1,
                        runner: Runner::Processes,
                        hand_over: Some(hand_over),
                        workers: 2,
                        start_method: Some(start_method),
                    };
                    let code = of(key, results);
                    // The start of a pool by each method stands there once.
                    for line in code.lines().map(words) {
                        assert!(example.contains(&line), "{line}");
                    }
                }
            }
        }
    }
}
