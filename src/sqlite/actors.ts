import type Sqlite from 'better-sqlite3';
import { assert } from '../base/index.ts';
import type { Database } from './database.ts';

export interface Actor {
  readonly name: string;
  /** '' when unknown. */
  readonly agent: string;
}

/** Interned names of who writes: table actor, and both ways in memory. */
export class Actors {
  readonly #database: Database;
  readonly #insert: Sqlite.Statement;
  readonly #byName: Sqlite.Statement;
  readonly #byId: Sqlite.Statement;
  readonly #ids = new Map<string, number>();
  readonly #actors = new Map<number, Actor>();

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.db.prepare('INSERT INTO actor (name, agent) VALUES (?, ?) RETURNING id').pluck();
    this.#byName = database.db.prepare('SELECT id FROM actor WHERE name = ? AND agent = ?').pluck();
    this.#byId = database.db.prepare('SELECT name, agent FROM actor WHERE id = ?');
  }

  /** Looks up or makes; making is a write. */
  idOf(name: string, agent: string): number {
    const text = `${name}\0${agent}`;
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#byName.get(name, agent) as number | undefined;
      if (id === undefined) {
        this.#database.write();
        id = this.#insert.get(name, agent) as number;
      }
      this.#ids.set(text, id);
    }
    return id;
  }

  byId(id: number): Actor {
    let actor = this.#actors.get(id);
    if (!actor) {
      actor = this.#byId.get(id) as Actor | undefined;
      assert(actor, `actor ${id} is not in the table`);
      this.#actors.set(id, actor);
    }
    return actor;
  }

  /** After a rollback: IDs made in it are gone. */
  forget(): void {
    this.#ids.clear();
    this.#actors.clear();
  }
}
