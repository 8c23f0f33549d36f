/** `klab api-resources`, `api-versions` and `version`. Upstream: kubectl/pkg/cmd/{apiresources,version}. */
import { compareBytes } from '../apimachinery/index.ts';
import { packageVersion } from '../base/index.ts';
import {
  groupVersionText,
  HttpsTransport,
  KubeClient,
  type ResourceDescription,
  resourceName,
} from '../client/index.ts';
import { UserError } from './exit-codes.ts';
import { printData, renderTable } from './output.ts';
import { configOf, type Session } from './session.ts';

export interface ApiResourcesRequest {
  readonly apiGroup?: string;
  readonly namespaced?: boolean;
  /** The resource has all of them. */
  readonly verbs?: readonly string[];
  readonly categories?: readonly string[];
  /** `name`, `kind`, or by group and name. */
  readonly sortBy?: string;
  readonly output?: string;
  readonly headers: boolean;
  /** Discovery that is kept on disk will do. */
  readonly cached?: boolean;
}

export async function apiResources(session: Session, request: ApiResourcesRequest): Promise<string> {
  const all = preferred(await session.resources({ fresh: !request.cached }));
  const rows = all.filter(
    (row) =>
      (row.verbs === undefined || row.verbs.length > 0) &&
      (request.apiGroup === undefined || row.group === request.apiGroup) &&
      (request.namespaced === undefined || row.namespaced === request.namespaced) &&
      (request.verbs ?? []).every((verb) => row.verbs?.includes(verb as never)) &&
      (request.categories ?? []).every((category) => row.categories?.includes(category)),
  );
  rows.sort((a, b) => {
    if (request.sortBy === 'name') return compareBytes(a.plural, b.plural);
    if (request.sortBy === 'kind') return compareBytes(a.kind, b.kind);
    return compareBytes(a.group, b.group) || compareBytes(a.plural, b.plural);
  });
  if (request.output === 'name') return rows.map(resourceName).join('\n');
  if (request.output === 'json' || request.output === 'yaml') {
    const resources = rows.map(
      ({ group, version, kind, plural, singular, namespaced, verbs, shortNames, categories }) => ({
        name: plural,
        singularName: singular ?? '',
        namespaced,
        group,
        version,
        kind,
        verbs: verbs ?? [],
        ...(shortNames?.length && { shortNames }),
        ...(categories?.length && { categories }),
      }),
    );
    return printData({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: '', resources }, request.output);
  }
  const wide = request.output === 'wide';
  const columns = ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND', ...(wide ? ['VERBS', 'CATEGORIES'] : [])];
  const cells = rows.map((row) => [
    row.plural,
    (row.shortNames ?? []).join(','),
    groupVersionText(row),
    String(row.namespaced),
    row.kind,
    ...(wide ? [[...(row.verbs ?? [])].sort().join(','), (row.categories ?? []).join(',')] : []),
  ]);
  return renderTable(columns, cells, request.headers);
}

/** Each resource in its group's preferred version: the first that serves it. */
function preferred(resources: readonly ResourceDescription[]): ResourceDescription[] {
  const seen = new Set<string>();
  return resources.filter((row) => {
    const key = resourceName(row);
    return seen.has(key) ? false : seen.add(key);
  });
}

export async function apiVersions(session: Session): Promise<string> {
  const versions = (await session.resources({ fresh: true })).map(groupVersionText);
  return [...new Set(versions)].sort(compareBytes).join('\n');
}

export interface VersionRequest {
  readonly name: string;
  readonly client: boolean;
  readonly output?: string;
}

/** The server is asked only when it runs: a version is no reason to boot a cluster. `session` for a foreign one. */
export async function versionText(request: VersionRequest, session?: Session): Promise<string> {
  const { version: node, platform, arch } = process;
  const clientVersion = { gitVersion: `v${packageVersion()}`, nodeVersion: node, platform: `${platform}/${arch}` };
  const serverVersion = request.client ? undefined : await serverVersionOf(request.name, session);
  if (request.output === 'json' || request.output === 'yaml') {
    return printData({ clientVersion, ...(serverVersion && { serverVersion }) }, request.output);
  }
  if (request.output) throw new UserError("--output must be 'yaml' or 'json'", 2);
  const lines = [`Client Version: klab ${clientVersion.gitVersion} (Node ${node})`];
  if (serverVersion) lines.push(`Server Version: ${serverVersion.gitVersion}`);
  else if (!request.client) lines.push(`Server Version: cluster "${request.name}" is not running`);
  return lines.join('\n');
}

async function serverVersionOf(name: string, session?: Session): Promise<{ gitVersion: string } | undefined> {
  if (session) return session.client.raw('/version');
  const { readServer, clusterPaths } = await import('../cluster/index.ts');
  const info = readServer(clusterPaths(name));
  if (!info) return undefined;
  const client = new KubeClient(new HttpsTransport(configOf(info)));
  try {
    return await client.raw('/version');
  } finally {
    await client.transport.close();
  }
}
