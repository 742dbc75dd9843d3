//! The lines of code that make a choice.

use report::{BenchKey, HandOver, StartMethod};

/// The lines that run a job in the way of a row.
pub(crate) fn of(key: BenchKey) -> String {
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
    pool + match key.hand_over {
        Some(HandOver::Array) => {
            "let data = Array::from_slice(&numbers)?;\nlet results = pool.map(data.chunks(part).map(task));"
        }
        Some(HandOver::InPlace) => {
            "let parts = ArrayMut::from_slice(&numbers)?.split(part);\n\
             let results = pool.map(parts.into_iter().map(task));"
        }
        Some(HandOver::File) => {
            "let results = pool.map(ranges.map(|range| task(path.clone(), range))); // which maps the file"
        }
        _ => "let results = pool.map(arguments.map(task));",
    }
}
