//! Temporary.
use lockstep_benches::{programs::*, scene::*, targets::*};
fn main() -> anyhow::Result<()> {
    let what = std::env::args().nth(1).unwrap();
    let n: u32 = std::env::args().nth(2).unwrap().parse()?;
    match what.as_str() {
        "chain" => { let s = chain(64)?; let t = repeat(&s, 64, n)?()?; println!("{:.0} ns per level", t / f64::from(n) / 64.0); }
        "empty" => { let s = Scene::new(&[EMPTY.wasm()?])?; let t = repeat(&s, 1, n)?()?; println!("{:.0} ns", t / f64::from(n)); }
        "host" => { let s = Scene::new(&[HOST_CALLS.wasm()?])?; let t = repeat(&s, 1, n)?()?; println!("{:.1} ns per call", t / f64::from(n) / 1e4); }
        "token" => { let (s, b) = token_block(1000)?; for _ in 0..n { let st = std::time::Instant::now(); let done = s.execute_block(b.clone())?; println!("{done} {:.0} ns per tx", st.elapsed().as_nanos() as f64 / 1000.0); } }
        _ => {}
    }
    Ok(())
}
