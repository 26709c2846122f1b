//! Forms, JSON bodies and headers of requests to the server (RFC 6749 2.3.1, Appendix B).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::authorization_details::AuthorizationDetails;
use oauth_core::client_auth::ClientAuth;
use oauth_core::grant::{
    Assertion, AuthorizationCode, ClientCredentials, DeviceCode, Grant, JwtBearer, RefreshToken,
    Saml2Bearer, TokenExchange, TypedToken, VendorGrant,
};
use oauth_core::oauth_client::{DeviceAuthorizationRequest, OAuthClient};
use oauth_core::secret::Secret;
use oauth_core::server::{
    BodyEncoding, Departures, ParameterPlace, RequestDepartures, TokenMethod,
};
use oauth_core::token::Scopes;
use proptest::prelude::Strategy;
use serde_json::Value;

use crate::decoded::{Pairs, form, meant, one};
use crate::for_any;
use crate::mirror::Mirror;
use crate::support::{SECRET, given};
use crate::texts::{client_id, details, line, scopes, text, texts};

/// What grants are made of.
type Parts = ([String; 4], Scopes, Vec<String>, Vec<String>, Vec<Value>);

fn parts() -> impl Strategy<Value = Parts> {
    let four = (line(), text(), line(), text()).prop_map(|(a, b, c, d)| [a, b, c, d]);
    (four, scopes(), texts(), texts(), details())
}

/// Each grant made of these, and what it means.
fn grants((words, scopes, resource, audience, details): Parts) -> Vec<(Grant, Pairs)> {
    let [a, b, c, d] = words;
    let scope = scopes.iter().collect::<Vec<_>>().join(" ");
    let listed = match details.is_empty() {
        true => String::new(),
        false => Value::from(details.clone()).to_string(),
    };
    let details = AuthorizationDetails::new(details).unwrap();
    let secret = |text: &str| Secret::new(text);
    let each = |name: &'static str, values: &[String]| -> Vec<(&'static str, String)> {
        values.iter().map(|value| (name, value.clone())).collect()
    };
    let mut jwt = JwtBearer::new(Assertion::Given(secret(&a)));
    jwt.scopes = scopes.clone();
    jwt.resource = resource.clone();
    jwt.authorization_details = details.clone();
    let mut exchange = TokenExchange::new(secret(&a), &c);
    exchange.actor = Some(TypedToken {
        token: secret(&b),
        token_type: d.clone(),
    });
    exchange.requested_token_type = Some(d.clone());
    exchange.scopes = scopes.clone();
    exchange.resource = resource.clone();
    exchange.audience = audience.clone();
    exchange.authorization_details = details.clone();
    let vendor = VendorGrant::new("urn:acme:grant").unwrap();
    let vendor = vendor
        .with_parameter(&format!("x-{b}"), secret(&a))
        .unwrap();
    let named = format!("x-{b}");
    let of = |kind: &str, rest: Vec<(&str, String)>| {
        meant([("grant_type", kind.to_owned())].into_iter().chain(rest))
    };
    vec![
        (
            Grant::ClientCredentials(ClientCredentials {
                scopes: scopes.clone(),
                resource: resource.clone(),
                audience: Some(b.clone()),
                authorization_details: details,
            }),
            of(
                "client_credentials",
                [
                    vec![("scope", scope.clone())],
                    each("resource", &resource),
                    vec![("audience", b.clone())],
                    vec![("authorization_details", listed.clone())],
                ]
                .concat(),
            ),
        ),
        (
            Grant::RefreshToken(RefreshToken {
                scopes: scopes.clone(),
                ..RefreshToken::new(secret(&a))
            }),
            of(
                "refresh_token",
                vec![("refresh_token", a.clone()), ("scope", scope.clone())],
            ),
        ),
        (
            Grant::AuthorizationCode(AuthorizationCode {
                code: secret(&a),
                redirect_uri: c.clone(),
                code_verifier: secret(&b),
                scopes: scopes.clone(),
                resource: resource.clone(),
            }),
            of(
                "authorization_code",
                [
                    vec![
                        ("code", a.clone()),
                        ("redirect_uri", c.clone()),
                        ("code_verifier", b.clone()),
                    ],
                    each("resource", &resource),
                ]
                .concat(),
            ),
        ),
        (
            Grant::DeviceCode(DeviceCode {
                device_code: secret(&a),
                scopes: scopes.clone(),
            }),
            of(
                "urn:ietf:params:oauth:grant-type:device_code",
                vec![("device_code", a.clone())],
            ),
        ),
        (
            Grant::Saml2Bearer(Saml2Bearer {
                assertion: secret(&a),
                scopes: scopes.clone(),
            }),
            of(
                "urn:ietf:params:oauth:grant-type:saml2-bearer",
                vec![
                    ("assertion", URL_SAFE_NO_PAD.encode(&a)),
                    ("scope", scope.clone()),
                ],
            ),
        ),
        (
            Grant::JwtBearer(jwt),
            of(
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
                [
                    vec![("assertion", a.clone()), ("scope", scope.clone())],
                    each("resource", &resource),
                    vec![("authorization_details", listed.clone())],
                ]
                .concat(),
            ),
        ),
        (
            Grant::TokenExchange(exchange),
            of(
                "urn:ietf:params:oauth:grant-type:token-exchange",
                [
                    vec![
                        ("subject_token", a.clone()),
                        ("subject_token_type", c.clone()),
                        ("actor_token", b.clone()),
                        ("actor_token_type", d.clone()),
                        ("requested_token_type", d.clone()),
                        ("scope", scope.clone()),
                    ],
                    each("resource", &resource),
                    each("audience", &audience),
                    vec![("authorization_details", listed)],
                ]
                .concat(),
            ),
        ),
        (
            Grant::Vendor(vendor.with_scopes(scopes)),
            of("urn:acme:grant", vec![(&*named, a), ("scope", scope)]),
        ),
    ]
}

