//! Listening, waiting, stopping.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use reqwest::StatusCode;

use super::Running;
use crate::admin::listener::Patience;
use crate::admin::{Config, Heartbeat, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_finishes_its_request_is_let_go() {
    // Long enough where it is not what ends the connection.
    let long = Duration::from_secs(20);
    let short = Duration::from_millis(100);
    let running = async |request, idle| {
        let heartbeat = Heartbeat::new(Duration::from_mins(1));
        Running::with(Config::default(), heartbeat, Patience { request, idle }).await
    };
    let (hasty, tidy) = (running(short, long).await, running(long, short).await);
    let talk = |addr: SocketAddr, lines: &'static [&'static [u8]]| {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut answer = String::new();
        for line in lines {
            // It may have been closed meanwhile, which is what this is about.
            let _ = stream.write_all(line);
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let addr = hasty.addr;
    let drip = tokio::task::spawn_blocking(move || {
        talk(addr, &[b"G", b"E", b"T", b" ", b"/", b"h", b"e", b"a"])
    });
    assert_eq!(drip.await.unwrap(), "", "drop by drop does not prolong it");
    let addr = tidy.addr;
    let idle = tokio::task::spawn_blocking(move || {
        talk(addr, &[b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"])
    });
    assert!(
        idle.await.unwrap().starts_with("HTTP/1.1 200"),
        "answered, then closed"
    );
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_setting() {
    let running = Running::start().await;
    let config = Config {
        addr: running.addr,
        ..Config::default()
    };
    let error = Server::bind(&config).await.unwrap_err().to_string();
    assert!(
        error.contains(&running.addr.to_string()) && error.contains("`admin.addr`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stop_ends_the_server_though_a_client_keeps_its_connection() {
    let running = Running::start().await;
    let client = reqwest::Client::new();
    let answer = client
        .get(format!("{}/healthz", running.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.addr).is_err());
}
