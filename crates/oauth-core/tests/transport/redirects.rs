//! Where a request with credentials never goes.

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::AuthorizationServer;
use oauth_stage::{Answer, Endpoint, Socket, Step};

use crate::support::{SECRET, Wanted, clock, env, env_with, strict};
use crate::{IN_QUERY, ask, granted, socket};

#[tokio::test]
async fn r001_an_http_url_is_refused_before_anything_is_sent() {
    let server = socket(vec![Step::UntilPeerCloses]).await;
    let port = server.url().rsplit(':').next().unwrap();
    let usual = env_with(&clock(), |settings| settings.loopback_http = false);
    let testing = env(&clock());
    for (env, url) in [
        (&usual, format!("http://127.0.0.1:{port}/token")),
        (&usual, format!("http://localhost:{port}/token")),
        (&testing, format!("http://localhost:{port}/token")),
        (&testing, format!("http://0.0.0.0:{port}/token")),
    ] {
        let error = AuthorizationServer::configured(env, "token_url", &url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(
            error
                .to_string()
                .starts_with("token_url: `http` is refused"),
            "{error}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn r006_the_query_of_a_token_url_is_kept() {
    let clock = clock();
    let stage = strict(&clock).await;
    let url = format!("{}?tenant=a%20b&x", stage.token_url());
    Wanted::at(&env(&clock), &url).token().await.unwrap();
    assert_eq!(stage.log()[0].query(), Some("tenant=a%20b&x"));
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}

#[tokio::test]
async fn r008_a_redirect_is_an_error_that_names_status_and_target_alone() {
    let elsewhere = socket(vec![Step::UntilPeerCloses]).await;
    for status in [301, 302, 303, 307, 308] {
        let clock = clock();
        let stage = strict(&clock).await;
        let target = format!("{}/path?code={IN_QUERY}#{IN_QUERY}", elsewhere.url());
        let answer = Answer::status(status).header("location", &target);
        stage.answer_always(Endpoint::Token, Some(answer));
        let error = ask(&env(&clock), stage.url()).await.unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.RedirectRefused", "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert_eq!(error.status(), Some(status));
        let text = error.to_string();
        assert!(text.contains(&status.to_string()), "{text}");
        assert!(text.contains(elsewhere.url()), "{text}");
        assert!(!text.contains("/path"), "{text}");
        assert_eq!(stage.count(Endpoint::Token), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_refused_wherever_it_points() {
    for location in [
        "/token2",
        "//elsewhere.example/",
        "",
        "http://[broken",
        "javascript:alert(1)",
    ] {
        let clock = clock();
        let stage = strict(&clock).await;
        let answer = Answer::status(307).header("location", location);
        stage.answer_always(Endpoint::Token, Some(answer));
        let error = ask(&env(&clock), stage.url()).await.unwrap_err();
        assert_eq!(
            error.kind().name(),
            "Protocol.RedirectRefused",
            "{location}"
        );
        assert_eq!(stage.count(Endpoint::Any), 1, "{location}");
    }
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_refused_too() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.answer_always(Endpoint::Token, Some(Answer::status(302)));
    let error = ask(&env(&clock), stage.url()).await.unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.RedirectRefused");
    assert!(error.to_string().contains("to nowhere"), "{error}");
    assert_eq!(stage.count(Endpoint::Any), 1);
}

#[tokio::test]
async fn a_status_that_is_no_redirect_to_follow_is_an_http_error() {
    for status in [300, 304, 305] {
        let clock = clock();
        let stage = strict(&clock).await;
        let answer = Answer::status(status).header("location", "/elsewhere");
        stage.answer_always(Endpoint::Token, Some(answer));
        let error = ask(&env(&clock), stage.url()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Http, Some(status))
        );
        assert_eq!(stage.count(Endpoint::Any), 1);
    }
}

#[tokio::test]
async fn a_cookie_is_not_sent_back() {
    let clock = clock();
    let answer = Step::text(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: session=of-somebody; Path=/\r\n\
         content-length: {}\r\n\r\n{}",
        granted("t").to_string().len(),
        granted("t")
    ));
    let socket = Socket::builder()
        .connection(vec![
            Step::ReadRequest,
            answer.clone(),
            Step::ReadRequest,
            answer,
        ])
        .start()
        .await
        .unwrap();
    let env = env(&clock);
    for _ in 0..2 {
        ask(&env, socket.url()).await.unwrap();
        clock.advance(std::time::Duration::from_secs(600));
    }
    let requests = socket.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let request = String::from_utf8(request).unwrap().to_ascii_lowercase();
        assert!(!request.contains("cookie"), "{request}");
        assert!(!request.contains(SECRET));
    }
}
