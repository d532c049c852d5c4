// The explorer: it asks the node over JSON-RPC and shows what it answers. What comes from the chain is text, and never markup:
// elements are made by `make` and `svg` alone, which take text.

const BLOCKS_OF_PAGE = 20;
const EVENTS_MAX = 2000;
const REFRESH_MS = 2000;
const FLAME_WIDTH = 1120;
const FLAME_ROW = 20;
const FLAME_DEPTH_MAX = 64;

const page = document.getElementById('page');

/** A method that failed, by the node's own word. */
class NodeError extends Error {}

async function ask(method, ...params) {
  const response = await fetch('/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  if (!response.ok) throw new NodeError(`the node answers with status ${response.status}`);
  const { result, error } = await response.json();
  if (error) throw new NodeError(error.message);
  return result;
}

function append(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

const make = (name, attributes = {}, ...children) => append(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) =>
  append(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);

const whole = quantity => BigInt(quantity).toLocaleString('en');
const short = hash => (hash.length > 20 ? `${hash.slice(0, 10)}…${hash.slice(-6)}` : hash);
const mono = text => make('span', { class: 'mono' }, text);
const dim = text => make('span', { class: 'dim' }, text);

const link = (kind, key, text = key) => make('a', { href: `#/${kind}/${encodeURIComponent(key)}`, class: 'mono', title: key }, text);
const toBlock = quantity => make('a', { href: `#/block/${BigInt(quantity)}` }, BigInt(quantity).toString());
const toTransaction = (hash, text = hash) => link('tx', hash, text);
const toAddress = (address, text = address) => (address ? link('address', address, text) : dim('none'));

/** An amount with 18 decimals. */
function amount(quantity, unit = ' units') {
  const digits = BigInt(quantity).toString().padStart(19, '0');
  const fraction = digits.slice(-18).replace(/0+$/, '');
  return `${BigInt(digits.slice(0, -18)).toLocaleString('en')}${fraction && `.${fraction}`}${unit}`;
}

function time(quantity) {
  const seconds = Number(quantity);
  if (seconds === 0) return 'the beginning';
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}

/** Bytes in hex, and as text where they are printable. */
function bytes(hex) {
  if (hex === '0x') return dim('empty');
  const shown = hex.length > 4098 ? `${hex.slice(0, 4098)}… (${(hex.length - 2) / 2} bytes)` : hex;
  const raw = Uint8Array.from(hex.slice(2, 4098).match(/../g) ?? [], pair => parseInt(pair, 16));
  let text = null;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    // No text.
  }
  const isText = text !== null && /^[\P{C}\n\t]{4,}$/u.test(text);
  return make('div', { class: 'mono bytes' }, shown, isText ? make('div', { class: 'dim' }, `“${text}”`) : null);
}

const status = receipt => (receipt.status === '0x1'
  ? make('span', { class: 'badge good' }, 'Success')
  : make('span', { class: 'badge bad' }, 'Failed'));

function meter(part, of) {
  const width = `${Number((BigInt(part) * 1000n) / (BigInt(of) || 1n)) / 10}%`;
  const bar = make('span');
  bar.style.width = width;
  return make('span', { class: 'meter', title: `${width} of the gas limit` }, BigInt(part) > 0n ? bar : null);
}

const fields = rows => make('dl', { class: 'card fields' },
  ...rows.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));

function table(heads, rows, nothing) {
  if (rows.length === 0) return make('div', { class: 'card' }, make('p', { class: 'empty' }, nothing));
  const cell = name => ([value, style]) => make(name, style ? { class: style } : {}, value);
  const styled = item => (Array.isArray(item) ? item : [item]);
  return make('div', { class: 'card scrolls' }, make('table', {},
    make('thead', {}, make('tr', {}, heads.map(styled).map(cell('th')))),
    make('tbody', {}, rows.map(row => make('tr', {}, row.map(styled).map(cell('td')))))));
}

// The views. Each returns what the page shows.

async function blocks(above) {
  const last = Number(await ask('eth_blockNumber'));
  const first = above === undefined ? last : Math.min(Number(above), last);
  const numbers = Array.from({ length: Math.min(BLOCKS_OF_PAGE, first + 1) }, (_, index) => first - index);
  const all = await Promise.all(numbers.map(number => ask('eth_getBlockByNumber', `0x${number.toString(16)}`, false)));
  const rows = all.filter(block => block !== null).map(block => [
    toBlock(block.number),
    [time(block.timestamp), 'dim'],
    [block.transactions.length.toString(), 'number'],
    [make('span', {}, whole(block.gasUsed), meter(block.gasUsed, block.gasLimit)), 'number'],
    link('block', block.hash, short(block.hash)),
  ]);
  const older = first - BLOCKS_OF_PAGE;
  return [
    make('h1', {}, 'Blocks'),
    table(['Block', 'Time', ['Transactions', 'number'], ['Gas used', 'number'], 'Hash'], rows, 'There is no block yet.'),
    make('nav', { class: 'pager' },
      first < last ? make('a', { href: first + BLOCKS_OF_PAGE >= last ? '#/' : `#/blocks/${first + BLOCKS_OF_PAGE}` }, '← Newer') : make('span'),
      older >= 0 ? make('a', { href: `#/blocks/${older}` }, 'Older →') : make('span')),
  ];
}

