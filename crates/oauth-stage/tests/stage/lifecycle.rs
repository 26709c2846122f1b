use chrono::{DateTime, TimeDelta};
use oauth_stage::{Authentication, Endpoint, Strict};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{SECRET, answer, client, grant, post_stage};

fn address(stage: &Strict) -> String {
    stage.url().trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn ends_with_its_last_handle() {
    let stage = post_stage().await;
    let (address, other) = (address(&stage), stage.clone());
    drop(stage);
    let mut connection = TcpStream::connect(&address).await.unwrap();
    other.wait_for_connections(1).await;
    drop(other);
    // the connection ends with the task that listens
    assert!(matches!(connection.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn frees_its_port_at_shutdown_and_can_come_up_there_again() {
    let stage = post_stage().await;
    assert_eq!(grant(&stage, &[]).await.0, 200);
    let address = address(&stage);
    stage.shutdown().await;
    assert!(TcpStream::connect(&address).await.is_err());
    assert_eq!(stage.count(Endpoint::Token), 1);

    let (_, port) = address.rsplit_once(':').unwrap();
    let again = Strict::builder()
        .port(port.parse().unwrap())
        .client(client(Authentication::SecretPost(SECRET.into())))
        .start()
        .await
        .unwrap();
    assert_eq!(again.url(), stage.url());
    assert_eq!(grant(&again, &[]).await.0, 200);
}

#[tokio::test]
async fn ends_an_exchange_that_is_held() {
    let stage = post_stage().await;
    let hold = stage.hold(Endpoint::Token);
    let request = tokio::spawn({
        let request = crate::support::post(&stage.token_url()).form(&[("a", "b")]);
        async move { request.send().await }
    });
    hold.arrived(1).await;
    stage.shutdown().await;
    assert!(request.await.unwrap().is_err());
    assert_eq!(stage.log()[0].status(), None);
}

#[tokio::test]
async fn tells_the_time_of_its_clock() {
    let noon = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
    let stage = Strict::builder().clock(move || noon).start().await.unwrap();
    stage.advance(TimeDelta::seconds(20));
    assert_eq!(stage.now().timestamp(), 2_000_000_020);
    let response = reqwest::get(stage.url()).await.unwrap();
    assert_eq!(response.headers()["date"], "Wed, 18 May 2033 03:33:40 GMT");
    assert_eq!(stage.log()[0].at(), stage.now());
}

#[tokio::test]
async fn counts_connections() {
    let stage = post_stage().await;
    let client = reqwest::Client::new();
    for _ in 0..2 {
        answer(client.get(stage.url())).await;
    }
    assert_eq!(stage.connections(), 1);
    answer(reqwest::Client::new().get(stage.url())).await;
    assert_eq!(stage.connections(), 2);
    let connections: Vec<usize> = stage
        .log()
        .iter()
        .map(|one| one.request().connection())
        .collect();
    assert_eq!(connections, [1, 1, 2]);
}

#[tokio::test]
async fn keeps_no_log_where_none_is_wanted() {
    let stage = Strict::builder()
        .without_log()
        .client(client(Authentication::SecretPost(SECRET.into())))
        .start()
        .await
        .unwrap();
    assert_eq!(grant(&stage, &[]).await.0, 200);
    assert_eq!((stage.log().len(), stage.tokens_issued()), (0, 1));
}
