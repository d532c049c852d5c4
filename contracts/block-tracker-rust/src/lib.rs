//! Block tracker in Rust, for the `metashrew` ABI: keeps every block, its hash, and a list that grows by a byte a block.
//!
//! | export | what |
//! |---|---|
//! | `_start` | indexes the block that is the input; one that is shorter than a header is left out, without a flush |
//! | `getblock` | the block at the height in the argument (u32, little-endian), or at the height looked at |
//! | `blocktracker` | the first bytes of the hashes of all blocks |
//!
//! What is stored where is said in [`tracker`].

use host::Buffer;

mod flush;
mod host;
mod sha256;
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

#[unsafe(no_mangle)]
extern "C" fn getblock() -> *const u8 {
    let (height, argument) = host::input();
    let key = tracker::block_key(tracker::asked_height(&argument).unwrap_or(height));
    Buffer::of(&host::get(&key)).leak()
}

#[unsafe(no_mangle)]
extern "C" fn blocktracker() -> *const u8 {
    Buffer::of(&host::get(&tracker::tracker_key())).leak()
}
