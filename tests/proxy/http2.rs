//! HTTP/2 with prior knowledge and gRPC, between peers that are not built on the relay's own libraries.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use boatyard::proxy::{Limits, Policy, Target};
use boatyard::telemetry::{Exchange, ExchangeStatus};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::OnceCell;

use super::corpus::corpus;
use super::harness::{Relay, Run, orders, read_to_end};
use super::until::until;

/// A Python that has these packages, made once for all tests; `None`, with a word, where that cannot be.
async fn python() -> Option<&'static Path> {
    static MADE: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let made = MADE.get_or_init(|| async {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        let python = folder.join("bin/python");
        let has = async || {
            let mut imports = Command::new(&python);
            imports
                .args(["-c", "import grpc, h2"])
                .stderr(Stdio::null());
            imports.status().await.is_ok_and(|status| status.success())
        };
        if !has().await {
            let mut create = Command::new("python3");
            create.args(["-m", "venv"]).arg(&folder);
            let venv = create.output().await;
            let mut install = Command::new(&python);
            install.args(["-m", "pip", "-q", "install", "grpcio", "h2"]);
            let packages = install.output().await;
            if !has().await {
                println!("skipped: no Python with grpcio and h2 ({venv:?}, {packages:?})");
                return None;
            }
        }
        Some(python)
    });
    made.await.as_deref()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proxy/h2_peer.py")
}

/// A server of `h2_peer.py` with this name, ended when dropped.
async fn serve(python: &Path, name: &str) -> (Child, SocketAddr) {
    let mut server = Command::new(python);
    server.arg(script()).args(["server", name]);
    let (child, mut said) = piped(server);
    let mut port = String::new();
    said.read_line(&mut port).await.unwrap();
    let address = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
    (child, address)
}

fn piped(mut command: Command) -> (Child, BufReader<ChildStdout>) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

fn report(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said + &String::from_utf8_lossy(&output.stderr)
}

fn recorded(relay: &Relay) -> Vec<Exchange> {
    relay.recorded.lock().unwrap().clone()
}

