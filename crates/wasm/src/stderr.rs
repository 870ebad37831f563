//! The end of what a plugin writes to its standard error: most toolchains say there why they give
//! up.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// How many bytes are kept.
const KEPT: usize = 2_048;

/// Takes whatever is written and keeps the end of it.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// What there is, if there is anything.
    pub(crate) fn text(&self) -> Option<String> {
        let kept = self.0.lock();
        let (front, back) = kept.as_slices();
        let bytes = [front, back].concat();
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn put(&self, bytes: &[u8]) {
        let mut kept = self.0.lock();
        let new = &bytes[bytes.len().saturating_sub(KEPT)..];
        let excess = (kept.len() + new.len()).saturating_sub(KEPT);
        kept.drain(..excess);
        kept.extend(new);
    }
}

impl AsyncWrite for Tail {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_no_more() {
        let tail = Tail::default();
        assert_eq!(tail.text(), None);
        tail.put(&[b'a'; 3 * KEPT]);
        tail.put(b"the end\n");
        let text = tail.text().unwrap();
        assert!(text.ends_with("aathe end") && text.len() < KEPT);
        tail.clear();
        assert_eq!(tail.text(), None);
    }
}
