//! The head of one HTTP request, read strictly: method, path, query, `Host`.

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub host: &'a str,
}

/// The most bytes of a head; a signed response in the query is the longest part of it.
pub(super) const LIMIT: usize = 80 * 1024;

/// Where the head ends; `None`: more must come.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n")
}

/// Reads a head, its empty line not included (RFC 9112 2 to 5). `None`: it is none that a browser sends.
pub(super) fn read(head: &[u8]) -> Option<Head<'_>> {
    let head = std::str::from_utf8(head).ok()?;
    if head
        .bytes()
        .any(|byte| byte >= 0x7f || byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t'))
    {
        return None;
    }
    let mut lines = head.split("\r\n");
    let mut parts = lines.next()?.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && matches!(version, "HTTP/1.1" | "HTTP/1.0");
    if !is_whole || method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    // origin form: what is sent to a server itself, not to a proxy (RFC 9112 3.2.1)
    if !target.starts_with('/') || target.starts_with("//") || target.contains('#') {
        return None;
    }
    let mut host = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_name || line.contains(['\r', '\n']) {
            return None; // also a folded line (RFC 9112 5.2)
        }
        if name.eq_ignore_ascii_case("host") && host.replace(value.trim()).is_some() {
            return None;
        }
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Some(Head {
        method,
        path,
        query,
        host: host?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_browser_sends() {
        let head = b"GET /callback?code=a&state=b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: */*";
        assert_eq!(
            read(head).unwrap(),
            Head {
                method: "GET",
                path: "/callback",
                query: Some("code=a&state=b"),
                host: "127.0.0.1:1",
            }
        );
        assert_eq!(end(b"GET / HTTP/1.1\r\n\r\nx"), Some(14));
        assert_eq!(end(b"GET / HTTP/1.1\r\n\r"), None);
    }

    #[test]
    fn refuses_what_no_browser_sends() {
        for bad in [
            "",
            "GET",
            "GET /\r\nHost: a",
            "GET / HTTP/2\r\nHost: a",
            "GET / HTTP/1.1 \r\nHost: a",
            "GET  / HTTP/1.1\r\nHost: a",
            "get / HTTP/1.1\r\nHost: a",
            "GET http://127.0.0.1/ HTTP/1.1\r\nHost: a",
            "GET //evil.example/ HTTP/1.1\r\nHost: a",
            "GET * HTTP/1.1\r\nHost: a",
            "GET /#x HTTP/1.1\r\nHost: a",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\nAccept: b",
            "GET / HTTP/1.1\r\nHost: a\r\nhost: b",
            "GET / HTTP/1.1\r\nHost : a",
            "GET / HTTP/1.1\r\nHost: a\r\n folded",
            "GET / HTTP/1.1\r\nHost: a\nX: b",
            "GET /\u{1} HTTP/1.1\r\nHost: a",
            "GET /é HTTP/1.1\r\nHost: a",
        ] {
            assert_eq!(read(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(read(b"GET /\xff HTTP/1.1\r\nHost: a"), None);
    }
}
