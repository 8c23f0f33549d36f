/** `klab auth can-i` and `klab auth whoami`. Upstream: kubectl/pkg/cmd/auth. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { goValue } from '../printers/go-value.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { PrintFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { ResultPrinter } from '../write/result-printer.ts';

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

const resourceVerbs = new Set(
  'get list watch create update patch delete deletecollection use bind impersonate * approve sign escalate attest'.split(
    ' ',
  ),
);
const urlVerbs = new Set('get put post head options delete patch *'.split(' '));

/** @returns whether it is allowed; true for a list. */
export async function canI(
  words: readonly string[],
  flags: CanIFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<boolean> {
  const { list, quiet, subresource = '', 'all-namespaces': everywhere = false } = flags;
  if (list) {
    if (words.length > 0) throw new UserError('list option must be specified with no arguments');
    if (quiet || everywhere || subresource !== '') {
      throw new UserError("list option can't be specified with neither quiet, all-namespaces nor subresource options");
    }
    await listAccess(await session(), flags, io);
    return true;
  }
  if (words.length !== 2) {
    const help = "See 'klab auth can-i -h' for help and examples.";
    throw new UserError(
      `you must specify two arguments: verb resource or verb resource/resourceName.\n${help}`,
      exitCodes.usage,
    );
  }
  const [verb = '', target = ''] = words;
  if (target.startsWith('/') && subresource !== '') {
    throw new UserError('--subresource can not be used with NonResourceURL');
  }
  const opened = await session();
  const warn = (text: string) => io.say(`Warning: ${text}\n\n`);
  const attributes = target.startsWith('/')
    ? urlAttributes(verb, target, warn)
    : await resourceAttributes(verb, target, flags, opened, warn);
  if (flags['no-headers']) throw new UserError('--no-headers cannot be set without --list specified');
  const { status } = await review(opened, 'SelfSubjectAccessReview', 'authorization.k8s.io', attributes);
  if (!quiet) {
    let text = status.allowed ? 'yes' : 'no';
    if (!status.allowed && status.reason) text += ` - ${status.reason}`;
    if (!status.allowed && status.evaluationError) text += ` - ${status.evaluationError}`;
    io.write(`${text}\n`);
  }
  return status.allowed;
}

function urlAttributes(verb: string, path: string, warn: (text: string) => void): object {
  if (!urlVerbs.has(verb)) warn(`verb '${verb}' is not a known verb`);
  return { nonResourceAttributes: { path, verb } };
}

async function resourceAttributes(
  verb: string,
  target: string,
  flags: CanIFlags,
  session: Session,
  warn: (text: string) => void,
): Promise<object> {
  const everywhere = flags['all-namespaces'] ?? false;
  const [word = '', name] = target.split(/\/(.*)/s, 2);
  const found = word === '*' ? undefined : await session.find(word.toLowerCase());
  if (!found && word !== '*' && word !== 'users' && word !== 'groups') {
    const [resource, group] = word.toLowerCase().split(/\.(.*)/s, 2);
    warn(`the server doesn't have a resource type '${resource}'${group ? ` in group '${group}'` : ''}`);
  }
  if (!everywhere) {
    if (found && !found.namespaced) {
      const { plural, group } = found;
      warn(`resource '${plural}' is not namespace scoped${group === '' ? '' : ` in group '${group}'`}`);
    }
    if (!resourceVerbs.has(verb)) warn(`verb '${verb}' is not a known verb`);
  }
  return {
    resourceAttributes: {
      verb,
      namespace: everywhere ? '' : session.namespace,
      group: found?.group ?? '',
      resource: found?.plural ?? word,
      ...(flags.subresource && { subresource: flags.subresource }),
      ...(name && { name }),
    },
  };
}

async function listAccess(session: Session, flags: CanIFlags, io: WriteIo): Promise<void> {
  const { namespace } = session;
  const { status } = await review(session, 'SelfSubjectRulesReview', 'authorization.k8s.io', { namespace });
  if (status.incomplete) io.say(`Warning: the list may be incomplete: ${status.evaluationError ?? ''}`);
  const { compactRules } = await import('../describe/config.ts');
  const rules = [...(status.resourceRules ?? []), ...(status.nonResourceRules ?? [])];
  const out = new TabWriter(tableTabs);
  if (!flags['no-headers']) out.write('Resources\tNon-Resource URLs\tResource Names\tVerbs\n');
  for (const { resource, urls, names, verbs } of compactRules(rules)) {
    out.write(`${resource}\t${goValue(urls)}\t${goValue(names)}\t${goValue(verbs)}\n`);
  }
  io.write(out.flush());
}
