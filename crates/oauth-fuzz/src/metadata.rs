//! What servers (RFC 8414, OpenID Connect Discovery, SMART) and APIs (RFC 9728) say about themselves.
//!
//! An input is: whose document it is, the document.

use oauth_core::parsers;
use oauth_core::server::DiscoveryKind;
use url::Url;

use crate::canary::check_error;
use crate::choice::one_of;

/// Of the server and of the API.
const BASE: &str = "https://auth.example/t";

const KINDS: [Option<DiscoveryKind>; 4] = [
    Some(DiscoveryKind::OAuth),
    Some(DiscoveryKind::OpenId),
    Some(DiscoveryKind::Smart),
    None,
];

/// No endpoint is taken that would be asked over plain HTTP, with credentials in its URL, or at a fragment.
pub fn check(mut data: &[u8]) {
    let (Some(kind), Ok(base)) = (one_of(&mut data, &KINDS), Url::parse(BASE)) else {
        return;
    };
    let Some(kind) = kind else {
        match parsers::protected_resource(data, BASE) {
            Ok(api) => assert_eq!(api.resource, BASE),
            Err(error) => check_error(&error, &[]),
        }
        return;
    };
    match parsers::metadata(*kind, &base, data) {
        Err(error) => check_error(&error, &[]),
        Ok(endpoints) => {
            assert!(!endpoints.is_empty(), "not even a token endpoint");
            for endpoint in endpoints {
                match endpoint {
                    Err(error) => check_error(&error, &[]),
                    Ok(url) => {
                        assert_eq!(url.scheme(), "https", "{url}");
                        assert!(url.has_host() && url.fragment().is_none(), "{url}");
                        assert!(
                            url.username().is_empty() && url.password().is_none(),
                            "{url}"
                        );
                    }
                }
            }
        }
    }
}
