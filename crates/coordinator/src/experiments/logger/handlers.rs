//! The handlers of this process: layers of the one subscriber that a process has.
//!
//! They stand in a list that can grow, as a Python logger's do. A forked child begins with its
//! parent's list, an image that was started by exec with none, not even a subscriber.

use crate::experiments::process::{prefix, write_whole};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;

type Handler = Box<dyn Layer<Registry> + Send + Sync>;

static HANDLERS: OnceLock<reload::Handle<Vec<Handler>, Registry>> = OnceLock::new();

/// Lines that handlers of this process and, before it was forked, of its parent have written.
static LINES: AtomicU64 = AtomicU64::new(0);

/// Why a handler was not added.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddError {
    /// The subscriber is gone.
    #[error("cannot add a handler: {0}")]
    Reload(#[from] reload::Error),
    /// Something else has set a subscriber for this process.
    #[error("cannot set the subscriber that is to hold the handlers: {0}")]
    Subscriber(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Adds a handler that writes to stdout, to those there are.
pub(super) fn add() -> Result<(), AddError> {
    let handler: Handler = Box::new(fmt::layer().event_format(Line).with_writer(|| Stdout));
    if let Some(handlers) = HANDLERS.get() {
        return Ok(handlers.modify(|handlers| handlers.push(handler))?);
    }
    let (layer, handle) = reload::Layer::new(vec![handler]);
    tracing::subscriber::set_global_default(Registry::default().with(layer))?;
    HANDLERS.get_or_init(|| handle);
    Ok(())
}

/// How many there are.
pub(super) fn count() -> u64 {
    let handlers = HANDLERS.get();
    handlers.map_or(0, |handlers| {
        handlers.with_current(Vec::len).unwrap_or_default() as u64
    })
}

pub(super) fn lines_written() -> u64 {
    LINES.load(Ordering::Relaxed)
}

/// `   ForkProcess-1 [ 1.00s] main: the message`
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        write!(writer, "{} {}: ", prefix(), event.metadata().target())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Stdout, with a count of the lines that went there.
struct Stdout;

impl io::Write for Stdout {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write_whole(&String::from_utf8_lossy(line));
        let lines = line.iter().filter(|&&byte| byte == b'\n').count();
        LINES.fetch_add(lines as u64, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
