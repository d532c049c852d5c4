//! What an embedder writes: starts the machine and holds it to the digests of the release. `cargo xtask embed` copies it into a
//! workspace that is not ours.
//!
//! Arguments are names of sections that are left out. Prints `refused` and the fault, or how the build dispatches.

use lockstep_selftest::{Golden, Ran, STACK_BYTES, Section};
use lockstep_vm::{Revision, Vm};
use std::{error::Error, thread};

/// Executes every section but those of `left_out`, that of the native stack on the smallest one that a thread may have.
fn execute(vm: &Vm, left_out: &[String]) -> Result<(), Box<dyn Error>> {
    let golden = Golden::release()?;
    for section in Section::ALL.into_iter().filter(|section| left_out.iter().all(|name| name != section.name())) {
        let ran: Ran = thread::scope(|scope| {
            let size = if section == Section::Stack { STACK_BYTES } else { 8 << 20 };
            let thread = thread::Builder::new().stack_size(size).spawn_scoped(scope, || section.run(vm))?;
            thread.join().map_err(|_| format!("section {} panicked", section.name()))?.map_err(Box::<dyn Error>::from)
        })?;
        if let Some(difference) = golden.only(&[section]).difference(&Golden::of(&[ran])) {
            return Err(difference.into());
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let left_out: Vec<String> = std::env::args().skip(1).collect();
    match Vm::new(Revision::V1) {
        Ok(vm) => {
            execute(&vm, &left_out)?;
            println!("dispatch {}", vm.dispatch());
        }
        Err(fault) => println!("refused\n{fault}"),
    }
    Ok(())
}

/// Run where the package has the feature `portable-dispatch` in its `[dev-dependencies]`.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_with_the_portable_dispatch() {
        let vm = Vm::new(Revision::V1).unwrap();
        assert_eq!(vm.dispatch(), lockstep_vm::Dispatch::Portable);
        execute(&vm, &["kernels".to_owned()]).unwrap();
    }
}
