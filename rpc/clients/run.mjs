// Each client does what a wallet and an application do, in every type of envelope, over HTTP and WebSocket.
//
//   node run.mjs PATH-OF-LOCKSTEP FOLDER-OF-CONTRACTS
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [program, contracts] = process.argv.slice(2);
process.env.CONTRACTS = `${pathToFileURL(contracts)}/`;
const { balance, counter, reason, reverts, token, transfer } = await import('./contracts.mjs');

const CHAIN_ID = 31337;
const GAS = 5_000_000n;
const stranger = `0x${'11'.repeat(20)}`;

/** Starts a chain and returns its address once it listens. */
async function start() {
  const child = spawn(program, ['dev', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, ...rest] = line.split(/\s+/);
    said[word] = rest.join(' ');
    if (word === 'accounts') break;
  }
  assert.ok(said.url && said.mnemonic, 'it says where it listens');
  return { child, http: said.url, ws: said.websocket, mnemonic: said.mnemonic };
}

/** Waits until `holds`, five seconds at most. */
async function until(holds, what) {
  for (let turn = 0; turn < 100; turn += 1) {
    if (holds()) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  assert.fail(`${what} did not come`);
}

/** A day with one client. */
async function use(client, type) {
  assert.equal(await client.chainId(), CHAIN_ID);
  const deployed = await client.deploy(counter, type);
  assert.ok(deployed.ok && deployed.contract, 'the counter is deployed');
  assert.ok((await client.code(deployed.contract)).startsWith('0x0061736d'), 'its code is a module');

  const events = [];
  const stop = await client.subscribe(deployed.contract, data => events.push(data));
  for (const number of ['0x0100000000000000', '0x0200000000000000']) {
    assert.equal(await client.call(deployed.contract, '0x'), number, 'a call of a method that changes state changes none');
    const sent = await client.send(deployed.contract, '0x', type, await client.estimate(deployed.contract, '0x'));
    assert.deepEqual([sent.ok, sent.logs], [true, 1], 'what was estimated is enough');
  }
  const logs = ['0x0100000000000000', '0x0200000000000000'];
  assert.deepEqual(await client.logs(deployed.contract), logs, 'by filter');
  await until(() => events.length >= 2, 'an event by subscription');
  assert.deepEqual(events, logs, 'by subscription');
  await stop();

  const { contract } = await client.deploy(token, type);
  assert.equal(await client.call(contract, balance(client.account)), `0x${'00'.repeat(32)}`);
  assert.equal((await client.send(contract, transfer(stranger, 0), type, GAS)).ok, true);
  assert.equal((await client.send(contract, transfer(stranger, 1), type, GAS)).ok, false, 'the token has no supply');

  const refuses = (await client.deploy(reverts, type)).contract;
  assert.equal(await client.revertData(refuses, '0x'), reason, 'a revert has its data');
  await assert.rejects(client.estimate(refuses, '0x'));

  const before = await client.balance(stranger);
  assert.equal((await client.pay(stranger, 5n, type)).ok, true);
  assert.equal(await client.balance(stranger), before + 5n);
}

const { child, http, ws, mnemonic } = await start();
let passed = 0;
let failed = 0;
for (const name of ['viem', 'ethers']) {
  const { connect, types } = await import(`./${name}.mjs`);
  for (const url of [http, ws]) {
    for (const type of types) {
      const what = `${name}, type ${type}, ${url.split(':')[0]}`;
      try {
        const client = await connect(url, mnemonic, CHAIN_ID);
        await use(client, type);
        await client.close();
        console.log(`test ${what} ... ok`);
        passed += 1;
      } catch (error) {
        console.log(`test ${what} ... FAILED\n${error.stack}`);
        failed += 1;
      }
    }
  }
}
child.kill();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
