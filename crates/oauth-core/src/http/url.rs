//! Which URLs are ever spoken to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Position, Url};

/// The most characters a URL may have.
const LIMIT: usize = 8 * 1024;

/// Parses the URL of a server: `https`, a host, no user name, no fragment; `http` only to a literal
/// loopback address, and only where `loopback_http` (RFC 6749 3.2, 10.8).
///
/// # Errors
/// One line that says what is wrong with it and what to write; it repeats no password.
pub fn parse(text: &str, loopback_http: bool) -> Result<Url, String> {
    if text.len() > LIMIT {
        return Err(format!("this URL has more than {LIMIT} characters"));
    }
    if text.contains("${") {
        return Err("`${…}` is not expanded in a URL; write the value itself".into());
    }
    let url = Url::parse(text).map_err(|error| {
        format!("this is not an absolute URL ({error}); write `https://host/path`")
    })?;
    check(&url, loopback_http)?;
    Ok(url)
}

/// As [`parse`], for a URL that is one already.
///
/// # Errors
/// As [`parse`].
pub fn check(url: &Url, loopback_http: bool) -> Result<(), String> {
    match url.scheme() {
        "https" => {}
        "http" if is_literal_loopback(url) => {
            if !loopback_http {
                return Err(
                    "`http` is refused, also on loopback: secrets and tokens travel over https \
                     only (RFC 6749 3.2); a test may set `HttpSettings::loopback_http`"
                        .into(),
                );
            }
        }
        "http" => {
            return Err(
                "`http` is refused: secrets and tokens travel over https only (RFC 6749 3.2); \
                 write `https://…`"
                    .into(),
            );
        }
        _ => return Err("only `https` URLs are used; write `https://host/path`".into()),
    }
    if url.host().is_none() {
        return Err("this URL has no host; write `https://host/path`".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("this URL holds a user name or password; take it out, credentials have settings of their own".into());
    }
    if url.fragment().is_some() {
        return Err(
            "this URL has a fragment (`#…`), which no endpoint has (RFC 6749 3.2); take it out"
                .into(),
        );
    }
    Ok(())
}

fn is_literal_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

/// Scheme, host and port: what may be told of a URL.
pub fn origin(url: &Url) -> String {
    let is_plain = url.has_host() && url.username().is_empty() && url.password().is_none();
    if is_plain && matches!(url.scheme(), "https" | "http") {
        return url[..Position::BeforePath].to_owned(); // it is parsed into that form
    }
    url.origin().ascii_serialization()
}

/// Scheme, host, port and path: without the query, which may hold what must not be shown.
pub fn shown(url: &Url) -> String {
    crate::text::escape(&format!("{}{}", origin(url), url.path()))
}

/// Whether an address is one a foreign server may point us to: none of loopback, private, link-local
/// (the metadata services of clouds), shared, multicast, unspecified or reserved (RFC 6890).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a >= 224
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    // global unicast only, without the documentation prefix
    (first & 0xe000) == 0x2000 && !(first == 0x2001 && address.segments()[1] == 0x0db8)
}

/// The IPv4 address an IPv6 address stands for: mapped, NAT64 (RFC 6052), 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let last = || Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7]));
    if let Some(v4) = address.to_ipv4_mapped() {
        return Some(v4);
    }
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last()),
        [0x2002, high, low, ..] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_https_and_keeps_the_query() {
        assert_eq!(
            parse("https://a.example/t?x=1", false).unwrap().query(),
            Some("x=1")
        );
        for host in [
            "[::1]",
            "bücher.example",
            "xn--bcher-kva.example",
            "a.example.",
        ] {
            parse(&format!("https://{host}/"), false).unwrap();
        }
    }

    #[test]
    fn r006_refuses_what_no_endpoint_is() {
        for (bad, says) in [
            ("http://a.example/t", "`http` is refused"),
            ("http://localhost/t", "`http` is refused"),
            ("http://127.0.0.1/t", "loopback_http"),
            ("https://user:pa55@a.example/", "user name or password"),
            ("https://a.example/#x", "fragment"),
            ("/token", "not an absolute URL"),
            ("", "not an absolute URL"),
            ("javascript:alert(1)", "only `https`"),
            ("file:///etc/passwd", "only `https`"),
            ("data:,x", "only `https`"),
        ] {
            let problem = parse(bad, false).unwrap_err();
            assert!(problem.contains(says), "{bad}: {problem}");
            assert!(!problem.contains("pa55"), "{problem}");
        }
        parse(
            &format!("https://a.example/{}", "x".repeat(1_000_000)),
            false,
        )
        .unwrap_err();
    }

    #[test]
    fn http_to_a_literal_loopback_address_needs_the_switch() {
        for url in ["http://127.0.0.1:8080/t", "http://[::1]/t"] {
            parse(url, true).unwrap();
        }
        for url in [
            "http://localhost/t",
            "http://10.0.0.1/t",
            "http://127.0.0.1.example/",
        ] {
            parse(url, true).unwrap_err();
        }
    }

    #[test]
    fn knows_which_addresses_a_foreign_server_must_not_choose() {
        for inner in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(inner.parse().unwrap()), "{inner}");
        }
        for outer in ["9.9.9.9", "2620:fe::fe"] {
            assert!(is_public(outer.parse().unwrap()), "{outer}");
        }
    }
}
