//! Probes of memory and tables.

use super::Probe;

pub(super) fn probes() -> Vec<Probe> {
    let mut probes = accesses();
    probes.extend(working_sets());
    probes.extend(bulk());
    probes.extend(growth());
    probes.extend(tables());
    probes
}

fn accesses() -> Vec<Probe> {
    let loads = ["i32.load", "i64.load", "f32.load", "f64.load", "i32.load8_s", "i32.load16_u", "i64.load32_s"];
    let mut probes: Vec<_> =
        loads.iter().map(|load| Probe::new(*load, format!("(drop ({load} (local.get $turns)))"))).collect();
    let chain = (0..16).fold("(i32.const 0)".to_owned(), |inner, _| format!("(i32.load {inner})"));
    let chain = Probe::new("i32.load of the address of the next", format!("(drop {chain})"));
    probes.push(chain.each_of(16).times(4, 1_000));
    for (store, value) in [
        ("i32.store", "$i"),
        ("i64.store", "$k"),
        ("f32.store", "$f"),
        ("f64.store", "$d"),
        ("i32.store8", "$i"),
        ("i64.store32", "$k"),
    ] {
        probes.push(Probe::new(store, format!("({store} (local.get $turns) (local.get {value}))")));
    }
    probes.push(Probe::new("memory.size", "(drop (memory.size))"));
    probes
}

/// Loads at random out of as much memory as is named, so that caches do not hold it. Each address depends on the value
/// before, so that no two are under way at once. Without the arithmetic that makes the address.
fn working_sets() -> Vec<Probe> {
    let sizes = [("64 KiB", 1), ("1 MiB", 16), ("4 MiB", 64), ("16 MiB", 256), ("32 MiB", 512)];
    let probe = |(name, pages): (&str, u32)| {
        let mask = pages * 65_536 - 4;
        let address = format!(
            "(local.set $i (i32.and (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223))
               (i32.const {mask})))"
        );
        let load = "(local.set $i (i32.add (local.get $i) (i32.load (local.get $i))))";
        let same = "(local.set $i (i32.add (local.get $i) (local.get $zero)))";
        Probe::new(format!("i32.load at random out of {name}"), format!("{address} {load}"))
            .against(format!("{address} {same}"))
            .pages(pages)
            .times(32, 2_000)
    };
    sizes.into_iter().map(probe).collect()
}

fn bulk() -> Vec<Probe> {
    let mut probes = Vec::new();
    for (bytes, copies, turns, pages) in
        [(0, 16, 500, 1), (15, 16, 500, 1), (256, 16, 500, 1), (32_768, 4, 50, 1), (16_777_216, 1, 1, 512)]
    {
        let copy = format!("(memory.copy (i32.const {bytes}) (i32.const 0) (i32.const {bytes}))");
        let fill = format!("(memory.fill (i32.const 0) (local.get $i) (i32.const {bytes}))");
        for (name, body) in [("memory.copy", copy), ("memory.fill", fill)] {
            probes.push(Probe::new(format!("{name} of {bytes} bytes"), body).times(copies, turns).pages(pages));
        }
    }
    let data = "(data $d \"0123456789abcde\")";
    let init = "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 15))";
    probes.push(Probe::new("memory.init of 15 bytes", init).fields(data));
    probes.push(Probe::new("data.drop", "(data.drop $d)").fields(data));
    probes
}

fn growth() -> Vec<Probe> {
    vec![
        Probe::new("memory.grow by 0", "(drop (memory.grow (i32.const 0)))"),
        Probe::new("memory.grow by too much", "(drop (memory.grow (i32.const 60000)))"),
        Probe::new("memory.grow, each page of 500 at once", "(drop (memory.grow (i32.const 500)))")
            .each_of(500)
            .times(1, 1),
        Probe::new("memory.grow, each page of 500 one by one", "(drop (memory.grow (i32.const 1)))").times(5, 100),
    ]
}

fn tables() -> Vec<Probe> {
    let table = "(table $t 4000 4096 funcref) (elem $e func $f $f $f) (func $f)";
    let mut probes = Vec::new();
    for elements in [0, 3, 3_000] {
        let copy = format!("(table.copy (i32.const 0) (i32.const 1) (i32.const {elements}))");
        let fill = format!("(table.fill $t (i32.const 0) (ref.null func) (i32.const {elements}))");
        for (name, body) in [("table.copy", copy), ("table.fill", fill)] {
            probes.push(Probe::new(format!("{name} of {elements} elements"), body).fields(table).times(4, 100));
        }
    }
    for (name, body) in [
        ("table.init of 3 elements", "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3))"),
        ("table.get", "(drop (table.get $t (local.get $j)))"),
        ("table.set", "(table.set $t (local.get $j) (ref.null func))"),
        ("table.size", "(drop (table.size $t))"),
        ("elem.drop", "(elem.drop $e)"),
    ] {
        probes.push(Probe::new(name, body).fields(table));
    }
    probes
}
