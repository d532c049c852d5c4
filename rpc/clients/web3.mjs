// web3.py, in a process that takes a request a line and answers with a line (web3_client.py).
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export const types = [0, 1, 2];

export async function connect(url, mnemonic, id) {
  const script = new URL('web3_client.py', import.meta.url).pathname;
  const child = spawn(process.env.PYTHON, [script, url, mnemonic], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  let heard = () => {};
  createInterface({ input: child.stdout }).on('line', line => {
    const { event, result, error } = JSON.parse(line);
    if (event !== undefined) heard(event);
    else if (error !== undefined) waiting.shift().reject(new Error(error));
    else waiting.shift().resolve(result);
  });
  child.on('exit', () => waiting.forEach(({ reject }) => reject(new Error('web3.py ended'))));
  const ask = (method, ...params) => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    child.stdin.write(`${JSON.stringify([method, params])}\n`);
  });
  return {
    chainId: () => ask('chain_id'),
    balance: async address => BigInt(await ask('balance', address)),
    account: await ask('account'),
    deploy: (data, type) => ask('send', id, null, data, type, '0', null),
    send: (to, data, type, gas) => ask('send', id, to, data, type, '0', gas.toString()),
    pay: (to, value, type) => ask('send', id, to, '0x', type, value.toString(), null),
    call: (to, data) => ask('call', to, data),
    estimate: async (to, data) => BigInt(await ask('estimate', to, data)),
    code: address => ask('code', address),
    logs: address => ask('logs', address),
    subscribe: url.startsWith('ws') ? async (address, seen) => {
      heard = seen;
      await ask('subscribe', address);
      return () => ask('unsubscribe');
    } : null,
    revertData: (to, data) => ask('revert_data', to, data),
    close: async () => { child.stdin.end(); },
  };
}
