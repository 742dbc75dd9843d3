//! What workers log reaches the watcher, whatever logger the program has.

use crate::tasks::{Say, registry};
use pool::{Builder, Forwarding, Pool, Shutdown, StartMethod, What};
use std::sync::{Arc, Mutex};

/// What a watcher received: the worker's name, and a line.
type Told = Arc<Mutex<Vec<(String, String)>>>;

/// The loggers of the coordinator, which let through less than the workers are asked for.
pub(crate) fn begin() {
    struct Nowhere;
    impl log::Log for Nowhere {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    log::set_boxed_logger(Box::new(Forwarding::new(Nowhere))).expect("the first logger");
    log::set_max_level(log::LevelFilter::Warn);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::sink)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
    // Has the filter's opinion of every level cached, as in a program that has run for a while.
    tracing::debug!(target: "said", "not to be seen");
}

fn watched(method: StartMethod) -> (Builder, Told) {
    let told = Told::default();
    let builder = Pool::builder(method).tasks(registry()).workers(2).watch({
        let told = Arc::clone(&told);
        move |event| {
            let line = match &event.what {
                What::Log(record) => format!(
                    "{} {} {:?} {}",
                    record.level, record.target, record.call, record.message
                ),
                What::Stderr(line) => (*line).to_owned(),
                _ => return,
            };
            told.lock().unwrap().push((event.name.to_owned(), line));
        }
    });
    (builder, told)
}

pub(crate) fn records_arrive_with_worker_and_task(method: StartMethod) {
    let stem = method.stem();
    let (builder, told) = watched(method);
    let mut pool = builder.log_level(4).start().unwrap();
    let handles: Vec<_> = (0..4)
        .map(|n| pool.submit::<Say>(&format!("line {n}"), ()).unwrap())
        .collect();
    for handle in handles {
        pool.wait(handle).unwrap();
    }
    // The coordinator's own records stay its own.
    log::error!("the coordinator's");
    tracing::error!("the coordinator's");
    pool.shutdown(Shutdown::Drain).unwrap();

    let told = told.lock().unwrap();
    for n in 0..4 {
        let lines: Vec<&str> = told
            .iter()
            .filter(|(_, line)| {
                line.ends_with(&format!("line {n}")) || line.contains(&format!("line {n} "))
            })
            .map(|(name, line)| {
                assert!(name.starts_with(&format!("{stem}Process-")), "{name}");
                &line[..]
            })
            .collect();
        let mut expected = [
            format!("4 said Some({n}) log line {n}"),
            format!("2 said Some({n}) tracing line {n} answer=42"),
            format!("4 said Some({n}) fine line {n}"),
            format!("stderr line {n}"),
        ];
        let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected);
    }
    assert_eq!(told.len(), 16, "{told:?}");
}

pub(crate) fn nothing_is_sent_unless_wanted(method: StartMethod) {
    let (builder, told) = watched(method);
    let mut pool = builder.start().unwrap();
    let handle = pool.submit::<Say>(&"alone".to_owned(), ()).unwrap();
    pool.wait(handle).unwrap();
    pool.shutdown(Shutdown::Drain).unwrap();
    let told = told.lock().unwrap();
    let lines: Vec<&str> = told.iter().map(|(_, line)| &line[..]).collect();
    assert_eq!(lines, ["stderr alone"]);
}
