// Each client does what a wallet and an application do, in every type of envelope, over HTTP and WebSocket.
//
//   node run.mjs PATH-OF-LOCKSTEP FOLDER-OF-CONTRACTS [CLIENT...]
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { CHAIN_ID, start, until } from './chain.mjs';

const [program, contracts, ...chosen] = process.argv.slice(2);
process.env.CONTRACTS = `${pathToFileURL(contracts)}/`;
const { balance, counter, reason, reverts, token, transfer } = await import('./contracts.mjs');

const GAS = 5_000_000n;
const stranger = `0x${'11'.repeat(20)}`;

/** A day with one client. */
async function use(client, type) {
  assert.equal(await client.chainId(), CHAIN_ID);
  const deployed = await client.deploy(counter, type);
  assert.ok(deployed.ok && deployed.contract, 'the counter is deployed');
  assert.ok((await client.code(deployed.contract)).startsWith('0x0061736d'), 'its code is a module');

  const events = [];
  // Not every client can.
  const stop = await client.subscribe?.(deployed.contract, data => events.push(data));
  for (const number of ['0x0100000000000000', '0x0200000000000000']) {
    assert.equal(await client.call(deployed.contract, '0x'), number, 'a call of a method that changes state changes none');
    const sent = await client.send(deployed.contract, '0x', type, await client.estimate(deployed.contract, '0x'));
    assert.deepEqual([sent.ok, sent.logs], [true, 1], 'what was estimated is enough');
  }
  const logs = ['0x0100000000000000', '0x0200000000000000'];
  assert.deepEqual(await client.logs(deployed.contract), logs, 'by filter');
  if (stop) {
    await until(() => events.length >= 2, 'an event by subscription');
    assert.deepEqual(events, logs, 'by subscription');
    await stop();
  }

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

const { child, http, ws, mnemonic } = await start(program);
let passed = 0;
let failed = 0;
let names = ['viem', 'ethers'];
if (process.platform === 'linux' && process.arch === 'x64') names.push('cast');
else console.log('NOT RUN: cast, whose package is for x86-64 Linux.');
if (process.env.PYTHON) names.push('web3');
if (chosen.length > 0) names = names.filter(name => chosen.includes(name));
for (const name of names) {
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
