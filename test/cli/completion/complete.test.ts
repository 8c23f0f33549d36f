import { describe, expect, it } from 'vitest';
import { printAnswer } from '../../../src/cli/completion/answer.ts';
import { complete } from '../../../src/cli/completion/complete.ts';
import type { Line } from '../../../src/cli/completion/line.ts';
import type { Names } from '../../../src/cli/completion/names.ts';
import { commandTree } from '../../../src/cli/completion/tree.ts';

const global = { helpGroup: 'GLOBAL' } as const;
const session = {
  namespace: { name: 'namespace', char: 'n', type: 'option', summary: 'the namespace', ...global },
  context: { name: 'context', type: 'option', summary: 'a context', ...global },
  name: { name: 'name', type: 'option', summary: 'the cluster', ...global },
} as const;
const output = { name: 'output', char: 'o', type: 'option', summary: 'output format: json, name, jsonpath=…' } as const;

const tree = commandTree(
  {
    commands: {
      get: {
        summary: 'Show objects.\nMore of it.',
        flags: { ...session, output, all: { name: 'all', char: 'A', type: 'boolean', summary: 'all of them' } },
      },
      exec: {
        flags: {
          ...session,
          container: { name: 'container', char: 'c', type: 'option' },
          stdin: { name: 'stdin', char: 'i', type: 'boolean' },
          tty: { name: 'tty', char: 't', type: 'boolean' },
        },
      },
      expose: {
        flags: { namespace: session.namespace, name: { name: 'name', type: 'option', summary: 'the object' } },
      },
      logs: { flags: session },
      cp: { flags: session },
      open: { flags: session },
      apply: {
        flags: {
          filename: { name: 'filename', char: 'f', type: 'option', multiple: true },
          kustomize: { name: 'kustomize', char: 'k', type: 'option' },
          wait: { name: 'wait', type: 'boolean', allowNo: true, summary: 'until ready' },
        },
      },
      ls: { flags: { output: { name: 'output', type: 'option', options: ['json', 'yaml'] } } },
      test: { flags: {} },
      secret: { hidden: true, flags: {} },
      'top:nodes': { summary: 'Of nodes.', aliases: ['top:node', 'top:no'], flags: session },
      'rollout:status': { summary: 'Follow.', flags: session },
      'rollout:undo': { summary: 'Go back.', flags: session },
    },
  },
  { rollout: { description: 'Rollouts.' } },
);

/** What is asked of a cluster, and the line it is asked for. */
const asked: string[] = [];
let line: Line | undefined;
const objects: Record<string, string[]> = {
  pods: ['api-0', 'web-0', 'web-1'],
  pod: ['api-0', 'web-0', 'web-1'],
  svc: ['web'],
  namespaces: ['default', 'kube-system'],
  nodes: ['node-1', 'node-2'],
};
const names: Names = {
  types: async () => ['pods', 'services', 'deployments.apps'],
  objects: async (type) => {
    asked.push(type);
    return objects[type] ?? [];
  },
  containers: async (pod) => [`${pod}-main`, `${pod}-side`],
  kubeconfig: async (section) => [`my-${section}`],
  klabClusters: async () => ['default', 'other'],
  labs: async () => ['canary'],
  images: async () => ['shop'],
  components: async () => ['scheduler'],
};

/** `get po|`: the bar is the cursor. Answers `VALUE… :N`. */
async function at(text: string): Promise<string> {
  asked.length = 0;
  const words = text.replace(/\|$/, '').split(' ');
  const answer = await complete(tree, words, (of) => {
    line = of;
    return names;
  });
  return [...answer.candidates.map(({ value }) => value), `:${answer.directive}`].join(' ');
}

describe('commands', () => {
  it('offers commands and topics by name, hidden ones and aliases not', async () => {
    expect(await at('|')).toBe('apply cp exec expose get help logs ls open rollout test top :4');
    expect(await at('ro|')).toBe('rollout :4');
    expect(await at('rollout |')).toBe('status undo :4');
    expect(await at('top |')).toBe('nodes :4');
    expect(await at('help ro|')).toBe('rollout :4');
  });

  it('knows an alias that was typed', async () => {
    expect(await at('top no node|')).toBe('node-1 node-2 :4');
  });

  it('describes a command by its first line, a topic by its own', async () => {
    const { candidates } = await complete(tree, [''], () => names);
    expect(candidates.find(({ value }) => value === 'get')?.description).toBe('Show objects.');
    expect(candidates.find(({ value }) => value === 'rollout')?.description).toBe('Rollouts.');
  });

  it('offers nothing below a word that is no command', async () => {
    expect(await at('nosuch |')).toBe(':4');
    expect(asked).toEqual([]);
  });
});

