use std::future::ready;

use super::*;
use crate::authorize::request::AuthorizationRequest;
use crate::authorize::response_mode::ResponseMode;
use crate::authorize::start::tests::{begun, session};

/// A listener, the authorization that waits for it, and the query that answers it.
async fn listening(settings: LoopbackSettings) -> (LoopbackListener, PendingAuthorization, String) {
    let listener = LoopbackListener::bind(settings).await.unwrap();
    let pending = begun(&AuthorizationRequest::new(listener.redirect_uri())).1;
    let right = format!(
        "code=canary-code&state={}&iss=https%3A%2F%2Fauth.example",
        pending.state().expose()
    );
    (listener, pending, right)
}

async fn wait(listener: LoopbackListener, pending: PendingAuthorization) -> Result<String, Error> {
    let judge = |pending: PendingAuthorization, came| ready(pending.callback(&session(), came));
    let code = listener.wait(pending, judge).await?;
    Ok(code.code().expose().to_owned())
}

/// Sends that and reads all that comes back.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    // a connection that is turned away after too many bytes is reset
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn get(address: SocketAddr, target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nCookie: a=b\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn r114_takes_a_literal_address_and_a_port_that_is_free() {
    let one = LoopbackListener::bind(LoopbackSettings::default())
        .await
        .unwrap();
    let other = LoopbackListener::bind(LoopbackSettings::default())
        .await
        .unwrap();
    assert!(
        one.redirect_uri().starts_with("http://127.0.0.1:"),
        "{one:?}"
    );
    assert!(one.redirect_uri().ends_with("/callback"));
    assert_ne!(one.redirect_uri(), other.redirect_uri());
    let settings = LoopbackSettings {
        port: one.address.port(),
        ..LoopbackSettings::default()
    };
    let error = LoopbackListener::bind(settings).await.unwrap_err();
    assert!(error.to_string().starts_with("port: "), "{error}");
    for path in [
        "",
        "callback",
        "//evil.example",
        "/a?b",
        "/a#b",
        "/a b",
        "/\\evil.example",
    ] {
        let settings = LoopbackSettings {
            path: path.into(),
            ..LoopbackSettings::default()
        };
        let error = LoopbackListener::bind(settings).await.unwrap_err();
        assert!(error.to_string().starts_with("path: "), "{path}: {error}");
    }
}

#[tokio::test]
async fn r113_r114_takes_one_answer_shows_a_page_that_tells_nothing_and_closes() {
    let (listener, pending, right) = listening(LoopbackSettings::default()).await;
    let address = listener.address;
    let target = format!("/callback?{right}&return_to=https%3A%2F%2Fevil.example");
    let request = get(address, &target);
    let (code, page) = tokio::join!(wait(listener, pending), exchange(address, &request));
    assert_eq!(code.unwrap(), "canary-code");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    for header in ["Cache-Control: no-store", "Referrer-Policy: no-referrer"] {
        assert!(page.contains(header), "{page}");
    }
    for echoed in [
        "canary-code",
        "evil.example",
        "auth.example",
        "state",
        "Location",
    ] {
        assert!(!page.contains(echoed), "{page}");
    }
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn r114_all_else_that_comes_is_turned_away_and_is_no_answer() {
    let (listener, pending, right) = listening(LoopbackSettings::default()).await;
    let address = listener.address;
    let target = format!("/callback?{right}");
    let at = |host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    let post = format!("POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    let head = post.replacen("POST", "HEAD", 1);
    let not_found = [
        get(address, "/favicon.ico"),
        get(address, "/"),
        get(address, "/callback"),
        get(address, &format!("/callback/?{right}")),
        get(address, &format!("/other?{right}")),
        get(address, &format!("//callback?{right}")),
        get(address, &format!("http://{address}{target}")),
        at("evil.example"),
        at(&format!("localhost:{}", address.port())),
        format!("GET {target} HTTP/1.1\r\n\r\n").into_bytes(),
        post.into_bytes(),
        head.into_bytes(),
        b"\x16\x03\x01\r\n\r\n".to_vec(),
    ];
    let others = [
        get(address, "/callback?code=x&state=wrong"),
        get(address, "/callback?error=access_denied"),
        get(address, "/callback?state=%"),
    ];
    let browser = async {
        for request in &not_found {
            let answer = exchange(address, request).await;
            let shown = String::from_utf8_lossy(request);
            assert!(answer.starts_with("HTTP/1.1 404 "), "{shown}: {answer}");
        }
        for request in &others {
            let answer = exchange(address, request).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        // a connection opened ahead of need holds nobody up
        let _idle = TcpStream::connect(address).await.unwrap();
        exchange(address, &get(address, &target)).await
    };
    let (code, page) = tokio::join!(wait(listener, pending), browser);
    assert_eq!(code.unwrap(), "canary-code");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
}

#[tokio::test]
async fn a_refusal_and_an_answer_of_another_issuer_end_the_wait() {
    for (answer, kind) in [
        (
            "error=access_denied&iss=https%3A%2F%2Fauth.example",
            "OAuth",
        ),
        ("code=x&iss=https%3A%2F%2Fevil.example", "Binding.Issuer"),
        (
            "code=x&code=y&iss=https%3A%2F%2Fauth.example",
            "Protocol.DuplicateKey",
        ),
    ] {
        let (listener, pending, _) = listening(LoopbackSettings::default()).await;
        let address = listener.address;
        let target = format!("/callback?{answer}&state={}", pending.state().expose());
        let request = get(address, &target);
        let (judged, page) = tokio::join!(wait(listener, pending), exchange(address, &request));
        assert_eq!(judged.unwrap_err().kind().name(), kind);
        assert!(
            page.contains("did not succeed") && !page.contains("access_denied"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_head_that_has_no_end_is_cut_off() {
    let settings = LoopbackSettings {
        most: 1,
        ..LoopbackSettings::default()
    };
    let (listener, pending, right) = listening(settings).await;
    let address = listener.address;
    let endless = format!(
        "GET /callback?{right} HTTP/1.1\r\nX: {}",
        "x".repeat(200 * 1024)
    );
    let (judged, _) = tokio::join!(
        wait(listener, pending),
        exchange(address, endless.as_bytes())
    );
    assert_eq!(judged.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_number_of_connections_is_enough() {
    let settings = LoopbackSettings {
        most: 3,
        ..LoopbackSettings::default()
    };
    let (listener, pending, _) = listening(settings.clone()).await;
    let address = listener.address;
    let browser = async {
        for _ in 0..3 {
            exchange(address, &get(address, "/favicon.ico")).await;
        }
    };
    let (judged, ()) = tokio::join!(wait(listener, pending), browser);
    let error = judged.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Timeout, Recovery::LogInAgain)
    );

    let (listener, pending, _) = listening(settings).await;
    let address = listener.address;
    let browser = async {
        for state in ["wrong", "", "longer"] {
            exchange(
                address,
                &get(address, &format!("/callback?code=x&state={state}")),
            )
            .await;
        }
    };
    let (judged, ()) = tokio::join!(wait(listener, pending), browser);
    assert_eq!(judged.unwrap_err().kind().name(), "Binding.State");
}

#[tokio::test]
async fn a_time_is_enough() {
    let settings = LoopbackSettings {
        patience: Duration::from_millis(30),
        ..LoopbackSettings::default()
    };
    let (listener, pending, _) = listening(settings).await;
    let idle = TcpStream::connect(listener.address).await.unwrap();
    let error = wait(listener, pending).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Timeout, Recovery::LogInAgain)
    );
    drop(idle);
}

#[tokio::test]
async fn waits_for_no_answer_that_cannot_come_there() {
    let (listener, _, _) = listening(LoopbackSettings::default()).await;
    let elsewhere = begun(&AuthorizationRequest::new("https://app.example/cb")).1;
    let error = wait(listener, elsewhere).await.unwrap_err();
    assert!(error.to_string().starts_with("redirect_uri: "), "{error}");

    let listener = LoopbackListener::bind(LoopbackSettings::default())
        .await
        .unwrap();
    let request = AuthorizationRequest::new(listener.redirect_uri());
    let posted = begun(&request.response_mode(ResponseMode::FormPost)).1;
    let error = wait(listener, posted).await.unwrap_err();
    assert!(error.to_string().starts_with("response_mode: "), "{error}");
}

#[tokio::test]
async fn a_signed_answer_to_something_else_is_turned_away() {
    let listener = LoopbackListener::bind(LoopbackSettings::default());
    let listener = listener.await.unwrap();
    let (address, at) = (listener.address, listener.redirect_uri());
    let request = AuthorizationRequest::new(at).response_mode(ResponseMode::QueryJwt);
    let pending = begun(&request).1;
    let jwt = |state: &str| {
        let claims = serde_json::json!({"state": state, "code": "c"}).to_string();
        let part = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims);
        format!("e30.{part}.c2ln")
    };
    let right = jwt(pending.state().expose());
    let judge = |_, came: Callback| ready(Ok(format!("{came:?}")));
    let waiting = tokio::spawn(async move { listener.wait(pending, judge).await });
    for other in ["x", "e30.e30.x", "....", &jwt("another"), ""] {
        let target = format!("/callback?response={other}");
        let page = exchange(address, &get(address, &target)).await;
        assert!(page.starts_with("HTTP/1.1 400 "), "{other}: {page}");
    }
    let target = format!("/callback?response={right}");
    let page = exchange(address, &get(address, &target)).await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    waiting.await.unwrap().unwrap();
}
