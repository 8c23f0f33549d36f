/** explain, why and what-if against a real cluster: what they say is what happens. */
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { kubectlPath } from '../helpers/clients.ts';
import { Lab, run } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
});
afterAll(() => lab.dispose());

function manifest(name: string, ...objects: object[]): string {
  const file = join(lab.home, `${name}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  return file;
}

const pod = (name: string, spec: object = {}, cpu = '100m') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { ...spec, containers: [{ name: 'c', image: 'nginx', resources: { requests: { cpu } } }] },
});

/** Runs a command as a user would paste it. */
const shell = (command: string) =>
  run('/bin/sh', ['-c', command], {
    env: { ...lab.env, PATH: `${dirname(kubectlPath())}${delimiter}${process.env['PATH']}` },
  });

const untilTried = (name: string) =>
  lab.kubectl('wait', `pod/${name}`, '--for=condition=PodScheduled=false', '--timeout=20s');
const untilPlaced = (name: string) =>
  lab.kubectl('wait', `pod/${name}`, '--for=condition=PodScheduled', '--timeout=30s');

/** Asks again and again until the answer has the words. */
async function waitForText(ask: () => Promise<string>, words: RegExp): Promise<void> {
  const end = wallClock.monotonic() + 20_000;
  for (;;) {
    const text = await ask();
    if (words.test(text)) return;
    if (wallClock.monotonic() > end) expect(text).toMatch(words);
  }
}

describe('the answers of the scheduler', () => {
  it('explain gives every node by itself, and totals that add up', async () => {
    await lab.kubectl('apply', '-f', manifest('web', pod('web')));
    await untilPlaced('web');
    const data = JSON.parse(await lab.klab('scheduler', 'explain', 'pod', 'web', '-o', 'json'));
    const placed = JSON.parse(await lab.kubectl('get', 'pod', 'web', '-o', 'json'));
    expect(data).toMatchObject({ result: 'Scheduled', node: placed.spec.nodeName, feasible: 3 });
    expect(data.nodes).toHaveLength(3);
    for (const { scores, total } of data.nodes) {
      expect(scores.reduce((sum: number, { weighted }: any) => sum + weighted, 0)).toBe(total);
      for (const { normalised, weight, weighted } of scores) expect(weighted).toBe(normalised * weight);
    }
    const best = Math.max(...data.nodes.map(({ total }: any) => total));
    expect(data.nodes.find(({ name }: any) => name === data.node).total).toBe(best);
  });

  it('why says what each node lacks; what-if’s command places the pod', async () => {
    await lab.kubectl('apply', '-f', manifest('huge', pod('huge', {}, '9')));
    await untilTried('huge');
    const why = await lab.klab('scheduler', 'why', 'huge');
    expect(why).toMatch(/^pod default\/huge: 0 of 3 nodes fit: 3 lack cpu \(nearest node-\d is short by \S+\)\./);
    const { changes } = JSON.parse(await lab.klab('scheduler', 'what-if', 'huge', '-o', 'json'));
    const cut = changes.find(({ kind }: any) => kind === 'Request');
    const { code, stderr } = await shell(cut.commands[0]);
    expect([code, stderr]).toEqual([0, '']);
    await untilPlaced('huge');
    const text = await lab.klab('scheduler', 'what-if', 'huge');
    expect(text).toMatch(/^pod default\/huge is on node-\d\./);
  });

  it('why knows gates and other schedulers, and what-if opens the gate', async () => {
    const gated = pod('gated', { schedulingGates: [{ name: 'example.com/quota' }] });
    await lab.kubectl('apply', '-f', manifest('gated', gated, pod('other', { schedulerName: 'mine' })));
    expect(await lab.klab('scheduler', 'why', 'gated')).toContain(
      'it waits behind its scheduling gates (example.com/quota)',
    );
    expect(await lab.klab('scheduler', 'why', 'other')).toContain('it asks for another scheduler, "mine"');
    expect(await lab.klab('scheduler', 'what-if', 'other')).toMatch(
      /^pod default\/other: it asks for another scheduler, "mine"\.\n/,
    );
    const { changes } = JSON.parse(await lab.klab('scheduler', 'what-if', 'gated', '-o', 'json'));
    const { code, stderr } = await shell(changes[0].commands[0]);
    expect([code, stderr]).toEqual([0, '']);
    await untilPlaced('gated');
  });

  it('says who holds a pod back before the queue, and what no change of a pod helps against', async () => {
    const claims = [{ name: 'g', resourceClaimName: 'nope' }];
    await lab.kubectl('apply', '-f', manifest('held', pod('held', { resourceClaims: claims })));
    const held = 'DynamicResources holds it back before the queue';
    await waitForText(() => lab.klab('scheduler', 'why', 'held'), new RegExp(`^pod default/held: ${held}; on a copy`));
    const explained = await lab.try(['scheduler', 'explain', 'held']);
    expect([explained.code, explained.stderr]).toEqual([1, expect.stringContaining(held)]);
    expect(await lab.klab('scheduler', 'what-if', 'held')).toMatch(
      /\nBeyond what-if: what is wrong with its resource claims must be put right there: .*"nope" not found\./,
    );
  });

  it('what-if patches the Deployment that a pod comes from', async () => {
    const labels = { app: 'picky' };
    const template = {
      metadata: { labels },
      spec: { nodeSelector: { disk: 'ssd' }, containers: pod('x').spec.containers },
    };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'picky', namespace: 'default' },
      spec: { replicas: 1, selector: { matchLabels: labels }, template },
    };
    await lab.kubectl('apply', '-f', manifest('picky', deployment));
    await lab.kubectl('wait', 'pod', '-l', 'app=picky', '--for=condition=PodScheduled=false', '--timeout=20s');
    const name = (
      await lab.kubectl('get', 'pod', '-l', 'app=picky', '-o', 'jsonpath={.items[0].metadata.name}')
    ).trim();
    const { changes } = JSON.parse(await lab.klab('scheduler', 'what-if', `pod/${name}`, '-o', 'json'));
    const drop = changes.find(({ kind }: any) => kind === 'Constraint');
    expect(drop).toMatchObject({
      summary: 'drop nodeSelector disk=ssd',
      target: { kind: 'Deployment', name: 'picky' },
    });
    const { code, stderr } = await shell(drop.commands[0]);
    expect([code, stderr]).toEqual([0, '']);
    await lab.kubectl('rollout', 'status', 'deployment/picky', '--timeout=30s');
  });

  it('a class of devices provides an extended resource, to as many pods as it has devices', async () => {
    const [driver, app] = ['gpu.example.com', 'cards'];
    const requests = { 'example.com/gpu': '1' };
    const objects = [
      {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'DeviceClass',
        metadata: { name: 'gpu' },
        spec: {
          selectors: [{ cel: { expression: `device.driver == "${driver}"` } }],
          extendedResourceName: 'example.com/gpu',
        },
      },
      {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceSlice',
        metadata: { name: 'node-2-gpus' },
        spec: {
          driver,
          nodeName: 'node-2',
          pool: { name: 'node-2', generation: 1, resourceSliceCount: 1 },
          devices: [{ name: 'gpu-0' }, { name: 'gpu-1' }],
        },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: app, namespace: 'default' },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app } },
          template: {
            metadata: { labels: { app } },
            spec: { containers: [{ name: 'c', image: 'nginx', resources: { requests, limits: requests } }] },
          },
        },
      },
    ];
    await lab.kubectl('create', '-f', manifest(app, ...objects));
    await lab.kubectl('wait', `deployment/${app}`, '--for=jsonpath={.status.readyReplicas}=2', '--timeout=60s');
    const waiting = () =>
      lab.kubectl('get', 'pods', '-l', `app=${app}`, '--field-selector', 'spec.nodeName=', '-o', 'json');
    await waitForText(
      waiting,
      /"message": "0\/3 nodes are available: 3 cannot allocate all claims\. still not schedulable, /,
    );
    const [left, ...others] = JSON.parse(await waiting()).items;
    expect(others).toEqual([]);
    const why = await lab.klab('scheduler', 'why', left.metadata.name);
    expect(why).toContain('3 have too few free devices for example.com/gpu (DeviceClass gpu)');
    const { nodes } = JSON.parse(await lab.klab('scheduler', 'explain', 'pod', left.metadata.name, '-o', 'json'));
    expect(nodes.find(({ name }: any) => name === 'node-2').filter.detail).toBe(
      'extended resource example.com/gpu is provided by DeviceClass gpu: 2 devices match, 0 free',
    );
    const placed = JSON.parse(await lab.kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'json')).items;
    const running = placed.filter(({ spec }: any) => spec.nodeName);
    expect(running.map(({ spec }: any) => spec.nodeName)).toEqual(['node-2', 'node-2']);
    const claims = JSON.parse(await lab.kubectl('get', 'resourceclaims', '-o', 'json')).items;
    const named = running.map(({ status }: any) => status.extendedResourceClaimStatus.resourceClaimName);
    expect(claims.map(({ metadata }: any) => metadata.name).sort()).toEqual(named.sort());
    // One of them goes: another gets its device.
    await lab.kubectl('delete', 'pod', running[0].metadata.name, '--grace-period=1');
    const users = () =>
      lab.kubectl('get', 'resourceclaims', '-o', 'jsonpath={range .items[*]}{.status.reservedFor[*].name} {end}');
    const gone = running[0].metadata.name;
    await waitForText(users, new RegExp(`^(?!.*${gone})\\S+ \\S+ $`));
    await lab.kubectl('delete', `deployment/${app}`, 'deviceclass/gpu', 'resourceslice/node-2-gpus');
    await waitForText(() => lab.kubectl('get', 'resourceclaims', '-o', 'name'), /^\s*$/);
  });

  it('the server tells how full the nodes are and how long the queues', async () => {
    const { items } = JSON.parse(await lab.kubectl('get', '--raw', '/klab/v1/scheduler/nodes'));
    expect(items.map(({ name }: any) => name)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(items.every(({ cpu, memory, pods }: any) => cpu > 0 && cpu <= 1 && memory >= 0 && pods > 0)).toBe(true);
    const { lengths, items: none } = JSON.parse(
      await lab.kubectl('get', '--raw', '/klab/v1/scheduler/queue?lengths=true'),
    );
    expect([Object.keys(lengths), none]).toEqual([['active', 'backoff', 'unschedulable', 'gated'], undefined]);
  });

  it('imports a cluster from its API: all stays as it is, nothing runs, the pending pods are explained', async () => {
    await lab.kubectl('apply', '-f', manifest('stuck', pod('stuck', {}, '90')));
    await lab.kubectl('create', 'secret', 'generic', 'hidden', '--from-literal=a=b');
    await untilTried('stuck');
    const before = JSON.parse(await lab.kubectl('get', 'pods,nodes', '-A', '-o', 'json')).items;
    const kubeconfig = lab.env['KUBECONFIG']!;
    const summary = JSON.parse(await lab.klab('import', '--kubeconfig', kubeconfig, '--name', 'copy', '-o', 'json'));
    try {
      expect(summary.imported).toMatchObject({ Node: 3 });
      const get = async (...args: string[]) =>
        JSON.parse(await lab.klab('get', ...args, '-o', 'json', '--name', 'copy')).items;
      const after = [...(await get('pods', '-A')), ...(await get('nodes'))];
      const told = (objects: any[]) =>
        objects
          .map(({ metadata, spec, status }) => [metadata.uid, metadata.name, spec.nodeName, status.phase, status.podIP])
          .sort();
      expect(told(after)).toEqual(told(before));
      expect(await get('secrets', '-A')).toEqual([]);
      await waitForText(
        () => lab.klab('scheduler', 'why', 'stuck', '--name', 'copy'),
        /default\/stuck: 0 of 3 nodes fit: 3 lack cpu/,
      );
      const { source } = JSON.parse(await lab.klab('scheduler', 'why', 'stuck', '--name', 'copy', '-o', 'json'));
      expect(source).toBe('record');
      const again = await lab.try(['import', '--kubeconfig', kubeconfig, '--name', 'copy']);
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('there is a cluster "copy" already')]);
    } finally {
      await lab.klab('down', '--purge', '--name', 'copy');
    }
  });

  it('imports what kubectl get -o yaml printed', async () => {
    const file = join(lab.home, 'dump.yaml');
    writeFileSync(file, await lab.kubectl('get', 'nodes,pods', '-A', '-o', 'yaml'));
    const summary = JSON.parse(await lab.klab('import', '-f', file, '--name', 'yaml-copy', '-o', 'json'));
    try {
      expect(summary).toMatchObject({ imported: { Node: 3 }, skipped: {} });
    } finally {
      await lab.klab('down', '--purge', '--name', 'yaml-copy');
    }
  });

  it('simulates without any cluster, and compares two configurations', async () => {
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: pod('x', {}, '1').spec.containers } };
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 5, selector: { matchLabels: { app: 'web' } }, template },
    };
    const config = join(lab.home, 'pack.yaml');
    const profile = {
      pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }],
    };
    const kind = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
    writeFileSync(config, JSON.stringify({ ...kind, profiles: [profile] }));
    const args = [
      'scheduler',
      'simulate',
      '-f',
      manifest('simulated', deployment),
      '--nodes',
      '2',
      '--shape',
      'cpu=2,price=0.5',
    ];
    const alone = ['--name', 'nowhere', '--no-boot'];
    expect(await lab.klab(...args, ...alone)).toContain('default/web-4: 0 of 2 nodes fit: 2 lack cpu');
    const { items } = JSON.parse(
      await lab.klab(...args, '--config', config, '--config', config, '-o', 'json', ...alone),
    );
    expect(items).toHaveLength(2);
    expect(items[0]).toMatchObject({ config: 'pack.yaml', nodesInUse: 2, cost: { all: 1, inUse: 1 } });
    expect(items[0].placements).toHaveLength(4);
  });

  it('shows its plugins with their weights, and the decisions as they fall', async () => {
    expect(await lab.klab('scheduler', 'plugins')).toMatch(/TaintToleration +3 +PreFilter|TaintToleration +3 +Filter/);
    const { items } = JSON.parse(await lab.klab('scheduler', 'plugins', '-o', 'json'));
    const fit = items[0].plugins.find(({ name }: any) => name === 'NodeResourcesFit');
    expect(fit).toMatchObject({ weight: 1, args: { scoringStrategy: { type: 'LeastAllocated' } } });
    const printed = await lab.klab('scheduler', 'config');
    expect(printed).toMatch(/^kind: KubeSchedulerConfiguration$/m);
    const again = join(lab.home, 'scheduler.yaml');
    writeFileSync(again, printed);
    expect(await lab.klab('scheduler', 'config', '--config', again)).toBe(printed);
    const policy = join(lab.home, 'policy.json');
    writeFileSync(
      policy,
      JSON.stringify({ kind: 'Policy', apiVersion: 'v1', predicates: [{ name: 'PodFitsResources' }] }),
    );
    const translated = await lab.klab('scheduler', 'config', '--config', policy);
    expect(translated).toContain('# predicate PodFitsResources is now NodeResourcesFit\n');
    const watched = await lab.try(['scheduler', 'watch'], { timeoutMs: 6000 });
    expect(watched.stdout).toMatch(/\d\d:\d\d:\d\d default\/web → node-\d \(attempt 1, 3 feasible\)/);
    expect(watched.stdout).toMatch(/queues: /);
  });
});
