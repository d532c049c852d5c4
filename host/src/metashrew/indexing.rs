//! What a frame of an indexer keeps. Knows nothing of calls.

/// What a frame does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Task {
    /// It indexes a block.
    #[default]
    Block,
    /// It answers from what was indexed.
    View(View),
}

/// A view that a frame calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The export.
    pub name: String,
    /// Whether it is given place and length of its argument; otherwise it asks for it.
    pub is_given_argument: bool,
    /// The export that makes room for the argument, if the module has one.
    pub allocator: Option<Allocator>,
}

/// An export that allocates memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocator {
    /// Its name.
    pub export: &'static str,
    /// Whether it has a second parameter: the class of the object, or an alignment.
    pub has_class: bool,
}

/// What a frame of an indexer keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indexing {
    /// What it does.
    pub task: Task,
    /// Whether a message of keys and values was taken over.
    pub has_flushed: bool,
    /// Whether something went wrong that did not stop it.
    pub has_failed: bool,
}

impl Indexing {
    /// A frame that is about to do `task`.
    pub const fn new(task: Task) -> Self {
        Self { task, has_flushed: false, has_failed: false }
    }

    /// Whether it answers from what was indexed.
    pub const fn is_view(&self) -> bool {
        matches!(self.task, Task::View(_))
    }
}
