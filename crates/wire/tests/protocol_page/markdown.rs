//! Takes the examples out of `PROTOCOL.md`, for tests that hold them against the code.

/// The page.
pub(crate) const PAGE: &str = include_str!("../../PROTOCOL.md");

/// One example: what the page calls it, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    /// With the direction in front where it is a frame: `> greeting`.
    pub(crate) title: String,
    pub(crate) bytes: Vec<u8>,
}

/// The examples of all blocks fenced as `language`, in the page's order.
pub(crate) fn examples(language: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut rest = PAGE;
    let fence = format!("\n```{language}\n");
    while let Some((_, from)) = rest.split_once(&fence) {
        let (block, after) = from
            .split_once("\n```")
            .expect("a fence that opens is closed");
        match language {
            "frames" => frames(block, &mut examples),
            _ => examples.extend(block.lines().map(value)),
        }
        rest = after;
    }
    assert!(!examples.is_empty(), "the page has no {language}");
    examples
}

/// A title, then lines of bytes, two spaces in front and three before the comment.
fn frames(block: &str, examples: &mut Vec<Example>) {
    for line in block.lines() {
        match line.strip_prefix("  ") {
            None => examples.push(Example {
                title: line.to_owned(),
                bytes: Vec::new(),
            }),
            Some(line) => {
                let bytes = line.split("   ").next().expect("split gives something");
                examples
                    .last_mut()
                    .expect("a title stands before its bytes")
                    .bytes
                    .extend(hex(bytes));
            }
        }
    }
}

/// A title and its bytes in one line, apart by two spaces or more.
fn value(line: &str) -> Example {
    let (title, bytes) = line.rsplit_once("  ").expect("a title and bytes");
    Example {
        title: title.trim_end().to_owned(),
        bytes: hex(bytes),
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.split_ascii_whitespace()
        .map(|byte| {
            assert_eq!(byte.len(), 2, "{text:?} is not bytes in hexadecimal");
            u8::from_str_radix(byte, 16).unwrap_or_else(|error| panic!("{text:?}: {error}"))
        })
        .collect()
}
