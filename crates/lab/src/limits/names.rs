//! The words for reference measurements in tables and on pages.

use report::{Limit, Unit, Width};

/// `1 thread`, `8 processes`.
pub(crate) fn width(width: Width) -> String {
    match width {
        Width::Threads(1) => "1 thread".to_owned(),
        Width::Threads(n) => format!("{n} threads"),
        Width::Processes(1) => "1 process".to_owned(),
        Width::Processes(n) => format!("{n} processes"),
    }
}

/// `segment-read, 8 processes`.
pub(crate) fn name(limit: &Limit) -> String {
    format!("{}, {}", limit.probe, width(limit.width))
}

/// `GB/s`.
pub(crate) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::GigabytesPerSecond => "GB/s",
        Unit::Microseconds => "µs",
    }
}
