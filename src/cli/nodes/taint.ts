/** `klab taint`. Upstream: kubectl/pkg/cmd/taint. */
import { deepCopy, isQualifiedName, type KubeObject } from '../../apimachinery/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { patchLive } from '../write/patch-live.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { usageError } from '../write/usage.ts';

export interface TaintFlags extends WriteFlags, SessionRequest {
  readonly all?: boolean;
  readonly selector?: string;
  readonly overwrite?: boolean;
}

interface Taint {
  readonly key: string;
  readonly value?: string;
  /** Empty in a removal: of any effect. */
  readonly effect: string;
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** `key=value:effect`, `key:effect`, and with a dash at the end what goes. Upstream: taint/utils.go. */
export function parseTaints(specs: readonly string[]): { add: Taint[]; remove: Taint[] } {
  const add: Taint[] = [];
  const remove: Taint[] = [];
  for (const spec of specs) {
    const taint = parseTaint(spec.replace(/-$/, ''), spec.endsWith('-'));
    if (spec.endsWith('-')) remove.push(taint);
    else if (add.some(({ key, effect }) => key === taint.key && effect === taint.effect)) {
      throw new UserError(`duplicated taints with the same key and effect: ${JSON.stringify(taint)}`);
    } else add.push(taint);
  }
  return { add, remove };
}

function parseTaint(spec: string, removal: boolean): Taint {
  const invalid = (why = '') => usageError('taint', `invalid taint spec: ${spec}${why === '' ? '' : `, ${why}`}`);
  const parts = spec.split(':');
  if (parts.length > 2) throw invalid();
  const [pair = '', effect = ''] = parts;
  const [key = '', value, ...more] = pair.split('=');
  if (parts.length === 1 && !removal) {
    const why = isQualifiedName(pair);
    throw invalid(why.join('; '));
  }
  if (parts.length === 2 && !effects.includes(effect)) {
    throw usageError('taint', `invalid taint effect: ${effect}, unsupported taint effect`);
  }
  if (more.length > 0) throw invalid();
  const why = isQualifiedName(key);
  if (why.length > 0) throw invalid(why.join('; '));
  return { key, ...(value && { value }), effect };
}

type Node = KubeObject & { spec: { taints?: Taint[]; unschedulable?: boolean } };

export async function taintNodes(
  words: readonly string[],
  flags: TaintFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  // As kubectl: a dry run is not told here.
  const printer = new ResultPrinter(flags, 'none', io.write);
  const isSpec = (word: string) => word.includes('=') || word.includes(':') || word.endsWith('-');
  const resources = words.filter((word) => !isSpec(word));
  const specs = words.filter(isSpec);
  if (resources.length < 1) throw new UserError('one or more resources must be specified as <resource> <name>');
  if (specs.length < 1) throw new UserError('at least one taint update is required');
  const { add, remove } = parseTaints(specs);
  const opened = await session();
  const type = await opened.find(resources[0]!);
  if (type?.kind !== 'Node') {
    throw new UserError(`invalid resource type ${resources[0]}, only node types are supported`, exitCodes.usage);
  }
  if (resources.length < 2 && !flags.all && !flags.selector) {
    throw new UserError("at least one resource name must be specified since '--all' parameter is not set");
  }
  const request = { command: 'taint', words: resources, selector: flags.selector, all: flags.all };
  await eachLiveObject(opened, request, async (live) => {
    const after = deepCopy(live.object) as Node;
    const old = after.spec.taints ?? [];
    const same = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
    if (!flags.overwrite && add.some((taint) => old.some((one) => same(one, taint)))) {
      throw new UserError(`node ${live.name} already has a taint(s) with same effect(s) and --overwrite is false`);
    }
    let operation = flags.overwrite ? 'modified' : 'tainted';
    const kept = old.filter(
      (one) => !remove.some(({ key, effect }) => one.key === key && (effect === '' || one.effect === effect)),
    );
    for (const { key, effect } of remove) {
      if (old.some((one) => one.key === key && (effect === '' || one.effect === effect))) continue;
      throw new UserError(
        effect === ''
          ? `taint ${JSON.stringify(key)} not found`
          : `taint ${JSON.stringify(`${key}:${effect}`)} not found`,
      );
    }
    if (remove.length > 0) operation = add.length > 0 ? 'modified' : 'untainted';
    after.spec.taints = [...add, ...kept.filter((one) => !add.some((taint) => same(one, taint)))];
    if (after.spec.taints.length === 0) delete after.spec.taints;
    const result = await patchLive(live, after, {
      dryRun,
      fieldManager: flags['field-manager'],
      signal: opened.signal,
    });
    printer.print(result ?? live.object, operation);
  });
}
