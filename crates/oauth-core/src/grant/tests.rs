//! Grants as they are sent.

use std::time::Duration;

use super::*;
use crate::client_auth::{AssertionKey, Audience};
use crate::secret::{SecretRef, Secrets};
use crate::signing_key::{Algorithm, KeyOptions, KeySource, SigningKey};

fn encoded(grant: &Grant, departures: &Departures) -> String {
    grant.parameters(departures).unwrap().encode().to_string()
}

#[test]
fn r005_client_credentials_send_what_is_set_and_nothing_empty() {
    let mut grant = ClientCredentials::default();
    assert_eq!(
        encoded(
            &Grant::ClientCredentials(grant.clone()),
            &Departures::default()
        ),
        "grant_type=client_credentials"
    );
    grant.scopes = Scopes::parse("b a").unwrap();
    grant.resource = vec!["https://x.example/".into(), "https://y.example/".into()];
    let mut departures = Departures::default();
    departures.request.scope_separator = ',';
    departures
        .request
        .parameters
        .insert("tenant".into(), "t 1".into());
    assert_eq!(
        encoded(&Grant::ClientCredentials(grant), &departures),
        "grant_type=client_credentials&scope=a%2Cb&resource=https%3A%2F%2Fx.example%2F\
         &resource=https%3A%2F%2Fy.example%2F&tenant=t+1"
    );
}

#[test]
fn a_refresh_token_is_encoded_whatever_it_holds() {
    let grant = Grant::RefreshToken(RefreshToken {
        refresh_token: Secret::new("a+b/c=&scope=all é"),
        scopes: Scopes::none(),
        granted: None,
        resource: Vec::new(),
    });
    assert_eq!(
        encoded(&grant, &Departures::default()),
        "grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26scope%3Dall+%C3%A9"
    );
}

#[test]
fn a_refresh_token_is_for_the_apis_that_are_named() {
    let mut grant = RefreshToken::new(Secret::new("r"));
    grant.resource = vec!["https://x.example/".into(), "https://y.example/".into()];
    assert_eq!(
        encoded(&Grant::RefreshToken(grant), &Departures::default()),
        "grant_type=refresh_token&refresh_token=r&resource=https%3A%2F%2Fx.example%2F\
         &resource=https%3A%2F%2Fy.example%2F"
    );
}

