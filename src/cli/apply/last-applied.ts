/**
 * What client-side apply remembers of an object: shown, or set to what a file says.
 * Upstream: kubectl/pkg/cmd/apply/apply_{view,set}_last_applied.go, cmd/util/editor GetApplyPatch.
 */
import { encodeYaml, isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { type Manifest, positionText } from '../manifests/manifest.ts';
import { missingResourceText } from '../resource-args.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { usageError } from '../write/usage.ts';
import { goJson, lastAppliedAnnotation } from './client-side.ts';
import { type Target, targetOf } from './target.ts';

export interface ViewLastAppliedFlags extends SessionRequest, FileFlags {
  readonly all?: boolean;
  readonly selector?: string;
  /** Default yaml. */
  readonly output?: string;
}

export async function viewLastApplied(
  words: readonly string[],
  flags: ViewLastAppliedFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const manifests = await readFileFlags(flags, 'read', io.signal);
  const texts: string[] = [];
  const request = { command: 'apply view-last-applied', words, manifests, selector: flags.selector, all: flags.all };
  await eachLiveObject(await session(), request, ({ object }) => {
    // One that apply has never seen is passed over: upstream's error for it is never told.
    const text = object.metadata.annotations?.[lastAppliedAnnotation];
    if (text !== undefined) texts.push(text);
  });
  const { output = 'yaml' } = flags;
  for (const text of texts) {
    if (output === 'json') io.write(indentJson(text));
    else if (output === 'yaml') io.write(encodeYaml(JSON.parse(text)));
    else {
      throw usageError(
        'apply view-last-applied',
        `Unexpected -o output mode: ${output}, the flag 'output' must be one of yaml|json`,
      );
    }
  }
}

export interface SetLastAppliedFlags extends SessionRequest, FileFlags, WriteFlags {
  readonly 'create-annotation'?: boolean;
}

/** Every object is looked at before the first is changed. */
export async function setLastApplied(
  flags: SetLastAppliedFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'read', io.signal);
  if (!manifests) throw new UserError(missingResourceText);
  const opened = await session();
  const changes: { target: Target; live: Readonly<KubeObject>; text: string }[] = [];
  for (const manifest of manifests) {
    const target = await targetOf(opened, manifest);
    const live = await liveObject(opened, target, manifest);
    const text = `${goJson(target.object)}\n`;
    const last = live.metadata.annotations?.[lastAppliedAnnotation];
    if (last === undefined && !flags['create-annotation']) {
      throw new UserError(
        `no last-applied-configuration annotation found on resource: ${target.name}, to create the annotation, run the command with --create-annotation`,
      );
    }
    if (last?.trimEnd() === text.trimEnd()) io.write(`set-last-applied ${target.name}: no changes required.\n`);
    else changes.push({ target, live, text });
  }
  for (const { target, live, text } of changes) {
    const calls = opened.client.resource(target.resource).namespace(target.namespace);
    const patch = { metadata: { annotations: { [lastAppliedAnnotation]: text } } };
    const options = { dryRun: dryRun === 'server', signal: opened.signal };
    printer.print(dryRun === 'client' ? live : await calls.patch(target.name, 'merge', patch, options), 'configured');
  }
}

async function liveObject(session: Session, { resource, namespace, name }: Target, manifest: Manifest) {
  try {
    const calls = session.client.resource(resource).namespace(namespace);
    return await calls.get(name, { signal: session.signal });
  } catch (error) {
    if (isNotFound(error)) throw error;
    throw new UserError(
      `retrieving current configuration for ${positionText(manifest.position)}: ${(error as Error).message}`,
      1,
      {
        cause: error,
      },
    );
  }
}

/** JSON with its own spelling of strings and numbers, two spaces a level. Upstream: encoding/json Indent. */
export function indentJson(text: string): string {
  let out = '';
  let depth = 0;
  const newline = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+|\s+$/gs)) {
    if (/^[{[]\s*[}\]]$/.test(token)) out += token[0]! + token.at(-1)!;
    else if (token === '{' || token === '[') {
      depth++;
      out += token + newline();
    } else if (token === '}' || token === ']') {
      depth--;
      out += newline() + token;
    } else if (token === ',') out += token + newline();
    else out += token === ':' ? ': ' : token;
  }
  return out;
}
