//! `memory`: sums over parts of an array that is in the caller's memory.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use handoff::{Array, ArrayMut, task};
use memmap2::Mmap;
use report::HandOver;
use tempfile::TempDir;

use super::kernels::{PARTS, Raw, numbers, part_of, sum};
use crate::job::{self, By, Job, Outputs, Way};
use crate::limits::map;

#[task]
fn sum_bytes(part: Raw) -> f64 {
    sum(part.numbers())
}

#[task]
fn sum_array(part: Array<f64>) -> f64 {
    sum(&part)
}

#[task]
fn sum_in_place(part: ArrayMut<f64>) -> (ArrayMut<f64>, f64) {
    let sum = sum(&part);
    (part, sum)
}

#[task]
fn sum_file(path: PathBuf, bytes: usize, first: usize, count: usize) -> Result<f64, String> {
    let map = mapped(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    let numbers: &[f64] = bytemuck::cast_slice(&map);
    Ok(sum(&numbers[first..first + count]))
}

fn mapped(path: &PathBuf, bytes: usize) -> std::io::Result<Mmap> {
    map(&File::open(path)?, bytes)
}

/// The job over this number of bytes.
///
/// # Errors
///
/// Where there is no directory for a file.
pub(super) fn job(bytes: u64) -> anyhow::Result<Job> {
    let data = Rc::new(numbers(bytes)?);
    let part = part_of(data.len());
    let folder = tempfile::tempdir()?;
    Ok(Job {
        tasks: u64::try_from(PARTS)?.into(),
        plain: Box::new(Plain(Rc::clone(&data), part)),
        ways: vec![
            (HandOver::Bytes, Box::new(Bytes(Rc::clone(&data), part))),
            (
                HandOver::Array,
                Box::new(Shared {
                    data: Rc::clone(&data),
                    part,
                    filled: None,
                }),
            ),
            (
                HandOver::InPlace,
                Box::new(InPlace {
                    data: Rc::clone(&data),
                    part,
                    filled: Vec::new(),
                }),
            ),
            (HandOver::Inherit, Box::new(Inherit(Rc::clone(&data), part))),
            (HandOver::File, Box::new(InFile { data, part, folder })),
        ],
    })
}

fn sums(sums: Vec<f64>) -> Outputs {
    job::numbers(sums.into_iter().map(f64::to_bits).collect())
}

struct Plain(Rc<Vec<f64>>, usize);

impl Way for Plain {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let parts: Vec<&[f64]> = self.0.chunks(self.1).collect();
        Ok(sums(job::plain(
            by,
            parts.len(),
            |index| sum(parts[index]),
        )?))
    }
}

struct Bytes(Rc<Vec<f64>>, usize);

impl Way for Bytes {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let calls = self.0.chunks(self.1).map(|part| sum_bytes(Raw::of(part)));
        Ok(sums(by.pool()?.map(calls).collect::<Result<_, _>>()?))
    }
}

struct Shared {
    data: Rc<Vec<f64>>,
    part: usize,
    filled: Option<Array<f64>>,
}

impl Way for Shared {
    fn fill(&mut self) -> anyhow::Result<()> {
        self.filled = None;
        self.filled = Some(Array::from_slice(&self.data)?);
        Ok(())
    }

    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let array = self.filled.as_ref().expect("filled before");
        let calls = array.chunks(self.part).map(sum_array);
        Ok(sums(by.pool()?.map(calls).collect::<Result<_, _>>()?))
    }
}

struct InPlace {
    data: Rc<Vec<f64>>,
    part: usize,
    filled: Vec<ArrayMut<f64>>,
}

impl Way for InPlace {
    fn fill(&mut self) -> anyhow::Result<()> {
        self.filled.clear();
        self.filled = ArrayMut::from_slice(&self.data)?.split(self.part);
        Ok(())
    }

    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let calls = std::mem::take(&mut self.filled)
            .into_iter()
            .map(sum_in_place);
        let back: Vec<(ArrayMut<f64>, f64)> = by.pool()?.map(calls).collect::<Result<_, _>>()?;
        let (parts, found) = back.into_iter().unzip();
        self.filled = parts;
        Ok(sums(found))
    }
}

struct Inherit(Rc<Vec<f64>>, usize);

impl Way for Inherit {
    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let parts: Vec<&[f64]> = self.0.chunks(self.1).collect();
        Ok(sums(handoff::fork_map(by.forks()?, &parts, |part| {
            sum(part)
        })?))
    }
}

struct InFile {
    data: Rc<Vec<f64>>,
    part: usize,
    folder: TempDir,
}

impl InFile {
    fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Way for InFile {
    fn fill(&mut self) -> anyhow::Result<()> {
        // Not emptied before, so that the second time it goes to pages that the file has.
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path())?;
        Ok(file.write_all(bytemuck::cast_slice(&self.data[..]))?)
    }

    fn run(&mut self, by: &mut By) -> anyhow::Result<Outputs> {
        let (all, path) = (self.data.len(), self.path());
        let calls = (0..all).step_by(self.part).map(|first| {
            let count = self.part.min(all - first);
            sum_file(path.clone(), all * size_of::<f64>(), first, count)
        });
        Ok(sums(by.pool()?.map(calls).collect::<Result<_, _>>()?))
    }
}