#[test]
fn r005_no_parameter_stands_twice() {
    let mut parameters = Parameters::default();
    for name in ["scope", "a\n\u{1b}[2J"] {
        parameters.push(name, "a").unwrap();
        let error = parameters.push(name, "b").unwrap_err().to_string();
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn strikes_out_what_is_secret_and_what_is_declared() {
    let mut departures = Departures::default();
    let request = &mut departures.request;
    request.parameters.insert("tenant".into(), "t-1234".into());
    request.headers.insert("x-api-key".into(), "k-5678".into());
    let grant = Grant::RefreshToken(RefreshToken {
        refresh_token: Secret::new("r-9012"),
        scopes: Scopes::parse("read").unwrap(),
        granted: None,
        resource: Vec::new(),
    });
    let mut parameters = grant.parameters(&departures).unwrap();
    parameters.push("client_secret", "s3cret").unwrap();
    parameters.push("client_id", "client").unwrap();
    let mut struck: Vec<&str> = parameters.secrets().map(Secret::expose).collect();
    struck.sort_unstable();
    assert_eq!(struck, ["k-5678", "r-9012", "s3cret", "t-1234"]);
    let printed = format!("{parameters:?}");
    assert!(
        !struck.iter().any(|value| printed.contains(value)),
        "{printed}"
    );
    assert!(
        !parameters.encode().contains("k-5678"),
        "headers are no parameters"
    );
}

fn none() -> Departures {
    Departures::default()
}

#[test]
fn r083_no_scope_is_asked_for_that_was_not_granted() {
    let mut grant = RefreshToken::new(Secret::new("r"));
    grant.granted = Some(Scopes::parse("a b").unwrap());
    grant.scopes = Scopes::parse("b").unwrap();
    encoded(&Grant::RefreshToken(grant.clone()), &none());
    grant.scopes = Scopes::parse("b c").unwrap();
    let error = Grant::RefreshToken(grant).parameters(&none()).unwrap_err();
    assert!(error.to_string().starts_with("scopes: `c` "), "{error}");
}

#[test]
fn r170_a_type_goes_with_each_token_and_the_actors_alone_with_the_actor() {
    let mut grant = TokenExchange::new(Secret::new("s"), exchange::JWT);
    let sent = encoded(&Grant::TokenExchange(grant.clone()), &none());
    assert_eq!(
        sent,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    );
    grant.actor = Some(TypedToken {
        token: Secret::new("a"),
        token_type: exchange::ACCESS_TOKEN.into(),
    });
    let sent = encoded(&Grant::TokenExchange(grant), &none());
    assert!(
        sent.contains("&actor_token=a&actor_token_type=urn"),
        "{sent}"
    );
}

#[test]
fn r173_resource_and_audience_may_stand_more_than_once() {
    let mut grant = TokenExchange::new(Secret::new("s"), exchange::JWT);
    grant.resource = vec!["https://x.example/".into(), "https://y.example/".into()];
    grant.audience = vec!["a".into(), "b".into()];
    let sent = encoded(&Grant::TokenExchange(grant), &none());
    assert_eq!(sent.matches("&resource=").count(), 2);
    assert!(sent.ends_with("&audience=a&audience=b"), "{sent}");
}

#[test]
fn a_saml_assertion_is_sent_in_base64url() {
    let grant = Grant::Saml2Bearer(Saml2Bearer {
        assertion: Secret::new("<a>?>"),
        scopes: Scopes::none(),
    });
    let sent = encoded(&grant, &none());
    assert!(sent.ends_with("&assertion=PGE-Pz4"), "{sent}");
    assert_eq!(grant.replay_class(RotationPolicy::None), ReplayClass::Once);
}

#[test]
fn r112_neither_the_implicit_nor_the_password_grant_is_offered() {
    for name in ["implicit", "password"] {
        let text = VendorGrant::new(name).unwrap_err().to_string();
        assert!(text.contains("not offered"), "{text}");
    }
}

#[test]
fn a_vendors_grant_is_declared_and_holds_nothing_that_the_protocol_sets() {
    for bad in ["", "a b", "a\u{1b}", "refresh_token", "authorization_code"] {
        VendorGrant::new(bad).unwrap_err();
    }
    let grant = VendorGrant::new("urn:acme:grant-type:badge").unwrap();
    for bad in ["", "grant_type", "client_secret", "scope"] {
        let grant = grant.clone().with_parameter(bad, Secret::new("x"));
        grant.unwrap_err();
    }
    let grant = grant
        .with_parameter("badge", Secret::new("b-1234"))
        .unwrap();
    let again = grant.clone().with_parameter("badge", Secret::new("x"));
    again.unwrap_err();
    let classes = [grant.clone(), grant.clone().repeatable()].map(|grant| {
        let grant = Grant::Vendor(grant);
        grant.replay_class(RotationPolicy::None)
    });
    assert_eq!(classes, [ReplayClass::Once, ReplayClass::Safe]);
    let grant = Grant::Vendor(grant);
    let parameters = grant.parameters(&none()).unwrap();
    assert!(
        parameters
            .secrets()
            .any(|secret| secret.expose() == "b-1234")
    );
    assert_eq!(
        *parameters.encode(),
        "grant_type=urn%3Aacme%3Agrant-type%3Abadge&badge=b-1234"
    );
}

#[test]
fn r109_a_code_goes_with_its_redirect_uri_and_verifier() {
    let grant = Grant::AuthorizationCode(AuthorizationCode {
        code: Secret::new("a+b c"),
        redirect_uri: "https://app.example/cb?tenant=1".into(),
        code_verifier: Secret::new("v"),
        scopes: Scopes::parse("read").unwrap(),
        resource: vec!["https://x.example/".into()],
    });
    assert_eq!(
        encoded(&grant, &Departures::default()),
        "grant_type=authorization_code&code=a%2Bb+c\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Ftenant%3D1&code_verifier=v\
         &resource=https%3A%2F%2Fx.example%2F"
    );
}

/// One of each, asking for `read`.
fn each() -> Vec<Grant> {
    let scopes = Scopes::parse("read").unwrap();
    let secret = || Secret::new("x");
    let mut refresh = RefreshToken::new(secret());
    refresh.scopes = scopes.clone();
    let mut bearer = JwtBearer::new(Assertion::Given(secret()));
    bearer.scopes = scopes.clone();
    let mut exchange = TokenExchange::new(secret(), exchange::JWT);
    exchange.scopes = scopes.clone();
    vec![
        Grant::ClientCredentials(ClientCredentials {
            scopes: scopes.clone(),
            ..ClientCredentials::default()
        }),
        Grant::RefreshToken(refresh),
        Grant::DeviceCode(DeviceCode {
            device_code: secret(),
            scopes: scopes.clone(),
        }),
        Grant::JwtBearer(bearer),
        Grant::Saml2Bearer(Saml2Bearer {
            assertion: secret(),
            scopes: scopes.clone(),
        }),
        Grant::TokenExchange(exchange),
        Grant::Vendor(
            VendorGrant::new("badge")
                .unwrap()
                .with_scopes(scopes.clone()),
        ),
        Grant::AuthorizationCode(AuthorizationCode {
            code: secret(),
            redirect_uri: "https://app.example/cb".into(),
            code_verifier: secret(),
            scopes,
            resource: Vec::new(),
        }),
    ]
}

#[test]
fn each_grant_tells_the_scopes_it_asks_for() {
    for grant in each() {
        assert_eq!(grant.scopes().to_string(), "read", "{grant:?}");
    }
}

#[test]
fn a_grant_tells_the_apis_that_its_request_names() {
    let apis = || vec!["https://x.example/".to_owned()];
    for mut grant in each() {
        let before = match &mut grant {
            Grant::ClientCredentials(grant) => std::mem::replace(&mut grant.resource, apis()),
            Grant::RefreshToken(grant) => std::mem::replace(&mut grant.resource, apis()),
            Grant::JwtBearer(grant) => std::mem::replace(&mut grant.resource, apis()),
            Grant::TokenExchange(grant) => std::mem::replace(&mut grant.resource, apis()),
            Grant::AuthorizationCode(grant) => std::mem::replace(&mut grant.resource, apis()),
            Grant::DeviceCode(_) | Grant::Saml2Bearer(_) | Grant::Vendor(_) => {
                assert!(grant.resource().is_empty(), "{grant:?}");
                continue;
            }
        };
        assert!(before.is_empty());
        assert_eq!(grant.resource(), apis(), "{grant:?}");
        let sent = encoded(&grant, &none());
        assert!(
            sent.contains("&resource=https%3A%2F%2Fx.example%2F"),
            "{sent}"
        );
    }
}

#[test]
fn only_client_credentials_bring_no_refresh_token() {
    let bring_none: Vec<Grant> = each()
        .into_iter()
        .filter(|grant| !grant.may_bring_refresh_token())
        .collect();
    assert!(
        matches!(bring_none[..], [Grant::ClientCredentials(_)]),
        "{bring_none:?}"
    );
}

fn maker() -> AssertionMaker {
    let pem = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .to_pkcs8_pem()
        .unwrap();
    let source = KeySource::new(SecretRef::given(pem), None, KeyOptions::default());
    let key = AssertionKey::Source(source.into());
    AssertionMaker::new(key, "issuer-1", "subject-1", Audience::TokenEndpoint)
}

#[tokio::test]
async fn an_assertion_is_made_for_each_attempt() {
    let (departures, secrets) = (none(), Secrets::default());
    let token_url = url::Url::parse("https://auth.example/token").unwrap();
    let attempt = Attempt {
        now: chrono::DateTime::UNIX_EPOCH,
        token_url: &token_url,
        issuer: None,
        departures: &departures,
        secrets: &secrets,
        patience: Duration::from_secs(5),
    };
    let grant = Grant::JwtBearer(JwtBearer::new(Assertion::Made(maker())));
    let mut made = Vec::new();
    for _ in 0..2 {
        let parameters = grant.parameters_of(&attempt).await.unwrap();
        let pairs: Vec<_> = parameters.pairs().collect();
        let [(first, _), (second, assertion)] = &pairs[..] else {
            panic!("{parameters:?}")
        };
        assert_eq!([first, second], ["grant_type", "assertion"]);
        made.push(assertion.expose().to_owned());
    }
    assert_ne!(made[0], made[1]);
    assert!(made.iter().all(|made| made.split('.').count() == 3));
}

#[test]
fn an_assertion_lives_from_a_second_to_an_hour() {
    for (millis, is_allowed) in [
        (999, false),
        (1_000, true),
        (3_600_000, true),
        (3_600_001, false),
    ] {
        let made = maker().living(Duration::from_millis(millis));
        assert_eq!(made.is_ok(), is_allowed, "{millis}");
    }
}

#[test]
fn debug_names_the_other_claims_and_shows_no_value() {
    let maker = maker().with_claim("role", "value-1".into()).unwrap();
    let printed = format!("{maker:?}");
    for says in ["issuer-1", "subject-1", "TokenEndpoint", "60s", "role"] {
        assert!(printed.contains(says), "{says:?} is not in {printed}");
    }
    assert!(!printed.contains("value-1"), "{printed}");
}
