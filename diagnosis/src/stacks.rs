//! Gas by stack: a tree whose nodes are what a stack consists of, and a way that goes up and down in it.
//!
//! The tree is bounded. What would be deeper than [`DEPTH_MAX`] goes into one part called "deeper"; what would be a
//! stack too many goes to the stack that it lies on. No gas is lost by either.

use crate::names::FunctionNames;
use core::fmt;
use lockstep_vm::Address;
use std::{collections::BTreeMap, sync::Arc};

/// Parts that a stack can have; the last is "deeper" where there would be more.
pub(crate) const DEPTH_MAX: usize = 512;

/// Stacks that are told apart.
const STACKS_MAX: usize = 65_536;

/// What a stack consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What the transaction costs before anything runs.
    Intrinsic,
    /// A frame: the account that runs, and the one whose code runs.
    Frame(Address, Address),
    /// What a frame pays before its first instruction.
    Start,
    /// A function of the contract, whose names have this number.
    Function(usize, u32),
    /// A function of the host: module and name.
    Host(&'static str, &'static str),
    /// What the ABI of a frame takes between two calls of the guest, and after the last.
    Protocol,
    /// A frame that never began.
    NeverBegan,
    /// A precompiled contract that the host answers, by its name.
    Precompile(&'static str),
    /// What a creation pays for the code that it leaves behind.
    CodeDeposit,
    /// What a transaction pays for the output that its receipt keeps.
    Output,
    /// What a frame had left when it halted.
    Lost,
    /// What lies deeper than the limit.
    Deeper,
}

/// A node of the tree.
#[derive(Debug)]
struct Node {
    parent: usize,
    part: Part,
    gas: u64,
}

/// The tree, and the way from its root to where execution is.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// Each behind its parent.
    nodes: Vec<Node>,
    /// The children of each node, by their part. The root is `None`.
    children: BTreeMap<(Option<usize>, Part), usize>,
    /// From the root on. Where the depth or the number of stacks is at its limit, it contains a node several times.
    way: Vec<usize>,
    /// The names that parts refer to.
    names: Vec<Arc<FunctionNames>>,
    total: u64,
}

impl Stacks {
    /// The number that parts refer to `names` by.
    pub(crate) fn number_of(&mut self, names: &Arc<FunctionNames>) -> usize {
        let known = self.names.iter().position(|known| Arc::ptr_eq(known, names));
        known.unwrap_or_else(|| {
            self.names.push(Arc::clone(names));
            self.names.len().saturating_sub(1)
        })
    }

    /// Goes on to `part`.
    pub(crate) fn push(&mut self, part: Part) {
        let node = self.child(part);
        self.way.extend(node);
    }

    /// Goes back by one part.
    pub(crate) fn pop(&mut self) {
        self.way.pop();
    }

    /// The number of parts on the way.
    pub(crate) const fn depth(&self) -> usize {
        self.way.len()
    }

    /// Goes back to where the way had `depth` parts.
    pub(crate) fn back_to(&mut self, depth: usize) {
        self.way.truncate(depth);
    }

    /// Adds gas to where the way has led.
    pub(crate) fn add(&mut self, gas: u64) {
        if let Some(node) = self.way.last().and_then(|&node| self.nodes.get_mut(node)) {
            node.gas = node.gas.saturating_add(gas);
            self.total = self.total.saturating_add(gas);
        }
    }

    /// Adds gas to `part` above where the way has led.
    pub(crate) fn add_to(&mut self, part: Part, gas: u64) {
        self.push(part);
        self.add(gas);
        self.pop();
    }

    /// All gas that was added.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The node of `part` above where the way has led; the node where it has led, if the tree is full. The first part of
    /// all always has a node.
    fn child(&mut self, part: Part) -> Option<usize> {
        let parent = self.way.last().copied();
        let part = match self.way.len() {
            depth if depth < DEPTH_MAX.saturating_sub(1) => part,
            depth if depth < DEPTH_MAX => Part::Deeper,
            _ => return parent,
        };
        if let Some(&node) = self.children.get(&(parent, part)) {
            return Some(node);
        }
        if self.nodes.len() >= STACKS_MAX {
            return parent;
        }
        let node = self.nodes.len();
        self.nodes.push(Node { parent: parent.unwrap_or(node), part, gas: 0 });
        self.children.insert((parent, part), node);
        Some(node)
    }

    /// Each stack that has gas of its own: its parts with `;` between them, a space, the gas.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        (0..).zip(&self.nodes).filter(|(_, node)| node.gas > 0).map(|(number, node)| {
            let mut parts = vec![self.shown(node.part)];
            let (mut at, mut next) = (number, node.parent);
            while next != at
                && let Some(node) = self.nodes.get(next)
            {
                parts.push(self.shown(node.part));
                (at, next) = (next, node.parent);
            }
            parts.reverse();
            format!("{} {}", parts.join(";"), node.gas)
        })
    }

    fn shown(&self, part: Part) -> String {
        match part {
            Part::Function(names, function) => {
                let names = self.names.get(names);
                let name = names.map_or_else(|| format!("func[{function}]"), |names| names.shown(function));
                name.replace(';', ":")
            }
            part => part.to_string(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intrinsic => f.write_str("intrinsic gas"),
            Self::Frame(account, code_of) if account == code_of => write!(f, "{account:#x}"),
            Self::Frame(account, code_of) => write!(f, "{account:#x} with the code of {code_of:#x}"),
            Self::Start => f.write_str("start of the frame"),
            Self::Function(_, function) => write!(f, "func[{function}]"),
            Self::Host(module, name) => write!(f, "{module}.{name}"),
            Self::Protocol => f.write_str("between calls of the guest"),
            Self::NeverBegan => f.write_str("a frame that never began"),
            Self::Precompile(name) => write!(f, "precompiled {name}"),
            Self::CodeDeposit => f.write_str("code deposit"),
            Self::Output => f.write_str("output kept by the receipt"),
            Self::Lost => f.write_str("lost in the halt"),
            Self::Deeper => f.write_str("deeper"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gas_is_kept_at_every_depth() {
        let mut stacks = Stacks::default();
        for depth in 0..2_000 {
            stacks.push(Part::Function(0, depth));
            stacks.add(1);
        }
        assert_eq!((stacks.depth(), stacks.total()), (2_000, 2_000));
        let lines: Vec<String> = stacks.lines().collect();
        assert_eq!(lines.len(), DEPTH_MAX);
        assert_eq!(lines[1], "func[0];func[1] 1");
        assert!(lines[DEPTH_MAX - 1].ends_with(";func[510];deeper 1489"), "{}", lines[DEPTH_MAX - 1]);
        stacks.back_to(0);
        stacks.push(Part::Function(0, 0));
        stacks.add(5);
        assert_eq!(stacks.lines().next().unwrap(), "func[0] 6");
    }

    #[test]
    fn gas_is_kept_for_any_number_of_stacks() {
        let mut stacks = Stacks::default();
        stacks.push(Part::Function(0, 0));
        for function in 0..100_000 {
            stacks.add_to(Part::Function(0, function), 2);
        }
        let sum: u64 = stacks.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!((stacks.lines().count(), sum, stacks.total()), (STACKS_MAX, 200_000, 200_000));
    }
}
