//! A connection whose peer is read from only while it takes what is written to it.
//!
//! Whoever asks without reading the answers would have them kept for it, however many they become: a WebSocket may ask again
//! before it was answered. So nothing more is read until the peer has read, and a peer that reads nothing for long is gone.

use crate::{
    batch::BatchCounter,
    budget::Waiting,
    connection::{Admitted, Connection, IncomingHeader},
};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

/// How long a peer may read nothing of what waits for it.
const STALL_TIME: Duration = Duration::from_secs(60);

/// How long a large message may take: others wait for its room.
const MESSAGE_TIME: Duration = Duration::from_secs(20);

/// Bytes of the payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// Requests of a batch at which a connection ends. Below it the server counts them itself, and answers with an error.
const BATCH_MAX: u64 = 4_096;

/// The frames of a WebSocket as they come.
#[derive(Default)]
struct Incoming {
    header: IncomingHeader,
    /// Bytes of the header that the reader has.
    given: usize,
    /// Whether the frame of the header was admitted.
    is_admitted: bool,
    payload_left: u64,
    /// What the bytes of the payload are masked with, from the next one on; `None` in a control frame.
    mask: Option<[u8; 4]>,
    /// Counts what the message contains, if it is a batch.
    batch: BatchCounter,
    /// Bytes of the message so far, if one was begun.
    message_bytes: Option<u64>,
    /// Whether the message ends with the frame.
    is_last: bool,
    /// Waits for room for the frame.
    waiting: Option<Waiting>,
    /// Runs while a large message comes.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// A connection.
pub(crate) struct Socket {
    stream: TcpStream,
    /// Its place among the sockets that there may be.
    _place: Option<OwnedSemaphorePermit>,
    connection: Arc<Connection>,
    message_bytes_max: u64,
    incoming: Incoming,
    /// Runs while the peer does not take what is written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Who wants to read meanwhile.
    reader: Option<Waker>,
}

impl Socket {
    pub(crate) fn new(
        stream: TcpStream,
        connection: Arc<Connection>,
        message_bytes_max: u32,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let (message_bytes_max, incoming) = (u64::from(message_bytes_max), Incoming::default());
        Self { stream, _place: place, connection, message_bytes_max, incoming, stalled: None, reader: None }
    }

    /// What came of writing, or that the peer has read nothing for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
            ready!(stalled.as_mut().poll(context));
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

    /// Reads frames: a header is given on once there is room for its payload, since whoever gets it makes that room.
    fn poll_frames(&mut self, context: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(deadline) = &mut self.incoming.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        while self.incoming.payload_left == 0 && !self.incoming.is_admitted {
            if self.incoming.header.whole().is_some() {
                ready!(self.poll_admit(context))?;
                break;
            }
            let mut part = ReadBuf::new(self.incoming.header.rest());
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
            let read = part.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            self.incoming.header.length = self.incoming.header.length.saturating_add(read);
        }
        if self.incoming.is_admitted {
            self.give_header(bytes);
            return Poll::Ready(Ok(()));
        }
        let length = usize::try_from(self.incoming.payload_left).unwrap_or(usize::MAX).min(bytes.remaining());
        let mut part = ReadBuf::new(bytes.initialize_unfilled_to(length));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        if self.incoming.count(part.filled()) > BATCH_MAX {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a batch of too many requests")));
        }
        bytes.advance(read);
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        self.incoming.payload_left = self.incoming.payload_left.saturating_sub(read);
        self.incoming.end_message();
        Poll::Ready(Ok(()))
    }

    /// Waits until the frame whose header was read may come.
    fn poll_admit(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let invalid = |why| Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        let Incoming { header, message_bytes, waiting, .. } = &mut self.incoming;
        let Some(frame) = header.whole() else { return invalid("a header that is none") };
        if frame.is_control {
            if frame.payload_bytes > CONTROL_BYTES_MAX {
                return invalid("a control frame is too long");
            }
        } else {
            let all = message_bytes.unwrap_or(0).saturating_add(frame.payload_bytes);
            let length = usize::try_from(frame.payload_bytes).unwrap_or(usize::MAX);
            if all > self.message_bytes_max {
                return invalid("a message is too long");
            }
            let is_first = message_bytes.is_none();
            let admitted = ready!(self.connection.poll_frame(context, (length, is_first), waiting));
            (self.incoming.message_bytes, self.incoming.is_last) = (Some(all), frame.is_last);
            if admitted == Admitted::WithRoom && self.incoming.deadline.is_none() {
                self.incoming.deadline = Some(Box::pin(sleep(MESSAGE_TIME)));
                // Whoever polls it once is woken by it.
                if let Some(deadline) = &mut self.incoming.deadline {
                    let _ = deadline.as_mut().poll(context);
                }
            }
        }
        self.incoming.is_admitted = true;
        Poll::Ready(Ok(()))
    }

    fn give_header(&mut self, bytes: &mut ReadBuf<'_>) {
        let Incoming { header, given, mask, .. } = &mut self.incoming;
        let rest = header.bytes.get(*given..header.length).unwrap_or_default();
        let part = rest.get(..bytes.remaining()).unwrap_or(rest);
        bytes.put_slice(part);
        *given = given.saturating_add(part.len());
        if *given < header.length {
            return;
        }
        let frame = header.whole();
        *mask = frame.filter(|frame| !frame.is_control).map(|_| header.mask());
        (header.length, *given, self.incoming.is_admitted) = (0, 0, false);
        self.incoming.payload_left = frame.map_or(0, |frame| frame.payload_bytes);
        if frame.is_some_and(|frame| !frame.is_control) {
            self.incoming.end_message();
        }
    }
}

impl Incoming {
    /// Reads bytes of a payload. Returns the entries so far, if the message is a batch.
    fn count(&mut self, payload: &[u8]) -> u64 {
        let Some(mask) = &mut self.mask else { return 0 };
        let entries = self.batch.read(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        mask.rotate_left(payload.len() % 4);
        entries
    }

    /// Ends the message if all of it is there.
    fn end_message(&mut self) {
        if self.payload_left == 0 && self.is_last {
            (self.message_bytes, self.is_last, self.deadline) = (None, false, None);
            self.batch = BatchCounter::default();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stalled.is_some() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        if self.connection.is_web_socket() {
            return self.poll_frames(context, bytes);
        }
        let before = bytes.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, bytes))?;
        Poll::Ready(self.connection.read_http(bytes.filled().get(before..).unwrap_or_default()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = written {
            self.connection.wrote(bytes.get(..length).unwrap_or_default());
        }
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        if let Poll::Ready(Ok(mut length)) = written {
            for part in bytes {
                let here = length.min(part.len());
                self.connection.wrote(part.get(..here).unwrap_or_default());
                length = length.saturating_sub(here);
            }
        }
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