async function block(key) {
  const isHash = /^0x[0-9a-f]{64}$/i.test(key);
  const found = isHash
    ? await ask('eth_getBlockByHash', key, true)
    : await ask('eth_getBlockByNumber', `0x${BigInt(key).toString(16)}`, true);
  if (found === null) throw new NodeError('there is no such block');
  const receipts = await ask('eth_getBlockReceipts', found.number);
  const rows = found.transactions.map((transaction, index) => [
    [transaction.transactionIndex ? Number(transaction.transactionIndex).toString() : '', 'number'],
    toTransaction(transaction.hash, short(transaction.hash)),
    toAddress(transaction.from, short(transaction.from)),
    transaction.to ? toAddress(transaction.to, short(transaction.to)) : dim('new contract'),
    [amount(transaction.value, ''), 'number'],
    [whole(receipts[index].gasUsed), 'number'],
    status(receipts[index]),
  ]);
  return [
    make('h1', {}, `Block ${BigInt(found.number)}`),
    fields([
      ['Hash', mono(found.hash)],
      ['Parent', BigInt(found.number) > 0n ? link('block', found.parentHash) : mono(found.parentHash)],
      ['Time', time(found.timestamp)],
      ['Gas used', make('span', {}, `${whole(found.gasUsed)} of ${whole(found.gasLimit)}`, meter(found.gasUsed, found.gasLimit))],
      ['Base fee', `${whole(found.baseFeePerGas)} for one gas`],
      ['Beneficiary', toAddress(found.miner)],
      ['State root', mono(found.stateRoot)],
      ['Receipts root', mono(found.receiptsRoot)],
      ['Size', `${whole(found.size)} bytes`],
    ]),
    make('h2', {}, `Transactions (${found.transactions.length})`),
    table([['#', 'number'], 'Hash', 'From', 'To', ['Value', 'number'], ['Gas used', 'number'], 'Status'], rows, 'This block has none.'),
  ];
}

const TYPES = ['legacy', 'EIP-2930', 'EIP-1559'];

async function transaction(hash) {
  const [found, receipt] = await Promise.all([ask('eth_getTransactionByHash', hash), ask('eth_getTransactionReceipt', hash)]);
  if (found === null) throw new NodeError('there is no such transaction');
  const told = [
    ['Hash', mono(found.hash)],
    ['Status', receipt ? status(receipt) : make('span', { class: 'badge' }, 'Waiting')],
    ...(receipt ? [['Block', make('span', {}, toBlock(receipt.blockNumber), dim(`, position ${Number(receipt.transactionIndex)}`))]] : []),
    ['From', toAddress(found.from)],
    found.to ? ['To', toAddress(found.to)] : ['New contract', toAddress(receipt?.contractAddress)],
    ['Value', amount(found.value)],
    ['Gas', receipt ? `${whole(receipt.gasUsed)} used of ${whole(found.gas)}` : `at most ${whole(found.gas)}`],
    ...(receipt ? [['Fee', amount(BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice))]] : []),
    ['Type', TYPES[Number(found.type)] ?? found.type],
    ['Nonce', whole(found.nonce)],
    ['Input', bytes(found.input)],
  ];
  const shown = [make('h1', {}, 'Transaction'), fields(told)];
  if (!receipt) return shown;
  const logs = receipt.logs.map(log => make('div', { class: 'log' }, make('dl', { class: 'fields' },
    make('dt', {}, `Log ${Number(log.logIndex)}`), make('dd', {}, toAddress(log.address)),
    ...log.topics.map((topic, index) => [make('dt', {}, `Topic ${index}`), make('dd', {}, mono(topic))]),
    make('dt', {}, 'Data'), make('dd', {}, bytes(log.data)))));
  shown.push(make('h2', {}, `Logs (${logs.length})`),
    make('div', { class: 'card' }, ...(logs.length ? logs : [make('p', { class: 'empty' }, 'This transaction wrote none.')])));
  return [...shown, ...await replayed(found.hash)];
}

