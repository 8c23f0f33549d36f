/**
 * The process of a container whose image is a user's module. Source text instead of a file: it must survive bundling.
 * Messages to it: start, http, exec, term, ping, reply. Messages from it: loaded, failed, log, ended, call (sleep,
 * fetch, …), answer, pong. It rests by itself when it prints much, so that a loop that prints fills no queue.
 */
export const childSource = `
const vm = require('node:vm');
const { format } = require('node:util');
const { setImmediate: afterTurn } = require('node:timers');
const post = (message) => process.connected && process.send(message);
process.on('disconnect', () => process.exit());
const lineLimit = 16384;
const batchLimit = 32768;
const restMs = 3;
const rest = new Int32Array(new SharedArrayBuffer(4));
let batch = [];
let batched = 0;
function flush() {
  if (batch.length === 0) return;
  post({ type: 'log', lines: batch });
  batch = [];
  batched = 0;
}
function log(stream, words) {
  const text = format(...words).slice(0, lineLimit) + '\\n';
  if (batch.length === 0) afterTurn(flush);
  batch.push([stream, text]);
  batched += text.length;
  if (batched < batchLimit) return;
  flush();
  Atomics.wait(rest, 0, 0, restMs);
}
for (const name of ['log', 'info', 'debug']) console[name] = (...words) => log('stdout', words);
for (const name of ['error', 'warn', 'trace']) console[name] = (...words) => log('stderr', words);
let options;
let state = 1;
let file = '';
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
Math.random = random;
const calls = new Map();
let nextCall = 1;
const call = (what, ...args) =>
  new Promise((resolve, reject) => {
    const id = nextCall++;
    calls.set(id, { resolve, reject });
    post({ type: 'call', id, what, args });
  });
const stop = new AbortController();
const ctx = {
  signal: stop.signal,
  log: (...words) => log('stdout', words),
  error: (...words) => log('stderr', words),
  sleep: (ms) => call('sleep', Number(ms) || 0),
  now: () => call('now'),
  random,
  fetch: (url, init = {}) => call('fetch', String(url), { method: init.method, headers: init.headers, body: init.body }),
  readFile: (path) => call('readFile', String(path)),
  writeFile: (path, text) => call('writeFile', String(path), String(text)),
};
const own = (error) => {
  const stack = String((error && error.stack) || error);
  const lines = stack.split('\\n').filter((line) => !/^    at /.test(line) || line.includes(file));
  return lines.join('\\n');
};
const place = (error) => {
  const stack = String((error && error.stack) || '');
  const at = stack.split('\\n').find((line) => line.includes(file + ':'));
  const found = at && /:(\\d+):(\\d+)\\)?$/.exec(at);
  return found ? { line: Number(found[1]), column: Number(found[2]) } : undefined;
};
const answered = (value) => {
  if (value === undefined || value === null) return { status: 204, headers: {}, body: '' };
  if (typeof value !== 'object') return { status: 200, headers: {}, body: String(value) };
  if ('status' in value || 'body' in value || 'headers' in value) {
    const body = value.body === undefined ? '' : typeof value.body === 'string' ? value.body : JSON.stringify(value.body);
    const headers = Object.fromEntries(Object.entries(value.headers ?? {}).map(([k, v]) => [k.toLowerCase(), String(v)]));
    return { status: Number(value.status ?? 200), headers, body };
  }
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) + '\\n' };
};
let image;
async function link(specifier) {
  if (!specifier.startsWith('node:')) throw new Error('import "' + specifier + '": an image is one file; only modules of Node itself (node:…) can be imported');
  const found = await import(specifier);
  const names = Object.keys(found);
  return new vm.SyntheticModule(names, function () { for (const name of names) this.setExport(name, found[name]); });
}
async function load() {
  const module = new vm.SourceTextModule(options.code, { identifier: file });
  await module.link(link);
  await module.evaluate();
  image = module.namespace.default;
}
const shape = () => {
  if (typeof image !== 'object' || image === null) return 'has no default export; write: export default { name, ports, run, http, commands }';
  for (const key of ['run', 'http']) if (image[key] !== undefined && typeof image[key] !== 'function') return key + ' must be a function';
  if (image.name !== undefined && typeof image.name !== 'string') return 'name must be text, as in "shop:1"';
  if (image.ports !== undefined && !(Array.isArray(image.ports) && image.ports.every((p) => Number.isInteger(p) && p > 0 && p < 65536))) return 'ports must be a list of port numbers';
  for (const [name, command] of Object.entries(image.commands ?? {})) if (typeof command !== 'function') return 'command "' + name + '" must be a function';
  for (const key of Object.keys(image)) if (!['name', 'ports', 'run', 'http', 'commands'].includes(key)) return 'has an unknown field "' + key + '"; there are name, ports, run, http, commands';
  if (image.run === undefined && image.http === undefined) return 'needs run or http, or its containers would do nothing';
};
const handlers = {
  start: (message) => {
    options = message;
    ({ file, seed: state } = options);
    Object.assign(ctx, options.context);
    start();
  },
  ping: () => post({ type: 'pong' }),
  term: () => stop.abort(),
  reply: ({ id, value, error }) => {
    const waiting = calls.get(id);
    calls.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  },
  http: async ({ id, request }) => {
    try {
      flush();
      post({ type: 'answer', id, value: answered(await image.http(request, ctx)) });
    } catch (error) {
      log('stderr', [own(error)]);
      post({ type: 'answer', id, value: { status: 500, headers: {}, body: 'internal server error\\n' } });
    }
  },
  exec: async ({ id, name, args }) => {
    try {
      const value = await image.commands[name](args, ctx);
      post({ type: 'answer', id, value: { exitCode: 0, out: value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, 2) } });
    } catch (error) {
      post({ type: 'answer', id, value: { exitCode: 1, err: own(error) } });
    }
  },
};
const start = () => load().then(async () => {
  const wrong = shape();
  if (wrong !== undefined) return post({ type: 'failed', text: wrong });
  post({ type: 'loaded', name: image.name, ports: image.ports ?? [], http: image.http !== undefined, run: image.run !== undefined, commands: Object.keys(image.commands ?? {}) });
  if (options.checkOnly || image.run === undefined) return;
  try {
    const code = await image.run(ctx);
    flush();
    post({ type: 'ended', code: Number.isInteger(code) ? code & 255 : 0 });
  } catch (error) {
    log('stderr', [own(error)]);
    flush();
    post({ type: 'ended', code: 1 });
  }
}, (error) => post({ type: 'failed', text: String((error && error.message) || error), place: place(error) }));
process.on('message', (message) => handlers[message.type](message));
`;
