//! Block tracker in Rust, for the `metashrew-documented` ABI: the indexer of `block-tracker-rust`, whose files it shares,
//! with the interface that is published and not the one that is deployed.
//!
//! | export | what |
//! |---|---|
//! | `_start` | indexes the block that is the input; one that is shorter than a header is left out, without a flush |
//! | `getblock` | the block at the height in the argument (u32, little-endian); nothing without one |
//! | `blocktracker` | the first bytes of the hashes of all blocks |
//! | `alloc` | room for the argument of a view |
//!
//! Views take the place and the length of their argument, in memory that the host asks `alloc` for.

#[path = "../../block-tracker-rust/src/flush.rs"]
mod flush;
mod host;
#[path = "../../block-tracker-rust/src/sha256.rs"]
mod sha256;
#[path = "../../block-tracker-rust/src/tracker.rs"]
mod tracker;

/// Indexes a block.
#[unsafe(no_mangle)]
extern "C" fn _start() {
    let (height, block) = host::input();
    let tracker = host::get(&tracker::tracker_key());
    match tracker::index(height, &block, tracker) {
        Some(pairs) => host::flush(&flush::encode(&pairs)),
        None => host::log(&format!("block {height} has {} bytes and no header\n", block.len())),
    }
}

/// Room for `length` bytes, which nothing takes back: the instance ends with the call.
#[unsafe(no_mangle)]
extern "C" fn alloc(length: usize) -> *mut u8 {
    vec![0; length].leak().as_mut_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn getblock(argument: *const u8, length: usize) -> *const u8 {
    // SAFETY: the host has put the argument into memory that it got from `alloc`.
    let argument = unsafe { core::slice::from_raw_parts(argument, length) };
    let block = tracker::asked_height(argument).map(|height| host::get(&tracker::block_key(height)));
    host::result(&block.unwrap_or_default())
}

#[unsafe(no_mangle)]
extern "C" fn blocktracker(_argument: *const u8, _length: usize) -> *const u8 {
    host::result(&host::get(&tracker::tracker_key()))
}
