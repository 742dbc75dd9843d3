//! The tasks that are linked into this program: each `#[task]` leaves a reference in one section of the
//! binary, and the linker joins them to a slice. What tasks are, and who looks them up, is left to others.
//!
//! This is what the crate `linkme` does on Linux; one slice for one platform does not need its two crates.

use crate::__private::TaskDef;

/// Makes the section, and so its bounds, exist where no task is linked. Mutable for the section's flags
/// alone: references are relocated, so that those of the other parts are writable too.
#[used]
#[unsafe(link_section = "handoff_tasks")]
static mut NONE: [&TaskDef; 0] = [];

// Bounds that linkers define for a section whose name is an identifier.
unsafe extern "Rust" {
    #[link_name = "__start_handoff_tasks"]
    static START: [&'static TaskDef; 0];
    #[link_name = "__stop_handoff_tasks"]
    static STOP: [&'static TaskDef; 0];
}

/// All of them, in no particular order.
pub(crate) fn tasks() -> &'static [&'static TaskDef] {
    let start = (&raw const START).cast::<&'static TaskDef>();
    let stop = (&raw const STOP).cast::<&'static TaskDef>();
    let count = (stop.addr() - start.addr()) / size_of::<&TaskDef>();
    // SAFETY: the section holds nothing but references, put there by `#[task]`, of one size and
    // alignment, so that there is no padding between them; it is never written.
    unsafe { std::slice::from_raw_parts(start, count) }
}
