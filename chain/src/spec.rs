//! What makes a chain this chain: id, genesis, gas limit, fees, and which revision holds at which height.

use crate::{error::ChainError, genesis::check_code, transaction::FeePolicy};
use core::fmt;
use lockstep_vm::{B256, Fault, Revision, StateDiff, Vm};
use sha3::{Digest, Sha3_256};

/// What the preimage of a chain's identity begins with.
const DOMAIN: &[u8; 8] = b"LOCKSPEC";

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidSchedule {
    /// It does not begin at height 0.
    Beginning,
    /// A height does not come after the one before it.
    Order {
        /// The height.
        height: u64,
    },
    /// A revision must not carry a chain: it is a conformance revision, or keeps no block hashes in the state.
    Revision {
        /// The number of the revision.
        number: u16,
    },
    /// A revision does not admit every module that the one before it does: the state could hold contracts that are none
    /// any more, and each node would have a fault at a call of one.
    Narrower {
        /// The number of the revision.
        number: u16,
    },
}

impl fmt::Display for InvalidSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("the schedule of revisions does not begin at height 0"),
            Self::Order { height } => {
                write!(f, "height {height} of the schedule does not come after the one before it")
            }
            Self::Revision { number } => {
                write!(f, "revision {number} carries no chain: it is for conformance, or keeps no block hashes")
            }
            Self::Narrower { number } => {
                write!(f, "revision {number} does not admit every module that the revision before it does")
            }
        }
    }
}

impl core::error::Error for InvalidSchedule {}

/// Which revision holds at which height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The height from which on each revision holds, ascending; the first is 0.
    entries: Vec<(u64, Revision)>,
}

impl Schedule {
    /// The schedule in which each revision holds from its height on, until the next one does.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule`].
    pub fn new(entries: Vec<(u64, Revision)>) -> Result<Self, InvalidSchedule> {
        if entries.first().is_none_or(|(height, _)| *height != 0) {
            return Err(InvalidSchedule::Beginning);
        }
        let mut pairs = entries.iter().zip(entries.iter().skip(1));
        if let Some((_, (height, _))) = pairs.find(|(before, after)| before.0 >= after.0) {
            return Err(InvalidSchedule::Order { height: *height });
        }
        let carries = |revision: &Revision| !revision.rules.conformance && revision.rules.block_hashes_in_state;
        if let Some((_, revision)) = entries.iter().find(|(_, revision)| !carries(revision)) {
            return Err(InvalidSchedule::Revision { number: revision.number });
        }
        let mut pairs = entries.iter().zip(entries.iter().skip(1));
        match pairs.find(|((_, before), (_, after))| !after.admits_modules_of(before)) {
            Some((_, (_, revision))) => Err(InvalidSchedule::Narrower { number: revision.number }),
            None => Ok(Self { entries }),
        }
    }

