//! Why the Wasm specification refuses a module, in words of our own.
//!
//! The parser's messages name its own types and options; a reader needs to know what is in the module and what to
//! change. Diagnostics only: nothing is decided by a text.

use wasmparser::BinaryReaderError;

/// A feature of Wasm that no revision has, or not each.
struct Feature {
    /// What the parser calls it, in the messages that refuse it.
    signs: &'static [&'static str],
    /// What it is called, and what of it is in the module.
    name: &'static str,
    /// How a toolchain leaves it out.
    switch: &'static str,
}

impl Feature {
    fn is_off(&self) -> String {
        format!("{} off under this revision; to leave it out: {}", is(self.name), self.switch)
    }
}

/// The first that has a sign in a message is the one: `relaxed SIMD` comes before `SIMD`.
const FEATURES: &[Feature] = &[
    Feature {
        signs: &["relaxed SIMD"],
        name: "relaxed SIMD",
        switch: "clang -mno-relaxed-simd, rustc -C target-feature=-relaxed-simd",
    },
    Feature { signs: &["SIMD", "v128"], name: "SIMD", switch: "clang -mno-simd128, rustc -C target-feature=-simd128" },
    Feature {
        signs: &["shared-everything", "shared reference types", "0xfe subopcode: 0x4", "0xfe subopcode: 0x5"],
        name: "shared-everything threads",
        switch: "leave the compiler's option for shared types out",
    },
    Feature {
        signs: &["threads", "atomic", "0xfe subopcode"],
        name: "threads and atomics",
        switch: "clang without -pthread and with -mno-atomics, rustc -C target-feature=-atomics",
    },
    Feature {
        signs: &["exception", "legacy_exceptions"],
        name: "exceptions",
        switch: "clang -fno-exceptions, rustc -C panic=abort",
    },
    Feature {
        signs: &["stack switching", "continuation"],
        name: "stack switching",
        switch: "leave the compiler's option for it out",
    },
    Feature { signs: &["memory control"], name: "memory control", switch: "leave the compiler's option for it out" },
    Feature {
        signs: &["custom page size"],
        name: "custom page sizes",
        switch: "wasm-ld without --page-size, so that a page has 65,536 bytes",
    },
    Feature {
        signs: &["function references", "typed function references"],
        name: "typed function references",
        switch: "clang -mno-gc, or call through a table of funcref",
    },
    Feature {
        signs: &["gc ", "gc types", "0xfb subopcode", "(gc)"],
        name: "garbage collection (GC)",
        switch: "a compiler target that keeps its objects in linear memory",
    },
    Feature {
        signs: &["memory64", "64-bit"],
        name: "64-bit memories (memory64)",
        switch: "the target wasm32 in place of wasm64",
    },
    Feature {
        signs: &["multi-memory", "multiple memories"],
        name: "several memories (multi-memory)",
        switch: "clang -mno-multimemory, rustc -C target-feature=-multimemory; wasm-merge --skip",
    },
    Feature {
        signs: &["multi-value"],
        name: "several results (multi-value)",
        switch: "clang -mno-multivalue, rustc -C target-feature=-multivalue",
    },
    Feature {
        signs: &["bulk memory"],
        name: "bulk memory",
        switch: "clang -mno-bulk-memory, rustc -C target-feature=-bulk-memory",
    },
    Feature {
        signs: &["sign extension"],
        name: "sign extension",
        switch: "clang -mno-sign-ext, rustc -C target-feature=-sign-ext",
    },
    Feature {
        signs: &["saturating float"],
        name: "saturating conversions",
        switch: "clang -mno-nontrapping-fptoint, rustc -C target-feature=-nontrapping-fptoint",
    },
    Feature {
        signs: &["reference types", "multiple tables"],
        name: "reference types",
        switch: "clang -mno-reference-types, rustc -C target-feature=-reference-types",
    },
    Feature {
        signs: &["tail calls"],
        name: "tail calls",
        switch: "clang -mno-tail-call, rustc -C target-feature=-tail-call",
    },
    Feature { signs: &["wide arithmetic"], name: "wide arithmetic", switch: "clang -mno-wide-arithmetic" },
    Feature {
        signs: &["mutable global"],
        name: "mutable globals in imports and exports",
        switch: "clang -mno-mutable-globals, rustc -C target-feature=-mutable-globals",
    },
];

