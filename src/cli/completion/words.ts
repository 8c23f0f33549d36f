/** What the words of each command are: types, names, pods, contexts, … Upstream: kubectl/pkg/util/completion. */

import { type Answer, anyFile, choice, directive, folders, nothing } from './answer.ts';
import type { Line } from './line.ts';
import type { Names } from './names.ts';

/** Completes `text` as the next word of `line`. */
export type WordRule = (text: string, line: Line, names: Names) => Answer | Promise<Answer>;

/** The types that pods stand behind, as exec, logs, attach and port-forward take them. */
const podTypes = [
  'daemonsets',
  'deployments',
  'pods',
  'jobs',
  'replicasets',
  'replicationcontrollers',
  'services',
  'statefulsets',
];

/** The first word of `TYPE/…`, or the type that the first operand names. */
const withPrefix = (prefix: string, values: readonly string[]): string[] => values.map((value) => prefix + value);

const without = (values: readonly string[], taken: readonly string[]): string[] =>
  values.filter((value) => !taken.includes(value));

/** `TYPE/NA`: names of that type; names already on the line are left out. */
async function slashed(text: string, line: Line, names: Names): Promise<Answer> {
  const prefix = text.slice(0, text.indexOf('/') + 1);
  const objects = await names.objects(prefix.slice(0, -1));
  return choice(text, without(withPrefix(prefix, objects), line.words));
}

/** `TYPE NAME…` or `TYPE/NAME…`. `types` undefined: whatever the server serves. `names: 1` when no more are taken. */
function objects(options: { readonly types?: readonly string[]; readonly many?: boolean } = {}): WordRule {
  const { types, many = true } = options;
  return async (text, line, names) => {
    const [first] = line.words;
    if (first === undefined) {
      if (text.includes('/')) return slashed(text, line, names);
      if (types) return choice(text, types);
      // `pods,ser`: every type after the comma.
      const comma = text.lastIndexOf(',') + 1;
      return choice(text, withPrefix(text.slice(0, comma), await names.types()));
    }
    if (first.includes('/')) {
      if (!many) return nothing;
      if (text.includes('/')) return slashed(text, line, names);
      const known = types ?? (await names.types());
      return choice(
        text,
        withPrefix(
          '',
          known.map((type) => `${type}/`),
        ),
        directive.noFiles | directive.noSpace,
      );
    }
    const given = line.words.slice(1);
    if (!many && given.length > 0) return nothing;
    return choice(text, without(await names.objects(first), given));
  };
}

/** Names of one type; several when `many`. */
function namesOf(type: string, many = false): WordRule {
  return async (text, line, names) => {
    if (!many && line.words.length > 0) return nothing;
    return choice(text, without(await names.objects(type), line.words));
  };
}

/** A pod, or TYPE/NAME of what has pods; then, when `container`, one of its containers. */
function pod(options: { readonly container?: boolean } = {}): WordRule {
  return async (text, line, names) => {
    const [first] = line.words;
    if (first !== undefined) {
      if (!options.container || line.words.length > 1 || first.includes('/')) return nothing;
      return choice(text, await names.containers(first));
    }
    if (text.includes('/')) return slashed(text, line, names);
    const pods = choice(text, await names.objects('pods')).candidates;
    const types = choice(
      text,
      podTypes.map((type) => `${type}/`),
    ).candidates;
    // A type alone goes on with a name.
    const goesOn = pods.length === 0 && types.length > 0 ? directive.noSpace : 0;
    return { candidates: [...pods, ...types], directive: directive.noFiles | goesOn };
  };
}

/** `[NAMESPACE/]POD:PATH`, or a file here. */
const copied: WordRule = async (text, line, names) => {
  if (line.words.length > 1) return nothing;
  if (text.includes(':') || /^[./~]/.test(text)) return anyFile;
  const slash = text.indexOf('/');
  if (slash >= 0) return anyFile;
  const pods = withPrefix(
    '',
    (await names.objects('pods')).map((name) => `${name}:`),
  );
  const places = (await names.objects('namespaces')).map((name) => `${name}/`);
  return choice(text, [...places, ...pods, ...(text === '' ? ['./', '/'] : [])], directive.noSpace);
};

/** Words out of a list known beforehand, one for each place. */
function fixed(...places: (readonly string[])[]): WordRule {
  return (text, line) => choice(text, places[line.words.length] ?? []);
}

const first =
  (ask: (names: Names) => Promise<readonly string[]>): WordRule =>
  async (text, line, names) =>
    line.words.length > 0 ? nothing : choice(text, await ask(names));

const files: WordRule = () => anyFile;
const aPod: WordRule = async (text, line, names) => {
  const [type] = line.words;
  if (type === 'pod' || type === 'pods') return choice(text, await names.objects('pods'));
  if (type !== undefined) return nothing;
  return text.startsWith('pod/') || text.startsWith('pods/')
    ? slashed(text, line, names)
    : choice(text, await names.objects('pods'));
};

