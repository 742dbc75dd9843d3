//! A task with typed arguments and a typed result, run by worker processes.
//!
//! `cargo run -p pool --example typed_task`

use pool::{Pool, Shutdown, StartMethod, TaskFailure};
use serde::{Deserialize, Serialize};
use task::{Input, Registry, Task, TaskError};

/// What the caller asks for. Anything that serde can carry.
#[derive(Serialize, Deserialize)]
struct Question {
    text: String,
    shortest: usize,
}

/// What comes back.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Answer {
    words: usize,
    longest: String,
}

/// A task is a type: its name, what it takes, what it gives, and the code.
struct CountWords;

impl Task for CountWords {
    const NAME: &'static str = "count-words";
    type Args = Question;
    type Output = Answer;

    fn run(question: Question, _: Input<'_>) -> Result<Answer, TaskError> {
        let words = question.text.split_whitespace();
        let words: Vec<&str> = words
            .filter(|word| word.len() >= question.shortest)
            .collect();
        let longest = words.iter().max_by_key(|word| word.len());
        // An error reaches the caller as its text; so does a panic, with its place.
        let longest = longest.ok_or("no word is as long as that")?.to_string();
        Ok(Answer {
            words: words.len(),
            longest,
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The one place where tasks are named. Forked workers are this very program, so nothing else
    // is needed; see `own_worker` for workers that are another one.
    let registry = Registry::new().with::<CountWords>();
    let mut pool = Pool::builder(StartMethod::Fork)
        .tasks(registry)
        .workers(2)
        .start()?;

    let question = |text: &str, shortest| Question {
        text: text.to_owned(),
        shortest,
    };
    // Submitting does not wait; waiting drives the pool.
    let good = pool.submit::<CountWords>(&question("to be or not to be", 3), ())?;
    let bad = pool.submit::<CountWords>(&question("to be or not to be", 4), ())?;
    let answer = pool.wait(good)?;
    println!("{answer:?}");
    assert_eq!(answer.words, 1);
    assert_eq!(answer.longest, "not");

    match pool.wait(bad) {
        Err(TaskFailure::Failed(failed)) => {
            println!("{} says: {failed}", failed.worker);
            assert_eq!(failed.message, "no word is as long as that");
        }
        other => panic!("expected the task's own error, got {other:?}"),
    }

    // Many at once, with the results in the order of the calls.
    let lines = ["a bb", "a bb ccc", "a bb ccc dddd"];
    let calls = lines.map(|line| (question(line, 1), ().into()));
    let words: Result<Vec<usize>, TaskFailure> = pool
        .map::<CountWords>(calls)
        .map(|answer| Ok(answer?.words))
        .collect();
    assert_eq!(words?, [2, 3, 4]);

    pool.shutdown(Shutdown::Drain)?;
    Ok(())
}
