//! Stands between Forescale and Prometheus and breaks what passes, in one way after another.
//!
//! Every connection carries one request, so that a switched fault holds from the next request on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Nobody listens on the port.
    Refuse,
    /// The connection is accepted, the request read, nothing ever said.
    BlackHole,
    /// The connection is closed as soon as the request has been read.
    HangUp,
    /// The answer begins after [`SLOW`].
    SlowHeaders,
    /// The answer comes in small pieces that take [`SLOW`] in all.
    SlowBody,
    /// The body ends half-way, short of its declared length.
    CutBody,
    /// The body never ends.
    EndlessBody,
    /// This status, with the body Prometheus writes beside it.
    Status(u16),
    /// 429 with `Retry-After: 1`.
    RateLimited,
    /// 502 with a load balancer's HTML page.
    HtmlError,
    /// 200 with a login page in HTML.
    HtmlOk,
    /// 200 with half a JSON document of the right length.
    GarbageJson,
    /// 200 with JSON that is no answer of Prometheus.
    OtherJson,
    /// No series.
    Empty,
    /// A second series beside the real one.
    ManySeries,
    /// Every sample is this text: `NaN`, `+Inf`, `-Inf`.
    Values(&'static str),
    /// Only samples older than [`STALE`].
    Stale,
    /// The real answer with what the query language warns of beside it.
    Warnings,
    /// Half of the load, and a warning that a store is away.
    Part,
}

/// How long slow answers take: far longer than the time-out that the tests set.
pub const SLOW: Duration = Duration::from_secs(20);

/// The age of the newest sample under [`Fault::Stale`].
pub const STALE: Duration = Duration::from_mins(15);

