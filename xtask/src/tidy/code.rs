//! Rust without its comments, and without its texts, by lines.

/// What a piece of source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// The code with every comment taken out; lines stay where they are.
pub fn without_comments(text: &str) -> String {
    without(text, &[Kind::Comment])
}

/// The code alone: no comment, no string.
pub fn code_alone(text: &str) -> String {
    without(text, &[Kind::Comment, Kind::Text])
}

fn without(text: &str, out: &[Kind]) -> String {
    let mut code = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, kind) = piece(rest, before);
        match out.contains(&kind) {
            true => code.extend(piece.chars().filter(|c| *c == '\n')),
            false => code.push_str(piece),
        }
        before = piece.chars().next_back();
        rest = &rest[piece.len()..];
    }
    code
}

/// The next comment, literal or character; never empty.
fn piece(rest: &str, before: Option<char>) -> (&str, Kind) {
    let word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return (
            &rest[..rest.find('\n').unwrap_or(rest.len())],
            Kind::Comment,
        );
    }
    if rest.starts_with("/*") {
        return (&rest[..block(rest)], Kind::Comment);
    }
    if !word && let Some(end) = raw(rest) {
        return (&rest[..end], Kind::Text);
    }
    match rest.as_bytes()[0] {
        b'"' => (&rest[..quoted(rest, '"')], Kind::Text),
        b'\'' => (&rest[..character(rest)], Kind::Code),
        _ => (
            &rest[..rest.chars().next().map_or(1, char::len_utf8)],
            Kind::Code,
        ),
    }
}

/// Where a block comment ends; they nest.
fn block(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Where a raw string ends, if one begins here: `r"…"`, `r#"…"#`, `br"…"`.
fn raw(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].strip_prefix('"')?;
    let start = rest.len() - after.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(
        rest[start..]
            .find(&end)
            .map_or(rest.len(), |at| start + at + end.len()),
    )
}

/// Where a literal with escapes ends.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Where a character ends, or the tick of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted(rest, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1,
    }
}

/// The words of an identifier, in lower case: `SlackClient` and `SLACK_CLIENT` are slack and client.
pub fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in line.chars() {
        let begins = c.is_uppercase() && lower;
        if !c.is_alphanumeric() || begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_lines_stay() {
        let text = "//! slack\nlet a = 1; // slack\n/* a /* b */\nc */ let b;\n/// x\n";
        assert_eq!(without_comments(text), "\nlet a = 1; \n\n let b;\n\n");
    }

    #[test]
    fn what_looks_like_a_comment_in_a_literal_stays() {
        for text in [
            "\"http://x\" y",
            "\"\\\"// no\" y",
            "r#\"\"// no\"# y",
            "br\"// no\" y",
            "'\"' y // gone",
            "'\\'' \"// no\"",
            "fn a<'a>(b: &'a str) {}",
            "for\"// no\"",
        ] {
            let expected = text.strip_suffix("// gone").unwrap_or(text);
            assert_eq!(without_comments(text), expected);
        }
    }

    #[test]
    fn texts_can_go_too() {
        assert_eq!(
            code_alone("a(\"b\", r#\"c\"#, 'd'); // e\n"),
            "a(, , 'd'); \n"
        );
    }

    #[test]
    fn an_identifier_is_made_of_words() {
        assert_eq!(
            words("SlackClient::SLACK_URL, slack2"),
            ["slack", "client", "slack", "url", "slack2"]
        );
    }
}
