//! The functions of module `lockstep` that the contract uses, behind safe types (docs/abi-wasi.md).

/// An account's address.
pub type Address = [u8; 20];

mod raw {
    #[link(wasm_import_module = "lockstep")]
    unsafe extern "C" {
        pub fn storage_get(key: *const u8, key_length: usize, out: *mut u8, capacity: usize) -> i32;
        pub fn storage_set(key: *const u8, key_length: usize, value: *const u8, value_length: usize);
        pub fn caller(out: *mut u8);
        pub fn emit(topics: *const [u8; 32], count: usize, data: *const u8, length: usize);
    }
}

/// The first `N` bytes of the value at `key`, zeros where there are none.
pub fn load<const N: usize>(key: &[u8]) -> [u8; N] {
    let mut value = [0; N];
    // SAFETY: the host reads the key and writes at most the capacity.
    unsafe { raw::storage_get(key.as_ptr(), key.len(), value.as_mut_ptr(), N) };
    value
}

/// Puts a value at `key`.
pub fn store(key: &[u8], value: &[u8]) {
    // SAFETY: the host reads both slices.
    unsafe { raw::storage_set(key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
}

/// Who called.
pub fn caller() -> Address {
    let mut address = [0; 20];
    // SAFETY: the host writes 20 bytes.
    unsafe { raw::caller(address.as_mut_ptr()) };
    address
}

/// Emits a log.
pub fn emit(topics: &[[u8; 32]], data: &[u8]) {
    // SAFETY: the host reads both slices.
    unsafe { raw::emit(topics.as_ptr(), topics.len(), data.as_ptr(), data.len()) }
}
