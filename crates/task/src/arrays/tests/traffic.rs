//! Random traffic: arrays of known contents are made, handed over, kept, cut, joined and dropped on both
//! sides. Nothing may ever change under its holder, and in the end nothing may be held.

use super::*;

/// Numbers that look random: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        match from.len() {
            0 => None,
            len => Some(from.swap_remove(self.below(len))),
        }
    }
}

/// An array with the value that all of its elements have.
type Frozen = (Array<u64>, u64);
type Unique = (ArrayMut<u64>, u64);

/// What one side holds.
#[derive(Default)]
struct Held {
    frozen: Vec<Frozen>,
    unique: Vec<Unique>,
}

impl Held {
    fn check(&self, step: u32) {
        for (array, value) in &self.frozen {
            assert!(array.iter().all(|found| found == value), "step {step}");
        }
        for (array, value) in &self.unique {
            assert!(array.iter().all(|found| found == value), "step {step}");
        }
    }

    /// Something that a side does with its own arrays.
    fn stir(&mut self, random: &mut Random) {
        match random.below(8) {
            0 => {
                let value = random.next();
                if let Ok(array) = ArrayMut::filled(length(random), value) {
                    self.unique.push((array, value));
                }
            }
            1 => {
                let value = random.next();
                if let Ok(array) = Array::from_vec(vec![value; length(random)]) {
                    self.frozen.push((array, value));
                }
            }
            2 => drop(random.pick(&mut self.frozen)),
            3 => drop(random.pick(&mut self.unique)),
            4 => {
                if let Some((array, value)) = random.pick(&mut self.unique) {
                    self.frozen.push((array.freeze(), value));
                }
            }
            5 => {
                if let Some((array, value)) = random.pick(&mut self.frozen) {
                    let from = random.below(array.len());
                    let to = from + random.below(array.len() - from) + 1;
                    self.frozen.push((array.slice(from..to), value));
                    self.frozen.push((array, value));
                }
            }
            6 => {
                if let Some((mut array, _)) = random.pick(&mut self.unique) {
                    let value = random.next();
                    array.fill(value);
                    self.unique.push((array, value));
                }
            }
            _ => {
                if let Some((array, value)) = random.pick(&mut self.unique) {
                    let at = random.below(array.len() + 1);
                    let (low, high) = array.split_at(at);
                    match random.below(2) {
                        0 => {
                            let joined = ArrayMut::join([low, high]).unwrap();
                            self.unique.push((joined, value));
                        }
                        _ => self.unique.extend([(low, value), (high, value)]),
                    }
                    self.unique.retain(|(array, _)| !array.is_empty());
                }
            }
        }
        // Enough is enough.
        while self.frozen.len() > 12 {
            drop(random.pick(&mut self.frozen));
        }
        while self.unique.len() > 12 {
            drop(random.pick(&mut self.unique));
        }
    }

    fn some(&mut self, random: &mut Random) -> (Vec<Frozen>, Vec<Unique>) {
        let mut frozen = Vec::new();
        for _ in 0..random.below(3) {
            let taken = random.pick(&mut self.frozen);
            if let (Some(taken), 0) = (&taken, random.below(2)) {
                self.frozen.push(taken.clone());
            }
            frozen.extend(taken);
        }
        let unique = (0..random.below(3)).filter_map(|_| random.pick(&mut self.unique));
        (frozen, unique.collect())
    }
}

/// A length around what is shared, mostly.
fn length(random: &mut Random) -> usize {
    match random.below(4) {
        0 => 1 + random.below(64),
        1 => LONG / 2 + random.below(LONG),
        _ => LONG + random.below(2 * LONG),
    }
}

fn run_traffic(seed: u64, steps: u32) {
    let mut random = Random(seed);
    let mut pair = Pair::new(128 << 20);
    let (mut here, mut there) = (Held::default(), Held::default());
    for step in 0..steps {
        for _ in 0..random.below(3) {
            here.stir(&mut random);
        }
        let args = here.some(&mut random);
        let fails = random.below(10) == 0;
        let result = pair.call(args, |(frozen, unique): (Vec<Frozen>, Vec<Unique>)| {
            let given = Held { frozen, unique };
            given.check(step);
            there.frozen.extend(given.frozen);
            there.unique.extend(given.unique);
            for _ in 0..random.below(4) {
                there.stir(&mut random);
            }
            match fails {
                true => Err("on purpose".to_owned()),
                false => Ok(there.some(&mut random)),
            }
        });
        match result {
            Ok((frozen, unique)) => {
                here.frozen.extend(frozen);
                here.unique.extend(unique);
            }
            Err(why) => assert!(fails && why == "on purpose", "step {step}: {why}"),
        }
        here.check(step);
        there.check(step);
        if random.below(200) == 0 {
            // What the worker holds ends with it; what it has given away lives on.
            worker::allocate_here();
            there = Held::default();
            pair.replace();
            here.check(step);
        }
    }
    there = Held::default();
    here = Held::default();
    pair.call((), |()| Ok(())).unwrap();
    pair.call((), |()| Ok(())).unwrap();
    here.check(steps);
    there.check(steps);
    assert_eq!(coordinator::held_bytes(), 0);
    assert_eq!(worker::held_bytes(), 0);
}

#[test]
fn nothing_changes_under_its_holder_and_nothing_is_lost() {
    for seed in 0..6 {
        run_traffic(seed, 400);
    }
}
