//! Kernels, calls, compilation and blocks on the virtual machine, for comparisons of one version with another. What is
//! promised against bare wasmi is measured by the command `targets`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_benches::{
    programs::{EMPTY, HOST_CALLS, HOST_CALLS_EACH, KERNELS, many_functions},
    scene::{Scene, token_block},
    targets::{CHAIN, chain},
};
use lockstep_vm::{Abi, Bytes, CodeId, Revision, ValidModule, Vm};

/// Transfers in a block.
const TRANSFERS: u64 = 1_000;

/// Runs the contract `number` of `scene` as a transaction.
fn call(criterion: &mut Criterion, name: &str, elements: u64, scene: &Scene, number: u64) {
    let tx = scene.call(number, &[]).expect("a valid transaction");
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(elements));
    group.bench_function(name, |bencher| {
        bencher.iter_batched(|| tx.clone(), |tx| scene.execute(tx).expect("a return"), BatchSize::SmallInput);
    });
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel");
    group.sample_size(20);
    for kernel in &KERNELS {
        let scene = Scene::new(&[kernel.wasm().expect("a module")]).expect("a valid contract");
        let tx = scene.call(1, &[]).expect("a valid transaction");
        group.bench_function(kernel.name, |bencher| {
            bencher.iter_batched(|| tx.clone(), |tx| scene.execute(tx).expect("a return"), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn calls(criterion: &mut Criterion) {
    let scene = |program: &lockstep_benches::programs::Program| {
        Scene::new(&[program.wasm().expect("a module")]).expect("a valid contract")
    };
    call(criterion, "warm, empty", 1, &scene(&EMPTY), 1);
    call(criterion, "host functions", u64::from(HOST_CALLS_EACH), &scene(&HOST_CALLS), 1);
    call(criterion, "nested contracts", u64::from(CHAIN), &chain(CHAIN).expect("valid contracts"), u64::from(CHAIN));
}

fn code(criterion: &mut Criterion) {
    let code: Bytes = many_functions(2_000).expect("a module").into();
    let id = CodeId::of(&code, Abi::Ewasm);
    // A cache of no bytes keeps nothing.
    let vm: Vm = Vm::with_engine(Revision::V1, 0).expect("a machine");
    let mut group = criterion.benchmark_group("code");
    group.sample_size(20).throughput(Throughput::Bytes(u64::try_from(code.len()).expect("a size")));
    group.bench_function("validate", |bencher| {
        bencher.iter(|| ValidModule::parse(code.clone(), Abi::Ewasm, &Revision::V1).expect("a valid module"));
    });
    group.bench_function("validate and compile", |bencher| {
        bencher.iter(|| vm.check_code(id, &code).expect("a valid module"));
    });
    group.finish();
}

fn blocks(criterion: &mut Criterion) {
    let (scene, block) = token_block(TRANSFERS).expect("a valid contract");
    let mut group = criterion.benchmark_group("block");
    group.sample_size(20).throughput(Throughput::Elements(TRANSFERS));
    group.bench_function("wrc20 transfers", |bencher| {
        let execute = |block| scene.execute_block(block).expect("a good block");
        bencher.iter_batched(|| block.clone(), execute, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, kernels, calls, code, blocks);
criterion_main!(benches);
