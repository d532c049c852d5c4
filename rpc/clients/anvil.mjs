// The shape of each answer beside anvil's: the same keys, the same kinds of values. What differs is in anvil-differences.json,
// each with its reason; one that no longer differs, or that is not in it, fails.
//
//   node anvil.mjs PATH-OF-LOCKSTEP FOLDER-OF-CONTRACTS
//
// With LOCKSTEP_BLESS=1 the shapes are written to anvil.json beside this file, which is a copy in target: take it from there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { createWalletClient, defineChain, http as transport } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { CHAIN_ID, start } from './chain.mjs';

const [program, contracts] = process.argv.slice(2);
process.env.CONTRACTS = `${pathToFileURL(contracts)}/`;
const { counter, reverts } = await import('./contracts.mjs');
const golden = new URL('anvil.json', import.meta.url);
const differences = JSON.parse(readFileSync(new URL('anvil-differences.json', import.meta.url)));
const stranger = `0x${'11'.repeat(20)}`;
const nothing = `0x${'77'.repeat(32)}`;

/** Init code of the EVM for a contract that logs a word with one topic and returns it: what the counter is to us. */
const evmCounter = '0x60118060093d393df3' + '6001600052' + '600060206000a1' + '60206000f3';
/** For one that reverts with 0xdeadbeef. */
const evmReverts = '0x600d8060093d393df3' + '63deadbeef600052' + '6004601cfd';

async function startAnvil() {
  const anvil = createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/bin/anvil');
  const child = spawn(anvil, ['--port', '0', '--chain-id', CHAIN_ID.toString()], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const listens = /Listening on (\S+)/.exec(line);
    if (listens) return { child, http: `http://${listens[1]}` };
  }
  throw new Error('anvil did not start');
}

/** The kind of a value: of a text that is hex, whether it is a quantity or so many bytes. */
function shape(value) {
  if (Array.isArray(value)) {
    const kinds = value.map(shape);
    const first = kinds[0];
    return kinds.length === 0 ? [] : [kinds.every(kind => JSON.stringify(kind) === JSON.stringify(first)) ? first : 'several kinds'];
  }
  if (value !== null && typeof value === 'object') {
    // The numbers of a signature may begin with zeros or not.
    const inner = (key, part) => (['r', 's'].includes(key) && /^0x[0-9a-f]{1,64}$/.test(part) ? 'quantity' : shape(part));
    return Object.fromEntries(Object.entries(value).sort().map(([key, part]) => [key, inner(key, part)]));
  }
  if (typeof value !== 'string') return value === null ? 'null' : typeof value;
  if (/^0x(0|[1-9a-f][0-9a-f]*)$/.test(value) && value.length <= 34) return 'quantity';
  if (/^0x([0-9a-f]{2})*$/i.test(value)) return [20, 32, 256, 8].includes((value.length - 2) / 2) ? `${(value.length - 2) / 2} bytes` : 'bytes';
  return 'text';
}

