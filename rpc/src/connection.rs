//! What one connection has in memory: the requests of a WebSocket that are not answered yet, and the answers that its peer has not
//! read. Counted where bytes pass the socket, so that nothing is counted that is gone, and nothing is left out.

use crate::{
    budget::{Budget, Room, Waiting},
    frames::{FrameHeader, HEADER_BYTES_MAX},
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Bytes of requests, and as many of answers, that each connection may have without asking for room.
pub(crate) const FREE_BYTES: usize = 64 * 1_024;

/// Bytes of a head of HTTP.
const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4). One has any number of requests at once.
const HTTP_2: &[u8; 4] = b"PRI ";

/// How long a message of a subscription waits for room.
const ROOM_TIME: Duration = Duration::from_secs(10);

/// What all connections may have together.
#[derive(Clone, Debug)]
pub(crate) struct Budgets {
    /// Requests while they come in and are worked on.
    pub(crate) requests: Budget,
    /// Answers and messages of subscriptions until they are read.
    pub(crate) answers: Budget,
}

/// What a connection speaks.
#[derive(Debug, Default, PartialEq, Eq)]
enum Protocol {
    #[default]
    Http,
    WebSocket,
}

/// The first head of a connection: whether its end has come, and anything behind it.
#[derive(Debug, Default)]
struct FirstHead {
    /// The first bytes.
    begins: Vec<u8>,
    line_bytes: usize,
    has_lines: bool,
    is_over: bool,
    is_followed: bool,
}

impl FirstHead {
    fn read(&mut self, bytes: &[u8]) {
        let more = HTTP_2.len().saturating_sub(self.begins.len());
        self.begins.extend(bytes.iter().take(more));
        for &byte in bytes {
            match byte {
                _ if self.is_over => {
                    self.is_followed = true;
                    return;
                }
                b'\n' if self.line_bytes == 0 => self.is_over = self.has_lines,
                b'\n' => (self.line_bytes, self.has_lines) = (0, true),
                b'\r' => {}
                _ => self.line_bytes = self.line_bytes.saturating_add(1),
            }
        }
    }
}

/// What is written to a WebSocket: the head of the answer to its handshake, then frames.
#[derive(Debug, Default)]
struct Outgoing {
    head: FirstHead,
    header: Vec<u8>,
    payload_left: u64,
    is_last: bool,
    message_bytes: u64,
}

impl Outgoing {
    /// Calls `sent` with the bytes of each message that ends in `bytes`.
    fn write(&mut self, mut bytes: &[u8], mut sent: impl FnMut(u64)) {
        while let Some((first, rest)) = bytes.split_first() {
            if !self.head.is_over {
                self.head.read(core::slice::from_ref(first));
                bytes = rest;
            } else if self.payload_left > 0 {
                let length = bytes.len().min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                bytes = bytes.get(length..).unwrap_or_default();
                self.payload_left = self.payload_left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                self.ended(&mut sent);
            } else {
                self.header.push(*first);
                bytes = rest;
                let Some(header) = FrameHeader::read(&self.header) else { continue };
                self.header.clear();
                self.payload_left = header.payload_bytes;
                self.is_last = header.is_last && !header.is_control;
                if !header.is_control {
                    self.message_bytes = self.message_bytes.saturating_add(header.payload_bytes);
                }
                self.ended(&mut sent);
            }
        }
    }

    fn ended(&mut self, sent: &mut impl FnMut(u64)) {
        if self.payload_left == 0 && self.is_last {
            sent(core::mem::take(&mut self.message_bytes));
            self.is_last = false;
        }
    }
}

#[derive(Debug, Default)]
struct State {
    protocol: Protocol,
    head: FirstHead,
    /// Requests of HTTP whose bodies are being read.
    bodies: usize,
    /// Bytes that were read since the last request, while no body is.
    unasked_bytes: usize,
    outgoing: Outgoing,
    /// Messages of a WebSocket that were begun and not answered, and those of subscriptions that were not sent.
    open: u64,
    /// Bytes of messages since there was none.
    request_bytes: usize,
    request_room: Option<Room>,
    /// Bytes of answers that were not sent.
    unsent_bytes: usize,
    answer_room: Option<Room>,
    reader: Option<Waker>,
}