describe('flags', () => {
  it('offers long and short ones, those given already no more', async () => {
    expect(await at('get --n|')).toBe('--name --namespace :4');
    expect(await at('get -n shop --n|')).toBe('--name :4');
    expect(await at('apply -f a.yaml --f|')).toBe('--filename :4');
    expect(await at('apply --|')).toBe('--filename --help --kustomize --no-wait --wait :4');
    expect(await at('apply -|')).toContain('-f -k');
  });

  it('offers those of the session before there is a command', async () => {
    expect(await at('--na|')).toBe('--name --namespace :4');
    expect(await at('-n kube|')).toBe('kube-system :4');
    expect(await at('-n kube-system get p|')).toBe('pods :4');
    expect(line?.flags.get('namespace')).toEqual(['kube-system']);
  });

  it('completes values after a space, after =, after a cluster of short flags', async () => {
    expect(await at('get --namespace kube|')).toBe('kube-system :4');
    expect(await at('get --namespace=kube|')).toBe('kube-system :4');
    expect(await at('exec web-0 -itc web-0-m|')).toBe('web-0-main :4');
    expect(await at('exec -it web-0 -c |')).toBe('web-0-main web-0-side :4');
  });

  it('takes values from the manifest, from the flag’s own words, from lists', async () => {
    expect(await at('ls --output |')).toBe('json yaml :4');
    expect(await at('get -o |')).toBe('json name jsonpath= :4');
    expect(await at('get -o jsonp|')).toBe('jsonpath= :6');
  });

  it('tells a shell which files and folders it wants', async () => {
    expect(await at('apply -f |')).toBe('json yaml yml :8');
    expect(await at('apply -k |')).toBe(':16');
  });

  it('knows a cluster’s name from an object’s', async () => {
    expect(await at('get --name |')).toBe('default other :4');
    expect(await at('expose --name |')).toBe(':0');
  });
});

describe('words', () => {
  it('completes types, names, TYPE/NAME and lists of types', async () => {
    expect(await at('get |')).toBe('pods services deployments.apps :4');
    expect(await at('get pods,ser|')).toBe('pods,services :4');
    expect(await at('get pods |')).toBe('api-0 web-0 web-1 :4');
    expect(await at('get pods web-0 w|')).toBe('web-1 :4');
    expect(await at('get pod/w|')).toBe('pod/web-0 pod/web-1 :4');
    expect(await at('get pod/web-0 p|')).toBe('pods/ :6');
    expect(await at('get pod/web-0 pod/|')).toBe('pod/api-0 pod/web-1 :4');
  });

  it('gives types a command’s own choice', async () => {
    expect(await at('rollout status |')).toBe('deployment daemonset statefulset :4');
  });

  it('completes pods, then their containers', async () => {
    expect(await at('logs w|')).toBe('web-0 web-1 :4');
    expect(await at('logs d|')).toBe('daemonsets/ deployments/ :6');
    expect(await at('logs web-1 |')).toBe('web-1-main web-1-side :4');
    expect(await at('logs svc/web |')).toBe(':4');
    expect(await at('exec web-0 |')).toBe(':4');
  });

  it('leaves another program’s words alone', async () => {
    expect(await at('exec web-0 -- l|')).toBe(':4');
    expect(await at('test -- npm|')).toBe(':0');
  });

  it('copies from pods and from files', async () => {
    expect(await at('cp web|')).toBe('web-0: web-1: :2');
    expect(await at('cp web-0:/var|')).toBe(':0');
    expect(await at('open |')).toBe('svc/ deploy/ ingress/ :6');
    expect(await at('open svc/|')).toBe('svc/web :4');
  });

  it('asks no cluster for what it knows itself', async () => {
    for (const text of ['|', 'ro|', 'get -|', 'get --output |', 'apply -f |', 'rollout status |']) {
      await at(text);
      expect(asked, text).toEqual([]);
    }
  });
});

it('prints the protocol: descriptions on demand, never what would break a line', () => {
  const answer = {
    candidates: [{ value: 'get', description: 'Show\tthem' }, { value: 'bad\nname' }, { value: 'ls' }],
    directive: 6,
  };
  expect(printAnswer(answer, true)).toBe('get\tShow them\nls\n:6\n');
  expect(printAnswer(answer, false)).toBe('get\nls\n:6\n');
});
