//! Thumbnails of a folder's pictures: one that crashes or hangs its worker costs only itself.
//!
//! `cargo run --example thumbs -- DIR OUT`

use anyhow::{Context, Result, bail};
use handoff::{Pool, task};
use image::RgbImage;
use indicatif::{ProgressBar, ProgressIterator};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct Thumb {
    width: u32,
    height: u32,
    #[serde(with = "serde_bytes")]
    rgb: Vec<u8>,
}

#[task]
fn resize(path: PathBuf, width: u32) -> Result<Thumb> {
    match path.file_stem().and_then(OsStr::to_str) {
        Some("abort") => std::process::abort(),
        Some("hang") => loop {
            std::hint::spin_loop();
        },
        _ => {}
    }
    let image = image::open(&path)?.thumbnail(width, width).to_rgb8();
    let (width, height) = image.dimensions();
    let rgb = image.into_raw();
    Ok(Thumb { width, height, rgb })
}

fn main() -> Result<()> {
    handoff::init();
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [dir, out] = &args[..] else {
        bail!("usage: thumbs DIR OUT");
    };
    std::fs::create_dir_all(out)?;
    let paths: Vec<_> = std::fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;

    let mut pool = Pool::builder().timeout(Duration::from_secs(1)).start()?;
    let bar = ProgressBar::new(paths.len() as u64);
    let calls = paths.iter().map(|path| resize(path.clone(), 1000));
    for (n, thumb) in pool.map_unordered(calls).progress_with(bar.clone()) {
        match thumb {
            Ok(thumb) => RgbImage::from_raw(thumb.width, thumb.height, thumb.rgb)
                .context("a picture of the wrong size")?
                .save(out.join(paths[n].file_name().context("a file without a name")?))?,
            Err(error) => bar.suspend(|| eprintln!("{}: {error}", paths[n].display())),
        }
    }
    Ok(())
}