fn at<'a>(exchanges: &'a [Exchange], path: &str) -> Vec<&'a Exchange> {
    let is_there = |exchange: &&Exchange| exchange.path.starts_with(path);
    exchanges.iter().filter(is_there).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_pass_as_they_are_and_each_is_an_exchange() {
    let Some(python) = python().await else {
        return;
    };
    let (_server, address) = serve(python, "first").await;
    let relay = Relay::to(address).await;
    let mut check = Command::new(python);
    check
        .arg(script())
        .arg("check")
        .arg(relay.address.to_string());
    let output = check.output().await.unwrap();
    assert!(output.status.success(), "{}", report(&output));
    let exchanges = recorded(&relay);
    let echoed = at(&exchanges, "/echo");
    let large = echoed.iter().find(|one| one.request_bytes == 3_000_000);
    let large = large.expect("the large body is recorded");
    assert_eq!(
        (large.response_bytes, &large.status, large.run),
        (3_000_000, &ExchangeStatus::Http(200), 1)
    );
    assert!(large.request_body.truncated && large.response_body.bytes.len() == 16 << 10);
    let small = echoed.iter().find(|one| one.request_bytes == 15).unwrap();
    assert_eq!(&*small.response_body.bytes, b"abcabcabcabcabc");
    let status = |path: &str| at(&exchanges, path)[0].status.clone();
    assert_eq!(status("/slow"), ExchangeStatus::CallerLeft);
    assert_eq!(status("/chat"), ExchangeStatus::Bytes);
    assert_eq!(status("/refuse-once"), ExchangeStatus::Http(200));
    assert!(matches!(status("/reset?11"), ExchangeStatus::Failed(_)));
    assert!(matches!(status("/die"), ExchangeStatus::Failed(_)));
    let traced = at(&exchanges, "/who");
    assert!(traced.iter().any(|one| one.parent.is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_keeps_its_connection_goes_over_to_new_runs_without_an_error() {
    let Some(python) = python().await else {
        return;
    };
    let (_first, first) = serve(python, "first").await;
    let (_second, second) = serve(python, "second").await;
    // Its first streams are held, because there is no run yet.
    let mut relay = Relay::holding(Limits::default()).await;
    let mut keep = Command::new(python);
    keep.arg(script())
        .arg("keep")
        .arg(relay.address.to_string());
    let (mut caller, said) = piped(keep);
    let mut said = said.lines();
    until("a stream is held", || relay.routes.held(&orders()) == 1).await;
    for (run, address, name) in [
        (1, first, "first"),
        (2, second, "second"),
        (3, first, "first"),
    ] {
        relay.send_to(&[(run, address)]);
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some(name));
        // The run before has nothing under way.
        relay.routes.drained(run - 1).await;
    }
    relay.routes.set(&orders(), Target::Hold);
    until("a stream is held", || relay.routes.held(&orders()) == 1).await;
    relay.send_to(&[(4, second)]);
    assert_eq!(said.next_line().await.unwrap().as_deref(), Some("second"));
    drop(caller.stdin.take());
    let last = said.next_line().await.unwrap().unwrap();
    let asked: usize = last.strip_prefix("asked ").unwrap().parse().unwrap();
    assert!(caller.wait().await.unwrap().success());
    let exchanges = relay.exchanges(asked).await;
    assert!(
        exchanges
            .iter()
            .all(|one| one.status == ExchangeStatus::Http(200))
    );
    assert!(!exchanges[0].held.is_zero());
    relay.stop();
    relay.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_of_grpc_passes_and_its_status_is_read() {
    let (Some(cases), Some(python)) = (corpus("harness/grpc_through.py"), python().await) else {
        return;
    };
    // The script listens where it is told; between this and then nobody else is likely to take it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let mut server = Command::new(python);
    server
        .arg(&cases)
        .arg("server")
        .arg(address.port().to_string());
    let (_server, mut said) = piped(server);
    said.read_line(&mut String::new()).await.unwrap();
    let relay = Relay::to(address).await;
    let mut client = Command::new(python);
    client
        .arg(&cases)
        .arg("client")
        .arg(relay.address.to_string());
    let output = client.output().await.unwrap();
    let passed = report(&output)
        .lines()
        .filter(|line| line.starts_with("ok"))
        .count();
    assert!(
        output.status.success() && passed >= 18,
        "{}",
        report(&output)
    );
    let exchanges = recorded(&relay);
    assert!(
        exchanges.iter().all(|one| one.method == "gRPC"),
        "{exchanges:#?}"
    );
    let with = |path: &str, code| {
        let all = at(&exchanges, path);
        all.iter()
            .filter(|one| one.status == ExchangeStatus::Grpc(code))
            .count()
    };
    assert!(with("/corpus.Test/Unary", 0) >= 100);
    // As told by the run in a head alone, in trailers, after messages; and as the caller's deadline made it.
    assert_eq!(
        (with("/no.Such/X", 12), with("/corpus.Test/Nope", 12)),
        (1, 1)
    );
    assert_eq!(
        (with("/corpus.Test/Unary", 2), with("/corpus.Test/Bidi", 15)),
        (2, 1)
    );
    assert_eq!(with("/corpus.Test/Unary", 4), 1);
    let left = |path: &str| {
        at(&exchanges, path)
            .iter()
            .any(|one| one.status == ExchangeStatus::CallerLeft)
    };
    assert!(left("/corpus.Test/Server"), "{exchanges:#?}");
    assert!(exchanges.iter().filter(|one| one.is_error()).count() >= 6);
}

/// Calls `/corpus.Test/Unary` once and prints the code and the details.
const CALL: &str = "import grpc, sys
call = grpc.insecure_channel(sys.argv[1]).unary_unary('/corpus.Test/Unary')
try: call(b'x', timeout=10); print('OK')
except grpc.RpcError as e: print(e.code().name, e.details())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_no_run_gets_fails_with_the_reason() {
    let Some(python) = python().await else {
        return;
    };
    let relay = Relay::holding(Limits::default()).await;
    relay
        .routes
        .set(&orders(), Target::Refuse("its build failed".into()));
    let mut call = Command::new(python);
    call.args(["-c", CALL]).arg(relay.address.to_string());
    let output = call.output().await.unwrap();
    assert_eq!(
        report(&output).trim(),
        "UNAVAILABLE orders is not ready: its build failed"
    );
    let exchange = relay.exchange().await;
    assert_eq!(
        (exchange.status.clone(), exchange.is_error()),
        (ExchangeStatus::Grpc(14), true)
    );
}

#[tokio::test]
async fn a_run_that_does_not_speak_it_gets_the_callers_bytes() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0and more";
    const NO: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let run = Run::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut said = vec![0; PREFACE.len()];
            let length = stream.read(&mut said).await.unwrap();
            stream.write_all(NO).await.unwrap();
            tell.send(said[..length].to_vec()).unwrap();
        }
    })
    .await;
    let relay = Relay::to(run.address).await;
    let mut caller = relay.connect().await;
    caller.write_all(PREFACE).await.unwrap();
    assert_eq!(read_to_end(&mut caller).await.as_bytes(), NO);
    // The first was the relay's own question.
    drop(told.recv().await.unwrap());
    assert_eq!(told.recv().await.unwrap(), PREFACE);
    drop(caller);
    assert_eq!(relay.exchange().await.status, ExchangeStatus::Bytes);
}

/// Answers with `curl`, which is built on nghttp2.
async fn curl(relay: &Relay, arguments: &[&str], path: &str) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["-s", "--http2-prior-knowledge", "-m", "10"])
        .args(arguments);
    curl.arg(format!("http://{}{path}", relay.address));
    match curl.output().await {
        Ok(output) => Some(report(&output)),
        Err(error) => {
            println!("skipped: curl: {error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_and_no_secret_in_what_is_kept() {
    let Some(python) = python().await else {
        return;
    };
    let (_server, address) = serve(python, "first").await;
    let relay = Arc::new(Relay::to(address).await);
    let redact: Arc<[String]> = ["hunter2".to_owned()].into();
    let policy = Policy {
        redact,
        ..Policy::default()
    };
    relay.routes.set_policy(&orders(), policy);
    let body = [
        "-d",
        "{\"key\": \"hunter2\"}",
        "-H",
        "cookie: a=b",
        "-w",
        " %{http_version}",
    ];
    let Some(answer) = curl(&relay, &body, "/echo").await else {
        return;
    };
    assert_eq!(answer, "{\"key\": \"hunter2\"} 2");
    let exchange = relay.exchange().await;
    for kept in [exchange.asked(), exchange.answered()] {
        assert_eq!(&*kept.unwrap().head.bytes, b"{\"key\": \"***\"}");
    }
    let kind = exchange.asked().unwrap().content_type;
    assert_eq!(kind, Some("application/x-www-form-urlencoded"));
    assert_eq!(exchange.request_headers.get("cookie"), Some("***"));
}