#[test]
fn each_grant_is_a_form_of_what_it_means() {
    let mirror = Mirror::new();
    let client = mirror.client();
    for_any(60, parts(), |parts| {
        for (grant, meant) in grants(parts) {
            let (_, seen) = mirror.seen(client.token(grant));
            assert_eq!(form(&seen.body), meant);
            assert_eq!(
                seen.headers["content-type"],
                "application/x-www-form-urlencoded"
            );
        }
    });
}

/// The same again where a server is declared to want it elsewhere.
#[test]
fn each_grant_means_the_same_in_a_query_and_in_json() {
    let mirror = Mirror::new();
    let client = |declare: fn(&mut RequestDepartures)| {
        let mut departures = Departures::default();
        declare(&mut departures.request);
        let server = mirror.server().departing(departures).unwrap();
        let auth = ClientAuth::secret_basic(&mirror.env, "id", given(SECRET)).unwrap();
        OAuthClient::new(&mirror.env, server, auth).unwrap()
    };
    let by_get = client(|request| request.method = TokenMethod::Get);
    let in_query = client(|request| request.parameters_in = ParameterPlace::Query);
    let in_json = client(|request| request.encoding = BodyEncoding::Json);
    for_any(20, parts(), |parts| {
        for (grant, meant) in grants(parts) {
            for client in [&by_get, &in_query] {
                let (_, seen) = mirror.seen(client.token(grant.clone()));
                assert_eq!(form(seen.query.unwrap()), meant);
                assert!(seen.body.is_empty());
            }
            let (_, seen) = mirror.seen(in_json.token(grant));
            assert_eq!(members(&seen.body), sorted(meant));
        }
    });
}

/// The members of a JSON object, a list as several of one name; sorted by name.
fn members(body: &[u8]) -> Pairs {
    let object: std::collections::BTreeMap<String, Value> = serde_json::from_slice(body).unwrap();
    let values = |(name, value): (String, Value)| {
        let list = match value {
            Value::Array(list) => list,
            one => vec![one],
        };
        let texts = list.into_iter().map(|one| one.as_str().unwrap().to_owned());
        texts
            .map(move |text| (name.clone(), text))
            .collect::<Pairs>()
    };
    object.into_iter().flat_map(values).collect()
}

fn sorted(mut pairs: Pairs) -> Pairs {
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    pairs
}

#[test]
fn basic_credentials_are_id_and_secret_for_any_unicode() {
    let mirror = Mirror::new();
    for_any(120, (client_id(), line()), |(id, secret)| {
        let auth = ClientAuth::secret_basic(&mirror.env, &id, given(&secret)).unwrap();
        let client = mirror.client_by(auth);
        let (_, seen) = mirror.seen(client.token(Grant::ClientCredentials(Default::default())));
        let header = seen.headers["authorization"].to_str().unwrap();
        let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap());
        let pair = String::from_utf8(pair.unwrap()).unwrap();
        let halves = pair.split_once(':').map(|(id, secret)| [id, secret]);
        let halves = halves.unwrap().map(|half| form(format!("half={half}")));
        assert_eq!(one(&halves[0], "half"), id);
        assert_eq!(one(&halves[1], "half"), secret);
        assert_eq!(
            form(&seen.body),
            meant([("grant_type", "client_credentials".into())])
        );
    });
}

#[test]
fn posted_credentials_are_id_and_secret_for_any_unicode() {
    let mirror = Mirror::new();
    for_any(60, (client_id(), line()), |(id, secret)| {
        let auth = ClientAuth::secret_post(&mirror.env, &id, given(&secret)).unwrap();
        let client = mirror.client_by(auth);
        let (_, seen) = mirror.seen(client.token(Grant::ClientCredentials(Default::default())));
        let form = form(&seen.body);
        assert_eq!(one(&form, "client_id"), id);
        assert_eq!(one(&form, "client_secret"), secret);
        assert!(!seen.headers.contains_key("authorization"));
    });
}

#[test]
fn a_device_asks_for_what_it_means() {
    let mirror = Mirror::new();
    let client = mirror.client();
    for_any(
        60,
        (scopes(), texts(), details()),
        |(scopes, resource, details)| {
            let request = DeviceAuthorizationRequest {
                scopes: scopes.clone(),
                resource: resource.clone(),
                authorization_details: AuthorizationDetails::new(details.clone()).unwrap(),
            };
            let (_, seen) = mirror.seen(client.device_authorization(request));
            let form = form(&seen.body);
            let of = |name: &str| -> Vec<&str> {
                let named = form.iter().filter(|(known, _)| known == name);
                named.map(|(_, value)| value.as_str()).collect()
            };
            let joined = scopes.iter().collect::<Vec<_>>().join(" ");
            assert_eq!(of("scope").concat(), joined);
            let there: Vec<&String> = resource.iter().filter(|one| !one.is_empty()).collect();
            assert_eq!(of("resource"), there);
            match of("authorization_details")[..] {
                [] => assert!(details.is_empty()),
                [text] => assert_eq!(serde_json::from_str::<Vec<Value>>(text).unwrap(), details),
                _ => panic!("{form:?}"),
            }
        },
    );
}

#[test]
fn a_token_is_revoked_as_it_is() {
    let mirror = Mirror::new();
    let client = mirror.client();
    for_any(60, line(), |token| {
        let (_, seen) = mirror.seen(client.revoke(&Secret::new(token.as_str()), None));
        assert_eq!(one(&form(&seen.body), "token"), token);
    });
}
