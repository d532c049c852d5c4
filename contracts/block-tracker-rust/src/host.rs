//! The host of the `metashrew` ABI behind slices and `Vec`.
//!
//! Host and program exchange buffers as AssemblyScript's `ArrayBuffer`: the pointer is that of the first byte, and the
//! length is in the four bytes before it, little-endian.

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

mod env {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) safe fn __host_len() -> usize;
        pub(super) fn __load_input(buffer: *mut u8);
        pub(super) fn __get_len(key: *const u8) -> usize;
        pub(super) fn __get(key: *const u8, value: *mut u8);
        pub(super) fn __flush(message: *const u8);
        pub(super) fn __log(text: *const u8);
    }
}

/// Bytes with their length in front.
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// A buffer of zeros.
    fn zeros(length: usize) -> Self {
        let mut bytes = vec![0; LENGTH_BYTES + length];
        bytes[..LENGTH_BYTES].copy_from_slice(&(length as u32).to_le_bytes());
        Self(bytes)
    }

    /// A buffer with these bytes.
    pub(crate) fn of(content: &[u8]) -> Self {
        let mut buffer = Self::zeros(content.len());
        buffer.0[LENGTH_BYTES..].copy_from_slice(content);
        buffer
    }

    fn pointer(&self) -> *const u8 {
        self.0[LENGTH_BYTES..].as_ptr()
    }

    fn pointer_mut(&mut self) -> *mut u8 {
        self.0[LENGTH_BYTES..].as_mut_ptr()
    }

    fn into_content(mut self) -> Vec<u8> {
        self.0.drain(..LENGTH_BYTES);
        self.0
    }

    /// What a view returns. The buffer stays where it is: the instance ends with the call.
    pub(crate) fn leak(self) -> *const u8 {
        let bytes: &'static [u8] = self.0.leak();
        bytes[LENGTH_BYTES..].as_ptr()
    }
}

/// The height that is indexed or looked at, and the block or the argument of the view.
pub(crate) fn input() -> (u32, Vec<u8>) {
    let mut buffer = Buffer::zeros(env::__host_len());
    // SAFETY: the host writes as many bytes as it said.
    unsafe { env::__load_input(buffer.pointer_mut()) };
    let input = buffer.into_content();
    match input.split_first_chunk() {
        Some((height, rest)) => (u32::from_le_bytes(*height), rest.to_vec()),
        None => (0, Vec::new()),
    }
}

/// The value at `key` as the last block left it, empty if there is none.
pub(crate) fn get(key: &[u8]) -> Vec<u8> {
    let key = Buffer::of(key);
    // SAFETY: the key is a buffer, and the host writes as many bytes as it said.
    let value = unsafe {
        let mut value = Buffer::zeros(env::__get_len(key.pointer()));
        env::__get(key.pointer(), value.pointer_mut());
        value
    };
    value.into_content()
}

/// Writes an encoded `KeyValueFlush`.
pub(crate) fn flush(message: &[u8]) {
    // SAFETY: the message is a buffer.
    unsafe { env::__flush(Buffer::of(message).pointer()) };
}

/// Says something to whoever runs the indexer.
pub(crate) fn log(text: &str) {
    // SAFETY: the text is a buffer.
    unsafe { env::__log(Buffer::of(text.as_bytes()).pointer()) };
}