/// The proxy; closes when dropped.
pub struct FaultProxy {
    /// Where it listens.
    pub addr: SocketAddr,
    fault: watch::Sender<Fault>,
    seen: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Starts one in front of `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (fault, watch) = watch::channel(Fault::Pass);
        let seen = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(accept(listener, addr, upstream, watch, Arc::clone(&seen)));
        Self {
            addr,
            fault,
            seen,
            task,
        }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Switches; returns when no connection under the old fault is accepted any more.
    pub async fn switch(&self, fault: Fault) {
        self.fault.send_replace(fault);
        // A closed port shows at once; one that opens again needs the accept loop's turn.
        let open = fault != Fault::Refuse;
        for _ in 0..200 {
            if TcpStream::connect(self.addr).await.is_ok() == open {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.seen.store(0, Ordering::SeqCst);
    }

    /// Requests since the last switch.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    addr: SocketAddr,
    upstream: SocketAddr,
    mut fault: watch::Receiver<Fault>,
    seen: Arc<AtomicUsize>,
) {
    let mut listener = Some(listener);
    loop {
        let current = *fault.borrow_and_update();
        if current == Fault::Refuse {
            listener = None;
            if fault.changed().await.is_err() {
                return;
            }
            continue;
        }
        if listener.is_none() {
            listener = TcpListener::bind(addr).await.ok();
        }
        let Some(open) = &listener else {
            // The port is still on its way to being free.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tokio::select! {
            changed = fault.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Ok((client, _)) = open.accept() => {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    // An error means that the other side has gone, which is its good right.
                    let _ = serve(client, upstream, current, &seen).await;
                });
            }
        }
    }
}

async fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    fault: Fault,
    seen: &AtomicUsize,
) -> std::io::Result<()> {
    let Some(request) = read_request(&mut client).await? else {
        return Ok(());
    };
    seen.fetch_add(1, Ordering::SeqCst);
    match fault {
        Fault::Refuse | Fault::HangUp => Ok(()),
        Fault::BlackHole => {
            // Held open until the client gives up.
            let _ = client.read(&mut [0_u8; 1]).await;
            Ok(())
        }
        Fault::Pass => client.write_all(&forward(&request, upstream).await?).await,
        Fault::SlowHeaders => {
            tokio::time::sleep(SLOW).await;
            client.write_all(&forward(&request, upstream).await?).await
        }
        Fault::SlowBody => slow_body(&mut client, &forward(&request, upstream).await?).await,
        Fault::CutBody => {
            let answer = forward(&request, upstream).await?;
            let body = body_start(&answer);
            let half = body + (answer.len() - body) / 2;
            client.write_all(&answer[..half]).await
        }
        Fault::EndlessBody => endless(&mut client).await,
        Fault::Status(status) => respond(&mut client, status, "", &status_body(status)).await,
        Fault::RateLimited => {
            let body = status_body(429);
            respond(&mut client, 429, "Retry-After: 1\r\n", &body).await
        }
        Fault::HtmlError => respond(&mut client, 502, "", BAD_GATEWAY).await,
        Fault::HtmlOk => respond(&mut client, 200, "", LOGIN).await,
        Fault::GarbageJson => {
            let body = r#"{"status":"success","data":{"resultType":"matr"#;
            respond(&mut client, 200, "", body).await
        }
        Fault::OtherJson => respond(&mut client, 200, "", r#"{"hello":["world"]}"#).await,
        Fault::Empty
        | Fault::ManySeries
        | Fault::Values(_)
        | Fault::Stale
        | Fault::Warnings
        | Fault::Part => {
            let answer = forward(&request, upstream).await?;
            let body = &answer[body_start(&answer)..];
            let Ok(real) = serde_json::from_slice(body) else {
                return client.write_all(&answer).await;
            };
            respond(&mut client, 200, "", &bend(real, fault).to_string()).await
        }
    }
}

const BAD_GATEWAY: &str =
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
const LOGIN: &str = "<html><head><title>Sign in</title></head><body>Who are you?</body></html>";

/// Reads one request, head and body; `None` when the client only knocked.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    loop {
        let start = body_start(&request);
        if start > 0 && request.len() >= start + content_length(&request[..start]) {
            return Ok(Some(request));
        }
        let mut piece = [0_u8; 8192];
        let read = client.read(&mut piece).await?;
        if read == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&piece[..read]);
    }
}

/// Where the body begins; 0 while the head is not complete.
fn body_start(message: &[u8]) -> usize {
    message
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .map_or(0, |end| end + 4)
}

fn content_length(head: &[u8]) -> usize {
    header(head, "content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

fn header(head: &[u8], name: &str) -> Option<String> {
    String::from_utf8_lossy(head).lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

/// Sends the request on, on a connection of its own and without compression; the whole answer as it came.
///
/// Asks in HTTP/1.0, so that the answer's body is plain and ends with the connection.
async fn forward(request: &[u8], upstream: SocketAddr) -> std::io::Result<Vec<u8>> {
    let start = body_start(request);
    let head = String::from_utf8_lossy(&request[..start]).into_owned();
    let mut lines = head.trim_end().lines();
    let mut plain = lines
        .next()
        .unwrap_or_default()
        .replace("HTTP/1.1", "HTTP/1.0");
    for line in lines {
        let name = line.split(':').next().unwrap_or_default();
        let hop = ["connection", "accept-encoding"];
        if !hop.iter().any(|hop| name.eq_ignore_ascii_case(hop)) {
            plain.push_str("\r\n");
            plain.push_str(line);
        }
    }
    plain.push_str("\r\n\r\n");

    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(plain.as_bytes()).await?;
    server.write_all(&request[start..]).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;

    // Told its length, a client can notice a body that was cut off.
    let start = body_start(&answer);
    let head = String::from_utf8_lossy(&answer[..start]).into_owned();
    let mut lines = head.trim_end().lines();
    let status = lines.next().unwrap_or_default();
    let kind = header(&answer[..start], "content-type").unwrap_or_default();
    let mut told = format!(
        "{}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        status.replace("HTTP/1.0", "HTTP/1.1"),
        answer.len() - start
    )
    .into_bytes();
    told.extend_from_slice(&answer[start..]);
    Ok(told)
}

async fn respond(
    client: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    let kind = if body.starts_with('<') {
        "text/html"
    } else {
        "application/json"
    };
    let head = format!(
        "HTTP/1.1 {status} Because\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await
}

/// What Prometheus writes beside an error status.
fn status_body(status: u16) -> String {
    let (kind, text) = match status {
        400 => ("bad_data", "invalid parameter \"query\": parse error"),
        404 => return "404 page not found\n".to_owned(),
        422 => ("execution", "query processing would load too many samples"),
        429 => ("too_many_requests", "too many outstanding requests"),
        503 => ("timeout", "query timed out in expression evaluation"),
        _ => ("internal", "the server is not well"),
    };
    json!({"status": "error", "errorType": kind, "error": text}).to_string()
}

async fn slow_body(client: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let start = body_start(answer);
    client.write_all(&answer[..start]).await?;
    let body = &answer[start..];
    for piece in body.chunks(body.len().div_ceil(100).max(1)) {
        client.write_all(piece).await?;
        client.flush().await?;
        tokio::time::sleep(SLOW / 100).await;
    }
    Ok(())
}

/// White space without end is the beginning of a JSON document for ever.
async fn endless(client: &mut TcpStream) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await?;
    let piece = vec![b' '; 1 << 16];
    // Bounded all the same: a gibibyte is endless enough.
    for _ in 0..(1 << 14) {
        client.write_all(&piece).await?;
    }
    Ok(())
}

/// Bends a real answer.
fn bend(mut answer: Value, fault: Fault) -> Value {
    let kind = answer["data"]["resultType"].clone();
    let Some(result) = answer["data"]["result"].as_array_mut() else {
        return answer;
    };
    match fault {
        Fault::Empty => result.clear(),
        // A scalar has no series to bend; its value lies in the result itself.
        _ if kind == "scalar" => {}
        Fault::ManySeries => {
            if let Some(first) = result.first().cloned() {
                let mut second = first;
                second["metric"]["pod"] = json!("another");
                result.push(second);
            }
        }
        Fault::Values(text) => {
            for pair in result.iter_mut().flat_map(pairs) {
                pair[1] = json!(text);
            }
        }
        Fault::Stale => make_stale(result),
        Fault::Warnings => {
            answer["warnings"] = json!(["PromQL warning: metric might not be a counter"]);
        }
        Fault::Part => {
            for pair in result.iter_mut().flat_map(pairs) {
                let whole = pair[1].as_str().and_then(|text| text.parse::<f64>().ok());
                if let Some(whole) = whole {
                    pair[1] = json!((whole / 2.0).to_string());
                }
            }
            answer["warnings"] = json!(["one store could not be reached"]);
        }
        _ => {}
    }
    answer
}

/// The samples of a series, of a matrix or a vector.
fn pairs(series: &mut Value) -> impl Iterator<Item = &mut Value> {
    let Value::Object(series) = series else {
        unreachable!("a series is an object");
    };
    series.iter_mut().flat_map(|(key, value)| {
        let pairs: Vec<&mut Value> = match (key.as_str(), value) {
            ("value", pair) => vec![pair],
            ("values", Value::Array(pairs)) => pairs.iter_mut().collect(),
            _ => vec![],
        };
        pairs
    })
}

/// Leaves out the samples that are not old enough; a series without any is left out whole.
fn make_stale(result: &mut Vec<Value>) {
    let newest = (super::now() - STALE).as_secs() as f64;
    let is_old = |pair: &Value| pair[0].as_f64().is_some_and(|secs| secs <= newest);
    for series in result.iter_mut() {
        if let Some(Value::Array(values)) = series.get_mut("values") {
            values.retain(is_old);
        }
    }
    result.retain(|series| {
        series["value"]
            .as_array()
            .is_some_and(|_| is_old(&series["value"]))
            || series["values"].as_array().is_some_and(|v| !v.is_empty())
    });
}
