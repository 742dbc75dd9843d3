//! A dataset: how much of it lies in the page cache.

use super::finding::{Fix, bad, better, good, size};
use ::dataset::Dataset;
use report::Finding;
use shmem::{Residency, Room};

pub(super) fn findings(dataset: &Dataset) -> Vec<Finding> {
    let residency = shmem::resident(dataset.file(), dataset.data_offset(), dataset.data_len());
    let (available, _) = Room::of_memory().least();
    let path = dataset.path().display().to_string();
    vec![cached(residency, dataset.data_len(), available, &path)]
}

fn cached(residency: Residency, bytes: u64, available: u64, path: &str) -> Finding {
    let topic = "the dataset in the page cache";
    if !residency.known {
        return better(
            topic,
            "the kernel does not say",
            "what is not cached is read from the disk while workers wait",
        )
        .fix(read_it(path));
    }
    let fraction = residency.fraction();
    let found = format!("{:.0} % of {}", (fraction * 100.0).floor(), size(bytes));
    let missing = (bytes as f64 * (1.0 - fraction)) as u64;
    if fraction >= 0.999 {
        good(topic, found, "a run reads memory, not the disk")
    } else if missing > available {
        bad(
            topic,
            found,
            format!(
                "and only {} of memory are free for the rest: every run reads the disk",
                size(available)
            ),
        )
    } else {
        better(
            topic,
            found,
            "the first run reads the rest from the disk: its figures are the disk's",
        )
        .fix(read_it(path))
    }
}

fn read_it(path: &str) -> String {
    format!("cat '{}' > /dev/null", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Grade;

    #[test]
    fn what_is_not_cached_is_read_if_it_fits() {
        let cached = |cached_pages, available| {
            let residency = Residency {
                total_pages: 1000,
                cached_pages,
                known: true,
            };
            cached(residency, 4_096_000, available, "it's.npy")
        };
        assert_eq!(cached(1000, 0).grade, Grade::Good);
        let half = cached(500, 1 << 30);
        assert_eq!(half.grade, Grade::CouldBeBetter);
        assert!(half.found.starts_with("50 %"), "{}", half.found);
        assert_eq!(half.fix.unwrap(), r"cat 'it'\''s.npy' > /dev/null");
        assert_eq!(cached(500, 1000).grade, Grade::Bad);
        let unknown = Residency {
            total_pages: 1,
            cached_pages: 0,
            known: false,
        };
        assert_eq!(
            super::cached(unknown, 1, 1, "x").grade,
            Grade::CouldBeBetter
        );
    }
}
