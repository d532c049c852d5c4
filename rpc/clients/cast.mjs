// cast: a command, so each step is a process.
import { execFile, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const program = createRequire(import.meta.url).resolve('@foundry-rs/cast-linux-amd64/bin/cast');

export const types = ['--legacy', '--access-list', '--eip1559'];

/** What makes a transaction of a type. */
const typed = type => ({ '--legacy': ['--legacy'], '--access-list': ['--legacy', '--access-list', '[]'], '--eip1559': [] })[type];

export async function connect(url, mnemonic) {
  const cast = async (...args) => (await run(program, [...args, '--rpc-url', url])).stdout.trim();
  const path = "m/44'/60'/0'/0/2";
  const key = (await run(program, ['wallet', 'private-key', mnemonic, path])).stdout.trim();
  const account = (await run(program, ['wallet', 'address', '--private-key', key])).stdout.trim();
  const send = async (type, ...args) => {
    const options = ['--private-key', key, '--poll-interval', '1', '--json', ...typed(type)];
    const create = args.indexOf('--create');
    const [before, after] = create < 0 ? [args, []] : [args.slice(0, create), args.slice(create)];
    // What it deploys stands behind all options.
    const sent = await run(program, ['send', ...options, ...before, '--rpc-url', url, ...after]).catch(error => {
      // It ends with an error where the transaction failed, after it has printed the receipt.
      if (!error.stdout?.trim()) throw error;
      return error;
    });
    const receipt = JSON.parse(sent.stdout);
    if (receipt.type !== `0x${types.indexOf(type)}`) throw new Error(`${type} made type ${receipt.type}`);
    return { ok: receipt.status === '0x1', contract: receipt.contractAddress, logs: receipt.logs.length };
  };
  return {
    chainId: async () => Number(await cast('chain-id')),
    balance: async address => BigInt(await cast('balance', address)),
    account,
    deploy: (data, type) => send(type, '--create', data),
    send: (to, data, type, gas) => send(type, to, '--data', data, '--gas-limit', gas.toString()),
    pay: (to, value, type) => send(type, to, '--value', value.toString()),
    call: (to, data) => cast('call', to, '--data', data),
    estimate: async (to, data) => BigInt(await cast('estimate', to, '--from', account, data)),
    code: address => cast('code', address),
    logs: async address => JSON.parse(await cast('logs', '--json', '--from-block', '0', '--address', address)).map(log => log.data),
    subscribe: url.startsWith('ws') ? async (address, seen) => {
      const child = spawn(program, ['logs', '--subscribe', '--address', address, '--rpc-url', url]);
      createInterface({ input: child.stdout }).on('line', line => {
        const data = /^ *data: (0x[0-9a-f]*)$/.exec(line);
        if (data) seen(data[1]);
      });
      // It does not say when it has subscribed.
      await new Promise(resolve => setTimeout(resolve, 1000));
      return () => child.kill();
    } : null,
    revertData: async (to, data) => {
      try {
        await cast('call', to, '--data', data);
      } catch (error) {
        return /data: "(0x[0-9a-f]*)"/.exec(error.stderr)?.[1];
      }
      return undefined;
    },
    close: async () => {},
  };
}
