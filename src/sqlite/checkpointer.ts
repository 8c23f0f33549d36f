import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Bytes of pages in the WAL, and of those not yet moved into the database. */
export interface WalUse {
  readonly bytes: number;
  readonly waiting: number;
}

/** Bytes waiting in the WAL from which a checkpoint is worth its fsyncs, which those of commits then wait for: some hundred commits. */
const worthwhile = 16 * 1024 * 1024;
/** Bytes of the WAL from which the main thread helps to finish a checkpoint, so that the log starts over. */
export const walLimit = 32 * 1024 * 1024;
/** Commits between looks at the WAL's size. */
const commitsPerLook = 64;

/**
 * Runs in a worker: a second connection that does nothing but move the WAL into the database file, so that the fsyncs
 * of that never hold the main thread. Source text instead of a file: it must survive bundling.
 */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads');
const Sqlite = require(workerData.driver);
const db = new Sqlite(workerData.path, { timeout: 1000 });
db.pragma('synchronous = FULL');
parentPort.on('message', (message) => {
  if (message === 'close') {
    db.close();
    parentPort.close();
    return;
  }
  try {
    db.pragma('wal_checkpoint(PASSIVE)');
    parentPort.postMessage('done');
  } catch (error) {
    parentPort.postMessage(String(error));
  }
});
`;

/** Keeps the write-ahead log short. The worker starts when it is first needed. */
export class Checkpointer {
  readonly #path: string;
  readonly #wal: () => WalUse;
  readonly #finish: () => void;
  #worker: Worker | undefined;
  #exited: Promise<void> | undefined;
  #busy = false;
  #commits = 0;

  /** `finish` checkpoints on the main connection. */
  constructor(path: string, wal: () => WalUse, finish: () => void) {
    this.#path = path;
    this.#finish = finish;
    this.#wal = wal;
  }

  /** Call after every commit. */
  committed(): void {
    if (++this.#commits % commitsPerLook !== 0 || this.#busy) return;
    if (this.#wal().waiting < worthwhile) return;
    this.#busy = true;
    this.#start().postMessage('checkpoint');
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const driver = createRequire(import.meta.url).resolve('better-sqlite3');
    const worker = new Worker(workerSource, { eval: true, workerData: { driver, path: this.#path } });
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', () => {
      this.#busy = false;
      // Under steady writing some frames always remain, and the log would never start over. The few that came since
      // the worker began are moved here, between two turns, and only when the log has grown large.
      if (this.#wal().bytes > walLimit) this.#finish();
    });
    // A checkpoint that fails is only late: the WAL keeps what it holds, and the next one starts a new worker.
    worker.on('error', () => {
      this.#busy = false;
      this.#worker = undefined;
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  async close(): Promise<void> {
    this.#worker?.postMessage('close');
    this.#worker?.ref();
    await this.#exited;
    this.#worker = undefined;
  }
}