const rollouts = ['deployment', 'daemonset', 'statefulset'];
const scalable = ['deployment', 'replicaset', 'replicationcontroller', 'statefulset'];
const templated = [
  'daemonsets',
  'deployments',
  'pods',
  'cronjobs',
  'replicasets',
  'replicationcontrollers',
  'statefulsets',
];
const verbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'use',
  'bind',
  'escalate',
  'impersonate',
];

/** By the command's id. What is not here takes no words, or words that nobody can guess. */
export const wordRules: Readonly<Record<string, WordRule>> = {
  annotate: objects(),
  'apply:edit-last-applied': objects({ many: false }),
  'apply:view-last-applied': objects(),
  attach: pod(),
  'auth:can-i': async (text, line, names) =>
    line.words.length === 0
      ? choice(text, verbs)
      : line.words.length === 1
        ? objects()(text, { ...line, words: [] }, names)
        : nothing,
  autoscale: objects({ types: scalable }),
  'certificate:approve': namesOf('certificatesigningrequests', true),
  'certificate:deny': namesOf('certificatesigningrequests', true),
  completion: fixed(['bash', 'fish', 'powershell', 'zsh']),
  'component:start': first((names) => names.components()),
  'component:stop': first((names) => names.components()),
  'config:delete-cluster': first((names) => names.kubeconfig('clusters')),
  'config:delete-context': first((names) => names.kubeconfig('contexts')),
  'config:delete-user': first((names) => names.kubeconfig('users')),
  'config:get-contexts': async (text, line, names) =>
    choice(text, without(await names.kubeconfig('contexts'), line.words)),
  'config:rename-context': first((names) => names.kubeconfig('contexts')),
  'config:set-cluster': first((names) => names.kubeconfig('clusters')),
  'config:set-context': first((names) => names.kubeconfig('contexts')),
  'config:set-credentials': first((names) => names.kubeconfig('users')),
  'config:use-context': first((names) => names.kubeconfig('contexts')),
  cordon: namesOf('nodes', true),
  cp: copied,
  'create:token': namesOf('serviceaccounts'),
  debug: objects({ many: false }),
  delete: objects(),
  describe: objects(),
  drain: namesOf('nodes', true),
  edit: objects(),
  'etcd:raft:run': files,
  'etcd:snapshot:restore': files,
  'etcd:snapshot:save': files,
  'etcd:snapshot:status': files,
  exec: pod(),
  explain: async (text, line, names) => (line.words.length > 0 ? nothing : choice(text, await names.types())),
  expose: objects({ types: ['pod', 'service', 'replicationcontroller', 'deployment', 'replicaset'] }),
  get: objects(),
  'image:add': files,
  'image:rm': first((names) => names.images()),
  'image:show': first((names) => names.images()),
  kustomize: () => folders,
  label: objects(),
  'lab:check': first((names) => names.labs()),
  'lab:reset': first((names) => names.labs()),
  'lab:show': first((names) => names.labs()),
  'lab:start': first((names) => names.labs()),
  logs: pod({ container: true }),
  'node:pressure': async (text, line, names) =>
    line.words.length === 0
      ? choice(text, await names.objects('nodes'))
      : line.words.length === 1
        ? choice(text, ['memory', 'disk', 'pid'])
        : nothing,
  'node:remove': namesOf('nodes', true),
  'node:start': namesOf('nodes', true),
  'node:stop': namesOf('nodes', true),
  open: async (text, line, names) => {
    if (line.words.length > 0) return nothing;
    if (text.includes('/')) return slashed(text, line, names);
    return choice(text, ['svc/', 'deploy/', 'ingress/'], directive.noFiles | directive.noSpace);
  },
  patch: objects(),
  'port-forward': pod(),
  'rollout:history': objects({ types: rollouts }),
  'rollout:pause': objects({ types: ['deployment'] }),
  'rollout:restart': objects({ types: rollouts }),
  'rollout:resume': objects({ types: ['deployment'] }),
  'rollout:status': objects({ types: rollouts }),
  'rollout:undo': objects({ types: rollouts }),
  scale: objects({ types: scalable }),
  'scheduler:explain': aPod,
  'scheduler:what-if': aPod,
  'scheduler:why': aPod,
  'set:env': objects({ types: templated }),
  'set:image': objects({ types: templated }),
  'set:resources': objects({ types: templated }),
  'set:selector': objects(),
  'set:serviceaccount': async (text, line, names) =>
    line.words.length === 2
      ? choice(text, await names.objects('serviceaccounts'))
      : objects({ types: templated })(text, line, names),
  'set:subject': objects({ types: ['rolebinding', 'clusterrolebinding'] }),
  taint: objects({ types: ['node'] }),
  'top:nodes': namesOf('nodes'),
  'top:pods': namesOf('pods'),
  uncordon: namesOf('nodes', true),
  wait: objects(),
  watch: objects(),
};
