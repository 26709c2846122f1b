use super::*;
use crate::authorize::request::AuthorizationRequest;
use crate::authorize::response_mode::ResponseMode;
use crate::authorize::start::tests::{begun, session};

const ISSUER: &str = "https://auth.example";
const AT: &str = "https://app.example/callback/acme";
const CODE: &str = "canary-code";

fn pending_of(change: impl FnOnce(&mut PendingAuthorization)) -> PendingAuthorization {
    let mut pending = begun(&AuthorizationRequest::new(AT)).1;
    change(&mut pending);
    pending
}

fn pending() -> PendingAuthorization {
    pending_of(|_| ())
}

/// A query as an encoder writes it.
fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs).finish()
}

/// What comes of a query for that pending authorization; `{state}` in it is its state.
fn judged(pending: PendingAuthorization, query: &str) -> Result<AuthorizationCode, Error> {
    let query = query.replace("{state}", pending.state.expose());
    let secrets = [
        pending.state.clone(),
        pending.verifier.clone(),
        Secret::new(CODE),
    ];
    let judged = pending.callback(&session(), Callback::query(AT, &query)?);
    if let Err(error) = &judged {
        let text = format!("{error} {error:?} {error:#?}");
        assert!(
            !secrets.iter().any(|secret| text.contains(secret.expose())),
            "{text}"
        );
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    judged
}

#[track_caller]
fn refused(pending: PendingAuthorization, query: &str, kind: &str) -> Error {
    let error = judged(pending, query).unwrap_err();
    assert_eq!(error.kind().name(), kind, "{query}: {error}");
    assert!(
        !matches!(error.recovery(), Recovery::Retry { .. }),
        "{error}"
    );
    error
}

const RIGHT: &str = "code=canary-code&state={state}&iss=https%3A%2F%2Fauth.example";

#[test]
fn a_code_comes_with_all_that_its_token_request_needs() {
    let pending = pending();
    let verifier = pending.verifier.clone();
    let code = judged(pending, RIGHT).unwrap();
    assert_eq!(code.code().expose(), CODE);
    assert_eq!(code.verifier, verifier);
    assert_eq!((code.redirect_uri(), code.client_id()), (AT, "client"));
    assert_eq!(code.authority(), ISSUER);
    let shown = format!("{code:?}");
    assert!(
        !shown.contains(CODE) && !shown.contains(verifier.expose()),
        "{shown}"
    );
}

#[test]
fn r102_cbk_001_without_its_own_state_no_answer_is_one() {
    let other = pending();
    let own = pending();
    let (longer, shorter) = (
        format!("{}x", own.state.expose()),
        own.state.expose()[..42].to_owned(),
    );
    let upper = own.state.expose().to_uppercase();
    for state in ["", "wrong", other.state.expose(), &longer, &shorter, &upper] {
        let pending = pending_of(|pending| pending.state = own.state.clone());
        // the session is bound to the state, so that it has to be made again
        let pending = PendingAuthorization {
            session: session_mark(&own.state, &session()),
            ..pending
        };
        let query = query(&[("code", CODE), ("state", state), ("iss", ISSUER)]);
        refused(pending, &query, "Binding.State");
    }
    refused(
        pending(),
        "code=canary-code&iss=https%3A%2F%2Fauth.example",
        "Binding.State",
    );
    refused(
        pending(),
        "code=canary-code&State={state}&iss=https%3A%2F%2Fauth.example",
        "Binding.State",
    );
    refused(
        pending(),
        "error=access_denied&iss=https%3A%2F%2Fauth.example",
        "Binding.State",
    );
}

#[test]
fn the_state_is_not_shown_wherever_it_comes_back() {
    let unpromised = || pending_of(|pending| pending.iss = IssRule::Unpromised);
    let issuer = "code=canary-code&state={state}&iss={state}";
    refused(pending(), issuer, "Binding.Issuer");
    refused(unpromised(), issuer, "Binding.Issuer");
    refused(unpromised(), "error={state}&state={state}", "OAuth");
}

#[test]
fn r103_cbk_002_an_issuer_is_compared_letter_by_letter() {
    for iss in [
        "https://evil.example",
        "https://AUTH.example",
        "HTTPS://auth.example",
        "https://auth.example:443",
        "https://auth.example.",
        "https://auth.example ",
        "https://auth.example?x",
        "auth.example",
        "",
    ] {
        for rule in [IssRule::Required, IssRule::Optional] {
            let pending = pending_of(|pending| pending.iss = rule);
            let query = query(&[("code", CODE), ("state", "{state}"), ("iss", iss)]);
            refused(
                pending,
                &query.replace("%7B", "{").replace("%7D", "}"),
                "Binding.Issuer",
            );
        }
    }
}

#[test]
fn an_issuer_that_is_another_names_the_field_that_declares_it() {
    for rule in [IssRule::Required, IssRule::Optional] {
        let pending = pending_of(|pending| pending.iss = rule);
        let query = "code=canary-code&state={state}&iss=https%3A%2F%2Fauth.example%2Fo";
        let text = refused(pending, query, "Binding.Issuer").to_string();
        assert!(
            text.contains("`departures.authorization.iss_value`"),
            "{text}"
        );
    }
}

#[test]
fn r103_cbk_004_an_issuer_that_is_made_equal_is_another_one() {
    for iss in [
        "iss=https%3A%2F%2Fauth.example%2F",
        "iss=https%3A%2F%2Fauth.example&iss=https%3A%2F%2Fauth.example",
        "iss=https%3A%2F%2Fauth.example&iss=https%3A%2F%2Fevil.example",
        "iss=https%3A%2F%2Fauth.example&%69ss=https%3A%2F%2Fauth.example",
        "iss=https%253A%252F%252Fauth.example",
    ] {
        let query = format!("code=canary-code&state={{state}}&{iss}");
        refused(pending(), &query, "Binding.Issuer");
    }
}

#[test]
fn r104_cbk_003_an_issuer_that_is_promised_must_be_there() {
    let error = refused(
        pending(),
        "code=canary-code&state={state}",
        "Binding.Issuer",
    );
    assert!(
        error.to_string().contains("departures.authorization.iss"),
        "{error}"
    );
    refused(
        pending(),
        "error=access_denied&state={state}",
        "Binding.Issuer",
    );
    let named_otherwise = "code=canary-code&state={state}&issuer=https%3A%2F%2Fauth.example";
    refused(pending(), named_otherwise, "Binding.Issuer");
    judged(pending(), RIGHT).unwrap();
}

#[test]
fn r104_an_issuer_that_is_not_promised_is_refused_unless_declared() {
    let of = |rule| pending_of(|pending| pending.iss = rule);
    let without = "code=canary-code&state={state}";
    for (rule, query, is_taken) in [
        (IssRule::Required, RIGHT, true),
        (IssRule::Required, without, false),
        (IssRule::Unpromised, RIGHT, false),
        (IssRule::Unpromised, without, true),
        (IssRule::Optional, RIGHT, true),
        (IssRule::Optional, without, true),
    ] {
        let judged = judged(of(rule), query);
        assert_eq!(judged.is_ok(), is_taken, "{rule:?} {query}");
        if let Err(error) = judged {
            assert_eq!(error.kind(), ErrorKind::Binding(BindingFault::Issuer));
            assert!(
                error.to_string().contains("departures.authorization.iss"),
                "{error}"
            );
        }
    }
    let unknown = pending_of(|pending| pending.issuer = None);
    let error = refused(unknown, RIGHT, "Binding.Issuer");
    assert_eq!(error.recovery(), Recovery::FixConfig);
}

#[test]
fn r105_cbk_009_an_error_of_another_server_is_not_ours() {
    for iss in [
        "https%3A%2F%2Fevil.example",
        "https%3A%2F%2Fauth.example%2F",
        "",
    ] {
        let query = format!("error=login_required&state={{state}}&iss={iss}");
        let error = refused(pending(), &query, "Binding.Issuer");
        assert!(error.oauth().is_none(), "{error}");
    }
    let error = refused(
        pending(),
        "error=login_required&state=wrong&iss=https%3A%2F%2Fauth.example",
        "Binding.State",
    );
    assert!(error.oauth().is_none(), "{error}");
    let own = "error=login_required&state={state}&iss=https%3A%2F%2Fauth.example";
    let error = refused(pending(), own, "OAuth");
    assert_eq!(error.oauth().unwrap().code, "login_required");
    assert_eq!(error.recovery(), Recovery::LogInAgain);
}

#[test]
fn r110_cbk_006_no_parameter_of_the_answer_stands_twice() {
    let iss = "iss=https%3A%2F%2Fauth.example";
    for twice in [
        "code=canary-code&code=canary-code&state={state}",
        "code=canary-code&state={state}&code=other",
        "code=canary-code&%63ode=other&state={state}",
        "code=canary-code&state={state}&state={state}",
        "code=canary-code&state=&state={state}",
        "code=&code=canary-code&state={state}",
        "error=a&error=b&state={state}",
        "error=a&error_description=a&error_description=b&state={state}",
    ] {
        refused(
            pending(),
            &format!("{twice}&{iss}"),
            "Protocol.DuplicateKey",
        );
    }
}

#[test]
fn r111_parameters_that_no_rfc_knows_are_ignored() {
    let query =
        format!("{RIGHT}&session_state=x&realmId=12&twice=1&twice=2&Code=z&__proto__=1&=empty");
    let code = judged(pending(), &query).unwrap();
    assert_eq!(code.code().expose(), CODE);
    assert_eq!(code.parameter("realmId"), Some("12"));
    assert_eq!(code.parameter("twice"), None);
    assert_eq!(code.parameter("code"), None);
}

#[test]
fn r112_a_token_in_the_front_channel_is_nothing() {
    let iss = "iss=https%3A%2F%2Fauth.example";
    let query = format!("access_token=at&token_type=Bearer&id_token=x&state={{state}}&{iss}");
    refused(pending(), &query, "Protocol.MissingField");
}

#[test]
fn r113_what_says_where_to_go_next_is_never_followed() {
    let query = format!(
        "{RIGHT}&return_to=https%3A%2F%2Fevil.example&redirect_uri=https%3A%2F%2Fevil.example"
    );
    let code = judged(pending(), &query).unwrap();
    assert_eq!(code.redirect_uri(), AT);
}

#[test]
fn r107_cbk_011_what_came_to_another_redirect_uri_is_another_connections() {
    for at in [
        "https://app.example/callback/other",
        "https://app.example/callback/acme/",
        "https://app.example/callback/ACME",
        "https://app.example/callback/acme?tenant=2",
        "https://app.example:444/callback/acme",
        "http://app.example/callback/acme",
        "https://evil.example/callback/acme",
        "",
    ] {
        let pending = pending();
        let right = RIGHT.replace("{state}", pending.state.expose());
        let came = Callback::query(at, &right).unwrap();
        let error = pending.callback(&session(), came).unwrap_err();
        assert_eq!(error.kind().name(), "Binding.Context", "{at}");
    }
    for url in [
        "https://app.example/callback/other",
        "https://app.example/callback/acme/",
        "https://app.example:444/callback/acme",
        "http://app.example/callback/acme",
        "https://evil.example/callback/acme",
    ] {
        let pending = pending();
        let right = RIGHT.replace("{state}", pending.state.expose());
        let came = Callback::url(&format!("{url}?{right}")).unwrap();
        let error = pending.callback(&session(), came).unwrap_err();
        assert_eq!(error.kind().name(), "Binding.Context", "{url}");
    }
}

#[test]
fn the_redirect_uris_own_query_is_a_part_of_it() {
    let at = "https://app.example/callback?tenant=1";
    let judge = |url: &str| {
        let pending = begun(&AuthorizationRequest::new(at)).1;
        let url = url.replace("{state}", pending.state.expose());
        pending.callback(&session(), Callback::url(&url).unwrap())
    };
    judge(&format!("https://app.example/callback?tenant=1&{RIGHT}")).unwrap();
    judge(&format!("https://app.example/callback?{RIGHT}&tenant=1")).unwrap();
    for other in ["", "tenant=2&", "tenant=&"] {
        let error = judge(&format!("https://app.example/callback?{other}{RIGHT}")).unwrap_err();
        assert_eq!(error.kind().name(), "Binding.Context", "{other}");
    }
}

#[test]
fn r118_cbk_012_a_flow_of_one_user_cannot_be_finished_by_another() {
    for other in [
        "another session",
        "",
        "session of the use",
        "session of the user ",
    ] {
        let pending = pending();
        let right = RIGHT.replace("{state}", pending.state.expose());
        let came = Callback::query(AT, &right).unwrap();
        let error = pending.callback(&Secret::new(other), came).unwrap_err();
        assert_eq!(error.kind().name(), "Binding.Session", "{other}");
    }
    // nor with a mark that was carried over from another transaction
    let (one, other) = (pending(), pending());
    let mixed = PendingAuthorization {
        session: other.session,
        ..one
    };
    refused(mixed, RIGHT, "Binding.Session");
}

#[test]
fn cbk_014_a_fragment_is_no_answer() {
    for url in [
        "https://app.example/callback/acme#code=canary-code&state=x",
        "https://app.example/callback/acme?code=canary-code&state=x#",
        "https://app.example/callback/acme?state=x#access_token=at",
    ] {
        let error = Callback::url(url).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Protocol(ProtocolFault::BadValue),
            "{url}"
        );
        assert!(error.to_string().contains("fragment"), "{error}");
    }
    // what reaches a server of an answer in a fragment
    let error = refused(pending(), "", "Protocol.Empty");
    assert!(error.to_string().contains("fragment"), "{error}");
}