/** Flame graph and trace of a transaction; why there are none, where the node has none. */
async function replayed(hash) {
  try {
    const profile = await ask('lockstep_profileTransaction', hash);
    const trace = await ask('lockstep_traceTransaction', hash);
    return [
      make('h2', {}, 'Gas by function'), flameGraph(profile),
      ...(trace.backtrace.length ? [make('h2', {}, 'Where it stopped'), backtrace(trace)] : []),
      make('h2', {}, 'Trace'), traceOf(trace),
    ];
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    return [make('h2', {}, 'Trace'), make('div', { class: 'card' }, make('p', { class: 'empty' }, error.message))];
  }
}

function backtrace(trace) {
  const rows = trace.backtrace.flatMap(stop => [
    make('div', { class: 'event stop' }, make('span', { class: 'what' }, stop.end)),
    ...[...stop.places, ...stop.outerPlaces].map(place => make('div', { class: 'event' }, make('span', { class: 'what' }, `  ${place}`))),
  ]);
  return make('div', { class: 'card trace' }, ...rows);
}

function traceOf({ events, isComplete }) {
  let depth = 0;
  const rows = events.slice(0, EVENTS_MAX).map(event => {
    if (event.event === 'begin') depth = event.depth;
    const indent = '  '.repeat(event.event === 'transaction' || event.event === 'outcome' ? 0 : depth + 1);
    const [style, what, gas] = eventOf(event);
    if (event.event === 'end' && depth > 0) depth -= 1;
    return make('div', { class: `event ${style}` }, make('span', { class: 'what' }, `${indent}${what}`), make('span', { class: 'gas' }, gas));
  });
  const more = events.length - EVENTS_MAX;
  const note = more > 0 ? `${whole(more)} more events` : '';
  const cut = isComplete ? '' : 'the trace is longer than the node answers';
  const notes = [note, cut].filter(text => text).join('; ');
  return make('div', { class: 'card' }, make('div', { class: 'trace' }, ...rows), notes ? make('p', { class: 'empty' }, notes) : null);
}

const between = (before, after) => `${whole(BigInt(before) - BigInt(after))} gas`;
const named = list => Object.entries(list ?? {}).map(([name, value]) => `${name} ${value}`).join(', ');

/** Style, words and gas of an event (docs/diagnosis.md has the fields). */
function eventOf(event) {
  switch (event.event) {
    case 'transaction':
      return ['begin', `${event.kind} from ${event.sender}`, `${whole(event.intrinsic_gas)} gas`];
    case 'begin':
      return ['begin', `${event.entry} of ${event.contract}${event.static ? ', static' : ''}`, ''];
    case 'continue':
      return ['begin', event.export, ''];
    case 'host':
      return [event.reason ? 'stop' : '', `${event.host}(${named(event.arguments)})${event.reason ? ` ${event.reason}` : ''}`, between(event.gas_before, event.gas_left)];
    case 'resume':
      return [event.status === 'return' ? '' : 'stop', `${event.host} goes on: ${event.status}${event.status_reason ? `, ${event.status_reason}` : ''}`, ''];
    case 'end':
      return [event.ends === 'revert' || event.reason ? 'stop' : '', `${event.ends}${event.reason ? `: ${event.reason}` : ''}`, ''];
    case 'outcome':
      return [event.outcome === 'return' ? 'begin' : 'stop', `${event.outcome}${event.reason ? `: ${event.reason}` : ''}`, `${whole(event.gas_used)} gas`];
    default:
      return ['', event.event, ''];
  }
}

/** The tree of folded stacks: each a list of names with `;` between them, a space, and gas. */
function treeOf(stacks) {
  const root = { name: 'all', gas: 0, parts: new Map() };
  for (const stack of stacks) {
    const [, names, digits] = /^(.*) (\d+)$/s.exec(stack);
    const gas = Number(digits);
    root.gas += gas;
    let at = root;
    for (const name of names.split(';').slice(0, FLAME_DEPTH_MAX)) {
      if (!at.parts.has(name)) at.parts.set(name, { name, gas: 0, parts: new Map() });
      at = at.parts.get(name);
      at.gas += gas;
    }
  }
  return root;
}

/** A colour of a flame for a name, the same in every graph. */
function colour(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return `hsl(${18 + (hash % 36)} ${70 + (hash >> 8) % 20}% ${62 + (hash >> 16) % 12}%)`;
}

