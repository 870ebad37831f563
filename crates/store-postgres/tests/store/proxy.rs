//! A way to the server that breaks when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on between the store and a server.
pub(crate) struct Proxy {
    port: u16,
    target: u16,
    ways: Arc<Ways>,
}

/// What becomes of what is said.
#[derive(Default)]
struct Ways {
    /// How many messages pass until one is lost; 0: all pass.
    left: AtomicU64,
    /// How many were lost.
    lost: AtomicU64,
    /// Whether more are to be lost after that one.
    goes_on: AtomicBool,
    /// Whether what is lost is the answer.
    loses_answers: AtomicBool,
    /// Whether nobody gets through.
    is_shut: AtomicBool,
}

/// What becomes of one message.
#[derive(PartialEq)]
enum Fate {
    Passes,
    /// The server never gets it.
    IsLost,
    /// The server gets it, and its answer is lost.
    IsNotAnswered,
}

impl Proxy {
    /// Listens, and passes on to a port of this machine.
    pub(crate) async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let ways = Arc::new(Ways::default());
        let passing = Arc::clone(&ways);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let ways = Arc::clone(&passing);
                // A way that breaks is what it is for.
                tokio::spawn(async move { ways.pass(client, target).await.ok() });
            }
        });
        Self { port, target, ways }
    }

    /// The URL of the same database by this way.
    pub(crate) fn by_this_way(&self, url: &str) -> String {
        url.replace(&format!(":{}/", self.target), &format!(":{}/", self.port))
    }

    /// Loses the message after so many, or the answer to it, and nothing more.
    pub(crate) fn lose_one_after(&self, messages: u64, loses_answer: bool) {
        self.ways.goes_on.store(false, Ordering::SeqCst);
        self.ways
            .loses_answers
            .store(loses_answer, Ordering::SeqCst);
        self.ways.left.store(messages + 1, Ordering::SeqCst);
    }

    /// Loses messages now and then, from now on.
    pub(crate) fn lose_some(&self) {
        self.ways.goes_on.store(true, Ordering::SeqCst);
        self.ways.left.store(20, Ordering::SeqCst);
    }

    /// Loses nothing any more.
    pub(crate) fn lose_nothing(&self) {
        self.ways.goes_on.store(false, Ordering::SeqCst);
        self.ways.left.store(0, Ordering::SeqCst);
    }

    /// How many messages or answers were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.ways.lost.load(Ordering::SeqCst)
    }

    /// Lets nobody through, or everybody again.
    pub(crate) fn shut(&self, is_shut: bool) {
        self.ways.is_shut.store(is_shut, Ordering::SeqCst);
    }
}

impl Ways {
    async fn pass(&self, mut client: TcpStream, target: u16) -> std::io::Result<()> {
        let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
        let (mut from_client, mut from_server) = ([0; 16 * 1_024], [0; 16 * 1_024]);
        loop {
            // Each arm only waits for bytes.
            tokio::select! {
                read = client.read(&mut from_client) => {
                    let read = read?;
                    if read == 0 || self.is_shut.load(Ordering::SeqCst) {
                        return Ok(());
                    }
                    let fate = self.fate();
                    if fate == Fate::IsLost {
                        return Ok(());
                    }
                    server.write_all(&from_client[..read]).await?;
                    if fate == Fate::IsNotAnswered {
                        let _ = server.read(&mut from_server).await?;
                        return Ok(());
                    }
                }
                read = server.read(&mut from_server) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    client.write_all(&from_server[..read]).await?;
                }
            }
        }
    }

    fn fate(&self) -> Fate {
        let left = self
            .left
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if left != Ok(1) {
            return Fate::Passes;
        }
        let lost = self.lost.fetch_add(1, Ordering::SeqCst);
        if self.goes_on.load(Ordering::SeqCst) {
            // Making a connection takes about ten.
            self.left.store(12 + lost * 7 % 31, Ordering::SeqCst);
            self.loses_answers
                .store(!lost.is_multiple_of(4), Ordering::SeqCst);
        }
        match self.loses_answers.load(Ordering::SeqCst) {
            false => Fate::IsLost,
            true => Fate::IsNotAnswered,
        }
    }
}
