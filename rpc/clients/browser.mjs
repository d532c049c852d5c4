// The explorer, and a wallet, in Chromium: what a person sees of a chain on which a hostile contract writes markup wherever it
// can, and an application that knows the node by an EIP-1193 provider alone.
//
//   node browser.mjs PATH-OF-LOCKSTEP FOLDER-OF-CONTRACTS PATH-OF-CHROMIUM FOLDER-OF-SCREENSHOTS
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { CHAIN_ID, start } from './chain.mjs';
import { connect } from './viem.mjs';

const [program, contracts, executablePath, screenshots] = process.argv.slice(2);
process.env.CONTRACTS = `${pathToFileURL(contracts)}/`;
const { counter, hostile, reverts } = await import('./contracts.mjs');
const stranger = `0x${'11'.repeat(20)}`;
const GAS = 5_000_000n;
/** A name that its owner made mean this machine. */
const EVIL = 'evil.example';

/** Blocks with something in them. Returns the hash of the hostile contract's transaction. */
async function fill(url, mnemonic) {
  const client = await connect(url, mnemonic, CHAIN_ID);
  const counts = (await client.deploy(counter, 'eip1559')).contract;
  for (const type of ['legacy', 'eip2930', 'eip1559']) await client.send(counts, '0x', type, GAS);
  await client.pay(stranger, 1_500_000_000_000_000_000n, 'eip1559');
  const refuses = (await client.deploy(reverts, 'eip1559')).contract;
  const failed = await client.send(refuses, '0x', 'eip1559', GAS);
  const writes = (await client.deploy(hostile, 'eip1559')).contract;
  const hurt = await client.send(writes, '0x', 'eip1559', GAS);
  assert.ok(hurt.ok && hurt.logs === 1 && !failed.ok);
  return { hurt: hurt.hash, failed: failed.hash };
}

/** Goes to a view of the explorer and waits until it is shown. */
async function go(page, hash) {
  await page.evaluate(where => { location.hash = where; }, hash);
  await page.waitForFunction(() => document.documentElement.dataset.shown === location.hash);
}

