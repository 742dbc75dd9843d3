//! The pool that each rank has of its own machine's workers.

use crate::protocol::Settings;
use handoff::{Builder, Error, Pool, StartMethod};

/// Starts it, with `cores` workers where no number is set.
pub(crate) fn start_pool(settings: &Settings, cores: usize) -> Result<Pool, Error> {
    builder(settings, cores).start()
}

/// How it is to be.
pub(crate) fn builder(settings: &Settings, cores: usize) -> Builder {
    let method = match settings.fork_server {
        true => StartMethod::ForkServer,
        false => StartMethod::Spawn,
    };
    let mut builder = Pool::builder()
        .start_method(method)
        .workers(settings.workers.unwrap_or(cores))
        .stderr(settings.stderr);
    let Settings {
        program,
        timeout,
        retries,
        output_bound,
        arena_bytes,
        recycle_after,
        start_timeout,
        grace,
        ..
    } = settings.clone();
    if let Some(program) = program {
        builder = builder.program(program);
    }
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    if let Some(retries) = retries {
        builder = builder.retries(retries);
    }
    if let Some(bytes) = output_bound {
        builder = builder.output_bound(bytes);
    }
    if let Some(bytes) = arena_bytes {
        builder = builder.arena_bytes(bytes);
    }
    if let Some(tasks) = recycle_after {
        builder = builder.recycle_after(tasks);
    }
    if let Some(timeout) = start_timeout {
        builder = builder.start_timeout(timeout);
    }
    if let Some(grace) = grace {
        builder = builder.grace(grace);
    }
    builder
}
