//! The kernel: what it can do is tried where that is cheap, since sandboxes refuse what versions provide.

use super::finding::{Fix, bad, better, good, read};
use report::Finding;
use shmem::{FillWay, Segment};
use std::fs::File;
use std::ops::ControlFlow;

/// The first that has all the calls that the pool cannot do without: pidfds, close_range.
const NEEDED: (u32, u32) = (5, 9);
/// Bytes of the segment that is filled to see how.
const SAMPLE: u64 = 4 << 20;

pub(super) fn findings() -> Vec<Finding> {
    let release = sysinfo::System::kernel_version().unwrap_or_default();
    let clock = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let yama = read("/proc/sys/kernel/yama/ptrace_scope");
    let program = File::open("/proc/self/exe").ok();
    let mut findings = vec![version(&release)];
    if let Some(program) = &program {
        let known = shmem::resident(program, 0, 4096).known;
        findings.push(page_cache(known));
        findings.extend(filling(tried_filling(program)));
    }
    findings.push(sandbox(runtime::sandbox_available().err()));
    findings.extend(clock.map(|source| clock_source(&source)));
    findings.push(tracing(yama.as_deref()));
    findings
}

fn version(release: &str) -> Finding {
    let topic = "kernel";
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
    match (number(), number()) {
        (Some(major), Some(minor)) if (major, minor) < NEEDED => bad(
            topic,
            release,
            format!(
                "the pool needs pidfds and close_range: Linux {}.{} at least",
                NEEDED.0, NEEDED.1
            ),
        ),
        _ => good(
            topic,
            release,
            "has pidfds, by which a worker's death is detected at once",
        ),
    }
}

fn page_cache(known: bool) -> Finding {
    let topic = "asking what the page cache holds";
    if known {
        good(
            topic,
            "cachestat",
            "a dataset that is not cached is read in large pieces, one that is is mapped",
        )
    } else {
        better(
            topic,
            "no cachestat",
            "every dataset is taken for uncached, and read (transport mmap) or copied (shm) in the slower way; \
             Linux has it since 6.5, and a sandbox may refuse it",
        )
    }
}

/// Fills a small segment from this program's own file.
fn tried_filling(program: &File) -> Option<FillWay> {
    let len = program.metadata().ok()?.len().min(SAMPLE);
    let mut segment = Segment::create(len).ok()?;
    let filled = segment.fill_from_file(program, 0, 1, &mut |_| ControlFlow::Continue(()));
    Some(filled.ok()?.way)
}

fn filling(way: Option<FillWay>) -> Option<Finding> {
    let topic = "filling a segment";
    let finding = match way? {
        FillWay::Mapped => good(topic, "read into huge pages", "the fastest way there is"),
        FillWay::Copied => good(
            topic,
            "copied by userfaultfd",
            "all processors fill it at once, and no page is zeroed before it is overwritten",
        ),
        _ => {
            let slower = better(
                topic,
                "written",
                "userfaultfd is refused or the file was not cached: threads that write one segment queue for \
                 its lock (transport shm, the phase share)",
            );
            match read("/proc/sys/vm/unprivileged_userfaultfd") {
                Some(_) => slower.fix("sudo sysctl vm.unprivileged_userfaultfd=1"),
                None => slower,
            }
        }
    };
    Some(finding)
}

fn sandbox(refused: Option<runtime::SandboxError>) -> Finding {
    let topic = "confining workers";
    match refused {
        None => good(topic, "landlock and seccomp", "`sum --sandbox` can be used"),
        Some(why) => better(
            topic,
            "not possible",
            format!("`sum --sandbox` is refused: {why}"),
        ),
    }
}

fn clock_source(source: &str) -> Finding {
    let topic = "clock source";
    match source {
        "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "xen" => better(
            topic,
            source,
            "every reading of the clock is a system call, several for each batch",
        )
        .fix("cat /sys/devices/system/clocksource/clocksource0/available_clocksource; \
               echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource"),
        _ => good(topic, source, "the time is read without a system call"),
    }
}

fn tracing(yama: Option<&str>) -> Finding {
    let found = yama.map_or("no yama".to_owned(), |scope| {
        format!("yama.ptrace_scope={scope}")
    });
    good(
        "tracing other processes",
        found,
        "not needed: every worker reads its own memory figures",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Grade;

    #[test]
    fn old_kernels_and_slow_clocks() {
        assert_eq!(version("5.4.0-150-generic").grade, Grade::Bad);
        assert_eq!(version("5.10.0").grade, Grade::Good);
        assert_eq!(version("6.18.1+deb").grade, Grade::Good);
        assert_eq!(version("").grade, Grade::Good);
        assert_eq!(clock_source("tsc").grade, Grade::Good);
        assert_eq!(clock_source("hpet").grade, Grade::CouldBeBetter);
        assert_eq!(page_cache(false).grade, Grade::CouldBeBetter);
        assert_eq!(
            filling(Some(FillWay::Written)).unwrap().grade,
            Grade::CouldBeBetter
        );
        assert_eq!(filling(Some(FillWay::Copied)).unwrap().grade, Grade::Good);
        assert_eq!(filling(None), None);
    }
}
