//! How fast each kernel sums each layout from memory, by one thread and by all, beside plain reads of
//! the same bytes. Nothing is timed before all kernels agree on the partial.

use std::hint::black_box;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use criterion::{criterion_group, criterion_main};
use dataset::{Column, Kind, Order, Scalar};
use worker::sum::{Kernel, Partial, Summer};

/// Far beyond a core's own caches, a whole number of records of each layout, and cut by any small
/// number of threads.
const BYTES: usize = 240 << 20;

/// What a worker is given at a time when its batch is streamed.
const CHUNK_BYTES: usize = 960 << 10;

/// A layout, and the values to fill it with.
struct Case {
    name: &'static str,
    column: Column,
    values: fn(&mut Random) -> f64,
}

fn cases() -> Vec<Case> {
    let case = |name, offset, stride, kind, order, values| {
        let scalar = Scalar::new(kind, order);
        let column = Column {
            offset,
            stride,
            scalar,
        };
        Case {
            name,
            column,
            values,
        }
    };
    use Kind::{Bool, F4, F8, I4, I8};
    use Order::{Big, Little};
    vec![
        case("study", 16, 24, F8, Little, Random::study),
        case("24-normals", 16, 24, F8, Little, Random::normal),
        case("24-wide", 16, 24, F8, Little, Random::wide),
        case("24-big-endian", 16, 24, F8, Big, Random::normal),
        case("f8", 0, 8, F8, Little, Random::study),
        case("f8-normals", 0, 8, F8, Little, Random::normal),
        case("f8-wide", 0, 8, F8, Little, Random::wide),
        case("f8-in-40", 8, 40, F8, Little, Random::normal),
        case("f4-normals", 0, 4, F4, Little, Random::normal),
        case("i8", 0, 8, I8, Little, Random::wide),
        case("i4", 0, 4, I4, Little, Random::wide),
        case("bool", 0, 1, Bool, Little, Random::study),
    ]
}

/// Repeatable values (xorshift; Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to 1.
    fn even(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    fn study(&mut self) -> f64 {
        [0.0, 1.0, f64::NAN][(self.bits() % 3) as usize]
    }

    /// Close enough to the standard normal distribution: a sum of twelve (Irwin and Hall).
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() - 6.0
    }

    /// Of magnitudes too far apart for any lane.
    fn wide(&mut self) -> f64 {
        (self.even() - 0.5) * 2f64.powi((self.bits() % 400) as i32 - 200)
    }
}

/// Fills the records; many different ones, over and over.
fn fill(records: &mut [u8], case: &Case) {
    let Column {
        offset,
        stride,
        scalar,
    } = case.column;
    let mut random = Random(88_172_645_463_325_252);
    let values: Vec<f64> = (0..99_991).map(|_| (case.values)(&mut random)).collect();
    for (record, value) in records.chunks_exact_mut(stride).zip(values.iter().cycle()) {
        let mut bytes = match scalar.kind {
            Kind::F4 => u64::from((*value as f32).to_bits()),
            Kind::Bool => u64::from(*value > 0.0),
            _ => value.to_bits(),
        }
        .to_le_bytes();
        let value = &mut bytes[..scalar.size()];
        if scalar.order == Order::Big {
            value.reverse();
        }
        record[offset..][..value.len()].copy_from_slice(value);
    }
}

fn sum(records: &[u8], column: &Column, kernel: Kernel) -> Partial {
    let mut summer = Summer::with_kernel(column, kernel).expect("an available kernel");
    records
        .chunks(CHUNK_BYTES / column.stride * column.stride)
        .for_each(|part| summer.add(part));
    summer.finish()
}

/// Reads every byte, as simply as can be.
fn plain_read(bytes: &[u8]) -> u64 {
    let mut lanes = [0; 32];
    for block in bytes.as_chunks::<256>().0 {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane ^= u64::from_ne_bytes(*word);
        }
    }
    lanes.iter().fold(0, |all, lane| all ^ lane)
}

/// Does `work` on an equal part of `bytes` in each of some threads.
fn by_threads<R: Send>(
    bytes: &[u8],
    record: usize,
    threads: usize,
    work: impl Fn(&[u8]) -> R + Sync,
) {
    let part = bytes.len() / record / threads * record;
    thread::scope(|scope| {
        for part in bytes.chunks_exact(part) {
            scope.spawn(|| black_box(work(black_box(part))));
        }
    });
}

fn group<'a>(criterion: &'a mut Criterion, name: String) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(BYTES as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    group
}

fn benchmark(criterion: &mut Criterion) {
    let all_threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut threads = vec![1, all_threads];
    threads.dedup();
    // Touched once, used by all: fresh memory is slow.
    let mut records = vec![1; BYTES];
    let mut reads = group(criterion, "read".to_owned());
    for &threads in &threads {
        reads.bench_function(BenchmarkId::new("plain", threads), |bencher| {
            bencher.iter(|| by_threads(&records, 8, threads, plain_read));
        });
    }
    reads.finish();
    for case in cases() {
        fill(&mut records, &case);
        let column = &case.column;
        let sample = &records[..(1 << 20) / column.stride * column.stride];
        let expected = sum(sample, column, Kernel::Scalar);
        let mut sums = group(criterion, format!("sum/{}", case.name));
        for kernel in Kernel::available() {
            assert_eq!(
                sum(sample, column, kernel),
                expected,
                "{kernel} on {}",
                case.name
            );
            for &threads in &threads {
                sums.bench_function(BenchmarkId::new(kernel.to_string(), threads), |bencher| {
                    let work = |part: &[u8]| sum(part, column, kernel);
                    bencher.iter(|| by_threads(&records, column.stride, threads, work));
                });
            }
        }
        sums.finish();
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
