//! A program that sets its logger in the first line of `main`, as most do: before `handoff::init`.

use handoff::{Pool, StartMethod, task};

/// Prints records on stderr.
struct Plain;

impl log::Log for Plain {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("plain: {}", record.args());
    }

    fn flush(&self) {}
}

#[task]
fn log_warning(text: String) {
    log::warn!("{text}");
}

fn main() -> Result<(), handoff::Error> {
    log::set_logger(&Plain).expect("the first logger");
    log::set_max_level(log::LevelFilter::Info);
    handoff::init();
    let method = match std::env::args().nth(1).as_deref() {
        Some("fork") => StartMethod::Fork,
        Some("forkserver") => StartMethod::ForkServer,
        _ => StartMethod::Spawn,
    };
    let mut pool = Pool::builder().start_method(method).workers(1).start()?;
    pool.run(log_warning("disk almost full".into()))?;
    pool.shutdown(handoff::Shutdown::Drain)
}
