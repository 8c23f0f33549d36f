/** Leaves loops, functions and the shell. */
export class Flow extends Error {
  override readonly name = 'Flow';
  readonly kind: 'break' | 'continue' | 'return' | 'exit';
  /** Levels, or the status. */
  readonly value: number;
  constructor(kind: Flow['kind'], value: number) {
    super(kind);
    this.kind = kind;
    this.value = value;
  }
}
