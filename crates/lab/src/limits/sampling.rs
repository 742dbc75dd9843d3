//! How often a probe measures, and with how much memory.

use anyhow::Context;

use super::probe::Order;

/// At most a third of what is available: a segment must not push out the dataset, nor any other
/// program.
pub(crate) fn within_memory(bytes: u64) -> anyhow::Result<usize> {
    let available = available_bytes()?;
    Ok(usize::try_from(bytes.min(available / 3))?)
}

/// One warm-up, then as many samples as were ordered.
pub(crate) fn samples<T>(
    order: &Order,
    mut measure: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    measure()?;
    (0..order.samples).map(|_| measure()).collect()
}

/// Memory that could be taken without pushing anything out, as the kernel sees it.
pub(crate) fn available_bytes() -> anyhow::Result<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.parse::<u64>().ok())
        .context("no MemAvailable in /proc/meminfo")?;
    Ok(kib << 10)
}
