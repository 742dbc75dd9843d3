//! The Mandelbrot set, tile by tile, as an .npy file.
//!
//! `cargo run --release --example mandel -- OUT.npy [SIDE]`

use handoff::{Pool, task};
use std::io::Write;

const TILE: usize = 500;

fn pixel(side: usize, x: usize, y: usize) -> f32 {
    let scale = |n| n as f32 / side as f32 * 3.0;
    let (cx, cy) = (scale(x) - 2.25, scale(y) - 1.5);
    let (mut a, mut b, mut n) = (0.0f32, 0.0f32, 0);
    while n < 60 && a * a + b * b < 4.0 {
        (a, b) = (a * a - b * b + cx, 2.0 * a * b + cy);
        n += 1;
    }
    n as f32
}

#[task]
fn tile(side: usize, x0: usize, y0: usize) -> Vec<f32> {
    let row = |y| (x0..x0 + TILE).map(move |x| pixel(side, x, y));
    (y0..y0 + TILE).flat_map(row).collect()
}

fn main() -> anyhow::Result<()> {
    handoff::init();
    let mut args = std::env::args().skip(1);
    let out = args.next().unwrap_or("mandel.npy".to_owned());
    let n: usize = args.next().map_or(Ok(8000), |side| side.parse())?;
    let mut image = vec![0f32; n * n];
    let starts = || (0..n).step_by(TILE);
    let tiles: Vec<_> = starts()
        .flat_map(|y| starts().map(move |x| (x, y)))
        .collect();
    let mut pool = Pool::new()?;
    for (at, values) in pool.map_unordered(tiles.iter().map(|&(x, y)| tile(n, x, y))) {
        let (x, y) = tiles[at];
        for (row, line) in values?.chunks_exact(TILE).enumerate() {
            image[(y + row) * n + x..][..TILE].copy_from_slice(line);
        }
    }
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {n}), }}");
    let mut file = std::fs::File::create(out)?;
    file.write_all(b"\x93NUMPY\x01\x00\x76\x00")?;
    file.write_all(format!("{header:<117}\n").as_bytes())?;
    file.write_all(bytemuck::cast_slice(&image))?;
    Ok(())
}
