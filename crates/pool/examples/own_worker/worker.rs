//! A worker program of one's own: its `main` is three lines. `own_worker` starts it.

mod tasks;

fn main() -> std::process::ExitCode {
    runtime::run(&task::Registry::new().with::<tasks::Histogram>())
}
