//! A program for WASI on bare wasmi: default features, default configuration, no metering.
//!
//! `bare-program MODULE INPUT` reads two files, then lines `compile` and `run`, and answers each with the nanoseconds of
//! processor time that it took: a compilation as a whole; or 32 times a store, an instance and a call of `_start`. The host functions
//! are those that a program in Go calls, with the answers of Lockstep. Every other import traps.

use anyhow::Context as _;
use std::{
    fs,
    io::{self, BufRead as _},
    time::Instant,
};
use wasmi::{Caller, CompilationMode, Config, Engine, Error, Linker, Module, Store, Val};

/// What a program has for one run.
struct Process {
    input: &'static [u8],
    output: Vec<u8>,
    clock_ns: u64,
    random: u64,
}

/// Runs at a time: the clock of a thread goes by milliseconds on some systems.
const RUNS: u32 = 32;

const SUCCESS: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const MODULE: &str = "wasi_snapshot_preview1";

type Guest<'a> = Caller<'a, Process>;

/// The exported memory and the process.
fn parts<'a>(caller: &'a mut Guest<'_>) -> Result<(&'a mut [u8], &'a mut Process), Error> {
    let memory = caller.get_export("memory").and_then(|memory| memory.into_memory());
    Ok(memory.ok_or_else(|| Error::new("no memory"))?.data_and_store_mut(caller))
}

fn range(memory: &mut [u8], offset: u32, length: u32) -> Result<&mut [u8], Error> {
    let start = offset as usize;
    memory.get_mut(start..start + length as usize).ok_or_else(|| Error::new("out of bounds"))
}

fn store(memory: &mut [u8], offset: u32, bytes: &[u8]) -> Result<(), Error> {
    range(memory, offset, bytes.len() as u32).map(|place| place.copy_from_slice(bytes))
}

/// The buffers of a vector: each an offset and a length.
fn buffers(memory: &mut [u8], offset: u32, count: u32) -> Result<Vec<(u32, u32)>, Error> {
    let entries = range(memory, offset, count.saturating_mul(8))?;
    let word = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or_default();
    Ok(entries.chunks_exact(8).map(|entry| (word(&entry[..4]), word(&entry[4..]))).collect())
}

fn fd_write(mut caller: Guest<'_>, _fd: i32, vector: u32, count: u32, written: u32) -> Result<i32, Error> {
    let (memory, process) = parts(&mut caller)?;
    let mut total = 0;
    for (offset, length) in buffers(memory, vector, count)? {
        process.output.extend_from_slice(range(memory, offset, length)?);
        total += length;
    }
    store(memory, written, &total.to_le_bytes()).map(|()| SUCCESS)
}

fn fd_read(mut caller: Guest<'_>, fd: i32, vector: u32, count: u32, read: u32) -> Result<i32, Error> {
    let (memory, process) = parts(&mut caller)?;
    if fd != 0 {
        return Ok(BAD_DESCRIPTOR);
    }
    let mut total = 0;
    for (offset, length) in buffers(memory, vector, count)? {
        let (bytes, rest) = process.input.split_at(process.input.len().min(length as usize));
        store(memory, offset, bytes)?;
        process.input = rest;
        total += bytes.len() as u32;
    }
    store(memory, read, &total.to_le_bytes()).map(|()| SUCCESS)
}

fn linker(engine: &Engine) -> Result<Linker<Process>, Error> {
    let mut linker = Linker::new(engine);
    let sizes = |mut caller: Guest<'_>, number: u32, bytes: u32| {
        let (memory, _) = parts(&mut caller)?;
        store(memory, number, &[0; 4])?;
        store(memory, bytes, &[0; 4]).map(|()| SUCCESS)
    };
    linker.func_wrap(MODULE, "args_sizes_get", sizes)?;
    linker.func_wrap(MODULE, "environ_sizes_get", sizes)?;
    linker.func_wrap(MODULE, "sched_yield", || SUCCESS)?;
    linker.func_wrap(MODULE, "fd_prestat_get", |_: i32, _: u32| BAD_DESCRIPTOR)?;
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |mut caller: Guest<'_>, _fd: i32, result: u32| {
        let (memory, _) = parts(&mut caller)?;
        let mut answer = [0; 24];
        answer[0] = 2;
        store(memory, result, &answer).map(|()| SUCCESS)
    })?;
    linker.func_wrap(MODULE, "clock_time_get", |mut caller: Guest<'_>, _id: i32, _precision: i64, result: u32| {
        let (memory, process) = parts(&mut caller)?;
        process.clock_ns += 1_000;
        store(memory, result, &process.clock_ns.to_le_bytes()).map(|()| SUCCESS)
    })?;
    linker.func_wrap(MODULE, "random_get", |mut caller: Guest<'_>, result: u32, length: u32| {
        let (memory, process) = parts(&mut caller)?;
        for byte in range(memory, result, length)? {
            process.random = process.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (process.random >> 56) as u8;
        }
        Ok(SUCCESS)
    })?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "fd_read", fd_read)?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> Result<(), Error> { Err(Error::i32_exit(code)) })?;
    Ok(linker)
}

/// Nanoseconds of processor time of this thread, or those that have passed where the system does not tell.
fn now_ns(start: Instant) -> u128 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| start.elapsed().as_nanos())
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let code = fs::read(arguments.next().context("the first argument is a module")?)?;
    let input: &'static [u8] = fs::read(arguments.next().context("the second argument is an input")?)?.leak();
    let mut config = Config::default();
    config.compilation_mode(CompilationMode::Eager);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &code)?;
    let mut linker = linker(&engine)?;
    for import in module.imports() {
        if let Some(ty) = import.ty().func() {
            // What is there already stays.
            let trap = |_: Guest<'_>, _: &[Val], _: &mut [Val]| Err(Error::new("not there"));
            let _ = linker.func_new(import.module(), import.name(), ty.clone(), trap);
        }
    }
    let clock = Instant::now();
    for line in io::stdin().lock().lines() {
        let start = now_ns(clock);
        match line?.as_str() {
            // An engine of its own: wasmi keeps the code of an engine's modules as long as the engine.
            "compile" => drop(Module::new(&Engine::new(&config), &code)?),
            "run" => {
                for _ in 0..RUNS {
                    let mut store = Store::new(&engine, Process { input, output: Vec::new(), clock_ns: 0, random: 1 });
                    let instance = linker.instantiate_and_start(&mut store, &module)?;
                    let ended = instance.get_typed_func::<(), ()>(&store, "_start")?.call(&mut store, ());
                    let code = ended.map_or_else(|error| error.i32_exit_status(), |()| Some(0));
                    anyhow::ensure!(code == Some(0), "the program ended with {code:?}");
                    anyhow::ensure!(!store.data().output.is_empty(), "the program wrote nothing");
                }
            }
            other => anyhow::bail!("{other:?} is neither `compile` nor `run`"),
        }
        println!("{}", now_ns(clock) - start);
    }
    Ok(())
}
