//! `results`: tasks that make a large result, which the caller reads once.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use handoff::{Array, ArrayMut, task};
use report::HandOver;
use tempfile::TempDir;

use super::kernels::{PARTS, Raw, make, part_of, sum};
use crate::job::{self, By, Job, Outputs, Way};
use crate::limits::map;

#[task]
fn make_bytes(first: usize, count: usize) -> Raw {
    Raw::of(&made(first, count))
}

#[task]
fn make_array(first: usize, count: usize) -> Result<Array<f64>, handoff::Error> {
    let mut part = ArrayMut::zeroed(count)?;
    make(first, &mut part);
    Ok(part.freeze())
}

#[task]
fn make_in_place(first: usize, mut part: ArrayMut<f64>) -> ArrayMut<f64> {
    make(first, &mut part);
    part
}

#[task]
fn make_file(path: PathBuf, first: usize, count: usize) -> Result<(), String> {
    let part = made(first, count);
    write_at(&path, &part, first).map_err(|error| format!("{}: {error}", path.display()))
}

fn write_at(path: &Path, part: &[f64], first: usize) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let at = u64::try_from(first * size_of::<f64>()).map_err(std::io::Error::other)?;
    file.write_all_at(bytemuck::cast_slice(part), at)
}

fn made(first: usize, count: usize) -> Vec<f64> {
    let mut part = vec![0.0; count];
    make(first, &mut part);
    part
}

/// The job whose result has this number of bytes.
///
/// # Errors
///
/// Where there is no directory for a file.
pub(super) fn job(bytes: u64) -> anyhow::Result<Job> {
    let count = usize::try_from(bytes)? / size_of::<f64>();
    let parts = Parts {
        count,
        part: part_of(count),
    };
    let folder = tempfile::tempdir()?;
    Ok(Job {
        tasks: u64::try_from(PARTS)?.into(),
        plain: Box::new(Plain(parts)),
        ways: vec![
            (HandOver::Bytes, Box::new(Bytes(parts))),
            (HandOver::Array, Box::new(Shared(parts))),
            (HandOver::InPlace, Box::new(InPlace(parts, Vec::new()))),
            (HandOver::Inherit, Box::new(Inherit(parts))),
            (HandOver::File, Box::new(InFile { parts, folder })),
        ],
    })
}

/// Where the tasks' parts begin and how long they are.
#[derive(Clone, Copy)]
struct Parts {
    count: usize,
    part: usize,
}

impl Parts {
    fn each(self) -> impl Iterator<Item = (usize, usize)> {
        let Parts { count, part } = self;
        (0..count)
            .step_by(part)
            .map(move |first| (first, part.min(count - first)))
    }
}

/// The sums of all parts: each result is read where it is.
fn read<'a>(parts: impl IntoIterator<Item = &'a [f64]>) -> Outputs {
    let sums = parts.into_iter().map(|part| sum(part).to_bits());
    job::numbers(sums.collect())
}

struct Plain(Parts);

impl Way for Plain {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let parts: Vec<(usize, usize)> = self.0.each().collect();
        let results = job::plain(by, parts.len(), |index| {
            let (first, count) = parts[index];
            made(first, count)
        })?;
        Ok(read(results.iter().map(Vec::as_slice)))
    }
}

struct Bytes(Parts);

impl Way for Bytes {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let calls = self.0.each().map(|(first, count)| make_bytes(first, count));
        let results: Vec<Raw> = by.pool()?.map(calls).collect::<Result<_, _>>()?;
        Ok(read(results.iter().map(Raw::numbers)))
    }
}

struct Shared(Parts);

impl Way for Shared {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let calls = self.0.each().map(|(first, count)| make_array(first, count));
        let results: Vec<Array<f64>> = by.pool()?.map(calls).collect::<Result<_, _>>()?;
        Ok(read(results.iter().map(Array::as_slice)))
    }
}

struct InPlace(Parts, Vec<ArrayMut<f64>>);

impl Way for InPlace {
    fn fill(&mut self) -> anyhow::Result<()> {
        self.1.clear();
        self.1 = ArrayMut::zeroed(self.0.count)?.split(self.0.part);
        Ok(())
    }

    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let parts = std::mem::take(&mut self.1).into_iter();
        let calls = self
            .0
            .each()
            .zip(parts)
            .map(|((first, _), part)| make_in_place(first, part));
        let results: Vec<ArrayMut<f64>> = by.pool()?.map(calls).collect::<Result<_, _>>()?;
        Ok(read(results.iter().map(ArrayMut::as_slice)))
    }
}

struct Inherit(Parts);

impl Way for Inherit {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let parts: Vec<(usize, usize)> = self.0.each().collect();
        let results = handoff::fork_map(by.forks()?, &parts, |&(first, count)| {
            Raw::of(&made(first, count))
        })?;
        Ok(read(results.iter().map(Raw::numbers)))
    }
}

struct InFile {
    parts: Parts,
    folder: TempDir,
}

impl Way for InFile {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let path = self.folder.path().join("result");
        let bytes = self.parts.count * size_of::<f64>();
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?
            .set_len(u64::try_from(bytes)?)?;
        let calls = self
            .parts
            .each()
            .map(|(first, count)| make_file(path.clone(), first, count));
        let done: Result<Vec<()>, _> = by.pool()?.map(calls).collect();
        done?;
        let map = map(&File::open(&path)?, bytes)?;
        let numbers: &[f64] = bytemuck::cast_slice(&map);
        Ok(read(numbers.chunks(self.parts.part)))
    }
}
