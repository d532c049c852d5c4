//! The host of the `metashrew-documented` ABI behind slices and `Vec`.
//!
//! Host and program exchange buffers by the pointer of their length, which is four bytes, little-endian, with the bytes
//! behind it. The value that `__get` writes has no length: `__get_len` and the result say it.

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

mod env {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) safe fn __host_len() -> usize;
        pub(super) fn __load_input(buffer: *mut u8);
        pub(super) fn __get_len(key: *const u8) -> usize;
        pub(super) fn __get(key: *const u8, value: *mut u8) -> usize;
        pub(super) fn __flush(message: *const u8);
        pub(super) fn __log(text: *const u8);
    }
}

/// Bytes with their length in front.
fn buffer(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_le_bytes(), content].concat()
}

/// What a view returns. The buffer stays where it is: the instance ends with the call.
pub(crate) fn result(content: &[u8]) -> *const u8 {
    buffer(content).leak().as_ptr()
}

/// The height that is indexed, and the block.
pub(crate) fn input() -> (u32, Vec<u8>) {
    let mut bytes = vec![0; LENGTH_BYTES + env::__host_len()];
    // SAFETY: the host writes a length and as many bytes as it said.
    unsafe { env::__load_input(bytes.as_mut_ptr()) };
    let input = &bytes[LENGTH_BYTES..];
    match input.split_first_chunk() {
        Some((height, rest)) => (u32::from_le_bytes(*height), rest.to_vec()),
        None => (0, Vec::new()),
    }
}

/// The value at `key` as the last block left it, empty if there is none.
pub(crate) fn get(key: &[u8]) -> Vec<u8> {
    let key = buffer(key);
    // SAFETY: the key is a buffer, and the host writes as many bytes as it said.
    unsafe {
        let mut value = vec![0; env::__get_len(key.as_ptr())];
        let length = env::__get(key.as_ptr(), value.as_mut_ptr());
        value.truncate(length);
        value
    }
}

/// Writes an encoded `KeyValueFlush`.
pub(crate) fn flush(message: &[u8]) {
    // SAFETY: the message is a buffer.
    unsafe { env::__flush(buffer(message).as_ptr()) };
}

/// Says something to whoever runs the indexer.
pub(crate) fn log(text: &str) {
    // SAFETY: the text is a buffer.
    unsafe { env::__log(buffer(text.as_bytes()).as_ptr()) };
}
