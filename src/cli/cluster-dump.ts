/** `klab cluster-info dump`. Upstream: kubectl/pkg/cmd/clusterinfo/clusterinfo_dump.go. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Pod } from '../api/index.ts';
import type { KubeObject } from '../apimachinery/index.ts';
import { assert } from '../base/index.ts';
import { resourcePath } from '../client/index.ts';
import { ObjectPrinter } from './printers/object-printer.ts';
import { parseOutputFormat } from './printers/output-format.ts';
import type { Session } from './session.ts';
import type { PrintFlags } from './write/flags.ts';
import type { WriteIo } from './write/io.ts';

export interface DumpFlags extends PrintFlags {
  readonly 'all-namespaces'?: boolean;
  readonly namespaces?: readonly string[];
  readonly 'output-directory'?: string;
}

/** Word of the resource, name of its file; in the order of the output. */
const kinds: readonly (readonly [word: string, file: string])[] = [
  ['events', 'events'],
  ['replicationcontrollers', 'replication-controllers'],
  ['services', 'services'],
  ['daemonsets.apps', 'daemonsets'],
  ['deployments.apps', 'deployments'],
  ['replicasets.apps', 'replicasets'],
  ['pods', 'pods'],
];

const formats = ['json', 'jsonpath', 'jsonpath-as-json', 'jsonpath-file', 'name', 'yaml'];

export async function dumpCluster(flags: DumpFlags, session: () => Promise<Session>, io: WriteIo): Promise<void> {
  const output = flags.output || (flags.template ? '' : 'json');
  const format = parseOutputFormat(output, {
    template: flags.template,
    allowMissingKeys: flags['allow-missing-template-keys'],
    formats,
  });
  assert(format.kind !== 'table', 'a format is always asked for');
  const printer = () => new ObjectPrinter(format, { showManagedFields: flags['show-managed-fields'] });
  const folder = flags['output-directory'] === '-' ? '' : (flags['output-directory'] ?? '');
  const extension = output === 'json' || output === 'yaml' ? `.${output}` : '.txt';
  const put = (file: string, text: string) => {
    if (folder === '') return io.write(text);
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  const opened = await session();
  const list = async (word: string, namespace: string) => {
    const resource = await opened.resolve(word);
    const path = resourcePath(resource, namespace);
    return (await opened.client.request({ method: 'GET', path, signal: opened.signal })).body as KubeObject & {
      items: KubeObject[];
    };
  };
  put(`nodes${extension}`, printer().text(await list('nodes', '')));
  for (const namespace of await namespacesOf(flags, opened, list)) {
    for (const [word, file] of kinds) {
      const objects = await list(word, namespace);
      put(join(namespace, `${file}${extension}`), printer().text(objects));
      if (word !== 'pods') continue;
      for (const pod of objects.items as Pod[]) {
        put(join(namespace, pod.metadata.name!, 'logs.txt'), await logsOf(opened, pod));
      }
    }
  }
  if (folder !== '') io.write(`Cluster info dumped to ${folder}\n`);
}

async function namespacesOf(
  flags: DumpFlags,
  session: Session,
  list: (word: string, namespace: string) => Promise<{ items: KubeObject[] }>,
): Promise<readonly string[]> {
  if (flags['all-namespaces']) return (await list('namespaces', '')).items.map(({ metadata }) => metadata.name!);
  return flags.namespaces?.length ? flags.namespaces : ['kube-system', session.namespace];
}

/** Of all containers; one that cannot be read says why in its place. */
async function logsOf(session: Session, { metadata, spec }: Pod): Promise<string> {
  const { name = '', namespace = '' } = metadata;
  const pods = session.client.resource(await session.resolve('pods')).namespace(namespace);
  let text = '';
  for (const { name: container } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    const of = `logs for container ${container} of pod ${namespace}/${name} ====\n`;
    text += `==== START ${of}`;
    try {
      const decoder = new TextDecoder();
      let log = '';
      for await (const chunk of await pods.stream(name, 'log', { container }, session.signal)) {
        log += decoder.decode(chunk, { stream: true });
      }
      text += log;
    } catch (error) {
      session.signal?.throwIfAborted();
      text += `Request log error: ${(error as Error).message}\n`;
    }
    text += `==== END ${of}`;
  }
  return text;
}
