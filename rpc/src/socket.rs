//! A connection whose peer is read from only while it takes what is written to it.
//!
//! Whoever asks without reading the answers would have them kept for it, however many they become: a WebSocket may ask again
//! before it was answered. So nothing more is read until the peer has read, and a peer that reads nothing for long is gone.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a peer may read nothing of what waits for it.
const STALL_TIME: Duration = Duration::from_secs(60);

/// A connection.
pub(crate) struct Socket {
    stream: TcpStream,
    /// Runs while the peer does not take what is written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Who wants to read meanwhile.
    reader: Option<Waker>,
}

impl Socket {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, stalled: None, reader: None }
    }

    /// What came of writing, or that the peer has read nothing for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
            std::task::ready!(stalled.as_mut().poll(context));
        }
        self.stalled = None;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        match written {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stalled.is_some() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, bytes)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
