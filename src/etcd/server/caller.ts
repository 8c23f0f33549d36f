import type { ServerCall } from '../../wire/index.ts';
import type { MemberAuth } from '../auth/api.ts';
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
    provenance = { actor: `etcd-client:${commonNameOf(call) || call.peer.address}`, ...(agent ? { agent } : {}) };
    known.set(agent, provenance);
  }
  return provenance;
}

function commonNameOf(call: ServerCall): string | undefined {
  const subject = call.peer.certificate?.toLegacyObject().subject as { CN?: string | string[] } | undefined;
  return [subject?.CN].flat().at(-1);
}

/** The metadata etcd's clients put their token in; gateways put it in the other. */
function tokenOf(call: ServerCall): string | undefined {
  return (call.metadata['token'] ?? call.metadata['authorization']) as string | undefined;
}

/** Call options of one gRPC call. The signal is made only when the store asks for it. */
export class DoorCallOptions implements CallOptions {
  readonly #call: ServerCall;
  readonly #accounts: MemberAuth | undefined;

  constructor(call: ServerCall, accounts: MemberAuth | undefined) {
    this.#call = call;
    this.#accounts = accounts;
  }

  /** Nobody while accounts are disabled. Throws InvalidAuthToken. */
  get auth(): CallOptions['auth'] {
    const accounts = this.#accounts;
    if (!accounts?.enabled) return undefined;
    return accounts.identify(tokenOf(this.#call), commonNameOf(this.#call));
  }

  get provenance(): Provenance {
    return provenanceOf(this.#call);
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }
}
