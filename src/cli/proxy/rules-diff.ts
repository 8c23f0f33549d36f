/** `klab proxy rules --diff`: the rules that should be, against those of an earlier revision or of a real node's dump. */
import { existsSync, readFileSync } from 'node:fs';
import type { Difference, ProxyConfig } from '../../proxy/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';
import { configsOf, type ProxyRulesRequest, selectService } from './rules.ts';
import { readProxyWorld } from './world.ts';

type Proxy = typeof import('../../proxy/index.ts');

interface FamilyDifferences {
  readonly family: ProxyConfig['family'];
  readonly node: string;
  readonly differences: readonly Difference[];
}

export interface ProxyRulesComparison {
  readonly text: string;
  readonly differs: boolean;
}

/**
 * `against` is a revision, or files (`-` is standard input): the dumps of one node's several tools, for one.
 * @throws UserError for what is neither.
 */
export async function proxyRulesDiff(
  session: Session,
  request: ProxyRulesRequest,
  against: readonly string[],
): Promise<ProxyRulesComparison> {
  const proxy = await import('../../proxy/index.ts');
  const parts: { against: string; revision: boolean; found: FamilyDifferences[] }[] = [];
  for (const each of against) {
    const revision = /^\d+$/.test(each) && !existsSync(each);
    if (revision && against.length > 1) {
      throw new UserError(`--diff takes one revision or several files; there is no file "${each}"`, exitCodes.usage);
    }
    const found = await (revision ? againstRevision : againstDump)(proxy, session, request, each);
    parts.push({ against: each, revision, found });
  }
  const differs = parts.some(({ found }) => found.some(({ differences }) => differences.length > 0));
  if (request.output !== undefined) {
    const shown = parts.map(({ against: what, found }) => ({ mode: request.mode, against: what, rules: found }));
    return { text: printData(shown.length === 1 ? shown[0] : { comparisons: shown }, request.output), differs };
  }
  const texts = parts.flatMap(({ against: what, revision, found }) => {
    const title = revision ? `revision ${what}` : what === '-' ? 'the dump' : what;
    return found.map((one) => differencesText(one, request.mode, title, revision));
  });
  return { text: texts.join('\n'), differs };
}

async function againstRevision(
  proxy: Proxy,
  session: Session,
  request: ProxyRulesRequest,
  revision: string,
): Promise<FamilyDifferences[]> {
  const [now, then] = await Promise.all([readProxyWorld(session), readProxyWorld(session, revision)]);
  const services = [...now.services, ...then.services];
  const chosen = selectService(session.namespace, request.service, services, []).services;
  const [configs, before] = await Promise.all([
    configsOf(session, request, now, chosen),
    configsOf(session, request, then.nodes.length > 0 ? then : now, chosen),
  ]);
  return configs.map((config, i) => {
    const expected = proxy.expectedRules(request.mode, now, config);
    const actual = proxy.expectedRules(request.mode, then, before[i]!);
    const concerns = filterOf(proxy, request, session, [now, then], config);
    return {
      family: config.family,
      node: config.node.name,
      differences: proxy.compareRuleSets(expected, actual).flatMap(concerns),
    };
  });
}

async function againstDump(
  proxy: Proxy,
  session: Session,
  request: ProxyRulesRequest,
  file: string,
): Promise<FamilyDifferences[]> {
  const text = readText(file);
  try {
    const kind = proxy.dumpKind(text);
    const fitting = proxy.modesOf[kind];
    if (!fitting.includes(request.mode)) {
      throw new UserError(`${file} is what ${kind} prints: compare it with --mode ${fitting[0]}, not ${request.mode}`);
    }
    const families = proxy.dumpFamilies(text, kind);
    if (families.length === 0) throw new proxy.DumpError(1, 'there is no table kube-proxy in it');
    const world = await readProxyWorld(session, undefined, request.node);
    selectService(session.namespace, request.service, world.services, []);
    const out: FamilyDifferences[] = [];
    for (const family of families) {
      const [config] = await configsOf(session, { ...request, family: family === 'IPv4' ? 'ipv4' : 'ipv6' }, world, []);
      const expected = proxy.expectedRules(request.mode, world, config!, kind);
      const concerns = filterOf(proxy, request, session, [world], config!);
      const differences = proxy.compareRuleSets(expected, proxy.readDump(text, kind, family)).flatMap(concerns);
      out.push({ family, node: config!.node.name, differences });
    }
    return out;
  } catch (error) {
    if (error instanceof proxy.DumpError) throw new UserError(`${file}:${error.line}: ${error.message}`);
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch {
    throw new UserError(`--diff takes a revision or the file of a dump; there is no file "${file}"`);
  }
}

type World = Awaited<ReturnType<typeof readProxyWorld>>;

/** All differences, or those of the Service that is asked for. */
function filterOf(
  proxy: Proxy,
  request: ProxyRulesRequest,
  session: Session,
  worlds: readonly World[],
  config: ProxyConfig,
): (found: Difference) => Difference[] {
  if (request.service === undefined) return (found) => [found];
  const name = request.service.includes('/') ? request.service : `${session.namespace}/${request.service}`;
  const ports = worlds.flatMap(({ services, endpointSlices }) =>
    proxy.servicePorts(services, endpointSlices, config.family, config.node),
  );
  return proxy.mentions(
    [name],
    ports.filter(({ namespace, service }) => `${namespace}/${service}` === name),
  );
}

/** What a difference is, when the other side is a node's dump, or an earlier revision. */
const headings = {
  dump: {
    missing: ['+', 'missing from'],
    extra: ['-', 'not expected in'],
    stale: ['-', 'stale, of no Service or endpoint of today:'],
    order: ['!', 'in another order than expected in'],
  },
  revision: {
    missing: ['+', 'added to'],
    extra: ['-', 'removed from'],
    stale: ['-', 'gone:'],
    order: ['!', 'in another order then, in'],
  },
} as const;

function differencesText(found: FamilyDifferences, mode: string, against: string, revision: boolean): string {
  const { differences, family, node } = found;
  const title = `${mode} rules of node ${node} (${family}) against ${against}`;
  if (differences.length === 0) return `${title}: no differences\n`;
  const words = headings[revision ? 'revision' : 'dump'];
  const lines = [`${title}:`];
  for (const { kind, place, items } of differences) {
    const [sign, heading] = words[kind];
    lines.push(`${heading} ${place}`);
    for (const { text, line } of items) lines.push(`  ${sign} ${text}${line === undefined ? '' : `  (line ${line})`}`);
    if (items.length === 0) lines.push(`  ${sign} the empty chain or set`);
  }
  return `${lines.join('\n')}\n`;
}