/** The same transactions on a chain, and then every question. */
async function ask(url, phrase, code) {
  const request = async (method, ...params) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return answer.json();
  };
  const chain = defineChain({ id: CHAIN_ID, name: 'c', nativeCurrency: { name: 'u', symbol: 'U', decimals: 18 }, rpcUrls: { default: { http: [url] } } });
  const wallet = createWalletClient({ account: mnemonicToAccount(phrase), chain, transport: transport(url) });
  const receiptOf = async hash => {
    for (let turn = 0; turn < 100; turn += 1) {
      const { result } = await request('eth_getTransactionReceipt', hash);
      if (result) return result;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    throw new Error('there is no receipt');
  };
  const send = async fields => receiptOf(await wallet.sendTransaction({ gas: 5_000_000n, ...fields }));
  const contract = (await send({ data: code.counter })).contractAddress;
  const refuses = (await send({ data: code.reverts })).contractAddress;
  const sent = {};
  for (const type of ['legacy', 'eip2930', 'eip1559']) sent[type] = await send({ to: contract, type });
  assert.equal(sent.eip1559.logs.length, 1);
  const last = sent.eip1559;
  const from = wallet.account.address;
  const questions = {
    web3_clientVersion: [], net_version: [], net_listening: [], eth_chainId: [], eth_syncing: [], eth_blockNumber: [],
    eth_gasPrice: [], eth_maxPriorityFeePerGas: [], eth_accounts: [],
    eth_feeHistory: ['0x2', 'latest', [50]],
    eth_getBlockByNumber: ['latest', false],
    'eth_getBlockByNumber, whole': ['latest', true],
    'eth_getBlockByNumber, none': ['0xffff', false],
    'eth_getBlockByNumber, first': ['0x0', false],
    eth_getBlockByHash: [last.blockHash, false],
    'eth_getBlockByHash, none': [nothing, false],
    eth_getBlockTransactionCountByNumber: ['latest'],
    eth_getBlockTransactionCountByHash: [last.blockHash],
    eth_getBlockReceipts: ['latest'],
    ...Object.fromEntries(Object.entries(sent).flatMap(([type, { transactionHash }]) => [
      [`eth_getTransactionByHash, ${type}`, [transactionHash]], [`eth_getTransactionReceipt, ${type}`, [transactionHash]],
    ])),
    'eth_getBlockTransactionCountByHash, none': [nothing],
    'eth_getTransactionByHash, none': [nothing],
    'eth_getTransactionByBlockHashAndIndex, none': [nothing, '0x0'],
    'eth_getTransactionReceipt, none': [nothing],
    eth_getTransactionByBlockNumberAndIndex: ['latest', '0x0'],
    eth_getTransactionByBlockHashAndIndex: [last.blockHash, '0x0'],
    eth_getTransactionCount: [from, 'latest'],
    eth_getBalance: [from, 'latest'],
    eth_getCode: [contract, 'latest'],
    'eth_getCode, none': [stranger, 'latest'],
    eth_getStorageAt: [contract, '0x0', 'latest'],
    eth_call: [{ to: contract }, 'latest'],
    'eth_call, revert': [{ to: refuses }, 'latest'],
    eth_estimateGas: [{ from, to: contract }],
    'eth_estimateGas, revert': [{ from, to: refuses }],
    eth_sendRawTransaction: [await wallet.signTransaction({ to: stranger, value: 1n, nonce: 5, gas: 300_000n, maxFeePerGas: 3_000_000_000n, maxPriorityFeePerGas: 0n, type: 'eip1559' })],
    'eth_sendRawTransaction, garbage': ['0x1234'],
    eth_getLogs: [{ fromBlock: '0x0', toBlock: 'latest', address: contract }],
    'eth_getLogs, none': [{ fromBlock: '0x0', toBlock: 'latest', address: stranger }],
    eth_noSuchMethod: [],
  };
  const answers = {};
  for (const [name, params] of Object.entries(questions)) {
    const { result, error } = await request(name.split(',')[0], ...params);
    answers[name] = error ? { error: { code: error.code, ...('data' in error ? { data: shape(error.data) } : {}) } } : shape(result);
  }
  return answers;
}

/** Where two shapes differ, as `path: ours, theirs`. */
function compare(ours, theirs, path) {
  const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value);
  if (isObject(ours) && isObject(theirs)) {
    return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].sort().flatMap(key => compare(ours[key], theirs[key], `${path}.${key}`));
  }
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length === 1 && theirs.length === 1) return compare(ours[0], theirs[0], `${path}[]`);
  const said = value => (value === undefined ? 'absent' : JSON.stringify(value));
  return said(ours) === said(theirs) ? [] : [`${path}: ${said(ours)}, anvil ${said(theirs)}`];
}

const [lockstep, anvil] = [await start(program), await startAnvil()];
try {
  const ours = await ask(lockstep.http, lockstep.mnemonic, { counter, reverts });
  const theirs = await ask(anvil.http, lockstep.mnemonic, { counter: evmCounter, reverts: evmReverts });
  const written = `${JSON.stringify({ lockstep: ours, anvil: theirs }, null, 1)}\n`;
  if (process.env.LOCKSTEP_BLESS) writeFileSync(golden, written);
  const found = Object.keys(ours).flatMap(name => compare(ours[name], theirs[name], name));
  const unknown = found.filter(line => !differences.some(({ differs }) => new RegExp(differs).test(line)));
  const stale = differences.filter(({ differs }) => !found.some(line => new RegExp(differs).test(line)));
  assert.deepEqual({ unknown, stale }, { unknown: [], stale: [] }, 'what differs from anvil is listed with its reason');
  assert.equal(written, readFileSync(golden, 'utf8'), 'the shapes are those of the golden file');
  console.log(`test anvil: ${Object.keys(ours).length} answers, ${found.length} differences with reasons ... ok`);
} finally {
  lockstep.child.kill();
  anvil.child.kill();
}
