//! `callExport`: where input buffers go in the callee's memory, in which order offset and length are packed, and when
//! there is no room.

use crate::{
    export_kit::{BUFFERS, Export, answer, packed, slot, told},
    kit::{Case, check_all},
    text::data,
};

/// A callee that orders its packed values the other way.
const OTHER_ORDER: &str = "(@custom \"packed_order\" \"\\01\")";

/// Gives its second argument as a number.
const SECOND: &str = "(func (export \"f\") (param i64 i64) (result i64) (local.get 1))";

/// Gives the size of its memory in pages.
const PAGES: &str = "(func (export \"f\") (param i64) (result i32) (memory.size))";

const BYTES: &[u8] = b"hello, second buffer";

fn call<'a>(descriptor: &'a str, arguments: &'a [u8]) -> Export<'a> {
    Export { name: b"f", descriptor, arguments, buffers: BYTES }
}

/// The callee has an area of its own.
fn area(base: u32, capacity: u32) -> String {
    let global = |name: &str, value: u32| format!("(global (export \"{name}\") i32 (i32.const {value}))");
    global("input_base", base) + &global("input_capacity", capacity)
}

fn memory(limits: &str) -> String {
    format!("(memory (export \"memory\") {limits})")
}

fn swapped(bytes: [u8; 8]) -> [u8; 8] {
    let mut bytes = bytes;
    bytes.rotate_left(4);
    bytes
}

/// All four pairs of orders: the caller's is that of its struct, the callee's that of its arguments.
fn orders() -> Vec<Case> {
    let (low, placed) = ([slot(BUFFERS, 5), slot(BUFFERS + 7, 13)].concat(), slot(0x1_0010, 13));
    let high = [swapped(slot(BUFFERS, 5)), swapped(slot(BUFFERS + 7, 13))].concat();
    let case = |name: &str, arguments: &[u8], of_caller: &str, of_callee: &str, expect: [u8; 8]| {
        let callee = format!("{SECOND} {of_callee}");
        packed(call("bbl", arguments).packed_case(name, of_caller), &callee).expect_output(&answer(0, &expect))
    };
    let explicit = "(@custom \"packed_order\" \"\\00\")";
    vec![
        case("order: low to low", &low, "", "", placed),
        case("order: low to high", &low, "", OTHER_ORDER, swapped(placed)),
        case("order: high to low", &high, OTHER_ORDER, "", placed),
        case("order: high to high", &high, OTHER_ORDER, OTHER_ORDER, swapped(placed)),
        case("order: low, said so", &low, explicit, explicit, placed),
        // An empty buffer has offset 0 in either order.
        case(
            "order: high, an empty buffer",
            &[swapped(slot(9, 0)), swapped(slot(7, 0))].concat(),
            OTHER_ORDER,
            OTHER_ORDER,
            [0; 8],
        ),
        // In a contract of ABI `ewasm` the section means nothing.
        packed(
            call("bbl", &low).case_with("order: of an ewasm contract", &told(&call("bbl", &low).call()), OTHER_ORDER),
            SECOND,
        )
        .expect_output(&answer(0, &placed)),
    ]
}

fn appended() -> Vec<Case> {
    let one = slot(BUFFERS, 5);
    let pages = |name: &str, limits: &str, length: u32, expect: u32| {
        let fields = memory(limits) + PAGES;
        let arguments = slot(0, length);
        let call = Export { name: b"f", descriptor: "bi", arguments: &arguments, buffers: b"" };
        // Enough for a callee of 511 pages.
        let body = told(&call.call_of("@A", 20_000_000, "@ZERO"));
        let case = call.case_with(name, &body, "(memory (export \"memory\") 3)");
        packed(case, &fields).expect_output(&answer(0, &expect.to_le_bytes())).given_gas_limit(40_000_000)
    };
    let no_room = |case: Case| case.expect_output(&answer(0xFF07, b""));
    // The 16 bytes from where a buffer of 5 lies, as the callee finds them.
    let tail = "(func (export \"f\") (param i64) (result i64) (i64.or (i64.and (local.get 0) ~0xFFFFFF) ~0x10000000))";
    vec![
        pages("place: no buffer, no page", "1", 0, 1),
        pages("place: one byte, a page", "1", 1, 2),
        pages("place: a whole page", "1", 65_536, 2),
        pages("place: a byte more", "1", 65_537, 3),
        pages("place: a memory of no pages", "0", 1, 1),
        pages("place: up to the declared maximum", "1 2", 65_536, 2),
        no_room(pages("place: beyond the declared maximum", "1 2", 65_537, 0)),
        no_room(pages("place: a memory that cannot grow", "3 3", 1, 0)),
        pages("place: nothing into one that cannot grow", "3 3", 0, 3),
        pages("place: up to the limit of V1", "511", 65_536, 512),
        no_room(pages("place: beyond the limit of V1", "511", 65_537, 0)),
        no_room(packed(
            call("bi", &one).case("place: no memory"),
            "(memory 0 0) (func (export \"f\") (param i64) (result i32) #0)",
        )),
        packed(call("br", &one).case("place: zeros behind a buffer"), tail)
            .expect_output(&answer(0, b"hello\0\0\0\0\0\0\0\0\0\0\0")),
        // What the callee adds itself comes after.
        packed(
            call("bi", &one).case("place: memory.grow comes after"),
            "(func (export \"f\") (param i64) (result i32) (memory.grow #1))",
        )
        .expect_output(&answer(0, &2_u32.to_le_bytes())),
    ]
}

