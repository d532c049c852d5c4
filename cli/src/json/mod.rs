//! JSON that people write. It is read strictly, and each error has the place of the fault.
//!
//! `parse` makes a tree of the text, where each value knows its place; `reader` asks the tree for what a file must have.
//! Names that nothing asks for, names that occur twice and values of another kind are errors. Knows no file format.

mod parse;
mod reader;

pub(crate) use reader::{Document, Fields, Reader};
