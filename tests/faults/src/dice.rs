//! When which fault strikes: a seed, a chance and a choice, written as one word.

use crate::Fault;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Which faults may strike, and how often. As text `SEED:PER_MILLE:FAULT[,FAULT…]`, such as
/// `7:200:crash,slow`: of the tasks of each worker one in five meets one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice {
    /// What everything follows from, together with the worker's name.
    pub seed: u64,
    /// Of a thousand tasks, how many meet a fault.
    pub per_mille: u16,
    /// Which; at least one.
    pub faults: Vec<Fault>,
}

/// A word that describes no dice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{word}` is not SEED:PER_MILLE:FAULT[,FAULT…], such as 7:200:crash,slow; {why}")]
pub struct ParseDiceError {
    word: String,
    why: String,
}

/// The dice in one worker's hand.
#[derive(Debug)]
pub(crate) struct Hand {
    dice: Dice,
    random: fastrand::Rng,
}

impl Dice {
    /// As the worker of that name throws them: others throw otherwise.
    pub(crate) fn in_hand_of(&self, worker: &str) -> Hand {
        // FNV-1a: any mixing would do that does not change between runs.
        let mixed = worker
            .bytes()
            .fold(self.seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Hand {
            dice: self.clone(),
            random: fastrand::Rng::with_seed(mixed),
        }
    }
}

impl Hand {
    /// The fault of the next task, if it meets one, with what it needs to choose its details.
    pub(crate) fn throw(&mut self) -> Option<(Fault, fastrand::Rng)> {
        let struck = self.random.u16(0..1000) < self.dice.per_mille;
        let fault = self.dice.faults[self.random.usize(0..self.dice.faults.len())];
        let details = self.random.fork();
        struck.then_some((fault, details))
    }
}

impl FromStr for Dice {
    type Err = ParseDiceError;

    fn from_str(word: &str) -> Result<Dice, ParseDiceError> {
        let wrong = |why: String| ParseDiceError {
            word: word.to_owned(),
            why,
        };
        let parts: Vec<&str> = word.split(':').collect();
        let [seed, per_mille, faults] = parts[..] else {
            return Err(wrong("three parts are needed".to_owned()));
        };
        let seed = seed
            .parse()
            .map_err(|_| wrong(format!("`{seed}` is no seed")))?;
        let per_mille = per_mille
            .parse()
            .ok()
            .filter(|per_mille| *per_mille <= 1000)
            .ok_or_else(|| wrong(format!("`{per_mille}` is not between 0 and 1000")))?;
        let faults = faults
            .split(',')
            .map(|name| name.parse().map_err(&wrong))
            .collect::<Result<_, _>>()?;
        Ok(Dice {
            seed,
            per_mille,
            faults,
        })
    }
}

impl fmt::Display for Dice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        let (seed, per_mille) = (self.seed, self.per_mille);
        write!(formatter, "{seed}:{per_mille}:{}", names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_back() {
        let dice: Dice = "7:200:crash,slow".parse().unwrap();
        assert_eq!(dice.faults, [Fault::Crash, Fault::Slow]);
        assert_eq!(dice.to_string(), "7:200:crash,slow");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (word, why) in [
            ("", "three parts"),
            ("7:crash", "three parts"),
            ("x:1:crash", "`x` is no seed"),
            ("7:1001:crash", "between 0 and 1000"),
            ("7:1:", "hang"),
            ("7:1:crush", "crash"),
        ] {
            let error = word.parse::<Dice>().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_worker_meets_the_same_faults_again_and_another_worker_others() {
        let dice: Dice = "7:300:crash,slow,lie".parse().unwrap();
        let throws = |name: &str| -> Vec<Option<Fault>> {
            let mut hand = dice.in_hand_of(name);
            (0..1000)
                .map(|_| hand.throw().map(|(fault, _)| fault))
                .collect()
        };
        let first = throws("SpawnProcess-1");
        assert_eq!(first, throws("SpawnProcess-1"));
        assert_ne!(first, throws("SpawnProcess-2"));
        let struck = first.iter().flatten().count();
        assert!((200..400).contains(&struck), "{struck}");
    }
}
