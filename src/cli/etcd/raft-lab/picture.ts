/** How the members of a scenario stand, as data. */
import type { Host, LabNetwork } from './network.ts';
import { entryText, nameOf } from './words.ts';

export interface MemberPicture {
  readonly name: string;
  readonly state: 'running' | 'paused' | 'crashed';
  /** Empty while it is crashed. */
  readonly role: string;
  readonly term: number;
  /** `none` or a member. */
  readonly vote: string;
  readonly leader: string;
  readonly commit: number;
  readonly applied: number;
  /** The log begins behind this index: what came before is in the snapshot. */
  readonly snapshot: number;
  readonly log: readonly { readonly index: number; readonly term: number; readonly text: string }[];
}

const named = (id: number): string => (id === 0 ? 'none' : nameOf(id));

export function pictureOf({ name, node, storage, paused }: Host): MemberPicture {
  const { hardState, applied } = storage.initialState();
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  const entries = last < first ? [] : storage.entries(first, last + 1, Number.MAX_SAFE_INTEGER);
  return {
    name,
    state: !node ? 'crashed' : paused ? 'paused' : 'running',
    role: node?.role ?? '',
    term: hardState.term,
    vote: named(hardState.vote),
    leader: named(node?.leader ?? 0),
    commit: hardState.commit,
    applied,
    snapshot: first - 1,
    log: entries.map((entry) => ({ index: entry.index, term: entry.term, text: entryText(entry) })),
  };
}

export function pictures(network: LabNetwork): MemberPicture[] {
  return [...network.hosts.values()].map(pictureOf);
}