impl State {
    /// Gives everything back if nothing is open.
    fn settle(&mut self) {
        if self.open > 0 {
            return;
        }
        (self.request_bytes, self.unsent_bytes) = (0, 0);
        (self.request_room, self.answer_room) = (None, None);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn sent(&mut self, bytes: u64) {
        self.open = self.open.saturating_sub(1);
        self.unsent_bytes = self.unsent_bytes.saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
        if let Some(room) = &mut self.answer_room {
            room.shrink(self.unsent_bytes);
        }
        self.settle();
    }

    fn put_answer(&mut self, bytes: usize, room: Option<Room>) {
        self.unsent_bytes = self.unsent_bytes.saturating_add(bytes);
        match (&mut self.answer_room, room) {
            (Some(there), Some(room)) => there.add(room),
            (there @ None, room) => *there = room,
            (Some(_), None) => {}
        }
    }
}

/// A connection, as its socket and those who answer it see it.
#[derive(Debug)]
pub(crate) struct Connection {
    budgets: Budgets,
    state: Mutex<State>,
}

impl Connection {
    pub(crate) fn new(budgets: Budgets) -> Arc<Self> {
        Arc::new(Self { budgets, state: Mutex::new(State::default()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_web_socket(&self) -> bool {
        self.state().protocol == Protocol::WebSocket
    }

    /// Begins to read frames. `false` if something came behind the head: a client waits for the answer, and what is read
    /// before is not counted.
    pub(crate) fn begin_web_socket(&self) -> bool {
        let mut state = self.state();
        let may = state.protocol == Protocol::Http && state.head.is_over && !state.head.is_followed;
        if may {
            state.protocol = Protocol::WebSocket;
        }
        may
    }

    /// The handshake came to nothing. What follows is HTTP, and never a WebSocket.
    pub(crate) fn end_web_socket(&self) {
        let mut state = self.state();
        (state.protocol, state.head.is_followed) = (Protocol::Http, true);
    }

    /// A request of HTTP has come, and its body begins.
    pub(crate) fn begin_body(&self) {
        let mut state = self.state();
        (state.bodies, state.unasked_bytes) = (state.bodies.saturating_add(1), 0);
    }

    /// The body is there.
    pub(crate) fn end_body(&self) {
        let mut state = self.state();
        (state.bodies, state.unasked_bytes) = (state.bodies.saturating_sub(1), 0);
    }

    /// Bytes of HTTP have come.
    ///
    /// # Errors
    ///
    /// That a head is too long, or none of HTTP/1.
    pub(crate) fn read_http(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.head.read(bytes);
        if state.head.begins == HTTP_2 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is HTTP/2"));
        }
        if state.bodies == 0 {
            state.unasked_bytes = state.unasked_bytes.saturating_add(bytes.len());
        }
        if state.unasked_bytes > HEAD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a head of HTTP is too long"));
        }
        Ok(())
    }

    /// Whether a frame with that many bytes may be read: at once if all that is open has little, otherwise once nothing else
    /// is and there is room. `waiting` is kept between the calls.
    pub(crate) fn poll_frame(
        &self,
        context: &mut Context<'_>,
        (bytes, is_first): (usize, bool),
        waiting: &mut Option<Waiting>,
    ) -> Poll<Admitted> {
        let mut state = self.state();
        if state.request_bytes.saturating_add(bytes) > FREE_BYTES {
            if is_first && state.open > 0 {
                state.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            let room = waiting.get_or_insert_with(|| self.budgets.requests.take(bytes));
            let room = std::task::ready!(room.as_mut().poll(context));
            match (&mut state.request_room, room) {
                (Some(there), Some(room)) => there.add(room),
                (there, room) => *there = room,
            }
        }
        *waiting = None;
        state.open = state.open.saturating_add(u64::from(is_first));
        state.request_bytes = state.request_bytes.saturating_add(bytes);
        Poll::Ready(if state.request_bytes > FREE_BYTES { Admitted::WithRoom } else { Admitted::Freely })
    }

    /// Bytes were written to the peer.
    pub(crate) fn wrote(&self, bytes: &[u8]) {
        let mut state = self.state();
        if state.protocol == Protocol::WebSocket {
            let mut outgoing = core::mem::take(&mut state.outgoing);
            outgoing.write(bytes, |length| state.sent(length));
            state.outgoing = outgoing;
        }
    }

    /// Counts an answer before it waits to be sent. `false` if there is no room for it.
    pub(crate) fn put_answer(&self, bytes: usize) -> bool {
        let mut state = self.state();
        let is_little = state.unsent_bytes.saturating_add(bytes) <= FREE_BYTES;
        let room = if is_little { None } else { self.budgets.answers.try_take(bytes) };
        let has_room = is_little || room.is_some();
        if has_room {
            state.put_answer(bytes, room);
        }
        has_room
    }

    /// There is no answer to a message.
    pub(crate) fn no_answer(&self) {
        self.state().sent(0);
    }

    /// Something is sent that answers no message by itself.
    pub(crate) fn put_unasked(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_add(1);
    }

    /// Counts a message of a subscription before it waits to be sent. `false` if there was no room for it for long.
    pub(crate) async fn put_event(&self, bytes: usize) -> bool {
        let is_little = self.state().unsent_bytes.saturating_add(bytes) <= FREE_BYTES;
        let room = match is_little {
            true => None,
            false => match tokio::time::timeout(ROOM_TIME, self.budgets.answers.take(bytes)).await {
                Ok(Some(room)) => Some(room),
                Ok(None) | Err(_) => return false,
            },
        };
        let mut state = self.state();
        state.open = state.open.saturating_add(1);
        state.put_answer(bytes, room);
        true
    }
}

/// A frame may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It has little.
    Freely,
    /// Others may wait for its room: it has to come soon.
    WithRoom,
}

/// The header of a frame that is being read.
#[derive(Debug, Default)]
pub(crate) struct IncomingHeader {
    pub(crate) bytes: [u8; HEADER_BYTES_MAX],
    pub(crate) length: usize,
}

impl IncomingHeader {
    /// The header once it is whole.
    pub(crate) fn whole(&self) -> Option<FrameHeader> {
        FrameHeader::read(self.bytes.get(..self.length)?)
    }

    /// What the payload is masked with, once the header is whole: its last four bytes, if it says that there are any.
    pub(crate) fn mask(&self) -> [u8; 4] {
        let is_masked = self.bytes.get(1).is_some_and(|second| second & 0x80 != 0);
        let mask = self.bytes.get(..self.length).and_then(<[u8]>::last_chunk::<4>);
        mask.copied().filter(|_| is_masked).unwrap_or_default()
    }

    /// Where the next bytes of it go: never bytes of the payload.
    pub(crate) fn rest(&mut self) -> &mut [u8] {
        let length = match self.bytes.get(..self.length) {
            Some(&[_, second, ..]) => {
                let of_length = match second & 0x7f {
                    126 => 2_usize,
                    127 => 8,
                    _ => 0,
                };
                of_length.saturating_add(if second & 0x80 == 0 { 2 } else { 6 })
            }
            _ => 2,
        };
        self.bytes.get_mut(self.length..length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_seen_however_they_are_cut() {
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n".to_vec();
        // A text, a ping, an empty text, a long one, one in two frames with a ping between them.
        bytes.extend([&[0x81, 3][..], b"abc", &[0x89, 2, 1, 1], &[0x81, 0], &[0x81, 126, 1, 44], &[7; 300]].concat());
        bytes.extend([&[0x01, 2][..], b"ab", &[0x89, 0], &[0x80, 1], b"c"].concat());
        for step in 1..bytes.len() {
            let (mut outgoing, mut messages) = (Outgoing::default(), Vec::new());
            bytes.chunks(step).for_each(|part| outgoing.write(part, |length| messages.push(length)));
            assert_eq!(messages, [3, 0, 300, 3], "in parts of {step}");
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for (text, is_over, is_followed) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n", false, false),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", true, false),
            ("\r\n\r\nGET / HTTP/1.1\n\n", true, false),
            ("GET / HTTP/1.1\r\n\r\n\r\n", true, true),
            ("GET / HTTP/1.1\n\r\nx", true, true),
        ] {
            for step in 1..=text.len() {
                let mut head = FirstHead::default();
                text.as_bytes().chunks(step).for_each(|part| head.read(part));
                assert_eq!((head.is_over, head.is_followed), (is_over, is_followed), "{text:?} in parts of {step}");
            }
        }
    }
}
