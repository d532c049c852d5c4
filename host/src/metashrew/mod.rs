//! Block indexers of Metashrew: an indexer is run on each block and writes keys and values; its views read them.
//!
//! An indexer reads the state as the last block left it; what this block has written already is not seen. `imports` holds
//! its functions, `dialect` what the two dialects differ in; `key_value_flush`, the message that it writes, is pure.

mod buffer;
mod dialect;
pub(crate) mod imports;
mod indexing;
pub mod key_value_flush;
mod view;

pub use indexing::{Allocator, Indexing, Task, View};
pub use view::{place_argument, view_result};
