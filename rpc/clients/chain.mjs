// A chain for a client: `lockstep dev`, started and stopped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export const CHAIN_ID = 31337;

/** Starts a chain and returns its addresses once it listens. */
export async function start(program, ...more) {
  const child = spawn(program, ['dev', '--listen', '127.0.0.1:0', ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, ...rest] = line.split(/\s+/);
    said[word] = rest.join(' ');
    if (word === 'accounts') break;
  }
  assert.ok(said.url && said.mnemonic, 'it says where it listens');
  return { child, http: said.url, ws: said.websocket, mnemonic: said.mnemonic };
}

/** Waits until `holds`, ten seconds at most. */
export async function until(holds, what) {
  for (let turn = 0; turn < 200; turn += 1) {
    if (await holds()) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  assert.fail(`${what} did not come`);
}
