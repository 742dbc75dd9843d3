//! The claims: one, one file.

mod buffered_output;
mod copy_on_write;
mod descriptors;
mod file_offsets;
mod locks;
mod memory_overhead;
mod platform;
mod random_state;
mod security;
mod signals;
mod start_latency;
mod threads;

pub(super) use buffered_output::BufferedOutput;
pub(super) use copy_on_write::CopyOnWrite;
pub(super) use descriptors::Descriptors;
pub(super) use file_offsets::FileOffsets;
pub(super) use locks::Locks;
pub(super) use memory_overhead::MemoryOverhead;
pub(super) use platform::Platform;
pub(super) use random_state::RandomState;
pub(super) use security::Security;
pub(super) use signals::Signals;
pub(super) use start_latency::StartLatency;
pub(super) use threads::Threads;
