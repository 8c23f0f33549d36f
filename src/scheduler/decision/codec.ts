/**
 * Decisions as bytes. What repeats is written once: the names of the nodes are a list of their own that many decisions
 * refer to, verdicts are numbered, equal neighbours are runs, scores are columns of small integers. At 5,000 nodes a
 * decision takes two or three kilobytes.
 *
 * `version, deflated?, payload`; payload = head (JSON) · runs of node states · where the search began · score columns.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { Reader, someBytes, Writer } from './bytes.ts';
import {
  columnsFrom,
  type DecisionColumns,
  highest,
  type PluginVerdict,
  readColumns,
  type Scorer,
  scorersOf,
  writeColumns,
} from './columns.ts';
import { columnsOf, type Decision, type DecisionHead, decisionOf, sealedColumnsOf, tiedNodes } from './record.ts';

const version = 2;
/** Version 1 had no columns of few values and named the nodes of a tie. */
const readable: readonly (number | undefined)[] = [1, 2];
/** Shorter payloads are not worth the time: deflating takes longer than deciding. */
const deflateFrom = 32_768;

interface Head {
  readonly head: DecisionHead;
  readonly verdicts: readonly PluginVerdict[];
  readonly names: string;
  readonly scores: readonly Scorer[];
  /** All nodes of the highest total were tied. */
  readonly tied?: true;
}

const writer = new Writer();

function packed(payload: Uint8Array): Uint8Array {
  const deflated = payload.length >= deflateFrom;
  const body = deflated ? deflateRawSync(payload, { level: 1 }) : payload;
  const out = someBytes(body.length + 2);
  out[0] = version;
  out[1] = deflated ? 1 : 0;
  out.set(body, 2);
  return out;
}

/** @throws RangeError for bytes of another version. */
function unpacked(bytes: Uint8Array): Uint8Array {
  if (!readable.includes(bytes[0])) throw new RangeError(`decision records of version ${bytes[0]} are not known here`);
  const body = bytes.subarray(2);
  return bytes[1] === 1 ? inflateRawSync(body) : body;
}

/** What a decision's node names are kept under. */
export function namesId(names: readonly string[]): string {
  return createHash('sha256').update(names.join('\n')).digest('base64url').slice(0, 22);
}

/** Names of nodes, in order, as bytes. */
export function encodeNames(names: readonly string[]): Uint8Array {
  return packed(Buffer.from(names.join('\n'), 'utf8'));
}

export function decodeNames(bytes: Uint8Array): string[] {
  const text = Buffer.from(unpacked(bytes)).toString('utf8');
  return text === '' ? [] : text.split('\n');
}

/** Without looking at `nodes`, which would be made for it. `tied`: without who was tied. */
export function headOf(decision: Decision, tied = false): DecisionHead {
  const head: Record<string, unknown> = {};
  for (const key of Object.keys(decision)) {
    if (key === 'nodes' || (tied && key === 'tiedWith')) continue;
    head[key] = decision[key as keyof Decision];
  }
  return head as unknown as DecisionHead;
}

/** Says the highest total who was tied? Then the names need not be written. */
function tieIsPlain({ tiedWith }: Decision, data: DecisionColumns): boolean {
  if (!tiedWith) return false;
  if (data.plainTie) return true;
  const positions = highest(data);
  return (
    positions.length === tiedWith.length &&
    positions.every((position, i) => data.nodeNames[data.feasible[position]!] === tiedWith[i])
  );
}

/** `intern` keeps a list of names and says under which id. */
export function encodeDecision(decision: Decision, intern: (names: readonly string[]) => string): Uint8Array {
  const sealed = sealedColumnsOf(decision);
  const out = writer;
  out.start();
  if (sealed) {
    const { nodeNames, verdicts, scorers, body, plainTie = false } = sealed;
    out.text(JSON.stringify(headJson(decision, verdicts, intern(nodeNames), scorers, plainTie)));
    out.bytes(body);
  } else {
    const data = columnsOf(decision) ?? columnsFrom(decision.nodes);
    const { nodeNames, verdicts } = data;
    const head = headJson(decision, verdicts, intern(nodeNames), scorersOf(data), tieIsPlain(decision, data));
    out.text(JSON.stringify(head));
    writeColumns(out, data, decision.feasible);
  }
  return packed(out.written);
}

function headJson(
  decision: Decision,
  verdicts: readonly PluginVerdict[],
  names: string,
  scores: readonly Scorer[],
  tied: boolean,
): Head {
  return { head: headOf(decision, tied), verdicts, names, scores, ...(tied && { tied }) };
}

/** @throws RangeError for bytes that are no record of this version. */
export function decodeDecision(bytes: Uint8Array, namesOf: (id: string) => readonly string[] | undefined): Decision {
  const input = new Reader(unpacked(bytes));
  const { head, verdicts, names, scores, tied } = JSON.parse(input.text()) as Head;
  const data: DecisionColumns = { nodeNames: namesOf(names) ?? [], verdicts, ...readColumns(input, scores) };
  return decisionOf(tied ? { ...head, tiedWith: tiedNodes(data) } : head, data);
}
