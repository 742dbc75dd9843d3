//! What the report's recommendations look like in a program: each hand-over and start method once.
//!
//! `cargo run --release -p lab --example choices`

use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use handoff::{Array, ArrayMut, Pool, StartMethod};

const NUMBERS: usize = 1 << 16;
const PART: usize = 1 << 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    handoff::init();
    let numbers: Vec<f64> = (0_u32..).take(NUMBERS).map(f64::from).collect();
    let sum: f64 = numbers.iter().sum();
    for sums in [
        inherit(&numbers)?,
        bytes::sums(&numbers)?,
        array::sums(numbers.clone())?,
        in_place::sums(numbers.clone())?,
        file::sums(&numbers)?,
        made_as_arrays::sums()?,
        made_in_place::sums()?,
        made_in_a_file::sums()?,
    ] {
        assert_eq!(sums.iter().sum::<f64>(), sum);
    }
    println!("all {NUMBERS} numbers, by every hand-over");
    Ok(())
}

type Sums = Result<Vec<f64>, Box<dyn std::error::Error>>;

fn compute(part: &[f64]) -> f64 {
    part.iter().sum()
}

fn inherit(numbers: &[f64]) -> Sums {
    let parts: Vec<&[f64]> = numbers.chunks(PART).collect();
    let results = handoff::fork_map(2, &parts, |part| compute(part))?;
    Ok(results)
}

mod bytes {
    use super::*;

    #[handoff::task]
    fn task(part: Vec<f64>) -> f64 {
        compute(&part)
    }

    pub(super) fn sums(numbers: &[f64]) -> Sums {
        let arguments = numbers.chunks(PART).map(<[f64]>::to_vec);
        let mut pool = Pool::builder()
            .start_method(StartMethod::Fork)
            .workers(2)
            .start()?;
        let results = pool.map(arguments.map(task));
        Ok(results.collect::<Result<_, _>>()?)
    }
}

mod array {
    use super::*;

    #[handoff::task]
    fn task(part: Array<f64>) -> f64 {
        compute(&part)
    }

    pub(super) fn sums(numbers: Vec<f64>) -> Sums {
        let part = PART;
        let mut pool = Pool::builder().workers(2).start()?;
        let data = Array::from_slice(&numbers)?;
        let results = pool.map(data.chunks(part).map(task));
        Ok(results.collect::<Result<_, _>>()?)
    }
}

mod in_place {
    use super::*;

    #[handoff::task]
    fn task(part: ArrayMut<f64>) -> (ArrayMut<f64>, f64) {
        let sum = compute(&part);
        (part, sum)
    }

    pub(super) fn sums(numbers: Vec<f64>) -> Sums {
        let part = PART;
        let mut pool = Pool::builder()
            .start_method(StartMethod::ForkServer)
            .workers(2)
            .start()?;
        let parts = ArrayMut::from_slice(&numbers)?.split(part);
        let results = pool.map(parts.into_iter().map(task));
        results.map(|result| Ok(result?.1)).collect()
    }
}

mod file {
    use super::*;

    #[handoff::task]
    fn task(path: PathBuf, range: Range<usize>) -> Result<f64, String> {
        read(&path, range).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn sums(numbers: &[f64]) -> Sums {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytemuck::cast_slice(numbers))?;
        let (path, ranges) = (file.path().to_owned(), ranges());
        let mut pool = Pool::builder().workers(2).start()?;
        let results = pool.map(ranges.map(|range| task(path.clone(), range))); // which maps the file
        Ok(results.collect::<Result<_, _>>()?)
    }
}

/// Where each task's part begins and ends.
fn ranges() -> impl Iterator<Item = Range<usize>> {
    (0..NUMBERS).step_by(PART).map(|first| first..first + PART)
}

/// Reads a part; a program that reads it more than once maps it.
fn read(path: &PathBuf, range: Range<usize>) -> io::Result<f64> {
    let mut part = vec![0.0; range.len()];
    let at = (range.start * size_of::<f64>()) as u64;
    std::fs::File::open(path)?.read_exact_at(bytemuck::cast_slice_mut(&mut part), at)?;
    Ok(compute(&part))
}

/// The numbers of a range.
fn made(range: Range<usize>) -> impl Iterator<Item = f64> {
    (0_u32..).map(f64::from).skip(range.start).take(range.len())
}

mod made_as_arrays {
    use super::*;

    #[handoff::task]
    fn task(range: Range<usize>) -> Result<Array<f64>, handoff::Error> {
        Ok(Array::from_slice(&made(range).collect::<Vec<f64>>())?)
    }

    pub(super) fn sums() -> Sums {
        let arguments = ranges();
        let mut pool = Pool::builder().workers(2).start()?;
        let results = pool.map(arguments.map(task)); // which gives an Array
        results.map(|array| Ok(compute(&array?))).collect()
    }
}

mod made_in_place {
    use super::*;

    #[handoff::task]
    fn task(mut part: ArrayMut<f64>) -> ArrayMut<f64> {
        part.fill(1.0);
        part
    }

    pub(super) fn sums() -> Sums {
        let (count, part) = (NUMBERS, PART);
        let mut pool = Pool::builder().workers(2).start()?;
        let parts = ArrayMut::zeroed(count)?.split(part);
        let results = pool.map(parts.into_iter().map(task)); // which fills it and gives it back
        let ones = results.map(|part| Ok(compute(&part?)));
        let ones: f64 = ones.sum::<Result<f64, handoff::Error>>()?;
        // As many ones as there are numbers: their sum is that of 0, 1, …
        Ok(vec![ones * (ones - 1.0) / 2.0])
    }
}

mod made_in_a_file {
    use super::*;

    #[handoff::task]
    fn task(path: PathBuf, range: Range<usize>) -> Result<(), String> {
        write(&path, range).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn sums() -> Sums {
        let file = tempfile::NamedTempFile::new()?;
        let (path, ranges) = (file.path().to_owned(), self::ranges());
        let mut pool = Pool::builder().workers(2).start()?;
        let written = pool.map(ranges.map(|range| task(path.clone(), range))); // which writes to the file
        written.collect::<Result<Vec<()>, _>>()?;
        Ok(vec![read(&path, 0..NUMBERS)?])
    }
}

fn write(path: &PathBuf, range: Range<usize>) -> io::Result<()> {
    let at = (range.start * size_of::<f64>()) as u64;
    let part: Vec<f64> = made(range).collect();
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.write_all_at(bytemuck::cast_slice(&part), at)
}
