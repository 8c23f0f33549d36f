/** What the values of flags are: lists known beforehand, files, names. Upstream: kubectl's RegisterFlagCompletionFunc calls. */
import { type Answer, anyFile, choice, directive, folders, manifestFiles, nothing } from './answer.ts';
import type { Line } from './line.ts';
import type { Names } from './names.ts';
import type { FlagNode } from './tree.ts';

type ValueRule = (text: string, line: Line, names: Names) => Answer | Promise<Answer>;

const oneOf =
  (...values: string[]): ValueRule =>
  (text) =>
    choice(text, values);

const objectsOf =
  (type: string): ValueRule =>
  async (text, _line, names) =>
    choice(text, await names.objects(type));

const containers: ValueRule = async (text, line, names) => {
  const [pod] = line.words;
  return pod === undefined || /^(?!pods?\/).*\//.test(pod) ? nothing : choice(text, await names.containers(pod));
};

const sections: Readonly<Record<string, 'contexts' | 'clusters' | 'users'>> = {
  context: 'contexts',
  cluster: 'clusters',
  user: 'users',
};

const kubeconfigNames =
  (flag: string): ValueRule =>
  async (text, _line, names) =>
    choice(text, await names.kubeconfig(sections[flag]!));

/** Flags that mean the same in every command that has them. */
const everywhere: Readonly<Record<string, ValueRule>> = {
  namespace: objectsOf('namespaces'),
  context: kubeconfigNames('context'),
  filename: () => manifestFiles,
  kustomize: () => folders,
  'output-directory': () => folders,
  container: containers,
  target: containers,
  'dry-run': oneOf('none', 'client', 'server'),
  cascade: oneOf('background', 'foreground', 'orphan'),
  validate: oneOf('strict', 'warn', 'ignore'),
  protocol: oneOf('websocket', 'spdy'),
  profile: oneOf('legacy', 'general', 'baseline', 'netadmin', 'restricted', 'sysadmin'),
  'image-pull-policy': oneOf('Always', 'IfNotPresent', 'Never'),
  restart: oneOf('Always', 'OnFailure', 'Never'),
  'session-affinity': oneOf('None', 'ClientIP'),
  'override-type': oneOf('json', 'merge', 'strategic'),
  'preemption-policy': oneOf('PreemptLowerPriority', 'Never'),
  clusterrole: objectsOf('clusterroles'),
  role: objectsOf('roles'),
  class: objectsOf('ingressclasses'),
  node: objectsOf('nodes'),
  image: async (text, _line, names) => choice(text, await names.images()),
  serviceaccount: async (text, line, names) => {
    const namespace = line.flags.get('namespace')?.at(-1) ?? 'default';
    return choice(
      text,
      (await names.objects('serviceaccounts')).map((name) => `${namespace}:${name}`),
    );
  },
};

/** Flags whose name means something else elsewhere, by command and name. */
const ofCommand: Readonly<Record<string, ValueRule>> = {
  'config:set-context --cluster': kubeconfigNames('cluster'),
  'config:set-context --user': kubeconfigNames('user'),
  'create:job --from': async (text, _line, names) =>
    choice(
      text,
      (await names.objects('cronjobs')).map((name) => `cronjob/${name}`),
    ),
  'events --for': () => nothing,
  'expose --type': oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  'events --types': oneOf('Normal', 'Warning'),
  'get --subresource': oneOf('status', 'scale', 'resize'),
  'edit --subresource': oneOf('status', 'scale', 'resize'),
  'patch --subresource': oneOf('status', 'scale', 'resize'),
  'replace --subresource': oneOf('status', 'scale', 'resize'),
  'open --output': oneOf('json'),
  'patch --type': oneOf('json', 'merge', 'strategic'),
  'set:image --image': () => nothing,
  'top:nodes --sort-by': oneOf('cpu', 'memory'),
  'top:pods --sort-by': oneOf('cpu', 'memory'),
  'wait --for': (text) => {
    const words = ['create', 'delete', 'condition=', 'jsonpath='];
    return choice(text, words, directive.noFiles | (text === 'create' || text === 'delete' ? 0 : directive.noSpace));
  },
};

/** Values that the flag's own description lists: `output format: json, yaml, name, jsonpath=…`. */
function described({ summary }: FlagNode): string[] | undefined {
  const list = /^output format: (.*)$/.exec(summary)?.[1];
  return list?.split(/,\s*(?:or )?/).map((word) => word.replace(/…$/, '').trim());
}

export async function completeValue(flag: FlagNode, text: string, line: Line, names: Names): Promise<Answer> {
  if (flag.options) return choice(text, flag.options);
  if (flag.global && flag.name === 'name') return choice(text, await names.klabClusters());
  const rule = ofCommand[`${line.command.id} --${flag.name}`] ?? everywhere[flag.name];
  if (rule) return rule(text, line, names);
  if (flag.name === 'output') {
    const words = described(flag);
    if (words) {
      const answer = choice(text, words);
      const goesOn = answer.candidates.some(({ value }) => value.endsWith('='));
      return {
        ...answer,
        directive: answer.directive | (goesOn && answer.candidates.length === 1 ? directive.noSpace : 0),
      };
    }
  }
  return anyFile;
}
