use std::io::ErrorKind;
use std::time::Duration;

use oauth_stage::{Socket, Step};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(socket: &Socket) -> TcpStream {
    TcpStream::connect(socket.url().trim_start_matches("http://"))
        .await
        .unwrap()
}

#[tokio::test]
async fn reads_a_request_and_answers() {
    let socket = Socket::script(vec![Step::ReadRequest, Step::json(201, &json!({"a": 1}))])
        .await
        .unwrap();
    let answer = reqwest::Client::new()
        .post(socket.url())
        .body("the body")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"a": 1}));
    let requests = socket.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].ends_with(b"\r\n\r\nthe body"));
    assert_eq!(
        (socket.connections(), socket.bytes_seen()),
        (1, requests[0].len())
    );
}

#[tokio::test]
async fn answers_twice_on_one_connection() {
    let socket = Socket::script(vec![
        Step::ReadRequest,
        Step::json_keep_alive(200, &json!(1)),
        Step::ReadRequest,
        Step::json(200, &json!(2)),
    ])
    .await
    .unwrap();
    let client = reqwest::Client::new();
    for expected in [1, 2] {
        let answer = client.get(socket.url()).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap(), json!(expected));
    }
    assert_eq!(socket.connections(), 1);
}

#[tokio::test]
async fn plays_a_script_for_each_connection_and_repeats_the_last() {
    let socket = Socket::builder()
        .connection(vec![Step::text("first"), Step::Close])
        .connection(vec![Step::text("later"), Step::Close])
        .start()
        .await
        .unwrap();
    for expected in ["first", "later", "later"] {
        let mut text = String::new();
        connect(&socket)
            .await
            .read_to_string(&mut text)
            .await
            .unwrap();
        assert_eq!(text, expected);
    }
    socket.wait_for_ended(3).await;
}

#[tokio::test]
async fn closes_in_order_although_nothing_was_read() {
    let socket = Socket::script(vec![Step::Close]).await.unwrap();
    let mut connection = connect(&socket).await;
    connection.write_all(b"unread").await.unwrap();
    assert_eq!(connection.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn resets() {
    let socket = Socket::script(vec![Step::ReadRequest, Step::Reset])
        .await
        .unwrap();
    let mut connection = connect(&socket).await;
    connection
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let error = connection.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn truncates() {
    let script = vec![
        Step::ReadRequest,
        Step::truncated_json(200, &json!({}), 10),
        Step::Close,
    ];
    let socket = Socket::script(script).await.unwrap();
    let answer = reqwest::get(socket.url()).await.unwrap();
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn holds_until_it_is_released() {
    let script = vec![Step::HoldUntilReleased, Step::text("now"), Step::Close];
    let socket = Socket::script(script).await.unwrap();
    let mut text = String::new();
    let mut connection = connect(&socket).await;
    socket.wait_for_held(1).await;
    let mut nothing = [0; 8];
    assert_eq!(
        connection.try_read(&mut nothing).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    socket.release();
    connection.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "now");
}

#[tokio::test]
async fn drips_and_pauses() {
    let every = Duration::from_millis(1);
    let drip = Step::Drip {
        bytes: b"drop".to_vec(),
        every,
    };
    let socket = Socket::script(vec![Step::Pause(every), drip, Step::Close])
        .await
        .unwrap();
    let mut text = String::new();
    connect(&socket)
        .await
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "drop");
}

#[tokio::test]
async fn is_endless_until_the_peer_goes_away() {
    let socket = Socket::script(vec![Step::Endless {
        chunk: vec![b'x'; 4096],
    }])
    .await
    .unwrap();
    let mut connection = connect(&socket).await;
    let mut bytes = vec![0; 1 << 20];
    connection.read_exact(&mut bytes).await.unwrap();
    drop(connection);
    socket.wait_for_ended(1).await;
}

#[tokio::test]
async fn waits_for_the_peer_to_close() {
    let socket = Socket::script(vec![Step::UntilPeerCloses]).await.unwrap();
    let mut connection = connect(&socket).await;
    connection.write_all(b"12345").await.unwrap();
    connection.shutdown().await.unwrap();
    socket.wait_for_ended(1).await;
    assert_eq!((socket.bytes_seen(), socket.requests().len()), (5, 0));
}

#[tokio::test]
async fn sends_a_bomb_that_a_client_can_decode() {
    let size = 3_000_000;
    let script = vec![
        Step::ReadRequest,
        Step::GzipBomb {
            decoded_bytes: size,
        },
    ];
    let socket = Socket::script(script).await.unwrap();
    let answer: Value = reqwest::get(socket.url())
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["access_token"].as_str().unwrap().len() as u64, size);
}

#[tokio::test]
async fn ends_when_it_is_dropped() {
    let socket = Socket::script(vec![Step::HoldUntilReleased]).await.unwrap();
    let mut connection = connect(&socket).await;
    socket.wait_for_held(1).await;
    drop(socket);
    assert!(matches!(connection.read(&mut [0]).await, Ok(0) | Err(_)));
}