    /// One revision at every height.
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule::Revision`].
    pub fn only(revision: Revision) -> Result<Self, InvalidSchedule> {
        Self::new(vec![(0, revision)])
    }

    /// The height from which on each revision holds, ascending.
    pub fn entries(&self) -> &[(u64, Revision)] {
        &self.entries
    }

    /// The position of the revision that holds at `height`.
    fn position(&self, height: u64) -> usize {
        self.entries.partition_point(|(from, _)| *from <= height).saturating_sub(1)
    }
}

/// What makes a chain this chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSpec {
    /// The chain id (EIP-155).
    pub chain_id: u64,
    /// The state that it begins with.
    pub genesis: StateDiff,
    /// The timestamp of block 0, in seconds.
    pub timestamp: u64,
    /// The gas limit of every block.
    pub gas_limit: u64,
    /// The fees.
    pub fees: FeePolicy,
    /// The revisions by height.
    pub schedule: Schedule,
}

impl ChainSpec {
    /// The identity of the chain: sha3-256 over `LOCKSPEC` and the borsh encoding of chain id, gas limit, fees, and the
    /// digest of the revision of height 0. Block 0 has it for its parent hash. Later revisions are no part of it, so that a
    /// chain can be given a new one; the header of each block says its own.
    pub fn identity(&self) -> B256 {
        let first = self.schedule.entries.first().map(|(_, revision)| revision.digest());
        let mut hasher = Sha3_256::new();
        hasher.update(DOMAIN);
        // Numbers and digests can always be encoded.
        hasher.update(borsh::to_vec(&(self.chain_id, self.gas_limit, self.fees, first)).unwrap_or_default());
        B256::new(hasher.finalize().into())
    }
}

/// A machine for each revision of a schedule, each with a cache of its own.
pub struct Machines {
    schedule: Schedule,
    machines: Vec<(B256, Vm)>,
}

impl Machines {
    /// Machines for all revisions of `schedule`.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run one of them.
    pub fn new(schedule: Schedule) -> Result<Self, Fault> {
        let machine = |(_, revision): &(u64, Revision)| {
            Ok::<_, Fault>((B256::new(revision.digest()), Vm::new(revision.clone())?))
        };
        let machines = schedule.entries.iter().map(machine).collect::<Result<_, _>>()?;
        Ok(Self { schedule, machines })
    }

    /// The machine for the block of `height`.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; the constructor of [`Schedule`] rules it out.
    pub fn at(&self, height: u64) -> Result<&Vm, Fault> {
        self.entry(height).map(|(_, vm)| vm)
    }

    /// The digest of the revision that holds at `height`.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub fn digest(&self, height: u64) -> Result<B256, Fault> {
        self.entry(height).map(|(digest, _)| *digest)
    }

    fn entry(&self, height: u64) -> Result<&(B256, Vm), Fault> {
        let entry = self.machines.get(self.schedule.position(height));
        entry.ok_or_else(|| Fault::Broken("a schedule without a revision".to_owned()))
    }

    /// Checks that each code of `genesis` is a module under every revision: a contract of it must not fault later.
    ///
    /// # Errors
    ///
    /// [`ChainError::Code`].
    pub(crate) fn check_code(&self, genesis: &StateDiff) -> Result<(), ChainError> {
        self.machines.iter().try_for_each(|(_, vm)| check_code(vm, genesis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::{HostFunction, Operator};

    fn revision(number: u16) -> Revision {
        Revision { number, ..Revision::V1 }
    }

    #[test]
    fn a_revision_holds_from_its_height_on() {
        let schedule = Schedule::new(vec![(0, revision(1)), (5, revision(2)), (6, revision(3))]).unwrap();
        for (height, number) in [(0, 1), (4, 1), (5, 2), (6, 3), (7, 3), (u64::MAX, 3)] {
            assert_eq!(schedule.entries()[schedule.position(height)].1.number, number, "height {height}");
        }
    }

    /// A change of each part of a revision that a module can be invalid by.
    #[test]
    fn a_revision_that_admits_fewer_modules_is_refused() {
        let narrower: [fn(&mut Revision); 9] = [
            |it| it.limits.contract.exports_max -= 1,
            |it| it.limits.program.body_bytes_max -= 1,
            |it| it.limits.indexer.memory_pages_max -= 1,
            |it| it.limits.contract.bytes_per_function_min += 1,
            |it| it.features.tail_calls = false,
            |it| it.schedule.set_host(HostFunction::Sha256, None),
            |it| it.schedule.set_operator(Operator::I32Popcnt, None),
            |it| it.rules.extensions = false,
            |it| it.rules.exact_exports = true,
        ];
        for (case, patch) in narrower.into_iter().enumerate() {
            let mut second = revision(2);
            patch(&mut second);
            let refused = Schedule::new(vec![(0, revision(1)), (1, second.clone())]);
            assert_eq!(refused, Err(InvalidSchedule::Narrower { number: 2 }), "case {case}");
            // The other way round it is a wider one.
            assert!(Schedule::new(vec![(0, second), (1, revision(3))]).is_ok(), "case {case}");
        }
        // What bounds frames can become less.
        let mut second = revision(2);
        second.limits.contract.output_bytes_max -= 1;
        second.transaction.logs_max -= 1;
        assert!(Schedule::new(vec![(0, revision(1)), (1, second)]).is_ok());
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for (entries, error) in [
            (vec![], InvalidSchedule::Beginning),
            (vec![(1, revision(1))], InvalidSchedule::Beginning),
            (vec![(0, revision(1)), (0, revision(2))], InvalidSchedule::Order { height: 0 }),
            (vec![(0, revision(1)), (7, revision(2)), (6, revision(3))], InvalidSchedule::Order { height: 6 }),
            (vec![(0, revision(1)), (3, Revision::EWASM_BYZANTIUM)], InvalidSchedule::Revision { number: 0 }),
        ] {
            assert_eq!(Schedule::new(entries), Err(error));
        }
    }
}
