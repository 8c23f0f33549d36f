/** What no scheduler can do anything about: it is told in the pod's event, nothing crashes, and others are placed. */
import { expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { Prng, silentLogger } from '../../src/base/index.ts';
import { EventBroadcaster, SharedInformerFactory } from '../../src/client/index.ts';
import {
  DecisionStore,
  type ExtenderPost,
  loadSchedulerConfig,
  Scheduler,
  type SchedulerOptions,
} from '../../src/scheduler/index.ts';
import { Lab } from '../helpers/controllers.ts';
import { makeNode, makePod } from './objects.ts';

async function begin(lab: Lab, options: SchedulerOptions = {}): Promise<Scheduler> {
  const deps = { clock: lab.clock, prng: new Prng('bad input'), log: silentLogger };
  const client = lab.api.client('system:kube-scheduler');
  const informers = new SharedInformerFactory({ ...deps, client });
  const broadcaster = new EventBroadcaster({ ...deps, client });
  const events = broadcaster.recorder({ component: 'default-scheduler' });
  const scheduler = new Scheduler({ ...deps, client, informers, events, decisions: new DecisionStore() }, options);
  lab.start(informers, broadcaster, scheduler);
  const node = makeNode('a');
  await lab.create('nodes', node);
  await lab.client.resource('nodes').patch('a', 'merge', { status: node.status }, { subresource: 'status' });
  await lab.until('the scheduler knows its node', () => scheduler.cache.get('a') !== undefined);
  return scheduler;
}

const nodeOf = async (lab: Lab, name: string) => (await lab.get<Pod>('pods', 'default', name))?.spec?.nodeName;
const bound = (lab: Lab, name: string) => async () => (await nodeOf(lab, name)) !== undefined;

/** The text of the pod's FailedScheduling event, once there is one. */
async function told(lab: Lab, pod: string): Promise<string> {
  let message: string | undefined;
  await lab.until(`${pod} has an event`, async () => {
    const { items } = await lab.client.resource('events').namespace('default').list({});
    const event = items.find((each) => each['reason'] === 'FailedScheduling' && each['involvedObject'].name === pod);
    message = event?.['message'];
    return message !== undefined;
  });
  return message!;
}

/** Nothing is stuck behind it. */
async function othersGo(lab: Lab): Promise<void> {
  await lab.create('pods', makePod('other'));
  await lab.until('another pod is bound', bound(lab, 'other'));
}

it('requests that no machine has', async () => {
  await using lab = new Lab();
  await begin(lab);
  await lab.create('pods', makePod('p', { requests: { cpu: '1e15', memory: '8Ei', 'example.com/moon': '1' } }));
  expect(await told(lab, 'p')).toMatch(
    /^0\/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example\.com\/moon, 1 Insufficient memory\. /,
  );
  await othersGo(lab);
});

it('a scheduler’s name that nobody answers to: no event and no attempt, as upstream', async () => {
  await using lab = new Lab();
  const scheduler = await begin(lab);
  await lab.create('pods', makePod('p', { schedulerName: 'nobody' }));
  await othersGo(lab);
  expect([...scheduler.queue.entries()]).toEqual([]);
  expect(await nodeOf(lab, 'p')).toBeUndefined();
});

it('a hundred topology keys, the last of which no node has', async () => {
  await using lab = new Lab();
  await begin(lab);
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
  const labels = Object.fromEntries(keys.slice(0, 99).map((key) => [key, 'x']));
  await lab.client.resource('nodes').patch('a', 'merge', { metadata: { labels } });
  const topologySpreadConstraints = keys.map((topologyKey) => ({
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'web' } },
  }));
  await lab.create('pods', makePod('p', { topologySpreadConstraints }, { labels: { app: 'web' } }));
  expect(await told(lab, 'p')).toMatch(
    /^0\/1 nodes are available: 1 node\(s\) didn't match pod topology spread constraints \(missing required label\)\. /,
  );
  await othersGo(lab);
  await lab.client.resource('nodes').patch('a', 'merge', { metadata: { labels: { 'key-99': 'x' } } });
  await lab.until('the label helps', bound(lab, 'p'));
});

const failures: Readonly<Record<string, { readonly answer: () => Promise<unknown>; readonly says: RegExp }>> = {
  'invents nodes': {
    answer: async () => ({ nodenames: ['moon'] }),
    says: /^extender "http:\/\/ext\.example" claims a filtered node "moon" which is not found in the input node list$/,
  },
  'answers no JSON': {
    answer: async () => undefined,
    says: /^extender at URL http:\/\/ext\.example\/filter did not answer JSON$/,
  },
  'hangs until its time is up': {
    answer: () => Promise.reject(new Error('Post "http://ext.example/filter": context deadline exceeded')),
    says: /^Post "http:\/\/ext\.example\/filter": context deadline exceeded$/,
  },
};

it.each(Object.entries(failures))('an extender that %s, until it is well again', async (_what, { answer, says }) => {
  await using lab = new Lab();
  let well = false;
  const post: ExtenderPost = async (_url, body) => {
    const { NodeNames, Pod: pod } = JSON.parse(body);
    const fine = well || pod.metadata.name !== 'p';
    const text = JSON.stringify(fine ? { nodenames: NodeNames } : await answer());
    return { status: 200, body: text ?? '<html>' };
  };
  const config = loadSchedulerConfig(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
extenders: [{urlPrefix: 'http://ext.example', filterVerb: filter, nodeCacheCapable: true}]
`);
  await begin(lab, { config, post });
  await lab.create('pods', makePod('p'));
  expect(await told(lab, 'p')).toMatch(says);
  await othersGo(lab);
  well = true;
  await lab.until('it is tried again, and bound', bound(lab, 'p'));
});
