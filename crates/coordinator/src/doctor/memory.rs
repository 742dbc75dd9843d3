//! Memory: huge pages, the room for segments, overcommit, swap.

use super::finding::{Fix, bad, better, good, read, size};
use super::trial;
use crate::exit::Failure;
use machine::in_brackets;
use nix::sys::statvfs::FsFlags;
use report::{Finding, Machine, Trial};

const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage";

pub(super) fn findings(
    machine: &Machine,
    dataset: Option<u64>,
    trial: &Result<Option<Trial>, Failure>,
) -> Vec<Finding> {
    let settings = &machine.huge_pages;
    let mut segments = huge_segments(settings.shmem_enabled.as_deref(), of_one_size().as_deref());
    segments.means = format!("{}; {}", segments.means, trial::in_words(trial));
    let switched_off = read("/proc/self/status").is_some_and(|text| is_switched_off(&text));
    let mut findings = vec![
        segments,
        huge_private(settings.enabled.as_deref(), switched_off),
        leftovers(),
    ];
    findings.extend(dev_shm(machine, dataset));
    findings.push(room(dataset));
    findings.extend(read("/proc/sys/vm/overcommit_memory").map(|mode| overcommit(&mode)));
    findings.extend(read("/proc/meminfo").and_then(|text| swap(&text)));
    findings
}

/// The setting for huge pages of the usual size alone, which newer kernels have beside the one for all.
fn of_one_size() -> Option<String> {
    let bytes = read(format!("{HUGE_PAGES}/hpage_pmd_size"))?
        .parse::<u64>()
        .ok()?;
    let text = read(format!(
        "{HUGE_PAGES}/hugepages-{}kB/shmem_enabled",
        bytes / 1024
    ))?;
    in_brackets(&text)
}

fn huge_segments(all: Option<&str>, one_size: Option<&str>) -> Finding {
    let topic = "huge pages for segments";
    let given =
        |word: Option<&str>| matches!(word, Some("always" | "within_size" | "advise" | "force"));
    let found = all.unwrap_or("no such setting");
    if all == Some("force")
        || given(one_size)
        || (given(all) && one_size.is_none_or(|w| w == "inherit"))
    {
        return good(
            topic,
            found,
            "a segment (transport shm) is filled and first read with a fault for every huge page",
        );
    }
    let costs = "a segment (transport shm) lies in small pages: filling it, and every worker's first reading of \
                 it, pays for each of them";
    match all {
        None => better(
            topic,
            found,
            format!("{costs}; this kernel was built without huge pages"),
        ),
        Some(_) => better(topic, found, costs)
            .fix(format!("echo advise | sudo tee {HUGE_PAGES}/shmem_enabled")),
    }
}

fn huge_private(setting: Option<&str>, switched_off: bool) -> Finding {
    let topic = "huge pages for private memory";
    let costs = "what the coordinator loads (transport inherit) lies in small pages: a fork copies a page table \
                 entry for each, and a worker's first reading is slower";
    let found = setting.unwrap_or("no such setting");
    match setting {
        Some("always" | "madvise") if switched_off => {
            better(topic, "switched off for this process", costs)
                .fix("start it from a program that has not called prctl(PR_SET_THP_DISABLE)")
        }
        Some("always" | "madvise") => good(
            topic,
            found,
            "what the coordinator loads (transport inherit) is cheap to fork",
        ),
        Some(_) => {
            better(topic, found, costs).fix(format!("echo madvise | sudo tee {HUGE_PAGES}/enabled"))
        }
        None => better(
            topic,
            found,
            format!("{costs}; this kernel was built without huge pages"),
        ),
    }
}

fn is_switched_off(status: &str) -> bool {
    let word = |line: &str| {
        line.strip_prefix("THP_enabled:")
            .map(|word| word.trim() == "0")
    };
    status.lines().find_map(word) == Some(true)
}

