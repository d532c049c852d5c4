//! wasmi 2.0, wasmi 0.31 and soroban-wasmi, each with its default features: `wasmi bare`, `metered`, `0.31` or `soroban`.

mod current;
mod early;

use anyhow::bail;
use lockstep_peer_protocol::serve;
use std::env;

fn main() -> anyhow::Result<()> {
    match env::args().nth(1).as_deref() {
        Some("bare") => serve(current::Wasmi::new(false)?),
        Some("metered") => serve(current::Wasmi::new(true)?),
        Some("0.31") => serve(early::wasmi::Early::new()?),
        Some("soroban") => serve(early::soroban::Early::new()?),
        other => bail!("{other:?} is not bare, metered, 0.31 or soroban"),
    }
}
