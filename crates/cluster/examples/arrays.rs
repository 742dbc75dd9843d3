//! Arrays in both directions: filled by workers, read by workers, returned by workers; no copies.
use handoff::{Array, ArrayMut, task};
use handoff_cluster::Pool;
use serde::{Deserialize, Serialize};

/// Takes the memory over, fills it, and hands it back.
#[task]
fn fill(mut part: ArrayMut<f64>, first: f64) -> ArrayMut<f64> {
    for (n, value) in part.iter_mut().enumerate() {
        *value = first + n as f64;
    }
    part
}

#[task]
fn sum(part: Array<f64>) -> f64 {
    part.iter().sum()
}

#[task]
fn dot(a: Array<f64>, b: Array<f64>) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| a * b).sum()
}

#[derive(Serialize, Deserialize)]
struct Halves {
    name: String,
    low: Array<f64>,
    high: Array<f64>,
}

#[task]
fn halves(name: String, data: Array<f64>) -> Result<Halves, handoff::Error> {
    let middle = data.len() / 2;
    let high = ArrayMut::from_slice(&data[middle..])?;
    Ok(Halves {
        name,
        low: data.slice(..middle),
        high: high.freeze(),
    })
}

fn main() -> Result<(), handoff::Error> {
    handoff::init();
    const PART: usize = 1 << 14;
    let mut pool = Pool::builder().workers(2).start()?;

    let parts = ArrayMut::<f64>::zeroed(64 * PART)?.split(PART); // 64 pieces of one region
    let fills = parts
        .into_iter()
        .enumerate()
        .map(|(n, part)| fill(part, (n * PART) as f64));
    let parts = pool.map(fills).collect::<Result<Vec<_>, _>>()?;
    let data: Array<f64> = ArrayMut::join(parts)?.freeze();
    assert!(data.iter().enumerate().all(|(n, &value)| value == n as f64));

    let total = pool
        .map(data.chunks(PART).map(sum))
        .sum::<Result<f64, _>>()?;
    assert_eq!(total, data.iter().sum::<f64>());
    assert_eq!(
        pool.run(dot(data.slice(..3), data.slice(1..4)))?,
        0.0 * 1.0 + 1.0 * 2.0 + 2.0 * 3.0
    );

    let halves = pool.run(halves("ramp".into(), data.clone()))?;
    assert_eq!(
        (halves.name.as_str(), halves.low[1], halves.high[0]),
        ("ramp", 1.0, data[data.len() / 2])
    );

    println!("ok");
    Ok(())
}
