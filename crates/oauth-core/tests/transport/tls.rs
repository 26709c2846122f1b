//! Whom a connection is to.

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::http::HttpSettings;
use oauth_stage::{Answer, Authority, Certificate, Endpoint, Socket, Step};

use crate::support::{Wanted, clock, env, env_with, impatient, strict_builder};
use crate::{ask, ask_of, socket};

#[tokio::test]
async fn r002_a_certificate_that_is_not_the_servers_ends_the_connection_before_a_byte_is_sent() {
    for certificate in [
        Certificate::Expired,
        Certificate::WrongHost,
        Certificate::SelfSigned,
        Certificate::UnknownCa,
    ] {
        let socket = Socket::builder()
            .certificate(certificate)
            .connection(vec![Step::UntilPeerCloses])
            .start()
            .await
            .unwrap();
        let env = env_with(&clock(), |settings| {
            settings.ca_roots = vec![socket.ca_pem().unwrap().to_owned()];
        });
        let error = ask(&env, socket.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{certificate:?}: {error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(error.to_string().contains("ca_roots"), "{error}");
        assert_eq!(
            error.to_string().contains("this machine's clock says 20"),
            certificate == Certificate::Expired,
            "{error}"
        );
        socket.wait_for_ended(1).await;
        assert_eq!(
            (socket.connections(), socket.bytes_seen()),
            (1, 0),
            "{certificate:?}"
        );
    }
}

#[tokio::test]
async fn a_private_root_is_trusted_only_where_it_is_given() {
    let clock = clock();
    let stage = strict_builder(&clock).tls().start().await.unwrap();
    let error = ask_of(Wanted::of(&env(&clock), &stage)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert_eq!(stage.count(Endpoint::Any), 0);

    for only in [false, true] {
        let env = env_with(&clock, |settings| {
            let other = Authority::new().unwrap().pem();
            settings.ca_roots = vec![other + stage.ca_pem().unwrap()];
            settings.only_ca_roots = only;
        });
        ask_of(Wanted::of(&env, &stage)).await.unwrap();
    }
    let versions: Vec<_> = stage
        .log()
        .iter()
        .map(|one| one.request().version())
        .collect();
    assert_eq!(versions, [http::Version::HTTP_2; 2]);
}

#[tokio::test]
async fn a_root_that_is_none_is_refused_at_once() {
    for text in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ] {
        let mut settings = crate::support::settings();
        settings.ca_roots = vec![text.to_owned()];
        let error = oauth_core::env::Env::new(settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_an_error_and_no_wait() {
    let speaks = vec![
        Step::text("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
        Step::UntilPeerCloses,
    ];
    let patient: fn(&mut HttpSettings) = |_| ();
    for (script, patience, kind) in [
        (speaks, patient, ErrorKind::Tls),
        (vec![Step::UntilPeerCloses], impatient, ErrorKind::Timeout),
    ] {
        let socket = socket(script).await;
        let env = env_with(&clock(), patience);
        let url = socket.url().replace("http://", "https://");
        let error = ask(&env, &url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_over_http_2_is_asked_for_again() {
    let clock = clock();
    let stage = strict_builder(&clock).tls().start().await.unwrap();
    stage.lose_answer(Endpoint::Token);
    let env = env_with(&clock, |settings| {
        settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
    });
    ask_of(Wanted::of(&env, &stage)).await.unwrap();
    let log = stage.log();
    let seen: Vec<_> = log
        .iter()
        .map(|one| (one.is_lost(), one.request().version()))
        .collect();
    assert_eq!(
        seen,
        [
            (true, http::Version::HTTP_2),
            (false, http::Version::HTTP_2)
        ]
    );
}

#[tokio::test]
async fn a_head_that_is_too_large_over_http_2_is_a_fault_of_the_protocol() {
    for (length, kind) in [
        (200_000, "Protocol.TooLarge"),
        // HTTP/2 knows no other word for a head that is merely beyond its limit
        (30_000, "Protocol.BadEncoding"),
    ] {
        let clock = clock();
        let stage = strict_builder(&clock).tls().start().await.unwrap();
        let answer = Answer::status(200).header("x", &"a".repeat(length));
        stage.answer_always(Endpoint::Token, Some(answer));
        let env = env_with(&clock, |settings| {
            settings.ca_roots = vec![stage.ca_pem().unwrap().to_owned()];
        });
        let error = ask_of(Wanted::of(&env, &stage)).await.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert_eq!(stage.count(Endpoint::Token), 1, "{kind}");
    }
}
