//! The frames of a WebSocket (RFC 6455, section 5) as far as lengths go: where each message ends and how long it is. Looks into
//! no payload.

/// Bytes of the longest header of a frame: two, eight of a length, four of a mask.
pub(crate) const HEADER_BYTES_MAX: usize = 14;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the header itself.
    pub(crate) header_bytes: usize,
    /// Bytes of the payload.
    pub(crate) payload_bytes: u64,
    /// Whether it is the last of its message.
    pub(crate) is_last: bool,
    /// Whether it is a control frame, which may stand between the frames of a message.
    pub(crate) is_control: bool,
}

impl FrameHeader {
    /// The header that `bytes` begin with; `None` if more of them are needed.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (payload_bytes, length_bytes) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            length => (u64::from(length), 0),
        };
        let mask_bytes = if second & 0x80 == 0 { 0_usize } else { 4 };
        let header_bytes = mask_bytes.saturating_add(length_bytes).saturating_add(2);
        let is_whole = bytes.len() >= header_bytes;
        is_whole.then_some(Self {
            header_bytes,
            payload_bytes,
            is_last: first & 0x80 != 0,
            is_control: first & 0x08 != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_once_they_are_whole() {
        let header = |header_bytes, payload_bytes, is_last, is_control| FrameHeader {
            header_bytes,
            payload_bytes,
            is_last,
            is_control,
        };
        for (bytes, expected) in [
            (vec![0x81, 0x05], header(2, 5, true, false)),
            (vec![0x01, 0x85, 1, 2, 3, 4], header(6, 5, false, false)),
            (vec![0x80, 126, 1, 0], header(4, 256, true, false)),
            (vec![0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 2, 9, 9, 9, 9], header(14, 0x0100_0002, true, false)),
            (vec![0x89, 0x00], header(2, 0, true, true)),
        ] {
            for length in 0..bytes.len() {
                assert_eq!(FrameHeader::read(&bytes[..length]), None, "{bytes:?}");
            }
            let more = [&bytes[..], &[7; 20]].concat();
            assert_eq!(FrameHeader::read(&bytes), Some(expected), "{bytes:?}");
            assert_eq!(FrameHeader::read(&more), Some(expected), "{bytes:?}");
            assert!(expected.header_bytes <= HEADER_BYTES_MAX);
        }
    }
}
