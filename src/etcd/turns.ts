import { deferTurn } from '../base/index.ts';

/** Turns of the event loop that work waits for at most while more comes in. */
const gatherTurns = 4;

/**
 * When the cluster's loop runs. A commit costs as much for one write as for many, so while writes keep coming in the
 * turn waits a little for them; a lone write is committed in the next turn of the event loop.
 */
export class Turns {
  readonly #run: () => void;
  #woken = 0;
  #scheduled = false;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Something has come in. */
  wake(): void {
    this.#woken++;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#gather(gatherTurns);
  }

  #gather(left: number): void {
    const woken = this.#woken;
    deferTurn(() => {
      if (left > 0 && this.#woken > woken) {
        this.#gather(left - 1);
        return;
      }
      this.#scheduled = false;
      this.#run();
    });
  }
}
