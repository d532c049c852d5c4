// viem against four validators: what is sent to one is read from each of the others.
//
//   node testnet.mjs PATH-OF-LOCKSTEP-NODE FOLDER-OF-CONTRACTS
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { CHAIN_ID, until } from './chain.mjs';
import { connect, types } from './viem.mjs';

const [program, contracts] = process.argv.slice(2);
process.env.CONTRACTS = `${pathToFileURL(contracts)}/`;
const { counter } = await import('./contracts.mjs');

const NODES = 4;
const PORTS = 3 * NODES;
const GAS = 5_000_000n;
const stranger = `0x${'22'.repeat(20)}`;

/** Whether a port is free. */
const isFree = port => new Promise(resolve => {
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});

/** The first of as many free ports as the network takes. */
async function freePorts() {
  for (let first = 21_000 + (process.pid % 400) * 20; first < 32_000; first += 20) {
    const ports = Array.from({ length: PORTS }, (_, number) => first + number);
    if ((await Promise.all(ports.map(isFree))).every(free => free)) return first;
  }
  return assert.fail('no ports are free');
}

/** Starts the network. Returns the process, the URL of each validator, and the mnemonic. */
async function start(folder) {
  const port = await freePorts();
  const run = ['testnet', '--nodes', String(NODES), '--folder', folder, '--port', String(port)];
  const child = spawn(program, run, { stdio: ['ignore', 'pipe', 'inherit'] });
  const urls = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const rpc = line.match(/^validator \d+ {2}rpc (\S+) {2}metrics/);
    if (rpc) urls.push(rpc[1]);
    const accounts = line.match(/^accounts .*mnemonic "(.*)"$/);
    if (accounts) {
      assert.equal(urls.length, NODES, 'each validator says where it answers');
      return { child, urls, mnemonic: accounts[1] };
    }
  }
  return assert.fail('the network has ended');
}

const folder = mkdtempSync(join(tmpdir(), 'lockstep-testnet-'));
const { child, urls, mnemonic } = await start(folder);
const ended = new Promise(resolve => { child.on('exit', resolve); });
let failed = false;
try {
  const clients = await Promise.all(urls.map(url => connect(url, mnemonic, CHAIN_ID)));
  for (const client of clients) {
    await until(() => client.chainId().then(id => id === CHAIN_ID, () => false), 'an answer of each validator');
  }
  let contract;
  let count = 0;
  // The one that is sent to goes around, by HTTP and by WebSocket, in each type of envelope.
  for (const [turn, type] of [...types, ...types].entries()) {
    const at = turn % NODES;
    const url = turn < types.length ? urls[at] : urls[at].replace('http', 'ws');
    const sender = await connect(url, mnemonic, CHAIN_ID);
    const sent = contract ? await sender.send(contract, '0x', type, GAS) : await sender.deploy(counter, type);
    assert.ok(sent.ok, 'what was sent is final');
    if (contract) count += 1;
    contract ??= sent.contract;
    const paid = await sender.pay(stranger, 1n, type);
    for (const [number, client] of clients.entries()) {
      const receipt = await client.receipt(sent.hash);
      assert.equal(receipt.status, 'success');
      assert.equal((await client.receipt(paid.hash)).status, 'success');
      const block = await client.block(receipt.blockNumber);
      assert.equal(block.hash, receipt.blockHash, `validator ${number} has the block of the receipt`);
      assert.equal(await client.balance(stranger), BigInt(turn + 1));
      const logs = Array.from({ length: count }, (_, index) => `0x0${index + 1}00000000000000`);
      assert.deepEqual(await client.logs(contract), logs);
    }
    await sender.close();
    console.log(`test sent to validator ${at}, type ${type}, ${url.split(':')[0]}, read from each ... ok`);
  }
  // Each has the same block at the same height.
  const heads = await Promise.all(clients.map(client => client.block()));
  const height = heads.map(head => head.number).reduce((least, number) => (number < least ? number : least));
  const blocks = await Promise.all(clients.map(client => client.block(height)));
  for (const block of blocks) assert.deepEqual([block.hash, block.stateRoot], [blocks[0].hash, blocks[0].stateRoot]);
  console.log(`test the same block ${height} at each ... ok`);
} catch (error) {
  failed = true;
  console.log(`test viem against ${NODES} validators ... FAILED\n${error.stack}`);
  for (let number = 0; number < NODES; number += 1) {
    console.log(`log of validator ${number}:\n${readFileSync(join(folder, `node-${number}`, 'log'), 'utf8').slice(-2_000)}`);
  }
}
child.kill('SIGTERM');
const code = await ended;
if (code !== 0) console.log(`the network has ended with ${code}`);
rmSync(folder, { recursive: true, force: true });
process.exit(failed || code !== 0 ? 1 : 0);
