//! What the machine needs of an engine that runs Wasm: compile, instantiate, call an export, resume it after a host
//! function asked for another frame, reach its memory and gas.
//!
//! The frame loop is written against these traits and knows no engine. Only [`wasmi`] names wasmi. The journal and the session
//! are here for those who write an engine, or drive one without a machine; who executes transactions needs neither.

pub mod embedding;
pub mod wasmi;

pub use crate::{
    argument::Argument,
    journal::{Checkpoint, Journal},
    session::Session,
    start::START,
};

use crate::module::{InvalidModule, ValidModule};
use lockstep_gas::{GasMeter, Revision};
use lockstep_host::{Fault, Frame, FrameResult, Stop};
use std::sync::Arc;

/// An engine set up for one revision.
pub trait Engine: Send + Sync + Sized {
    /// A compiled module.
    type Code: Send + Sync;
    /// An instance that runs one frame.
    type Instance: Instance;

    /// The engine for `revision`.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run.
    fn new(revision: Arc<Revision>) -> Result<Self, Fault>;

    /// Compiles the whole module at once: gas must not depend on what was compiled before.
    ///
    /// # Errors
    ///
    /// [`InvalidModule`] if the engine refuses a module that is valid; its version is consensus, so it does so on every
    /// node.
    fn compile(&self, module: &ValidModule) -> Result<Self::Code, InvalidModule>;

    /// Instantiates: memory and table are made, segments copied; no guest code runs, a start function neither.
    ///
    /// # Errors
    ///
    /// A halt if a segment does not fit, a fault if the host has no memory.
    fn instantiate(&self, code: &Self::Code, state: FrameState) -> Result<Self::Instance, Stop>;

    /// Takes back an instance whose frame has ended. An engine may make it as new for a frame of the same code: nothing
    /// that this frame left behind may be seen there.
    fn take_back(&self, instance: Self::Instance) {
        drop(instance);
    }
}

/// Why an instance handed back control.
#[derive(Debug)]
pub enum Exit {
    /// The export returned; the bits of its result, 0 if it has none.
    Returned(u64),
    /// A host function stopped it, or a trap did.
    Stopped(Stop),
}

/// One frame's instance.
pub trait Instance {
    /// Calls an exported function, or the start function as [`START`]. `session` is given back with the [`Exit`].
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node; the session is lost with it.
    fn call(
        &mut self,
        session: Box<Session>,
        export: &str,
        arguments: &[Argument],
    ) -> Result<(Exit, Box<Session>), Fault>;

    /// Goes on after [`Stop::Suspend`]: the host function that stopped takes over `result` (`HostImport::end`) and returns to
    /// the guest, or halts it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node; the session is lost with it.
    fn resume(&mut self, session: Box<Session>, result: FrameResult) -> Result<(Exit, Box<Session>), Fault>;

    /// The machine has taken over what the export that returned last has given. For an engine that is looked at.
    fn result_taken(&mut self) {}

    /// The frame as the host knows it.
    fn frame(&self) -> &Frame;

    /// The whole memory, empty if there is none, and what is kept beside the instance, its gas up to date.
    fn parts(&mut self) -> (&mut [u8], &mut FrameState);

    /// The gas meter, up to date.
    fn gas(&mut self) -> &mut GasMeter;

    /// The whole memory, empty if there is none.
    fn memory(&mut self) -> &mut [u8];

    /// Adds pages of zeros to the memory.
    ///
    /// # Errors
    ///
    /// [`Stop::Halt`] if there is no memory or its maximum does not allow it, [`Stop::Fault`] if the host has none.
    fn grow_memory(&mut self, pages: u32) -> Result<(), Stop>;
}

/// What an engine keeps beside an instance: everything that host functions of the frame need.
pub struct FrameState {
    /// The frame.
    pub frame: Frame,
    /// Its gas.
    pub gas: GasMeter,
    /// Pages that its memory may grow to.
    pub memory_pages_max: u64,
}
