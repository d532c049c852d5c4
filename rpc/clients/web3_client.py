"""web3.py as a process: a request a line in, an answer a line out (web3.mjs)."""

import asyncio
import json
import sys

from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncWeb3, WebSocketProvider
from web3.exceptions import ContractLogicError
from web3.utils.subscriptions import LogsSubscription

URL, MNEMONIC = sys.argv[1:]
Account.enable_unaudited_hdwallet_features()
ACCOUNT = Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/3")


def say(**said):
    print(json.dumps(said), flush=True)


class Client:
    def __init__(self, w3):
        self.w3 = w3
        self.subscription = None

    async def chain_id(self):
        return await self.w3.eth.chain_id

    async def balance(self, address):
        return str(await self.w3.eth.get_balance(self.w3.to_checksum_address(address)))

    async def account(self):
        return ACCOUNT.address

    async def send(self, chain_id, to, data, kind, value, gas):
        tx = {"from": ACCOUNT.address, "chainId": chain_id, "data": data, "value": int(value)}
        tx["nonce"] = await self.w3.eth.get_transaction_count(ACCOUNT.address)
        if to is not None:
            tx["to"] = self.w3.to_checksum_address(to)
        price = await self.w3.eth.gas_price
        if kind == 0:
            tx["gasPrice"] = price
        elif kind == 1:
            tx |= {"type": 1, "gasPrice": price, "accessList": []}
        else:
            tip = await self.w3.eth.max_priority_fee
            tx |= {"type": 2, "maxFeePerGas": 2 * price + tip, "maxPriorityFeePerGas": tip}
        tx["gas"] = await self.w3.eth.estimate_gas(tx) if gas is None else int(gas)
        signed = ACCOUNT.sign_transaction(tx)
        hash = await self.w3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = await self.w3.eth.wait_for_transaction_receipt(hash)
        assert receipt["type"] == kind
        return {"ok": receipt["status"] == 1, "contract": receipt["contractAddress"], "logs": len(receipt["logs"])}

    def tx(self, to, data):
        return {"from": ACCOUNT.address, "to": self.w3.to_checksum_address(to), "data": data}

    async def call(self, to, data):
        return (await self.w3.eth.call(self.tx(to, data))).to_0x_hex()

    async def estimate(self, to, data):
        return str(await self.w3.eth.estimate_gas(self.tx(to, data)))

    async def code(self, address):
        return (await self.w3.eth.get_code(self.w3.to_checksum_address(address))).to_0x_hex()

    async def logs(self, address):
        filter = {"address": self.w3.to_checksum_address(address), "fromBlock": 0, "toBlock": "latest"}
        return [log["data"].to_0x_hex() for log in await self.w3.eth.get_logs(filter)]

    async def subscribe(self, address):
        async def heard(context):
            say(event=context.result["data"].to_0x_hex())

        logs = LogsSubscription(address=self.w3.to_checksum_address(address), handler=heard)
        self.subscription = await self.w3.subscription_manager.subscribe(logs)
        self.heard = asyncio.create_task(self.w3.subscription_manager.handle_subscriptions(run_forever=True))

    async def unsubscribe(self):
        await self.w3.subscription_manager.unsubscribe(self.subscription)
        self.heard.cancel()

    async def revert_data(self, to, data):
        try:
            await self.w3.eth.call(self.tx(to, data))
        except ContractLogicError as error:
            return error.data
        return None


async def serve(w3):
    client = Client(w3)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        method, params = json.loads(line)
        try:
            say(result=await getattr(client, method)(*params))
        except Exception as error:  # What went wrong is for the other side to judge.
            say(error=f"{type(error).__name__}: {error}")


async def main():
    if URL.startswith("ws"):
        async with AsyncWeb3(WebSocketProvider(URL)) as w3:
            await serve(w3)
    else:
        await serve(AsyncWeb3(AsyncHTTPProvider(URL)))


asyncio.run(main())
