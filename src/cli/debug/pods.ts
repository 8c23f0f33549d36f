/** The pods and containers that `klab debug` makes. Upstream: kubectl/pkg/cmd/debug/debug.go. */
import { applyStrategicMergePatch, deepCopy, type KubeObject } from '../../apimachinery/index.ts';

import { builtinTypeOf } from '../apply/client-side.ts';
import { UserError } from '../exit-codes.ts';
import type { DebugOptions } from './options.ts';
import { containersOf, type DebugContainer, type DebugPod, type Keep } from './profiles.ts';

/** Where names come from and where it is said what was chosen. */
export interface NameSource {
  /** Five random characters of generated names. */
  suffix(): string;
  say(text: string): void;
}

/** A copy of the pod with one ephemeral container more, its last. */
export async function withEphemeralContainer(
  pod: DebugPod,
  options: DebugOptions,
  names: NameSource,
): Promise<DebugPod> {
  const { flags } = options;
  const name = containerName(pod, options, names);
  const changed = deepCopy(pod) as DebugPod;
  const container: DebugContainer = { ...newContainer(name, options), image: flags.image! };
  if (flags.target) container.targetContainerName = flags.target;
  changed.spec.ephemeralContainers = [...(changed.spec.ephemeralContainers ?? []), container];
  options.profile(changed, name, 'ephemeral', keepOf(options));
  return customized(changed, 'ephemeralContainers', name, options);
}

/** A pod in the node's namespaces, with its file system at /host. */
export async function nodeDebugPod(node: KubeObject, options: DebugOptions, names: NameSource): Promise<DebugPod> {
  const { flags } = options;
  const container = flags.container || 'debugger';
  const name = `node-debugger-${node.metadata.name}-${names.suffix()}`;
  names.say(`Creating debugging pod ${name} with container ${container} on node ${node.metadata.name}.`);
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'kubectl-debug' } },
    spec: {
      containers: [{ ...newContainer(container, options), image: flags.image! }],
      nodeName: node.metadata.name,
      restartPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
    },
  } as unknown as DebugPod;
  options.profile(pod, container, 'node', keepOf(options));
  return customized(pod, 'containers', container, options);
}

/** @returns the copy, and the container to attach to; undefined when only images were changed. */
export async function copyForDebugging(
  pod: DebugPod,
  options: DebugOptions,
  names: NameSource,
): Promise<{ pod: DebugPod; container: string | undefined }> {
  const { flags, setImages, command } = options;
  const { namespace, annotations, labels } = pod.metadata;
  const copy = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: flags['copy-to']!, namespace, ...(annotations && { annotations }), ...(labels && { labels }) },
    spec: deepCopy(pod.spec),
  } as unknown as DebugPod;
  const { spec } = copy;
  delete spec.ephemeralContainers;
  if (flags['share-processes'] !== undefined) spec.shareProcessNamespace = flags['share-processes'];
  if (!flags['same-node']) delete spec.nodeName;
  for (const one of spec.containers) {
    const image = setImages[one.name] ?? setImages['*'];
    if (image) one.image = image;
  }
  let name = flags.container ?? '';
  let container = containersOf(copy).find((one) => one.name === name);
  if (!container) {
    if (!flags.image) {
      if (Object.keys(setImages).length > 0) return { pod: copy, container: undefined };
      throw new UserError('you must specify image when creating new container');
    }
    name ||= containerName(copy, options, names);
    container = { name, terminationMessagePolicy: 'File' };
    spec.containers.push(container);
  }
  if (command.length > 0) {
    if (flags['arguments-only']) container.args = command;
    else {
      container.command = command;
      delete container.args;
    }
  }
  const env = envOf(options);
  if (env.length > 0) container.env = env;
  if (flags.image) container.image = flags.image;
  if (flags['image-pull-policy']) container.imagePullPolicy = flags['image-pull-policy'];
  container.stdin = flags.stdin ?? false;
  container.tty = flags.tty ?? false;
  options.profile(copy, name, 'copy', keepOf(options));
  return { pod: await customized(copy, 'containers', name, options), container: name };
}

function newContainer(name: string, options: DebugOptions): DebugContainer {
  const { flags, command } = options;
  const env = envOf(options);
  return {
    name,
    ...(command.length > 0 && (flags['arguments-only'] ? { args: command } : { command })),
    ...(env.length > 0 && { env }),
    ...(flags['image-pull-policy'] && { imagePullPolicy: flags['image-pull-policy'] }),
    ...(flags.stdin && { stdin: true }),
    terminationMessagePolicy: 'File',
    ...(flags.tty && { tty: true }),
  };
}

const envOf = ({ env }: DebugOptions) => Object.entries(env).map(([name, value]) => ({ name, value }));

function keepOf({ flags }: DebugOptions): Keep {
  return {
    labels: flags['keep-labels'] ?? false,
    annotations: flags['keep-annotations'] ?? false,
    liveness: flags['keep-liveness'] ?? false,
    readiness: flags['keep-readiness'] ?? false,
    startup: flags['keep-startup'] ?? false,
    initContainers: flags['keep-init-containers'] ?? true,
  };
}

function containerName(pod: DebugPod, { flags }: DebugOptions, names: NameSource): string {
  if (flags.container) return flags.container;
  const taken = new Set(containersOf(pod).map(({ name }) => name));
  let name: string;
  do name = `debugger-${names.suffix()}`;
  while (taken.has(name));
  names.say(`Defaulting debug container name to ${name}.`);
  return name;
}

/** `--custom`: a partial container, merged into the debugging container as a strategic merge patch. */
async function customized(
  pod: DebugPod,
  list: 'containers' | 'ephemeralContainers',
  container: string,
  { custom }: DebugOptions,
): Promise<DebugPod> {
  if (!custom) return pod;
  const known = await builtinTypeOf({ group: '', version: 'v1', kind: 'Pod' });
  const patch = { spec: { [list]: [{ ...custom, name: container }] } };
  const found = pod.spec[list]?.findIndex(({ name }) => name === container) ?? -1;
  if (found < 0) throw new UserError(`unable to find the ${container} container in the pod ${pod.metadata.name}`);
  return applyStrategicMergePatch(pod, patch, known!.schema, known!.schemas) as DebugPod;
}

/** Whether the user of the pod takes from the container what its profile grants. */
export function lacksRoot(pod: DebugPod, name: string | undefined): boolean {
  const container = containersOf(pod).find((one) => one.name === name);
  if (!container?.securityContext || !pod.spec.securityContext?.runAsUser) return false;
  const { runAsUser, privileged, capabilities } = container.securityContext;
  return runAsUser !== 0 && (privileged === true || (capabilities?.add?.length ?? 0) > 0);
}
