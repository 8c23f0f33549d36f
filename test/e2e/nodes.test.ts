/** klab node and klab component on a real server, with real kubectl to see what becomes of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3', '--clock', 'virtual', '--seed', 'nodes');
});

const readyOf = async (name: string) =>
  (await lab.json('get', 'node', name)).status.conditions.find((c: any) => c.type === 'Ready').status;
const advance = (duration: string) => lab.klab('clock', 'advance', duration);
const podsOf = async (selector: string) => (await lab.json('get', 'pods', '-l', selector)).items as any[];
const states = async () =>
  Object.fromEntries(
    JSON.parse(await lab.klab('component', 'ls', '-o', 'json')).items.map((item: any) => [
      [item.name, item.node].filter(Boolean).join(' '),
      item.state,
    ]),
  );

describe('kube-system', () => {
  it('reads as on a cluster of kubeadm', async () => {
    await advance('1m');
    const rows = (await lab.kubectl('-n', 'kube-system', 'get', 'pods', '--no-headers')).trim().split('\n');
    const shown = rows.map((row) => row.split(/ +/)).map(([name, ready, status]) => `${name} ${ready} ${status}`);
    for (const pattern of [
      /^coredns-\w+-\w+ 1\/1 Running$/,
      /^etcd-node-1 1\/1 Running$/,
      /^kube-apiserver-node-1 1\/1 Running$/,
      /^kube-controller-manager-node-1 1\/1 Running$/,
      /^kube-proxy-\w+ 1\/1 Running$/,
      /^kube-scheduler-node-1 1\/1 Running$/,
    ]) {
      expect(
        shown.some((row) => pattern.test(row)),
        `${pattern} in\n${shown.join('\n')}`,
      ).toBe(true);
    }
    expect(shown).toHaveLength(9);
    expect(await lab.kubectl('-n', 'kube-system', 'logs', 'kube-apiserver-node-1')).toContain(
      '"bootstrap objects are in place"',
    );
    await lab.kubectl('-n', 'kube-system', 'delete', 'pod', 'kube-scheduler-node-1', '--wait=false');
    await advance('2s');
    expect((await lab.json('-n', 'kube-system', 'get', 'pod', 'kube-scheduler-node-1')).status.phase).toBe('Running');
  });
});

describe('nodes', () => {
  it('lie in three zones, over which a Deployment is spread', async () => {
    const zones = await lab.kubectl(
      'get',
      'nodes',
      '-o',
      'jsonpath={.items[*].metadata.labels.topology\\.kubernetes\\.io/zone}',
    );
    expect(zones).toBe('zone-a zone-b zone-c');
    await lab.kubectl('create', 'deployment', 'web', '--image=nginx:1.27', '--replicas=3');
    await advance('10s');
    const nodes = (await podsOf('app=web')).map((pod) => pod.spec.nodeName);
    expect(nodes.sort()).toEqual(['node-1', 'node-2', 'node-3']);
  });

  it('one is stopped: NotReady after its grace, its pod elsewhere after 300 s more; started, it is one of them again', async () => {
    expect(await lab.klab('node', 'stop', 'node-2')).toBe('node/node-2 stopped\n');
    await advance('30s');
    expect(await readyOf('node-2')).toBe('True');
    await advance('35s');
    expect(await readyOf('node-2')).toBe('Unknown');
    expect(await lab.kubectl('get', 'nodes')).toMatch(/node-2\s+NotReady/);
    const { spec } = await lab.json('get', 'node', 'node-2');
    expect(spec.taints.map((taint: any) => `${taint.key}:${taint.effect}`).sort()).toEqual([
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    await advance('6m');
    const pods = await podsOf('app=web');
    const serving = pods.filter((pod) => !pod.metadata.deletionTimestamp);
    expect(serving.map((pod) => pod.spec.nodeName)).not.toContain('node-2');
    expect(serving).toHaveLength(3);
    expect(await lab.kubectl('rollout', 'status', 'deployment/web')).toContain('successfully rolled out');
    expect(await lab.klab('node', 'start', 'node-2')).toBe('node/node-2 started\n');
    await advance('30s');
    expect(await readyOf('node-2')).toBe('True');
    expect(await podsOf('app=web')).toHaveLength(3);
  });

  it('some are added with zone, labels, taints and capacity; drained ones leave no gap', async () => {
    const added = JSON.parse(
      await lab.klab(
        ...['node', 'add', '--count', '2', '--zone', 'edge', '--labels', 'disk=ssd,team=a'],
        ...['--taints', 'dedicated=a:NoSchedule', '--capacity', 'cpu=96,memory=1Ti', '-o', 'json'],
      ),
    );
    expect(added.items.map((node: any) => `${node.name} ${node.zone}`)).toEqual(['node-4 edge', 'node-5 edge']);
    await advance('5s');
    const node = await lab.json('get', 'node', 'node-5');
    expect(node.metadata.labels).toMatchObject({ disk: 'ssd', team: 'a', 'topology.kubernetes.io/zone': 'edge' });
    expect(node.spec.taints).toEqual([{ key: 'dedicated', value: 'a', effect: 'NoSchedule' }]);
    expect(node.status.capacity).toMatchObject({ cpu: '96', memory: '1Ti' });
    expect(await lab.klab('node', 'remove', 'node-4', 'node-5')).toBe('node/node-4 removed\nnode/node-5 removed\n');
    expect((await lab.tryKubectl(['get', 'node', 'node-5'])).stderr).toContain('nodes "node-5" not found');
    const { code } = await lab.tryKubectl(['get', 'lease', '-n', 'kube-node-lease', 'node-5']);
    expect(code).toBe(1);
    const [removed] = await Promise.all([lab.klab('node', 'remove', 'node-3', '--drain'), advance('2m')]);
    expect(removed).toBe('node/node-3 removed\n');
    await advance('10s');
    expect((await podsOf('app=web')).map((pod) => pod.status.phase)).toEqual(['Running', 'Running', 'Running']);
  });

  it('are remembered by down and up', async () => {
    await lab.klab('node', 'add', 'spare');
    await lab.klab('node', 'stop', 'spare');
    const before = await lab.klab('node', 'ls');
    expect(before).toMatch(/^spare\s+stopped/m);
    await lab.klab('down');
    await lab.klab('up');
    expect(await lab.klab('node', 'ls')).toBe(before);
    expect((await lab.try(['status'])).stdout).toMatch(/^nodes +3$/m);
    await lab.klab('node', 'remove', 'spare');
  });

  it('are refused in clear words', async () => {
    for (const [args, code, text] of [
      [['node', 'stop', 'ghost'], 1, 'Error from server (NotFound): nodes "ghost" not found'],
      [['node', 'start', 'node-1'], 1, 'nodes "node-1": the node is running already'],
      [['node', 'add', 'node-1'], 1, 'nodes "node-1" already exists'],
      [['node', 'add', '--capacity', 'cpu'], 2, '--capacity takes key=value pairs, not "cpu"'],
      [['node', 'add', '--capacity', 'cpu=lots'], 1, 'capacity cpu must be a quantity such as 4 or 8Gi, not "lots"'],
      [['node', 'add', '--taints', 'a=b'], 2, '--taints takes key=value:Effect'],
      [['node', 'stop'], 2, 'name the node: klab node stop NODE'],
      [['component', 'stop', 'dns'], 2, 'there is no component "dns"; there are: apiserver'],
      [['component', 'stop', 'kubelet'], 2, 'klab component stop kubelet NODE'],
      [['component', 'stop', 'kubelet', 'ghost'], 1, 'nodes "ghost" not found'],
      [['component', 'start', 'scheduler'], 1, 'it is running already'],
    ] as const) {
      const ran = await lab.try(args);
      expect(ran.stderr, args.join(' ')).toContain(text);
      expect(ran.code, args.join(' ')).toBe(code);
    }
  });
});

describe('components', () => {
  it('the API server stops: refused, status tells, and it comes back on its port with everything', async () => {
    await advance('1m');
    const before = await podsOf('app=web');
    expect(await lab.klab('component', 'stop', 'apiserver')).toBe('component/apiserver stopped\n');
    const refused = await lab.tryKubectl(['get', 'pods']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/connection refused|was refused/);
    expect((await states())['apiserver']).toBe('stopped');
    expect(await lab.klab('status')).toMatch(/^components +stopped: apiserver$/m);
    // Nobody boots another server over it.
    expect((await lab.try(['up'])).stderr).toContain('is already running');
    expect(await lab.klab('component', 'start', 'apiserver')).toBe('component/apiserver started\n');
    await advance('1m');
    expect(await podsOf('app=web')).toEqual(before);
    expect(await lab.klab('status')).toMatch(/^components +all run$/m);
  });

  it('the controller manager stops: objects rest, kubectl get cs tells; the scheduler stops: pods wait', async () => {
    await lab.klab('component', 'stop', 'controller-manager');
    await lab.kubectl('scale', 'deployment', 'web', '--replicas=4');
    await advance('1m');
    expect(await podsOf('app=web')).toHaveLength(3);
    expect(await lab.kubectl('get', 'cs')).toMatch(
      /controller-manager\s+Unhealthy\s+Get "https:\/\/127.0.0.1:10257\/healthz"/,
    );
    await lab.klab('component', 'stop', 'kube-scheduler');
    await lab.klab('component', 'start', 'controller-manager');
    await advance('20s');
    const pending = (await podsOf('app=web')).filter((pod) => pod.status.phase === 'Pending');
    expect(pending).toHaveLength(1);
    await lab.klab('component', 'start', 'scheduler');
    await advance('20s');
    expect((await podsOf('app=web')).map((pod) => pod.status.phase)).toEqual(Array(4).fill('Running'));
  });

  it('a kubelet and a proxy of one node stop and start', async () => {
    await lab.klab('component', 'stop', 'kubelet', 'node-2');
    await lab.klab('component', 'stop', 'proxy', 'node-2');
    expect(await states()).toMatchObject({
      'kubelet node-2': 'stopped',
      'proxy node-2': 'stopped',
      'kubelet node-1': 'running',
    });
    await advance('70s');
    expect(await readyOf('node-2')).toBe('Unknown');
    await lab.klab('component', 'start', 'kubelet', 'node-2');
    await lab.klab('component', 'start', 'proxy', 'node-2');
    await advance('20s');
    expect(await readyOf('node-2')).toBe('True');
  });

  it('are shown to kubectl too, behind RBAC', async () => {
    const { items } = JSON.parse(await lab.kubectl('get', '--raw', '/klab/v1/components'));
    expect(items).toContainEqual({ name: 'scheduler', state: 'running' });
    const refused = await lab.tryKubectl(['get', '--raw', '/klab/v1/nodes', '--as', 'somebody']);
    expect(refused.stderr).toContain('Forbidden');
  });
});
