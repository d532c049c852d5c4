// viem, over HTTP and WebSocket.
import { createPublicClient, createWalletClient, defineChain, http, webSocket } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';

export const types = ['legacy', 'eip2930', 'eip1559'];

export async function connect(url, mnemonic, id) {
  const chain = defineChain({
    id, name: 'dev', nativeCurrency: { name: 'unit', symbol: 'UNIT', decimals: 18 }, rpcUrls: { default: { http: [url] } },
  });
  const transport = url.startsWith('ws') ? webSocket(url) : http(url);
  const pollingInterval = 50;
  const client = createPublicClient({ chain, transport, pollingInterval });
  const account = mnemonicToAccount(mnemonic);
  const wallet = createWalletClient({ account, chain, transport });
  const done = async hash => {
    const receipt = await client.waitForTransactionReceipt({ hash });
    return { hash, ok: receipt.status === 'success', contract: receipt.contractAddress, logs: receipt.logs.length };
  };
  return {
    chainId: () => client.getChainId(),
    balance: address => client.getBalance({ address }),
    account: account.address,
    deploy: async (data, type) => done(await wallet.sendTransaction({ data, type })),
    send: async (to, data, type, gas) => done(await wallet.sendTransaction({ to, data, type, gas })),
    pay: async (to, value, type) => done(await wallet.sendTransaction({ to, value, type })),
    call: async (to, data) => (await client.call({ to, data })).data,
    receipt: hash => client.waitForTransactionReceipt({ hash }),
    block: blockNumber => client.getBlock({ blockNumber }),
    estimate: (to, data) => client.estimateGas({ account, to, data }),
    code: address => client.getCode({ address }),
    logs: async address => (await client.getLogs({ address, fromBlock: 0n, toBlock: 'latest' })).map(log => log.data),
    subscribe: async (address, seen) => client.watchEvent({ address, onLogs: logs => logs.forEach(log => seen(log.data)) }),
    revertData: async (to, data) => {
      try {
        await client.call({ to, data });
      } catch (error) {
        return error.walk(cause => cause.data !== undefined)?.data;
      }
      return undefined;
    },
    close: async () => { (await client.transport.getRpcClient?.())?.close(); },
  };
}