function flameGraph({ stacks, gasLeftOut }) {
  const root = treeOf(stacks);
  const caption = make('div', { class: 'caption' });
  const holder = make('div', { class: 'scrolls' });
  const told = part => `${part.name}: ${whole(part.gas)} gas, ${((100 * part.gas) / (root.gas || 1)).toFixed(1)} %`;
  const rest = BigInt(gasLeftOut) > 0n ? ` ${whole(gasLeftOut)} gas is in stacks that the node left out.` : '';
  const idle = `Width is gas. Point at a part to read it, click it to look closer.${rest}`;
  const draw = top => {
    const groups = [];
    let deepest = 0;
    const place = (part, left, depth) => {
      const width = (FLAME_WIDTH * part.gas) / (top.gas || 1);
      if (width < 0.4) return;
      deepest = Math.max(deepest, depth);
      groups.push({ part, left, depth, width });
      let at = left;
      for (const inner of part.parts.values()) {
        place(inner, at, depth + 1);
        at += (FLAME_WIDTH * inner.gas) / (top.gas || 1);
      }
    };
    place(top, 0, 0);
    const height = (deepest + 1) * FLAME_ROW;
    const drawn = groups.map(({ part, left, depth, width }) => {
      const y = height - (depth + 1) * FLAME_ROW;
      const room = Math.floor((width - 8) / 7.3);
      const label = part.name.length <= room ? part.name : `${part.name.slice(0, Math.max(room - 1, 0))}…`;
      const group = svg('g', {},
        svg('title', {}, told(part)),
        svg('rect', { x: left.toFixed(2), y, width: width.toFixed(2), height: FLAME_ROW - 1, rx: 2, fill: colour(part.name) }),
        room > 2 ? svg('text', { x: (left + 5).toFixed(2), y: y + 14 }, label) : null);
      group.addEventListener('click', () => draw(part === top ? root : part));
      group.addEventListener('mouseenter', () => caption.replaceChildren(told(part)));
      group.addEventListener('mouseleave', () => caption.replaceChildren(idle));
      return group;
    });
    holder.replaceChildren(svg('svg', { class: 'flame', viewBox: `0 0 ${FLAME_WIDTH} ${height}`, role: 'img', 'aria-label': 'Gas by function' }, ...drawn));
  };
  draw(root);
  caption.append(idle);
  return make('div', { class: 'card' }, holder, caption);
}

async function address(key) {
  const [balance, nonce, code] = await Promise.all(
    ['eth_getBalance', 'eth_getTransactionCount', 'eth_getCode'].map(method => ask(method, key, 'latest')));
  return [
    make('h1', {}, code === '0x' ? 'Account' : 'Contract'),
    fields([
      ['Address', mono(key)],
      ['Balance', amount(balance)],
      ['Nonce', whole(nonce)],
      ...(code === '0x' ? [] : [['Code', `${whole((code.length - 2) / 2)} bytes of Wasm`]]),
    ]),
  ];
}

// Which view the address of the page asks for.

const VIEWS = { '': blocks, blocks, block, tx: transaction, address };
let turn = 0;

async function show() {
  turn += 1;
  const mine = turn;
  let shown;
  try {
    const [view, key] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
    if (!Object.hasOwn(VIEWS, view)) throw new NodeError('there is no such page');
    shown = await VIEWS[view](key);
  } catch (error) {
    shown = [make('h1', {}, 'Not found'), make('div', { class: 'card' }, make('p', { class: 'empty' }, error.message))];
  }
  // A page that was asked for later comes first.
  if (mine === turn) page.replaceChildren(...shown);
  document.documentElement.dataset.shown = location.hash || '#/';
}

let seen = null;

async function refresh() {
  try {
    const [id, number] = await Promise.all([ask('eth_chainId'), ask('eth_blockNumber')]);
    const told = ([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value));
    document.getElementById('chain').replaceChildren(...[['Chain', BigInt(id).toString()], ['Last block', whole(number)]].map(told));
    const isHome = location.hash === '' || location.hash === '#/';
    if (seen !== null && seen !== number && isHome) await show();
    seen = number;
  } catch {
    document.getElementById('chain').replaceChildren(dim('The node does not answer.'));
  }
  setTimeout(refresh, REFRESH_MS);
}

/** Goes to what was searched for: a hash is a transaction, or else a block. */
async function search(event) {
  event.preventDefault();
  const text = document.getElementById('query').value.trim();
  if (/^\d+$/.test(text)) location.hash = `#/block/${text}`;
  else if (/^0x[0-9a-f]{40}$/i.test(text)) location.hash = `#/address/${text}`;
  else if (/^0x[0-9a-f]{64}$/i.test(text)) location.hash = `#/${await ask('eth_getTransactionByHash', text) ? 'tx' : 'block'}/${text}`;
  else location.hash = `#/nothing/${encodeURIComponent(text)}`;
  document.getElementById('query').value = '';
}

document.getElementById('search').addEventListener('submit', search);
window.addEventListener('hashchange', show);
show();
refresh();
