/** `klab auth can-i` and `klab auth whoami`. Upstream: kubectl/pkg/cmd/auth. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { PrintFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { usageError } from '../write/usage.ts';

export interface CanIFlags extends SessionRequest {
  readonly 'all-namespaces'?: boolean;
  readonly list?: boolean;
  readonly 'no-headers'?: boolean;
  readonly quiet?: boolean;
  readonly subresource?: string;
}

interface UserInfo {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

async function review(session: Session, kind: string, group: string, spec?: object): Promise<any> {
  const apiVersion = `${group}/v1`;
  const resource = await session.resolveKind(apiVersion, kind);
  const object = { kind, apiVersion, metadata: {}, ...(spec && { spec }) } as KubeObject;
  return session.client.resource(resource).create(object, { signal: session.signal });
}

export async function whoAmI(session: Session, flags: PrintFlags, io: WriteIo): Promise<void> {
  const printer = new ResultPrinter(flags, 'none', io.write);
  const answer = await review(session, 'SelfSubjectReview', 'authentication.k8s.io');
  if (!printer.plain) {
    printer.print(answer, '');
    return;
  }
  const { username, uid, groups, extra } = answer.status.userInfo as UserInfo;
  const out = new TabWriter(tableTabs);
  const row = (name: string, value: string) => out.write(`${name}\t${value}\n`);
  row('ATTRIBUTE', 'VALUE');
  if (username) row('Username', username);
  if (uid) row('UID', uid);
  if (groups?.length) row('Groups', `[${groups.join(' ')}]`);
  for (const key of Object.keys(extra ?? {}).sort()) row(`Extra: ${key}`, `[${extra![key]!.join(' ')}]`);
  io.write(out.flush());
}

/** @returns whether it is allowed. */
export async function canI(
  words: readonly string[],
  flags: CanIFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<boolean> {
  if (words.length < 2 || words.length > 3) {
    throw usageError('auth can-i', 'you must specify two arguments: verb resource or verb resource/resourceName.');
  }
  const [verb = '', target = ''] = words;
  const opened = await session();
  let attributes: object;
  if (target.startsWith('/')) attributes = { nonResourceAttributes: { path: target, verb } };
  else {
    const [word = '', named] = target.split('/', 2);
    const name = words[2] ?? named;
    const found = word === '*' ? undefined : await opened.find(word);
    if (!found && word !== '*') io.say(`Warning: the server doesn't have a resource type '${word}'\n\n`);
    else if (found && !found.namespaced && !flags['all-namespaces']) {
      const full =
        found.group === '' ? found.plural : `${found.plural}' is not namespace scoped in group '${found.group}`;
      io.say(
        found.group === ''
          ? `Warning: resource '${full}' is not namespace scoped\n\n`
          : `Warning: resource '${full}'\n\n`,
      );
    }
    attributes = {
      resourceAttributes: {
        verb,
        namespace: flags['all-namespaces'] ? '' : opened.namespace,
        group: found?.group ?? (word === '*' ? '*' : ''),
        resource: found?.plural ?? word,
        ...(flags.subresource && { subresource: flags.subresource }),
        ...(name && { name }),
      },
    };
  }
  const { status } = await review(opened, 'SelfSubjectAccessReview', 'authorization.k8s.io', attributes);
  if (!flags.quiet) {
    let text = status.allowed ? 'yes' : 'no';
    if (!status.allowed && status.reason) text += ` - ${status.reason}`;
    if (!status.allowed && status.evaluationError) text += ` - ${status.evaluationError}`;
    io.write(`${text}\n`);
  }
  return status.allowed;
}
