/** Query parameters of the API's operations. Upstream: metav1.{List,Create,Update,Patch,Delete}Options. */
import type { Dialect } from './schemas.ts';

type ParameterType = 'string' | 'integer' | 'boolean';

interface Parameter {
  readonly type: ParameterType;
  readonly description: string;
}

const parameters: Readonly<Record<string, Parameter>> = {
  allowWatchBookmarks: {
    type: 'boolean',
    description: 'Asks a watch for BOOKMARK events; ignored by everything but watches.',
  },
  continue: { type: 'string', description: 'The token of the last page: asks a list for the next one.' },
  fieldSelector: { type: 'string', description: 'Selects the objects to return by their fields. Default: everything.' },
  labelSelector: { type: 'string', description: 'Selects the objects to return by their labels. Default: everything.' },
  limit: { type: 'integer', description: 'The most objects a list returns at once; `continue` fetches the rest.' },
  resourceVersion: {
    type: 'string',
    description: 'Constrains which version of the data a list may be served from, or where a watch starts.',
  },
  resourceVersionMatch: { type: 'string', description: 'How resourceVersion is applied to lists.' },
  sendInitialEvents: {
    type: 'boolean',
    description: 'A watch begins with the objects that exist, as ADDED events, and a bookmark that ends them.',
  },
  timeoutSeconds: { type: 'integer', description: 'Limits the duration of the call.' },
  watch: { type: 'boolean', description: 'Watches for changes and returns them as a stream of events.' },
  dryRun: {
    type: 'string',
    description: 'When present, nothing is persisted. The only valid value is All: every stage is processed.',
  },
  fieldManager: {
    type: 'string',
    description: 'Name of the actor that makes the changes; required for apply patches.',
  },
  fieldValidation: {
    type: 'string',
    description: 'What happens to unknown and duplicate fields: Ignore, Warn (the default) or Strict.',
  },
  force: { type: 'boolean', description: 'Apply patches take over conflicting fields that others own.' },
  gracePeriodSeconds: { type: 'integer', description: 'Seconds before the object is deleted; zero deletes at once.' },
  orphanDependents: { type: 'boolean', description: 'Deprecated: use propagationPolicy.' },
  propagationPolicy: {
    type: 'string',
    description: 'What happens to dependents: Orphan, Background or Foreground.',
  },
  pretty: { type: 'string', description: 'Whether output is indented for people.' },
  path: { type: 'string', description: 'Path of the request to proxy.' },
  container: { type: 'string', description: 'The container, where a pod has more than one.' },
  command: { type: 'string', description: 'The command to run; an array, not run by a shell.' },
  stdin: { type: 'boolean', description: 'Redirects standard input of the call.' },
  stdout: { type: 'boolean', description: 'Redirects standard output of the call.' },
  stderr: { type: 'boolean', description: 'Redirects standard error of the call.' },
  tty: { type: 'boolean', description: 'Allocates a terminal for the call.' },
  ports: { type: 'integer', description: 'Ports to forward.' },
  follow: { type: 'boolean', description: 'Follows the log as it is written.' },
  insecureSkipTLSVerifyBackend: { type: 'boolean', description: 'Does not verify the kubelet serving the log.' },
  limitBytes: { type: 'integer', description: 'Bytes of the log after which output ends.' },
  previous: { type: 'boolean', description: 'Returns the log of the previous, terminated container.' },
  sinceSeconds: { type: 'integer', description: 'Seconds before now from which to show the log.' },
  stream: { type: 'string', description: 'Which stream of the log: All, Stdout or Stderr.' },
  tailLines: { type: 'integer', description: 'Lines from the end of the log.' },
  timestamps: { type: 'boolean', description: 'Prefixes every line with its time.' },
};

export const listParameters = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
export const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'];
export const patchParameters = [...writeParameters, 'force'];
export const deleteParameters = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
export const deleteCollectionParameters = [
  'continue',
  'dryRun',
  'fieldSelector',
  'gracePeriodSeconds',
  'labelSelector',
  'limit',
  'orphanDependents',
  'propagationPolicy',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
];

export const connectParameters: Readonly<Record<string, readonly string[]>> = {
  attach: ['container', 'stderr', 'stdin', 'stdout', 'tty'],
  exec: ['command', 'container', 'stderr', 'stdin', 'stdout', 'tty'],
  portforward: ['ports'],
  proxy: ['path'],
  log: [
    'container',
    'follow',
    'insecureSkipTLSVerifyBackend',
    'limitBytes',
    'pretty',
    'previous',
    'sinceSeconds',
    'stream',
    'tailLines',
    'timestamps',
  ],
};

/** A query parameter in full. Clients look for `dryRun` and `fieldValidation` by name, so these stand in every operation. */
export function queryParameter(name: string, dialect: Dialect): Record<string, unknown> {
  const parameter = parameters[name];
  if (parameter === undefined) throw new Error(`no parameter ${name}`);
  const { type, description } = parameter;
  if (dialect === 'v2') return { description, in: 'query', name, type, uniqueItems: true };
  return { description, in: 'query', name, schema: { type, uniqueItems: true } };
}

export function pathParameter(name: string, description: string, dialect: Dialect): Record<string, unknown> {
  const head = { description, in: 'path', name, required: true };
  if (dialect === 'v2') return { ...head, type: 'string', uniqueItems: true };
  return { ...head, schema: { type: 'string', uniqueItems: true } };
}
