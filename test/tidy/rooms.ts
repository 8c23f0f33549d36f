/** The rooms and the only arrows allowed between them. ARCHITECTURE.md shows the same table; a test compares the two. */
export interface Room {
  readonly what: string;
  readonly mayImport: readonly string[];
  /** Of these rooms, only types. */
  readonly typesOf?: readonly string[];
}

export const rooms: Readonly<Record<string, Room>> = {
  base: {
    what: 'clocks, prng, task group, queues, slices of long work, assert, log, JSON as Go reads it',
    mayImport: [],
  },
  wire: { what: 'gRPC client and server, protobuf runtime, SPDY/3.1 and WebSocket framing', mayImport: ['base'] },
  pki: { what: 'X.509, CSR, JWT', mayImport: ['base'] },
  apimachinery: {
    what: 'object meta, Status errors, selectors, quantity, patches, apply, schema, serializers, JSONPath',
    mayImport: ['base'],
  },
  api: {
    what: 'every served resource: definition, defaults, validation, printer',
    mayImport: ['apimachinery', 'base'],
  },
  raft: { what: 'pure state machine: tick, step, ready, advance', mayImport: ['base'] },
  mvcc: { what: 'revisions, key index, watchable store, leases, compaction', mayImport: ['base'] },
  sqlite: { what: 'the only room that loads better-sqlite3', mayImport: ['base'], typesOf: ['raft', 'mvcc'] },
  etcd: {
    what: 'members (raft + mvcc), the v3 API and its gRPC door, client for a real etcd',
    mayImport: ['raft', 'mvcc', 'wire', 'pki', 'base'],
  },
  apiserver: {
    what: 'HTTP, authentication, authorization, admission, registry, storage, watch cache, discovery, OpenAPI, tables',
    mayImport: ['api', 'apimachinery', 'pki', 'wire', 'base'],
    typesOf: ['etcd'],
  },
  client: {
    what: 'transports, informer, lister, workqueue, leader election, event recorder',
    mayImport: ['api', 'apimachinery', 'pki', 'base'],
  },
  net: {
    what: 'pure: addresses, CIDR, IPAM, rules model, packet tracer',
    mayImport: ['api', 'apimachinery', 'base'],
  },
  controllers: {
    what: 'one folder a controller; never imports another',
    mayImport: ['client', 'api', 'apimachinery', 'net', 'pki', 'base'],
  },
  scheduler: {
    what: 'queue, cache, framework, plugins, decision records',
    mayImport: ['client', 'api', 'apimachinery', 'base'],
  },
  kubelet: {
    what: 'node agent: pod workers, probes, status, volumes; runtime interface with the simulated one behind it',
    mayImport: ['client', 'api', 'apimachinery', 'net', 'wire', 'pki', 'base'],
  },
  proxy: {
    what: 'service and endpoint tracking, iptables, ipvs and nftables writers',
    mayImport: ['client', 'api', 'apimachinery', 'net', 'base'],
  },
  dns: { what: 'cluster DNS', mayImport: ['client', 'api', 'apimachinery', 'net', 'base'] },
  cluster: {
    what: 'composition root: config to running cluster; boot order, clock control, server process',
    mayImport: [
      'base',
      'wire',
      'pki',
      'apimachinery',
      'api',
      'raft',
      'mvcc',
      'sqlite',
      'etcd',
      'apiserver',
      'client',
      'net',
      'controllers',
      'scheduler',
      'kubelet',
      'proxy',
      'dns',
    ],
  },
  cli: {
    what: 'base command, flags, printers, describers, error rendering, exit codes',
    mayImport: [
      'cluster',
      'client',
      'etcd',
      'raft',
      'net',
      'proxy',
      'dns',
      'scheduler',
      'wire',
      'api',
      'apimachinery',
      'base',
    ],
  },
  tui: { what: 'ink screens and their view models', mayImport: ['client', 'cli', 'apimachinery', 'base'] },
  commands: { what: 'oclif commands only', mayImport: ['cli', 'tui'] },
  build: { what: 'schema generator and bundler; nothing imports it', mayImport: ['api', 'apimachinery', 'base'] },
};

/** Packages that only one room may load, and why. */
export const exclusivePackages: Readonly<Record<string, { rooms: readonly string[]; why: string }>> = {
  'better-sqlite3': { rooms: ['sqlite'], why: 'one owner of the database driver' },
  ink: { rooms: ['tui'], why: 'half a second of imports; loaded by the live views only' },
  react: { rooms: ['tui'], why: 'comes with ink' },
  '@oclif/core': { rooms: ['cli', 'commands', 'build'], why: 'the command-line frame stays at the edge' },
};

/** Global time and randomness, allowed in `base` only. */
export const bannedGlobals: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /(?<!\.)\bsetTimeout\s*\(|globalThis\.setTimeout/, instead: 'clock.schedule or clock.sleep' },
  { pattern: /\bsetInterval\s*\(/, instead: 'clock.every' },
  { pattern: /\bsetImmediate\s*\(/, instead: 'yieldToEventLoop or deferTurn' },
  { pattern: /\bqueueMicrotask\s*\(/, instead: 'defer' },
  { pattern: /\bprocess\.nextTick\s*\(/, instead: 'defer or deferLast' },
  { pattern: /\bDate\.now\s*\(/, instead: 'clock.now' },
  { pattern: /\bnew Date\s*\(/, instead: 'rfc3339 or parseTime' },
  { pattern: /\bperformance\.now\s*\(/, instead: 'clock.monotonic' },
  { pattern: /\bMath\.random\s*\(/, instead: 'Prng' },
  { pattern: /\brandomUUID\b/, instead: 'Prng.uuid' },
  { pattern: /\.localeCompare\s*\(/, instead: 'comparison by code units' },
];
