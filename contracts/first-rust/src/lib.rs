//! A counter for the ABI `packed`: `increment (by: i64) -> i64` adds to a number in storage and returns it.
#![no_std]

/// The functions of the host, by module and name.
mod host {
    #[link(wasm_import_module = "ethereum")]
    unsafe extern "C" {
        #[link_name = "storageLoad"]
        pub(super) fn storage_load(key: *const [u8; 32], value: *mut [u8; 32]);
        #[link_name = "storageStore"]
        pub(super) fn storage_store(key: *const [u8; 32], value: *const [u8; 32]);
    }
}

/// Where the count is in the storage.
const KEY: [u8; 32] = *b"count                           ";

#[unsafe(no_mangle)]
extern "C" fn increment(by: u64) -> u64 {
    let mut value = [0; 32];
    // SAFETY: both point to 32 bytes, which is what the host reads and writes.
    unsafe { host::storage_load(&KEY, &mut value) };
    let (first, _) = value.split_at_mut(8);
    let mut count = [0; 8];
    count.copy_from_slice(first);
    // An overflow panics, which is a trap: the transaction halts and changes nothing.
    let count = u64::from_le_bytes(count).checked_add(by).expect("the counter is full");
    first.copy_from_slice(&count.to_le_bytes());
    // SAFETY: as above.
    unsafe { host::storage_store(&KEY, &value) };
    count
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
