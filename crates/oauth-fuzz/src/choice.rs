//! What the first bytes of an input choose.

/// The next byte chooses one of these: a letter counted from `a`, so that an input can be read and written by hand.
/// `None`: there is no byte left.
pub fn one_of<'o, T>(data: &mut &[u8], options: &'o [T]) -> Option<&'o T> {
    let (first, rest) = data.split_first()?;
    *data = rest;
    options.get(usize::from(first.wrapping_sub(b'a')) % options.len())
}

/// A header's value for each line; what can be none is passed over.
pub fn header_values(data: &[u8]) -> impl Iterator<Item = http::HeaderValue> {
    data.split(|byte| *byte == b'\n')
        .filter_map(|line| http::HeaderValue::from_bytes(line).ok())
}
