//! `diverge`: where two traces differ first, and what is none.

use crate::kit::{A, B, World, caller, module};
use lockstep_diagnosis::{Compared, NoTrace, diverge};

/// The trace of a call of a contract that calls one with that body.
fn trace_of(body: &str, gas_used: u64) -> String {
    let writes = format!("(func $write {body}) (func (export \"main\") (call $write))");
    let world = World::new().with(B, &module(&writes)).with(A, &caller(B, 300_000, "drop"));
    let looked = world.look(&world.call(A, &[]));
    assert_eq!(looked.executed.receipt.gas_used.get(), gas_used);
    looked.trace
}

fn trace() -> String {
    trace_of("(call $storageStore (i32.const 0) (i32.const 64))", 496_100)
}

/// The difference as text.
fn compare(left: &str, right: &str) -> String {
    match diverge(left.as_bytes(), right.as_bytes()) {
        Ok(Compared::Same { events }) => format!("the same, {events} events"),
        Ok(Compared::Different(found)) => {
            let frame = found.frame.map(|(frame, contract)| format!("frame {frame} of {contract}, "));
            format!(
                "line {}, event {}, {}{}{}: {} | {}",
                found.line,
                found.event,
                frame.unwrap_or_default(),
                found.function.map(|function| format!("{function}, ")).unwrap_or_default(),
                found.field,
                found.left,
                found.right
            )
        }
        Err(error) => format!("{:?} {error}", error.side()),
    }
}

#[test]
fn the_first_difference_is_named() {
    let good = trace();
    let lines: Vec<&str> = good.lines().collect();
    assert_eq!(lines.len(), 9);
    let changed = |line: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert!(lines[line - 1].contains(from), "{from} in {}", lines[line - 1]);
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        lines.join("\n") + "\n"
    };
    let (a, b) = (format!("0x{}", "a1".repeat(20)), format!("0x{}", "b2".repeat(20)));
    let first = |count: usize| lines[..count].join("\n") + "\n";
    let in_write = format!("frame 1 of {b}, write (func[5]), ");
    let other = trace_of("", 445_530);
    let code_hash = |trace: &str| {
        let line: serde_json::Value = serde_json::from_str(trace.lines().nth(3).unwrap()).unwrap();
        line["code_hash"].to_string()
    };
    let code_hashes = format!("{} | {}", code_hash(&good), code_hash(&other));
    for (left, right, expect) in [
        (good.clone(), good.clone(), "the same, 8 events".to_owned()),
        // The last line needs no end.
        (good.clone(), good.trim_end().to_owned(), "the same, 8 events".to_owned()),
        (good.clone(), other, format!("line 4, event 3, frame 0 of {a}, code_hash: {code_hashes}")),
        (
            good.clone(),
            changed(1, "\"nonce\":\"0\"", "\"nonce\":\"1\""),
            "line 1, event 0, nonce: \"0\" | \"1\"".to_owned(),
        ),
        (
            good.clone(),
            changed(5, "\"offset\":", "\"offset\":1"),
            format!("line 5, event 4, {in_write}offset: 172 | 1172"),
        ),
        (
            good.clone(),
            changed(5, "\"result\":null", "\"result\":\"3\""),
            format!("line 5, event 4, {in_write}result: null | \"3\""),
        ),
        // Both differ: the first counts.
        (
            good.clone(),
            changed(5, "\"name\":\"write\",\"offset\":", "\"name\":\"other\",\"offset\":1"),
            format!("line 5, event 4, {in_write}name: \"write\" | \"other\""),
        ),
        (
            good.clone(),
            changed(5, "\"host\":", "\"guest\":"),
            format!(
                "line 5, event 4, {in_write}host: host \"ethereum.storageStore\" | guest \"ethereum.storageStore\""
            ),
        ),
        (good.clone(), first(6), format!("line 7, event 6, frame 0 of {a}, event: \"resume\" | the end")),
        (first(6), good.clone(), format!("line 7, event 6, frame 0 of {a}, event: the end | \"resume\"")),
        (first(1), good.clone(), "line 2, event 1, event: the end | \"begin\"".to_owned()),
    ] {
        assert_eq!(compare(&left, &right), expect);
    }
}

#[test]
fn a_long_value_is_cut_to_where_it_differs() {
    let good = trace();
    let long = |byte: &str| {
        let output = format!("\"output\":\"0x{}{byte}{}\"", "11".repeat(500), "22".repeat(500));
        good.replacen("\"output\":\"0x\"", &output, 1)
    };
    let found = compare(&long("aa"), &long("ab"));
    let (left, right) = found.split_once(" | ").unwrap();
    assert!(left.ends_with(&format!("output: ...{}aa{}...", "1".repeat(39), "2".repeat(79))), "{left}");
    assert!(right.ends_with(&format!("...{}ab{}...", "1".repeat(39), "2".repeat(79))), "{right}");
}

#[test]
fn what_is_no_trace_is_refused_with_its_line() {
    let good = trace();
    let with_second = |line: &str| format!("{}\n{line}\n", good.lines().next().unwrap());
    let long = format!("{{\"event\":\"end\",\"x\":\"{}\"}}", "0".repeat(5_000_000));
    for (bad, expect) in [
        (String::new(), "line 1: the file is empty, and no trace".to_owned()),
        ("\n".to_owned(), "line 1: no line of a trace, at column 0".to_owned()),
        ("\0asm".to_owned(), "line 1: no line of a trace, at column 1".to_owned()),
        ("{}\n".to_owned(), "line 1: no line of a trace".to_owned()),
        ("[1]\n".to_owned(), "line 1: no line of a trace, at column 0".to_owned()),
        (good.lines().nth(1).unwrap().to_owned(), "line 1: no line of a trace".to_owned()),
        (
            good.replacen("\"trace_version\":1", "\"trace_version\":2", 1),
            "line 1: version 2 of the format, where 1 can be read".to_owned(),
        ),
        (
            good.replacen("\"trace_version\":1,", "", 1),
            "line 1: version none of the format, where 1 can be read".to_owned(),
        ),
        (with_second("{\"event\":"), "line 2: no line of a trace, at column 9".to_owned()),
        (with_second("{\"frame\":0,\"event\":\"end\"}"), "line 2: no line of a trace".to_owned()),
        (with_second(good.lines().next().unwrap()), "line 2: no line of a trace".to_owned()),
        (with_second(&long), "line 2: more bytes than the 4194304 that the limit of a line allows".to_owned()),
    ] {
        assert_eq!(compare(&bad, &good), format!("Left {expect}"));
        assert_eq!(compare(&good, &bad), format!("Right {expect}"));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let broken = diverge(trace().as_bytes(), std::io::BufReader::new(Broken)).unwrap_err();
    assert!(matches!(broken, NoTrace::Unreadable(..)));
    assert_eq!(broken.to_string(), "it cannot be read: gone");
}