/// Signs that a message is about a feature that is off.
const OFF: &[&str] = &[
    "not enabled",
    "not supported",
    "must be enabled",
    "unexpected SIMD",
    "require the ",
    "required for ",
    "are disabled",
    "is disabled",
    "disallowed",
    "subopcode",
    "multiple memories",
    "multiple tables",
];

/// What is wrong, for the person who wrote the module.
pub(super) fn reason(error: &BinaryReaderError) -> String {
    in_our_words(error.message())
}

fn in_our_words(message: &str) -> String {
    if let Some(feature) = feature(message) {
        return feature.is_off();
    }
    type_error(message).or_else(|| missing(message)).or_else(|| other(message)).unwrap_or_else(|| UNNAMED.to_owned())
}

/// Why a type of the form `form`, the byte that it begins with, is refused.
pub(super) fn form_of_type(form: u8) -> String {
    // Arrays, structs, recursion groups and subtypes; continuations.
    let sign = match form {
        0x5e | 0x5f | 0x4e | 0x4f | 0x50 => "gc types are disabled",
        0x5d => "stack switching is disabled",
        _ => return "there is no type of this form".to_owned(),
    };
    in_our_words(sign)
}

/// Said of all that has no words of its own here.
const UNNAMED: &str = "this is not Wasm by the specification";

/// The feature that a message refuses.
fn feature(message: &str) -> Option<&'static Feature> {
    if !OFF.iter().any(|sign| message.contains(sign)) {
        return None;
    }
    // Only the sub-operators that are named belong to a proposal; the others of the prefix 0xfc to nothing.
    FEATURES.iter().find(|feature| feature.signs.iter().any(|sign| message.contains(sign)))
}

fn is(name: &str) -> String {
    let plural = [
        "exceptions",
        "memories",
        "results",
        "conversions",
        "types",
        "references",
        "calls",
        "globals",
        "sizes",
        "atomics",
    ];
    let word = name.split([' ', '(']).find(|word| plural.contains(word));
    format!("{name} {}", if word.is_some() || name.contains("threads") { "are" } else { "is" })
}

/// What the operand stack has, and what it must have.
fn type_error(message: &str) -> Option<String> {
    let what = message.strip_prefix("type mismatch")?.trim_start_matches([':', ' ']);
    if let Some(expected) = what.strip_prefix("expected ") {
        if let Some(expected) = expected.strip_suffix(" but nothing on stack") {
            return Some(format!("wrong types: {} is needed and the operand stack is empty", named(expected)));
        }
        if let Some((expected, found)) = expected.split_once(", found ").or_else(|| expected.split_once(" but found "))
        {
            return Some(format!("wrong types: {} is needed and {} is there", named(expected), named(found)));
        }
    }
    Some(match what {
        what if what.starts_with("values remaining") => {
            "wrong types: the block or function ends with values left over on the operand stack".to_owned()
        }
        what if what.starts_with("select") => {
            "wrong types: `select` needs two operands of one type of number".to_owned()
        }
        what if what.starts_with("br_table") => {
            "wrong types: the targets of a `br_table` take different numbers of values".to_owned()
        }
        what if what.starts_with("indirect calls") => {
            "wrong types: an indirect call needs a table of funcref".to_owned()
        }
        _ => "wrong types: the operands are not those that the operator takes".to_owned(),
    })
}

/// A type as it is written in the text format; what the parser says of itself is left out.
fn named(ty: &str) -> String {
    let ty = ty.trim().trim_matches('`');
    let known = ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"];
    match known.iter().find(|known| ty == **known) {
        Some(known) => (*known).to_owned(),
        None if ty.contains("ref") => "a reference".to_owned(),
        None => "a value of another type".to_owned(),
    }
}

