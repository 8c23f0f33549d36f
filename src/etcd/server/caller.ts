import type { ServerCall } from '../../wire/index.ts';
import type { CallOptions, Provenance } from '../kv.ts';

const byPeer = new WeakMap<object, Map<string, Provenance>>();

/**
 * Who a gRPC client is: `etcd-client:<common name>` of its certificate, its address when it has none; the agent is what
 * it calls itself. One object per connection and agent.
 */
export function provenanceOf(call: ServerCall): Provenance {
  const agent = String(call.metadata['user-agent'] ?? '');
  let known = byPeer.get(call.peer);
  if (!known) {
    known = new Map();
    byPeer.set(call.peer, known);
  }
  let provenance = known.get(agent);
  if (!provenance) {
    const subject = call.peer.certificate?.toLegacyObject().subject as { CN?: string | string[] } | undefined;
    const commonName = [subject?.CN].flat().at(-1);
    provenance = { actor: `etcd-client:${commonName || call.peer.address}`, ...(agent ? { agent } : {}) };
    known.set(agent, provenance);
  }
  return provenance;
}

/** Call options of one gRPC call. The signal is made only when the store asks for it. */
export class DoorCallOptions implements CallOptions {
  readonly #call: ServerCall;

  constructor(call: ServerCall) {
    this.#call = call;
  }

  get provenance(): Provenance {
    return provenanceOf(this.#call);
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }
}