/// The file system of segments.
fn dev_shm(machine: &Machine, dataset: Option<u64>) -> Option<Finding> {
    let status = nix::sys::statvfs::statvfs("/dev/shm").ok();
    if status.is_some_and(|status| status.flags().contains(FsFlags::ST_RDONLY)) {
        let means = "segments (transport shm) cannot be made; mmap needs none";
        let finding = bad("room in /dev/shm", "mounted read-only", means);
        return Some(finding.fix("sudo mount -o remount,rw /dev/shm"));
    }
    let free = status.map(|status| status.blocks_available() * status.fragment_size());
    Some(dev_shm_of(
        machine.dev_shm_bytes,
        free,
        machine.memory_bytes,
        dataset,
    ))
}

fn dev_shm_of(len: Option<u64>, free: Option<u64>, memory: u64, dataset: Option<u64>) -> Finding {
    let topic = "room in /dev/shm";
    let (Some(len), Some(free)) = (len, free) else {
        return bad(
            topic,
            "not there",
            "segments (transport shm) cannot be made; mmap needs none",
        )
        .fix("sudo mount -t tmpfs -o mode=1777 tmpfs /dev/shm");
    };
    if len == 0 {
        return good(topic, "no limit", "segments may take what memory there is");
    }
    let found = format!("{} free of {}", size(free), size(len));
    let enlarge = |bytes: u64| format!("sudo mount -o remount,size={} /dev/shm", mib(bytes));
    match dataset {
        Some(needed) if free < needed => bad(
            topic,
            found,
            format!("the dataset's {} do not fit a segment (transport shm); mmap needs none", size(needed)),
        )
        .fix(enlarge(len - free + needed + needed / 16)),
        Some(needed) => good(topic, found, format!("a segment for the dataset's {} fits", size(needed))),
        None if len < memory / 4 => better(
            topic,
            found,
            "larger datasets do not fit a segment (transport shm), although they would fit the memory; \
             for a container the size is set from outside (--shm-size)",
        )
        .fix(enlarge(memory / 2)),
        None => good(topic, found, "segments (transport shm) may take a good part of the memory"),
    }
}

fn mib(bytes: u64) -> String {
    format!("{}M", bytes.div_ceil(1 << 20))
}

/// What loading a dataset may take.
fn room(dataset: Option<u64>) -> Finding {
    let (available, limit) = shmem::Room::of_private_memory().least();
    let topic = "memory to load into";
    match dataset {
        Some(needed) if available < needed => bad(
            topic,
            size(available),
            format!(
                "the dataset's {} cannot be loaded (transport inherit); mmap and bytes load nothing. {}",
                size(needed),
                limit.for_bytes(needed)
            ),
        ),
        Some(needed) => good(
            topic,
            size(available),
            format!("the dataset's {} can be loaded", size(needed)),
        ),
        None => good(
            topic,
            size(available),
            "datasets up to that size can be loaded (transport inherit) or cached whole",
        ),
    }
}

fn leftovers() -> Finding {
    let topic = "segments left behind";
    match shmem::leftovers().map(Iterator::count) {
        Ok(0) => good(topic, "none", "no memory is held by what a killed program left"),
        Ok(count) => better(
            topic,
            count.to_string(),
            "their owners are gone and their memory is held; the next run with transport shm removes them",
        )
        .fix("coordinator sum DATA --transport shm"),
        Err(error) => good(topic, error.to_string(), "segments cannot be made here, so none is left"),
    }
}

fn overcommit(mode: &str) -> Finding {
    let topic = "memory overcommit";
    match mode {
        "2" => better(
            topic,
            "never (vm.overcommit_memory=2)",
            "a fork reserves the coordinator's private memory once for each worker, so with transport inherit \
             it may be refused although nothing would be copied",
        )
        .fix("sudo sysctl vm.overcommit_memory=0"),
        "1" => good(topic, "always", "a fork of a large coordinator is never refused"),
        _ => good(topic, "within reason", "a fork of a large coordinator is not refused"),
    }
}