fn areas() -> Vec<Case> {
    let two = [slot(BUFFERS, 5), slot(BUFFERS + 7, 13)].concat();
    let case = |name: &str, descriptor: &str, fields: &str| packed(call(descriptor, &two).case(name), fields);
    // 16 + 16 bytes are needed: 13 are rounded up as well.
    let placed = |base: u32| answer(0, &slot(base + 16, 13));
    let second = |fields: String| format!("{fields} {SECOND}");
    let between = format!(
        "{} {} (func (export \"f\") (param i64 i64) (result i64) ~0x20001800)",
        area(0x1800, 32),
        data(0x1800, &[0xEE; 32])
    );
    let pages = area(0x1800, 32) + "(func (export \"f\") (param i64 i64) (result i32) (memory.size))";
    vec![
        case("area: two buffers", "bbl", &second(area(0x1801, 32))).expect_output(&placed(0x1801)),
        case("area: room to spare", "bbl", &second(area(0x1800, 33))).expect_output(&placed(0x1800)),
        case("area: a byte short", "bbl", &second(area(0x1800, 31))).expect_output(&answer(0xFF07, b"")),
        case("area: none", "bbl", &second(area(0x1800, 0))).expect_output(&answer(0xFF07, b"")),
        case("area: the end of memory", "bbl", &second(area(65_504, 32))).expect_output(&placed(65_504)),
        case("area: in the second page", "bbl", &second(memory("2 2") + &area(70_000, 32)))
            .expect_output(&placed(70_000)),
        case("area: no page is added", "bbi", &pages).expect_output(&answer(0, &1_u32.to_le_bytes())),
        // What lies between and behind the buffers stays as it was.
        case("area: what lies between", "bbr", &between)
            .expect_output(&answer(0, &[&b"hello"[..], &[0xEE; 11], b"second buffer", &[0xEE; 3]].concat())),
        // Empty buffers need no area.
        packed(
            call("bbl", &[slot(9, 0), slot(7, 0)].concat()).case("area: nothing into none"),
            &second(area(0x1800, 0)),
        )
        .expect_output(&answer(0, &[0; 8])),
        // A memory that the host cannot see has no room, and refusing costs the callee nothing.
        packed(
            call("bi", &slot(BUFFERS, 5)).case("place: a memory that is not exported"),
            "(memory $own 1) (func (export \"f\") (param i64) (result i32) #7)",
        )
        .expect_output(&answer(0xFF07, b"")),
        packed(
            call("bi", &slot(BUFFERS, 5)).case("area: in a memory that is not exported"),
            &format!("(memory $own 1) {} (func (export \"f\") (param i64) (result i32) #7)", area(64, 64)),
        )
        .expect_output(&answer(0xFF07, b"")),
        // Nothing to place: a memory that is not exported does no harm.
        packed(
            call("bi", &slot(BUFFERS, 0)).case("place: nothing into a memory that is not exported"),
            "(memory $own 1) (func (export \"f\") (param i64) (result i32) #7)",
        )
        .expect_output(&answer(0, &7_u32.to_le_bytes())),
    ]
}

//= spec 6.1.2, 6.3.2, 6.5.1, 6.5.2, 6.5.3, 6.5.4, 6.5.5 test
#[test]
fn places() {
    let mut cases = orders();
    cases.extend(appended());
    cases.extend(areas());
    check_all("export_places", cases);
}