async function explore(browser, url, { hurt, failed }) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const wrong = [];
  const notes = message => wrong.push(message);
  page.on('console', message => { if (message.type() === 'error') notes(message.text()); });
  page.on('pageerror', error => notes(error.stack));
  page.on('dialog', dialog => { notes(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', request => { if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) notes(`asks ${request.url()}`); });
  const shot = name => page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });

  const answer = await page.goto(`${url}/`);
  assert.match(answer.headers()['content-security-policy'], /^default-src 'none'; script-src 'self';/);
  await page.waitForSelector('tbody tr');
  assert.equal(await page.locator('tbody tr').count(), 10, 'a row for each block');
  await shot('blocks');
  await page.locator('tbody tr').first().locator('a').first().click();
  await page.waitForSelector('h1:has-text("Block 9")');
  assert.equal(await page.locator('tbody tr').count(), 1, 'a row for each transaction');
  await shot('block');
  await page.locator('tbody a').first().click();
  await page.waitForSelector('.flame rect');
  assert.ok((await page.locator('.flame g').count()) >= 4, 'a part of the flame graph for each function');
  assert.ok((await page.locator('.event').count()) >= 4, 'the events of the trace');
  await shot('transaction');

  // A log and a function that are markup are shown as what they are.
  assert.ok(page.url().endsWith(`#/tx/${hurt}`));
  const shown = await page.locator('main').innerText();
  assert.ok(shown.includes('<img src=x onerror=alert(1)>'), 'the text of the log');
  const names = await page.locator('.flame title').allTextContents();
  assert.ok(names.some(name => name.includes('<script>alert(2)</script>')), 'the name of the function');
  assert.equal(await page.locator('main img, main script, main iframe').count(), 0, 'no markup comes of it');
  // A part of the graph that is clicked is looked at closer.
  const before = await page.locator('.flame g').count();
  await page.locator('.flame g').last().click();
  assert.notEqual(await page.locator('.flame g').count(), before, 'a click looks closer');

  await go(page, `#/tx/${failed}`);
  assert.ok((await page.locator('main').innerText()).includes('ethereum.revert'), 'where it stopped');
  await shot('failed');
  await page.fill('#query', stranger);
  await page.press('#query', 'Enter');
  await page.waitForSelector('h1:has-text("Account")');
  assert.ok((await page.locator('main').innerText()).includes('1.5 units'), 'a balance');
  for (const garbage of ['#/tx/0x12', '#/block/<img src=x>', '#/nothing', '#/block/%', '#/constructor']) {
    await go(page, garbage);
    await page.waitForSelector('h1:has-text("Not found")');
  }
  await page.setViewportSize({ width: 420, height: 800 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await go(page, `#/tx/${hurt}`);
  await page.waitForSelector('.flame rect');
  await shot('narrow');
  assert.deepEqual(wrong, [], 'the browser has nothing to complain of');
  await page.close();
}

/** A wallet in the page, and an application that asks it. */
async function pay(browser, url, mnemonic) {
  // ethers is put into the page past its policy, as an extension is.
  const context = await browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${url}/`);
  await page.addScriptTag({ path: new URL('node_modules/ethers/dist/ethers.umd.min.js', import.meta.url).pathname });
  const done = await page.evaluate(async ({ phrase, to }) => {
    const { BrowserProvider, HDNodeWallet } = globalThis.ethers;
    const wallet = HDNodeWallet.fromPhrase(phrase, undefined, "m/44'/60'/0'/0/4");
    const forward = async (method, params) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      const response = await fetch('/', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const { result, error } = await response.json();
      if (error) throw Object.assign(new Error(error.message), error);
      return result;
    };
    globalThis.ethereum = {
      async request({ method, params = [] }) {
        if (method === 'eth_accounts' || method === 'eth_requestAccounts') return [wallet.address];
        if (method !== 'eth_sendTransaction') return forward(method, params);
        const { from, gas, ...fields } = params[0];
        const [nonce, chainId] = await Promise.all([forward('eth_getTransactionCount', [from, 'pending']), forward('eth_chainId', [])]);
        const fees = { maxFeePerGas: await forward('eth_gasPrice', []), maxPriorityFeePerGas: '0x0' };
        const gasLimit = gas ?? await forward('eth_estimateGas', [{ from, ...fields }]);
        const raw = await wallet.signTransaction({ type: 2, ...fields, nonce: Number(nonce), chainId, gasLimit, ...fees });
        return forward('eth_sendRawTransaction', [raw]);
      },
    };
    const provider = new BrowserProvider(globalThis.ethereum, undefined, { cacheTimeout: -1 });
    const signer = await provider.getSigner();
    const before = await provider.getBalance(to);
    const receipt = await (await signer.sendTransaction({ to, value: 7n })).wait();
    return { from: receipt.from, account: wallet.address, status: receipt.status, more: Number(await provider.getBalance(to) - before) };
  }, { phrase: mnemonic, to: stranger });
  assert.deepEqual([done.from, done.status, done.more], [done.account, 1, 7], 'the wallet paid');
  await context.close();
}

/** What a page gets that asks a node by HTTP and by WebSocket. */
const ask = (page, node) => page.evaluate(async ({ http, ws }) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
  const headers = { 'content-type': 'application/json' };
  const byHttp = fetch(http, { method: 'POST', headers, body }).then(answer => answer.json()).then(answer => answer.result, () => 'refused');
  const byWebSocket = new Promise(resolve => {
    const socket = new WebSocket(ws);
    socket.onopen = () => socket.send(body);
    socket.onmessage = event => resolve(JSON.parse(event.data).result);
    socket.onerror = () => resolve('refused');
  });
  return Promise.all([byHttp, byWebSocket]);
}, node);

/** A page of somebody else asks: from its own place, and from a name that it made mean this machine. */
async function intrude(browser, { http, ws }) {
  const server = createServer((_, answer) => answer.end('<!doctype html><title>page</title>'));
  await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const origin = `http://127.0.0.1:${server.address().port}`;
  const page = await browser.newPage();
  await page.goto(origin);
  assert.deepEqual(await ask(page, { http, ws }), ['refused', 'refused'], 'a page that nobody has named');
  const other = await start(program, '--origin', origin);
  const answers = await ask(page, { http: other.http, ws: other.ws }).finally(() => other.child.kill());
  assert.deepEqual(answers, ['0x7a69', '0x7a69'], 'a page whose origin is named');
  const rebound = http.replace('127.0.0.1', EVIL);
  assert.equal((await page.goto(rebound)).status(), 403, 'the explorer under the name of a stranger');
  assert.deepEqual(await ask(page, { http: rebound, ws: ws.replace('127.0.0.1', EVIL) }), ['refused', 'refused'], 'under that name');
  await page.close();
  server.close();
}

mkdirSync(screenshots, { recursive: true });
const chain = await start(program);
const args = [`--host-resolver-rules=MAP ${EVIL} 127.0.0.1`];
if (process.getuid?.() === 0) args.push('--no-sandbox');
const browser = await chromium.launch({ executablePath, args });
let failed = 0;
const test = async (what, body) => {
  try {
    await body();
    console.log(`test ${what} ... ok`);
  } catch (error) {
    console.log(`test ${what} ... FAILED\n${error.stack}`);
    failed += 1;
  }
};
const filled = await fill(chain.http, chain.mnemonic);
await test('explorer in Chromium', () => explore(browser, chain.http, filled));
await test('wallet in Chromium', () => pay(browser, chain.http, chain.mnemonic));
await test('pages of strangers in Chromium', () => intrude(browser, chain));
await browser.close();
chain.child.kill();
process.exit(failed === 0 ? 0 : 1);