/// Something that an index names and that is not there.
fn missing(message: &str) -> Option<String> {
    let what = message.strip_prefix("unknown ")?;
    let mut words = what.split([' ', ':']);
    let thing = words.next()?;
    let thing = match thing {
        "elem" => "element segment",
        "data" => "data segment",
        "label" => return Some("a branch leaves more blocks than there are around it".to_owned()),
        "binary" => return Some("the version is not 1".to_owned()),
        "0xfc" | "0xfb" | "0xfe" => return Some("there is no operator of this code".to_owned()),
        "type" | "function" | "table" | "memory" | "global" | "local" | "tag" | "field" => thing,
        _ => return None,
    };
    match what.split([' ', ':']).find_map(|word| word.parse::<u64>().ok()) {
        Some(index) => Some(format!("there is no {thing} {index}")),
        None => Some(format!("a {thing} is named that is not there")),
    }
}

/// Messages by what they begin with, and our words.
const OTHERS: &[(&str, &str)] = &[
    (
        "zero byte expected",
        "another memory or table than number 0 is named, and several memories (multi-memory) are off",
    ),
    ("unexpected end", "the bytes end in the middle of something"),
    ("unexpected eof", "the bytes end in the middle of something"),
    ("unexpected data at the end of operators", "the function has bytes behind its last `end`"),
    ("unexpected content", "the section has bytes behind its content"),
    ("trailing bytes", "the section has bytes behind its content"),
    ("section size mismatch", "the section is longer or shorter than it says"),
    ("section out of order", "the section is at another place than the specification says, or occurs twice"),
    ("section too large", "a section announces more bytes than the module has"),
    ("malformed section id", "there is no section of this number"),
    ("duplicate export name", "two exports have the same name"),
    ("duplicate", "something occurs twice that may occur once"),
    ("illegal opcode", "there is no operator of this code"),
    ("invalid u", "a number is longer than its type"),
    ("invalid var", "a number is longer than its type"),
    ("integer representation too long", "a number is longer than its type"),
    ("integer too large", "a number is larger than its type"),
    ("malformed UTF-8", "a name is not UTF-8"),
    ("invalid UTF-8", "a name is not UTF-8"),
    ("constant expression required", "an initial value or offset is computed, where it must be a constant"),
    ("alignment must not be larger", "the alignment is larger than the access"),
    ("malformed memop alignment", "the alignment is larger than an access can have"),
    ("atomic instructions", "the alignment is not that of an atomic access"),
    ("size minimum must not", "a minimum is above its maximum"),
    ("memory size must be", "a memory of more pages than 65,536"),
    ("table size must be", "a table of more elements than the specification allows"),
    ("global is immutable", "a global is set that is constant"),
    ("invalid start function", "the start function has parameters or results, which it may not"),
    ("undeclared function reference", "a `ref.func` of a function that no segment, export or global names"),
    ("function and code section", "there are more or fewer function bodies than functions"),
    ("code section", "there are more or fewer function bodies than functions"),
    ("data count", "the number of data segments is not the one that is announced"),
    ("else found outside", "an `else` without its `if`"),
    ("control frames remain", "the function ends before its last `end`"),
    ("operators remaining", "the function has operators behind its last `end`"),
    ("function body must end", "the function does not end with `end`"),
    ("too many locals", "a function of more locals than the specification allows"),
    ("locals exceed", "a function of more locals than the specification allows"),
    ("uninitialized local", "a local of a reference type is read before it is set"),
    ("invalid value type", "there is no value type of this code"),
    ("invalid leading byte", "the byte here begins nothing"),
    ("invalid flags byte", "a segment of a form that does not exist"),
    ("invalid memory limits", "a memory of a form that is not available"),
    ("invalid table resizable", "a table of a form that is not available"),
    ("invalid result arity", "a `select` with another number of types than one"),
    ("invalid", "the byte or number here has no meaning"),
    ("bad magic number", "the module does not begin with the magic number of Wasm"),
    ("implementation limit", "more of something than can be validated"),
];

fn other(message: &str) -> Option<String> {
    let found = OTHERS.iter().find(|(begin, _)| message.starts_with(begin));
    found.map(|(_, words)| (*words).to_owned())
}
