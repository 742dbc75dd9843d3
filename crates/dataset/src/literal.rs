//! Reads the Python literal that a `.npy` header is made of.
//!
//! Our own because the header is a stranger's bytes: the `npyz` crate's parser takes time exponential
//! in the nesting of `[[[[…`, and knows neither titled fields, Latin-1 names, `datetime64` without a
//! unit nor the `10L` of Python 2. This one is a single pass with a bound on depth. It leaves to
//! `header` what the literal means.

/// How deep lists and tuples may nest. A header without nested records needs five levels, and each
/// nested record two more.
const DEPTH_MAX: u32 = 16;

/// What a header may consist of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Integer(i128),
    Bool(bool),
    None,
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// Where the text stops being a literal, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// In bytes from the start of the header's text.
    pub(crate) offset: usize,
    pub(crate) expected: &'static str,
}

/// Parses `text` as one literal, with nothing but blanks around it.
pub(crate) fn parse(text: &str) -> Result<Literal, SyntaxError> {
    let mut parser = Parser { text, offset: 0 };
    let value = parser.value(0)?;
    parser.blanks();
    if parser.offset < text.len() {
        return Err(parser.expected("nothing more after the dictionary"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: u32) -> Result<Literal, SyntaxError> {
        self.blanks();
        if depth > DEPTH_MAX {
            return Err(self.expected("no more than 16 levels of nesting"));
        }
        let rest = self.rest();
        for (word, value) in [
            ("True", Literal::Bool(true)),
            ("False", Literal::Bool(false)),
            ("None", Literal::None),
        ] {
            if rest.starts_with(word) {
                self.offset += word.len();
                return Ok(value);
            }
        }
        match self.peek() {
            Some('{') => self.dict(depth),
            Some('[') => Ok(Literal::List(self.sequence(depth, ']')?.0)),
            Some('(') => match self.sequence(depth, ')')? {
                // `(x)` is x in parentheses; only `(x,)` is a tuple of one.
                (mut items, false) if items.len() == 1 => Ok(items.remove(0)),
                (items, _) => Ok(Literal::Tuple(items)),
            },
            Some('\'' | '"') => self.string().map(Literal::Text),
            // Python 2 wrote the names of fields in some headers as u'…' or b'…'.
            Some('u' | 'b') if matches!(rest.as_bytes().get(1), Some(b'\'' | b'"')) => {
                self.offset += 1;
                self.string().map(Literal::Text)
            }
            Some('0'..='9' | '-' | '+') => self.integer().map(Literal::Integer),
            _ => {
                Err(self
                    .expected("a dictionary, list, tuple, string, integer, True, False or None"))
            }
        }
    }

    fn dict(&mut self, depth: u32) -> Result<Literal, SyntaxError> {
        self.offset += 1;
        let mut entries = Vec::new();
        while !self.eat('}') {
            let key = self.value(depth + 1)?;
            if !self.eat(':') {
                return Err(self.expected("':'"));
            }
            entries.push((key, self.value(depth + 1)?));
            if !self.eat(',') && self.peek() != Some('}') {
                return Err(self.expected("',' or '}'"));
            }
        }
        Ok(Literal::Dict(entries))
    }

    /// The items up to `close`, and whether a comma followed the last one.
    fn sequence(&mut self, depth: u32, close: char) -> Result<(Vec<Literal>, bool), SyntaxError> {
        self.offset += 1;
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            comma = self.eat(',');
            if !comma && self.peek() != Some(close) {
                return Err(self.expected("',' or the closing bracket"));
            }
        }
        Ok((items, comma))
    }

    fn integer(&mut self) -> Result<i128, SyntaxError> {
        let text = self.text;
        let start = self.offset;
        self.offset += usize::from(matches!(self.peek(), Some('-' | '+')));
        self.offset += self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let value = text[start..self.offset].parse().map_err(|_| SyntaxError {
            offset: start,
            expected: "an integer of at most 128 bits",
        })?;
        self.offset += usize::from(self.peek_here() == Some('L'));
        Ok(value)
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        const UNCLOSED: &str = "the string's closing quote";
        let quote = self.next().ok_or_else(|| self.expected(UNCLOSED))?;
        let mut out = String::new();
        loop {
            match self.next() {
                None | Some('\n') => return Err(self.expected(UNCLOSED)),
                Some(character) if character == quote => return Ok(out),
                Some('\\') => self.escape(&mut out)?,
                Some(character) => out.push(character),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), SyntaxError> {
        match self.next() {
            Some(character @ ('\\' | '\'' | '"')) => out.push(character),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('f') => out.push('\x0c'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('v') => out.push('\x0b'),
            Some('x') => out.push(self.code_point(2)?),
            Some('u') => out.push(self.code_point(4)?),
            Some('U') => out.push(self.code_point(8)?),
            // repr(), which wrote the header, has no octal and no named escapes.
            _ => return Err(self.expected("an escape that repr() writes")),
        }
        Ok(())
    }

    fn code_point(&mut self, digits: usize) -> Result<char, SyntaxError> {
        let text = self.text;
        let character = text
            .get(self.offset..self.offset + digits)
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| self.expected("the hexadecimal digits of a character"))?;
        self.offset += digits;
        Ok(character)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek_here()?;
        self.offset += character.len_utf8();
        Some(character)
    }

    fn peek_here(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.peek_here()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.offset += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn blanks(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c');
        self.offset += self.rest().bytes().take_while(blank).count();
    }

    fn expected(&self, expected: &'static str) -> SyntaxError {
        SyntaxError {
            offset: self.offset,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Literal::{Bool, Dict, Integer, List, None, Text, Tuple};
    use super::*;

    fn text(value: &str) -> Literal {
        Text(value.to_owned())
    }

    #[test]
    fn reads_what_numpy_writes() {
        let header =
            "{'descr': [('a', '<f8'), ('', '|V4')], 'fortran_order': False, 'shape': (3,), }  \n";
        let fields = List(vec![
            Tuple(vec![text("a"), text("<f8")]),
            Tuple(vec![text(""), text("|V4")]),
        ]);
        let expected = Dict(vec![
            (text("descr"), fields),
            (text("fortran_order"), Bool(false)),
            (text("shape"), Tuple(vec![Integer(3)])),
        ]);
        assert_eq!(parse(header), Ok(expected));
    }

    #[test]
    fn reads_quotes_escapes_and_python_2() {
        assert_eq!(parse(r#""it's""#), Ok(text("it's")));
        assert_eq!(
            parse(r#"'a"b\'\\\n\xe9\u65e5\U0001F600'"#),
            Ok(text("a\"b'\\\n\u{e9}日😀"))
        );
        assert_eq!(parse("(10L,)"), Ok(Tuple(vec![Integer(10)])));
        assert_eq!(
            parse("(u'x', b'y', None)"),
            Ok(Tuple(vec![text("x"), text("y"), None]))
        );
        assert_eq!(parse("(7)"), Ok(Integer(7)));
        assert_eq!(parse("()"), Ok(Tuple(vec![])));
    }

    #[test]
    fn says_where_and_what() {
        let error = parse("{'descr' '<f8'}").unwrap_err();
        assert_eq!((error.offset, error.expected), (9, "':'"));
        for wrong in [
            "",
            "{",
            "[1",
            "'open",
            "(1 2)",
            "{1: 2} 3",
            "0x10",
            "'\\ud800'",
            "--1",
            "1.5",
            "nan",
            "'\\x1é'",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&"9".repeat(100)).is_err());
    }

    #[test]
    fn nesting_is_bounded_in_depth_and_time() {
        for open in ["[", "(", "{", "{1:", "[(", "{(1,):["] {
            assert!(parse(&open.repeat(200_000)).is_err(), "{open}");
        }
    }
}
