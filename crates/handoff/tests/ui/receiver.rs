struct Counter(u32);

impl Counter {
    #[handoff::task]
    fn next(self) -> u32 {
        self.0 + 1
    }
}

fn main() {}
