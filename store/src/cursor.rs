//! Walking a tree from its root down, one bit at a time: for proofs and witnesses.

use crate::{
    error::StoreError,
    node::{Child, TreeNode, nibble_of},
    page::{BOTTOM, Leaf, Page, Place, Sub, bit, hash_of_leaves, split},
    proof::Kind,
    update::Source,
};
use lockstep_vm::B256;
use std::sync::Arc;

/// A node of a tree.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    source: &'a dyn Source,
    pub(crate) place: Place,
    /// The hash of the node.
    pub(crate) hash: B256,
    within: Within,
}

/// Where the hashes below a node are.
#[derive(Clone)]
enum Within {
    /// In a page of its own, or nowhere.
    Edge,
    /// In a page, below the node with that number.
    Page(Arc<Page>, usize),
    /// Made of these leaves.
    Leaves(Vec<Leaf>),
}

impl<'a> Cursor<'a> {
    /// The root of a tree.
    pub(crate) fn root(source: &'a dyn Source, place: Place, hash: B256) -> Self {
        Self { source, place, hash, within: Within::Edge }
    }

    /// What the node is.
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(&self.hash)
    }

    /// The two nodes below it, if it is an internal one.
    pub(crate) fn children(&self) -> Result<(Self, Self), StoreError> {
        let within = match &self.within {
            Within::Edge => match self.source.sub(&self.place, &self.hash)? {
                Sub::Page(page) => Within::Page(page, 1),
                Sub::Leaves(leaves) => Within::Leaves(leaves.to_vec()),
            },
            known => known.clone(),
        };
        let child = |bit, hash, within| Self { source: self.source, place: self.place.child(bit), hash, within };
        match within {
            Within::Page(page, number) => {
                let (left, right) = page.children(number).ok_or_else(|| self.source.missing(&self.place))?;
                let below = |bit: bool| {
                    let number = number.saturating_mul(2).saturating_add(usize::from(bit));
                    if number < BOTTOM { Within::Page(Arc::clone(&page), number) } else { Within::Edge }
                };
                Ok((child(false, left, below(false)), child(true, right, below(true))))
            }
            Within::Leaves(leaves) => {
                let (left, right) = split(&leaves, self.place.depth);
                let hash = |leaves| hash_of_leaves(leaves, self.place.depth.saturating_add(1), &mut 0);
                let [left, right] = [(false, left), (true, right)]
                    .map(|(bit, leaves)| child(bit, hash(leaves), Within::Leaves(leaves.to_vec())));
                Ok((left, right))
            }
            Within::Edge => Err(self.source.missing(&self.place)),
        }
    }

    /// A leaf or an empty subtree one bit further down, where a deeper tree has it.
    pub(crate) fn moved(&self, bit: bool, hash: B256) -> Self {
        let within = match &self.within {
            Within::Leaves(leaves) if hash == self.hash => Within::Leaves(leaves.clone()),
            _ => Within::Edge,
        };
        Self { source: self.source, place: self.place.child(bit), hash, within }
    }

    /// The key of the leaf, if it is one.
    pub(crate) fn leaf_key(&self) -> Result<B256, StoreError> {
        match &self.within {
            Within::Leaves(leaves) => {
                leaves.first().map(|leaf| leaf.key).ok_or_else(|| self.source.missing(&self.place))
            }
            _ => self.source.leaf_key(&self.place, &self.hash),
        }
    }

    /// One bit further on the way to `key`, and the hash beside it.
    pub(crate) fn step(&self, key: &B256) -> Result<(Self, B256), StoreError> {
        let (left, right) = self.children()?;
        Ok(if bit(key, self.place.depth) { (right, left.hash) } else { (left, right.hash) })
    }

    /// The end of the way to `key`: a leaf or an empty place. The hashes beside the way go into `siblings`.
    pub(crate) fn descend(mut self, key: &B256, siblings: &mut Vec<B256>) -> Result<Self, StoreError> {
        while self.kind() == Kind::Internal {
            let (next, sibling) = self.step(key)?;
            siblings.push(sibling);
            self = next;
        }
        Ok(self)
    }

    /// The internal node as witnesses have it: what is below it within four bits.
    pub(crate) fn to_tree_node(&self) -> Result<TreeNode, StoreError> {
        let mut children = Vec::new();
        self.collect(self.place.depth.saturating_add(4), &mut children)?;
        Ok(TreeNode::Internal(children))
    }

    fn collect(&self, end: u16, children: &mut Vec<Child>) -> Result<(), StoreError> {
        let path = match self.kind() {
            Kind::Empty => return Ok(()),
            Kind::Internal if self.place.depth < end => {
                let (left, right) = self.children()?;
                left.collect(end, children)?;
                return right.collect(end, children);
            }
            Kind::Leaf if self.place.depth < end => self.leaf_key()?,
            Kind::Internal | Kind::Leaf => self.place.path,
        };
        let nibble = nibble_of(&path, usize::from(end / 4).saturating_sub(1));
        children.push(Child { nibble, hash: self.hash, version: 0 });
        Ok(())
    }
}
