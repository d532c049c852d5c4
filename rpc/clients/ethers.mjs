// ethers, over HTTP and WebSocket.
import { HDNodeWallet, JsonRpcProvider, NonceManager, WebSocketProvider } from 'ethers';

export const types = [0, 1, 2];

export async function connect(url, mnemonic, id) {
  // It keeps answers for 250 ms, and here a block comes with each transaction.
  const isSocket = url.startsWith('ws');
  const options = { cacheTimeout: -1, polling: !isSocket, pollingInterval: 50 };
  const provider = new (isSocket ? WebSocketProvider : JsonRpcProvider)(url, id, options);
  const wallet = HDNodeWallet.fromPhrase(mnemonic, undefined, "m/44'/60'/0'/0/1").connect(provider);
  const signer = new NonceManager(wallet);
  const done = async sent => {
    try {
      const receipt = await (await sent).wait();
      return { ok: receipt.status === 1, contract: receipt.contractAddress, logs: receipt.logs.length };
    } catch (error) {
      if (error.code !== 'CALL_EXCEPTION' || !error.receipt) throw error;
      return { ok: false, contract: null, logs: 0 };
    }
  };
  return {
    chainId: async () => Number((await provider.getNetwork()).chainId),
    balance: address => provider.getBalance(address),
    account: wallet.address,
    deploy: (data, type) => done(signer.sendTransaction({ data, type })),
    send: (to, data, type, gas) => done(signer.sendTransaction({ to, data, type, gasLimit: gas })),
    pay: (to, value, type) => done(signer.sendTransaction({ to, value, type })),
    call: (to, data) => provider.call({ to, data }),
    estimate: (to, data) => provider.estimateGas({ from: wallet.address, to, data }),
    code: address => provider.getCode(address),
    logs: async address => (await provider.getLogs({ address, fromBlock: 0, toBlock: 'latest' })).map(log => log.data),
    subscribe: async (address, seen) => {
      const heard = log => seen(log.data);
      await provider.on({ address }, heard);
      return () => provider.off({ address }, heard);
    },
    revertData: async (to, data) => {
      try {
        await provider.call({ to, data });
      } catch (error) {
        return error.data;
      }
      return undefined;
    },
    close: () => provider.destroy(),
  };
}
