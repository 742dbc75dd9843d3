//! Memory that forks cheaply.

/// An empty `Vec` with room for `capacity` values, in huge pages where the kernel gives them to those
/// who ask.
///
/// Forking copies an entry for every page, and a child's first access to a page is noted in it. For a
/// `Vec` of gigabytes in pages of 4 KiB that takes about as long as summing it; in pages of 2 MiB
/// nothing that can be measured. The pages come with the values, so ask before the `Vec` is filled.
///
/// It is an ordinary `Vec` in small pages where the setting
/// `/sys/kernel/mm/transparent_hugepage/enabled` is `never`, or where its capacity is at most 32 MiB.
///
/// ```
/// let mut numbers = handoff::vec_in_huge_pages(5 << 20);
/// numbers.extend((0..5 << 20).map(f64::from));
/// let halves: Vec<&[f64]> = numbers.chunks(5 << 19).collect();
/// # // Doctests run on a thread beside `main`'s only where they are merged; this one is its own program.
/// let sums: Vec<f64> = handoff::fork_map(2, &halves, |half| half.iter().sum::<f64>())?;
/// # assert!(sums[0] < sums[1]);
/// # Ok::<(), handoff::Error>(())
/// ```
///
/// # Panics
/// As [`Vec::with_capacity`] does, where the capacity is over `isize::MAX` bytes.
#[must_use]
pub fn vec_in_huge_pages<T>(capacity: usize) -> Vec<T> {
    let mut vec = Vec::with_capacity(capacity);
    shmem::advise_huge_pages(vec.spare_capacity_mut());
    vec
}
