import { CelMap, TableMap, type Value } from './values.ts';

/** `Object.spec{…}` and `JSONPatch{…}`: what mutating policies make. */
export class StructValue extends CelMap {
  readonly #table: TableMap;
  readonly #typeName: string;

  constructor(typeName: string, pairs: Iterable<readonly [Value, Value]>) {
    super();
    this.#typeName = typeName;
    this.#table = TableMap.of(pairs);
  }

  override get typeName(): string {
    return this.#typeName;
  }

  get size(): number {
    return this.#table.size;
  }

  get(key: Value): Value | undefined {
    return this.#table.get(key);
  }

  has(key: Value): boolean {
    return this.#table.has(key);
  }

  keys(): readonly Value[] {
    return this.#table.keys();
  }
}