fn swap(meminfo: &str) -> Option<Finding> {
    let kib = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let (total, free) = (kib("SwapTotal:")? << 10, kib("SwapFree:")? << 10);
    let topic = "swap";
    let used = total.saturating_sub(free);
    Some(if total == 0 {
        good(
            topic,
            "none",
            "a segment or a loaded dataset stays in memory; what does not fit is refused",
        )
    } else if used > total / 20 {
        better(
            topic,
            format!("{} of {} in use", size(used), size(total)),
            "what was swapped out is read back page by page, in the middle of a measurement",
        )
        .fix("sudo swapoff -a && sudo swapon -a")
    } else {
        good(
            topic,
            format!("{} of {} in use", size(used), size(total)),
            "hardly anything is swapped out",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Grade;

    const GIB: u64 = 1 << 30;

    #[test]
    fn huge_pages_that_are_off_are_named_with_the_command() {
        for off in ["never", "deny"] {
            let finding = huge_segments(Some(off), None);
            assert_eq!(finding.grade, Grade::CouldBeBetter);
            assert_eq!(finding.found, off);
            assert!(
                finding
                    .fix
                    .unwrap()
                    .ends_with("transparent_hugepage/shmem_enabled")
            );
        }
        for on in ["always", "within_size", "advise", "force"] {
            assert_eq!(huge_segments(Some(on), None).grade, Grade::Good, "{on}");
        }
        // Newer kernels: the size's own setting counts, and may leave it to the one for all.
        assert_eq!(
            huge_segments(Some("never"), Some("advise")).grade,
            Grade::Good
        );
        assert_eq!(
            huge_segments(Some("always"), Some("inherit")).grade,
            Grade::Good
        );
        assert_eq!(
            huge_segments(Some("always"), Some("never")).grade,
            Grade::CouldBeBetter
        );
        assert_eq!(huge_segments(None, None).fix, None);
        assert_eq!(
            in_brackets("always inherit [never]").as_deref(),
            Some("never")
        );
        assert_eq!(
            huge_private(Some("never"), false).grade,
            Grade::CouldBeBetter
        );
        assert_eq!(
            huge_private(Some("madvise"), true).grade,
            Grade::CouldBeBetter
        );
        assert_eq!(huge_private(Some("madvise"), false).grade, Grade::Good);
        assert!(
            is_switched_off("Name:\tx\nTHP_enabled:\t0\n") && !is_switched_off("THP_enabled:\t1\n")
        );
    }

    #[test]
    fn dev_shm_is_judged_by_the_dataset_where_there_is_one() {
        let grade = |len, free, dataset| dev_shm_of(len, free, 24 * GIB, dataset).grade;
        assert_eq!(grade(None, None, None), Grade::Bad);
        assert_eq!(
            grade(Some(64 << 20), Some(64 << 20), None),
            Grade::CouldBeBetter
        );
        assert_eq!(grade(Some(12 * GIB), Some(12 * GIB), None), Grade::Good);
        assert_eq!(
            grade(Some(64 << 20), Some(64 << 20), Some(1 << 20)),
            Grade::Good
        );
        let full = dev_shm_of(Some(4 * GIB), Some(GIB), 24 * GIB, Some(2 * GIB));
        assert_eq!(full.grade, Grade::Bad);
        assert_eq!(
            full.fix.unwrap(),
            "sudo mount -o remount,size=5248M /dev/shm"
        );
    }

    #[test]
    fn promises_and_swap() {
        assert_eq!(overcommit("2").grade, Grade::CouldBeBetter);
        assert_eq!(overcommit("0").grade, Grade::Good);
        let swap = |total, free| {
            swap(&format!("SwapTotal: {total} kB\nSwapFree: {free} kB\n"))
                .unwrap()
                .grade
        };
        assert_eq!(swap(0, 0), Grade::Good);
        assert_eq!(swap(1000, 990), Grade::Good);
        assert_eq!(swap(1000, 500), Grade::CouldBeBetter);
        assert!(super::swap("MemTotal: 1 kB\n").is_none());
    }
}
