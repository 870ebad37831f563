//! A server on the loopback interface that counts what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The header `Idempotency-Key`.
    pub(crate) key: Option<String>,
}

/// Answers `{}` to every request but the first of those to `/held`, which it never answers.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepts: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    came: Condvar,
    is_over: AtomicBool,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let accepts = thread::spawn(move || {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if serving.is_over.load(Ordering::Acquire) {
                    break;
                }
                let serving = Arc::clone(&serving);
                connections.push(thread::spawn(move || serving.answer(stream)));
            }
            for connection in connections {
                connection.join().unwrap();
            }
        });
        Self {
            address,
            shared,
            accepts: Some(accepts),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests to a path, in the order in which they came.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.shared.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// Waits for the first request to a path.
    pub(crate) fn wait_for(&self, path: &str) {
        let requests = self.shared.requests.lock().unwrap();
        let came = |requests: &mut Vec<Request>| requests.iter().all(|one| one.path != path);
        let patience = Duration::from_secs(120);
        let waited = self
            .shared
            .came
            .wait_timeout_while(requests, patience, came);
        assert!(!waited.unwrap().1.timed_out(), "nobody asks for {path}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes it.
        let _ = TcpStream::connect(self.address);
        if let Some(accepts) = self.accepts.take() {
            let ended = accepts.join();
            assert!(ended.is_ok() || thread::panicking());
        }
    }
}

impl Shared {
    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            // Whoever breaks off in the middle asks nothing.
            if !matches!(reader.read_line(&mut line), Ok(1..)) {
                return;
            }
            if line.trim_end().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
        }
        if reader.read_exact(&mut vec![0; length]).is_err() {
            return;
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_key = name.eq_ignore_ascii_case("idempotency-key");
            is_key.then(|| value.trim().to_owned())
        });
        let is_held = {
            let mut requests = self.requests.lock().unwrap();
            let is_first = requests.iter().all(|one| one.path != path);
            requests.push(Request {
                path: path.clone(),
                key,
            });
            is_first && path == "/held"
        };
        self.came.notify_all();
        if is_held {
            // Until the other side is gone.
            let _ = reader.read(&mut [0]);
            return;
        }
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        // Nobody has to wait for it.
        let _ = reader.into_inner().write_all(answer.as_bytes());
    }
}
