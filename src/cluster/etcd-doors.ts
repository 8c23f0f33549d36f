import { type Logger, StoppedError, TaskGroup, wallClock } from '../base/index.ts';
import { type EtcdCluster, type EtcdDoor, serveEtcd } from '../etcd/index.ts';
import type { EtcdDoorsOptions } from './options.ts';
import { listenWhereFree } from './ports.ts';

export interface EtcdTls {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate of one of these; absent: they need none. */
  readonly ca?: string;
}

/** How long the door of a member that was removed stays open. */
const graceMs = 500;

/** The client doors of the etcd members: one each, as long as the member belongs to the cluster. */
export class EtcdDoors {
  readonly #etcd: EtcdCluster;
  readonly #wish: EtcdDoorsOptions | undefined;
  readonly #tls: EtcdTls;
  readonly #log: Logger;
  readonly #doors = new Map<bigint, EtcdDoor>();
  /** Doors open and close one after the other. */
  #work: Promise<void> = Promise.resolve();
  readonly #closing = new TaskGroup();
  #closed = false;

  constructor(etcd: EtcdCluster, options: { wish: EtcdDoorsOptions | undefined; tls: EtcdTls; log: Logger }) {
    this.#etcd = etcd;
    this.#wish = options.wish;
    this.#tls = options.tls;
    this.#log = options.log;
  }

  /** Opens the doors of members that have none, closes those of members that are gone. Rejects as listenWhereFree does. */
  update(): Promise<void> {
    const done = this.#work.then(() => this.#update());
    this.#work = done.catch(() => {});
    return done;
  }

  async #update(): Promise<void> {
    if (this.#closed) return;
    const members = this.#etcd.members.map(({ id }) => id);
    for (const [id, door] of this.#doors) {
      if (members.includes(id)) continue;
      this.#doors.delete(id);
      // The answer to its own removal is still on its way.
      this.#closing.spawn('etcd door', async (signal) => {
        await wallClock.sleep(graceMs, signal).catch(() => {});
        await door.close();
      });
    }
    for (const [i, id] of members.entries()) if (!this.#doors.has(id)) this.#doors.set(id, await this.#open(i));
  }

  #open(i: number): Promise<EtcdDoor> {
    const api = this.#etcd.member(i);
    const taken = [...this.#doors.values()].map(({ port }) => port);
    // A port remembered for a member that is gone may be another's now.
    const port = this.#wish?.ports?.[i];
    return listenWhereFree(
      {
        door: `etcd member ${i + 1}`,
        flag: '--etcd-port',
        port: port !== undefined && taken.includes(port) ? undefined : port,
        explicit: this.#wish?.explicit === true && port !== undefined,
        preferred: i === 0 ? this.#wish?.preferred : undefined,
      },
      (port) => serveEtcd(api, { port, tls: this.#tls, log: this.#log }),
    );
  }

  /** In the order of the members. */
  get #inOrder(): EtcdDoor[] {
    return this.#etcd.members.flatMap(({ id }) => this.#doors.get(id) ?? []);
  }

  get endpoints(): readonly string[] {
    return this.#inOrder.map(({ url }) => url);
  }

  get ports(): readonly number[] {
    return this.#inOrder.map(({ port }) => port);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    await this.#closing.stop(new StoppedError('the cluster is stopping'));
    for (const door of this.#doors.values()) await door.close();
    this.#doors.clear();
  }
}
