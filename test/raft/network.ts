import { Prng } from '../../src/base/index.ts';
import { type Entry, MemoryStorage, type Message, type RaftConfig, RawNode, type Ready } from '../../src/raft/index.ts';

/** A node with a driver around it: what it has applied, and what it would still have after a crash. */
export interface Host {
  readonly id: number;
  readonly storage: MemoryStorage;
  node: RawNode | undefined;
  applied: Entry[];
  readStates: { index: number; context: string }[];
}

/** Nodes and a queue of messages between them. Tests decide what is delivered, and when. */
export class Network {
  readonly hosts = new Map<number, Host>();
  readonly queue: Message[] = [];
  readonly #config: Partial<RaftConfig>;
  readonly #prng: Prng;
  readonly #stalled = new Map<number, Ready>();
  /** As klab's members do: the first entry goes when members change, so that who joins starts with a snapshot. */
  snapshotsForNew = false;
  /** Called with every entry a node applies. */
  onApply: (host: Host, entry: Entry) => void = () => {};
  /** Called with what a node is about to write, its snapshot apart: its storage is as it was before. */
  onStore: (host: Host, ready: Ready) => void = () => {};
  /** Called with what leaves a node. Return false to lose it. */
  onSend: (message: Message) => boolean = () => true;

  constructor(seed: string, size: number, config: Partial<RaftConfig> = {}) {
    this.#prng = new Prng(seed);
    this.#config = config;
    const voters = Array.from({ length: size }, (_, i) => i + 1);
    for (const id of voters) this.add(id, voters);
  }

  /** Without voters: one that joins, and will be told by a snapshot who is there. */
  add(id: number, voters: readonly number[]): Host {
    const storage = new MemoryStorage({ voters, learners: [] });
    const host: Host = { id, storage, node: undefined, applied: [], readStates: [] };
    storage.setSnapshotSource(() => host.applied.slice());
    this.hosts.set(id, host);
    this.start(id);
    return host;
  }

  host(id: number): Host {
    return this.hosts.get(id)!;
  }

  node(id: number): RawNode {
    const { node } = this.host(id);
    if (!node) throw new Error(`node ${id} does not run`);
    return node;
  }

  start(id: number): void {
    const host = this.host(id);
    host.node = new RawNode({ id, storage: host.storage, random: (n) => this.#prng.int(n), ...this.#config });
    this.process(id);
  }

  crash(id: number): void {
    this.#stalled.delete(id);
    this.host(id).node = undefined;
  }

  /** Does what the node's Readies ask. Returns whether there was anything. */
  process(id: number): boolean {
    const host = this.host(id);
    let any = false;
    if (this.#stalled.has(id)) return any;
    while (host.node?.hasReady()) {
      any = true;
      this.#store(host, host.node.ready());
    }
    return any;
  }

  /** A slow disk: the node waits for its write, and does and sends nothing, until `finish`. A crash loses the write. */
  stall(id: number): void {
    const host = this.host(id);
    if (host.node?.hasReady() && !this.#stalled.has(id)) this.#stalled.set(id, host.node.ready());
  }

  isStalled(id: number): boolean {
    return this.#stalled.has(id);
  }

  /** The disk has written. */
  finish(id: number): void {
    const ready = this.#stalled.get(id);
    this.#stalled.delete(id);
    if (!ready) return;
    this.#store(this.host(id), ready);
    this.process(id);
  }

  #store(host: Host, ready: Ready): void {
    const node = host.node!;
    if (ready.snapshot) {
      host.storage.applySnapshot(ready.snapshot);
      host.applied = (ready.snapshot.data as Entry[]).slice();
    }
    this.onStore(host, ready);
    host.storage.append(ready.entries);
    if (ready.hardState) host.storage.setHardState(ready.hardState);
    for (const message of ready.messages) if (this.onSend(message)) this.queue.push(message);
    for (const entry of ready.committedEntries) {
      host.applied.push(entry);
      host.storage.setApplied(entry.index);
      if (entry.type === 'confChange') {
        if (this.snapshotsForNew && host.storage.firstIndex() === 1) host.storage.compact(1);
        host.storage.setConfState(node.applyConfChange(entry.data as Parameters<RawNode['applyConfChange']>[0]));
      }
      this.onApply(host, entry);
    }
    host.readStates.push(...ready.readStates);
    node.advance(ready);
  }

  deliver(message: Message): void {
    const { node } = this.host(message.to) ?? {};
    if (!node) return;
    try {
      node.step(message);
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
    }
    this.process(message.to);
  }

  /** Delivers everything until nothing is left. */
  settle(allow: (message: Message) => boolean = () => true): void {
    for (const id of this.hosts.keys()) this.process(id);
    for (let i = 0; this.queue.length > 0; i++) {
      if (i > 100_000) throw new Error('the network does not settle');
      const message = this.queue.shift()!;
      if (allow(message)) this.deliver(message);
    }
  }

  leaders(): RawNode[] {
    return [...this.hosts.values()].flatMap(({ node }) => (node?.role === 'leader' ? [node] : []));
  }
}