#[test]
fn cbk_014_a_form_that_has_a_query_too_is_no_answer() {
    let post = |query: &str, mode| {
        let pending = pending_of(|pending| pending.response_mode = mode);
        let body = RIGHT.replace("{state}", pending.state.expose());
        pending.callback(&session(), Callback::form_post(AT, query, &body).unwrap())
    };
    post("", ResponseMode::FormPost).unwrap();
    for query in [
        "code=other",
        "state=x",
        "x=1",
        "iss=https%3A%2F%2Fauth.example",
    ] {
        let error = post(query, ResponseMode::FormPost).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Protocol(ProtocolFault::BadValue),
            "{query}"
        );
    }
    // and neither comes where the other was asked for
    let error = post("", ResponseMode::Query).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol(ProtocolFault::BadValue));
    let pending = pending_of(|pending| pending.response_mode = ResponseMode::FormPost);
    refused(pending, RIGHT, "Protocol.BadValue");
}

#[test]
fn what_is_no_answer_is_refused_by_its_fault() {
    let rest = "state={state}&iss=https%3A%2F%2Fauth.example";
    for (query, kind) in [
        (rest.to_owned(), "Protocol.MissingField"),
        (format!("code=&{rest}"), "Protocol.BadValue"),
        (format!("code=a%0Ab&{rest}"), "Protocol.BadValue"),
        (format!("code=%C3%A9&{rest}"), "Protocol.BadValue"),
        (
            format!("code={}&{rest}", "x".repeat(20_000)),
            "Protocol.BadValue",
        ),
        (
            format!("code=a&error=access_denied&{rest}"),
            "Protocol.BadValue",
        ),
        (format!("error=&{rest}"), "Protocol.BadValue"),
        (format!("error=a%22b&{rest}"), "Protocol.BadValue"),
        (format!("code=%ff&{rest}"), "Protocol.BadEncoding"),
        (format!("code=%&{rest}"), "Protocol.BadEncoding"),
        (
            format!("code={}&{rest}", "x".repeat(70_000)),
            "Protocol.TooLarge",
        ),
    ] {
        refused(pending(), &query, kind);
    }
}

#[test]
fn an_answer_that_must_be_signed_is_not_taken_plain() {
    let signed =
        |pending: &mut PendingAuthorization| pending.response_mode = ResponseMode::QueryJwt;
    let error = judged(pending_of(signed), RIGHT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let pending = pending_of(signed);
    let plain = Callback::query(AT, "code=x").unwrap();
    let error = pending.response(&session(), plain).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Protocol(ProtocolFault::MissingField)
    );
}
