/** etcd, scheduler, proxy, clock and explain commands against a whole control plane in this process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newForbidden } from '../../src/apimachinery/index.ts';
import { apiResources, apiVersions } from '../../src/cli/api-listing.ts';
import { clock } from '../../src/cli/clock.ts';
import { dnsQuery } from '../../src/cli/dns/query.ts';
import { prefixEnd } from '../../src/cli/etcd/connection.ts';
import { etcdHistory } from '../../src/cli/etcd/history.ts';
import { sessionHistory } from '../../src/cli/etcd/history-source.ts';
import { rangeOf } from '../../src/cli/etcd/key-range.ts';
import { etcdEnv } from '../../src/cli/etcd/members.ts';
import { raftLog, raftStatus } from '../../src/cli/etcd/raft.ts';
import { decodeStored, storedSummary, storedText } from '../../src/cli/etcd/value.ts';
import { explain } from '../../src/cli/explain.ts';
import { proxyRules, selectService } from '../../src/cli/proxy/rules.ts';
import { proxyRulesDiff } from '../../src/cli/proxy/rules-diff.ts';
import { type ProxyTraceRequest, proxyTrace } from '../../src/cli/proxy/trace.ts';
import { noDecisionReason, podName, schedulerExplain, schedulerQueue } from '../../src/cli/scheduler-explain.ts';
import { Session } from '../../src/cli/session.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

let cluster: Cluster;
let session: Session;

beforeAll(async () => {
  cluster = await createCluster({ nodes: 3, api: false, etcd: false, instantContainers: true, seed: 'cli-inspect' });
  session = new Session(cluster.client);
  const settled = { timeout: 10_000, interval: 20 };
  await vi.waitFor(async () => {
    const { items } = await cluster.client.resource('nodes').list();
    expect(items.map((node: any) => node.spec.taints ?? [])).toEqual([[], [], []]);
  }, settled);
  const pod = (name: string, spec: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec },
  });
  const pods = cluster.client.resource('pods').namespace('default');
  await pods.create(pod('web'));
  await pods.create(pod('pinned', { nodeName: 'node-2' }));
  await pods.create(
    pod('big', { containers: [{ name: 'c', image: 'nginx', resources: { requests: { cpu: '900' } } }] }),
  );
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  };
  await cluster.client.resource('services').namespace('default').create(service);
  const running = async (name: string) => ((await pods.get(name)) as any).status?.phase === 'Running';
  await vi.waitFor(async () => expect(await running('web')).toBe(true), settled);
  await vi.waitFor(async () => {
    const { items } = await cluster.client.resource('endpointslices').namespace('default').list();
    const ready = items.flatMap(({ metadata, endpoints }: any) =>
      metadata.labels['kubernetes.io/service-name'] === 'web'
        ? (endpoints ?? []).map((each: any) => each.conditions.ready)
        : [],
    );
    expect(ready).toEqual([true]);
  }, settled);
  await vi.waitFor(async () => {
    const { items } = JSON.parse(await schedulerQueue(session, 'json'));
    expect(items.map((item: any) => item.pod)).toEqual(['default/big']);
  }, settled);
}, 60_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe('dns query', () => {
  const query = async (name: string, more: { type?: string; from?: string } = {}) =>
    JSON.parse(await dnsQuery(session, { name, ...more, output: 'json' }));
  const asked = ({ steps }: any) => steps.map(({ name, code }: any) => `${name} ${code}`);

  it('goes down the search path until a name exists', async () => {
    const answer = await query('web');
    expect(asked(answer)).toEqual(['web.default.svc.cluster.local NOERROR']);
    expect(answer.steps[0].records).toMatchObject([{ type: 'A', ttl: 30 }]);
    expect(asked(await query('kubernetes.default'))).toEqual([
      'kubernetes.default.default.svc.cluster.local NXDOMAIN',
      'kubernetes.default.svc.cluster.local NOERROR',
    ]);
    expect(asked(await query('example.com'))).toEqual([
      'example.com.default.svc.cluster.local NXDOMAIN',
      'example.com.svc.cluster.local NXDOMAIN',
      'example.com.cluster.local NXDOMAIN',
      'example.com FORWARDED',
    ]);
    expect(asked(await query('example.com.'))).toEqual(['example.com FORWARDED']);
  });

  it('finds the name of an address, and tells it as a zone file would', async () => {
    const { steps } = await query('web');
    const text = await dnsQuery(session, { name: steps[0].records[0].address });
    expect(text).toMatch(/in-addr\.arpa\. 30 IN PTR web\.default\.svc\.cluster\.local\.$/);
    expect(text).toMatch(
      /^resolver: nameserver .*; search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local; ndots:5/,
    );
    expect(await dnsQuery(session, { name: 'nobody.cluster.local.' })).toMatch(
      /nobody\.cluster\.local\.: no such name$/,
    );
  });

  it("asks with a pod's own resolver", async () => {
    const pods = cluster.client.resource('pods').namespace('default');
    const dnsConfig = {
      nameservers: ['9.9.9.9'],
      searches: ['svc.cluster.local'],
      options: [{ name: 'ndots', value: '1' }],
    };
    await pods.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'own-dns' },
      spec: { containers: [{ name: 'c', image: 'nginx' }], dnsPolicy: 'None', dnsConfig },
    });
    const answer = await query('web.default', { from: 'pod/own-dns' });
    expect(answer.resolver).toEqual({ servers: ['9.9.9.9'], searches: ['svc.cluster.local'], options: ['ndots:1'] });
    expect(answer.elsewhere).toBe('name server 9.9.9.9');
    expect(asked(answer)).toEqual(['web.default ELSEWHERE', 'web.default.svc.cluster.local ELSEWHERE']);
    expect(await dnsQuery(session, { name: 'web.', from: 'pod/own-dns' })).toMatch(
      /web\. +A +not asked of cluster DNS\n\ncluster DNS is not asked: the pod asks name server 9\.9\.9\.9$/,
    );
    const services = cluster.client.resource('services').namespace('kube-system');
    const server: any = await services.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns' },
      spec: { ports: [{ port: 53, protocol: 'UDP' }] },
    });
    const spec = { containers: [{ name: 'c', image: 'nginx' }] };
    await pods.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'cluster-dns' },
      spec: { ...spec, dnsPolicy: 'None', dnsConfig: { ...dnsConfig, nameservers: [server.spec.clusterIP] } },
    });
    expect(asked(await query('web', { from: 'pod/cluster-dns' }))).toEqual([
      'web.svc.cluster.local NXDOMAIN',
      'web FORWARDED',
    ]);
    await services.delete('kube-dns');
    await pods.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'node-dns' },
      spec: { ...spec, hostNetwork: true },
    });
    expect((await query('web', { from: 'pod/node-dns' })).elsewhere).toBe("the node's own name servers");
  });

  it("answers by the cluster's Corefile", async () => {
    const maps = cluster.client.resource('configmaps').namespace('kube-system');
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'coredns' } };
    const serve = async (corefile: string) => {
      await maps.delete('coredns').catch(() => {});
      await maps.create({ ...object, data: { Corefile: corefile, stubs: '192.0.2.5 db.corp' } } as any);
    };
    const kubernetes = 'kubernetes klab.test in-addr.arpa {\n pods verified\n}';
    const rewrite = 'rewrite name suffix .shop. .default.svc.klab.test. answer auto';
    await serve(
      `.:53 {\n${kubernetes}\n${rewrite}\nhosts stubs {\n fallthrough\n}\nforward . /etc/resolv.conf\nloadbalance\n}\ncorp:53 {\nforward . 192.0.2.1 192.0.2.2:5353\n}\n`,
    );
    try {
      expect((await query('web')).resolver.searches).toEqual(['default.svc.klab.test', 'svc.klab.test', 'klab.test']);
      expect(asked(await query('web'))).toEqual(['web.default.svc.klab.test NOERROR']);
      const rewritten = await query('web.shop.');
      expect(rewritten.steps).toMatchObject([
        { code: 'NOERROR', rewrittenTo: { name: 'web.default.svc.klab.test', type: 'A' } },
      ]);
      expect(rewritten.steps[0].records).toMatchObject([{ type: 'A', name: 'web.shop', ttl: 5 }]);
      expect(await dnsQuery(session, { name: 'web.shop.' })).toMatch(
        /1 record, rewritten to web\.default\.svc\.klab\.test\. A\n\nweb\.shop\. 5 IN A 10\.96\./,
      );
      expect(await dnsQuery(session, { name: 'db.corp.' })).toMatch(
        /db\.corp\. +A +not the cluster's: forwarded to 192\.0\.2\.1:53, 192\.0\.2\.2:5353$/,
      );
      expect((await query('192.0.2.5')).steps[0].records).toMatchObject([{ type: 'PTR', target: 'db.corp' }]);
      expect(asked(await query('10-9-9-9.default.pod.klab.test.'))).toEqual([
        '10-9-9-9.default.pod.klab.test NXDOMAIN',
      ]);
      const web: any = await cluster.client.resource('pods').namespace('default').get('web');
      const dashed = web.status.podIP.replaceAll('.', '-');
      expect(asked(await query(`${dashed}.default.pod.klab.test.`))).toEqual([
        `${dashed}.default.pod.klab.test NOERROR`,
      ]);
      const said: string[] = [];
      await serve('.:53 {\n cache many\n kubernetes {\n odd\n }\n}');
      const lenient = new Session(cluster.client, { say: (line) => said.push(line) });
      expect(await dnsQuery(lenient, { name: 'web' })).toContain('web.default.svc.cluster.local. 30 IN A');
      expect(said).toEqual([
        expect.stringMatching(
          /^Warning: ConfigMap kube-system\/coredns cannot be used \(Corefile:\d:\d+ - .*kubeadm's Corefile$/,
        ),
      ]);
    } finally {
      await maps.delete('coredns');
    }
  });

  it.each([
    ['a..b', 'a label is empty'],
    [`${'x'.repeat(64)}.b`, 'is longer than 63 characters'],
    [Array(128).fill('ab').join('.'), 'it is longer than 253 characters'],
  ])('refuses a name that no message can carry: %s', async (name, problem) => {
    await expect(query(name)).rejects.toThrow(problem);
  });

  it.each([
    ['web', { type: 'MX' }, 'cluster DNS has no MX records; it has A, AAAA, CNAME, PTR, SRV'],
    ['web', { from: 'node/node-1' }, '--from is pod/NAME, not "node/node-1"'],
    ['web', { from: 'pod/nobody' }, 'pods "nobody" not found'],
  ])('refuses %s %j', async (name, more, message) => {
    await expect(query(name, more)).rejects.toThrow(message);
  });
});

describe('proxy trace', () => {
  const trace = (from: string, to: string, more: Partial<ProxyTraceRequest> = {}) =>
    proxyTrace(session, { from, to, mode: 'iptables', ...more });

  it('follows a packet to the pod behind a Service, rule by rule', async () => {
    const text = await trace('pod/pinned', 'svc/web');
    expect(text).toMatch(/^default\/pinned \(\S+ on node-2\) → svc\/web\.default:80\n/);
    expect(text).toMatch(/web\.default\.svc\.cluster\.local\. → A 10\.96\./);
    expect(text).toMatch(/PREROUTING \(nat\) on node-2\n +✓ -A PREROUTING .* -j KUBE-SERVICES/);
    expect(text).toMatch(/DNAT 10\.96\.\S+:80 → \S+:80/);
    expect(text).toMatch(/NetworkPolicy: allowed: no policy selects either end/);
    expect(text).toMatch(/→ arrives at \S+:80, pod default\/web on node-\d/);
    expect(text).toMatch(/ENDPOINT +NODE +ODDS +WHY\n +\S+:80 \* +node-\d +100% +ready/);
  });

  it('compares the modes and gives data for scripts', async () => {
    expect(await trace('node/node-1', 'svc/web', { mode: 'all' })).toMatch(
      /Side by side\n +MODE +RULES +TRIED[\s\S]*iptables[\s\S]*nftables[\s\S]*ipvs/,
    );
    const data = JSON.parse(await trace('pod/pinned', 'svc/web', { mode: 'all', output: 'json' }));
    expect(data.traces.map(({ mode, outcomes }: any) => [mode, outcomes.length, outcomes[0].policy.allowed])).toEqual([
      ['iptables', 1, true],
      ['nftables', 1, true],
      ['ipvs', 1, true],
    ]);
    expect(data.dns).toMatchObject({ name: 'web', asked: ['web.default.svc.cluster.local'] });
  });

  it('says why nobody answers, and what would fix it', async () => {
    const services = cluster.client.resource('services').namespace('default');
    const make = (name: string, spec: object) =>
      services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
    await make('typo', { selector: { app: 'webb' }, ports: [{ port: 80 }] });
    await make('bare', { ports: [{ port: 80 }] });
    await make('named', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] });
    await make('pending', { selector: { app: 'big' }, ports: [{ port: 80 }] });
    const diagnosed = async (to: string) => (await trace('pod/pinned', to)).split('Why nobody answers\n')[1];
    expect(await diagnosed('svc/typo')).toMatch(
      /selector of Service default\/typo \(app=webb\) matches no pod; \w+ comes nearest: it has app=\w+\.\n +Fix: kubectl -n default patch/,
    );
    expect(await diagnosed('svc/bare')).toMatch(/has no selector[\s\S]*Fix: write an EndpointSlice/);
    await vi.waitFor(async () => expect(await diagnosed('svc/named')).toMatch(/named "http", which no container/));
    expect(await diagnosed('svc/pending')).toMatch(
      /none of the 1 pod behind Service default\/pending is ready: big is Pending/,
    );
    expect(await diagnosed('svc/web:81')).toMatch(/has no port 81\/TCP; it has 80\/TCP/);
  });

  it('says what is special about aliases, nameless ports and pods that ask another DNS', async () => {
    const services = cluster.client.resource('services').namespace('default');
    const make = (name: string, spec: object) =>
      services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
    await make('alias', { type: 'ExternalName', externalName: 'example.com' });
    await make('portless', { clusterIP: 'None', selector: { app: 'web' } });
    const alias = await trace('pod/pinned', 'svc/alias');
    expect(alias).toMatch(
      /→ svc\/alias\.default\n[\s\S]*→ CNAME example\.com[\s\S]*alias \(ExternalName\): DNS names example\.com/,
    );
    await expect(trace('pod/pinned', 'svc/portless')).rejects.toThrow(
      'Service default/portless has no ports: say svc/portless:PORT',
    );
    const pods = cluster.client.resource('pods').namespace('default');
    const spec = { hostNetwork: true, nodeName: 'node-1', containers: [{ name: 'c', image: 'nginx' }] };
    await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'host' }, spec });
    await vi.waitFor(async () => expect(((await pods.get('host')) as any).status?.podIP).toBeDefined());
    expect(await trace('pod/host', 'svc/web')).toMatch(
      /on the host network has dnsPolicy ClusterFirst and asks its node's DNS, .* ClusterFirstWithHostNet would/,
    );
  });

  it('judges whom a masquerading node lets through as the node’s rules do: before SNAT', async () => {
    const policies = cluster.client.resource('networkpolicies').namespace('default');
    const services = cluster.client.resource('services').namespace('default');
    const pods = cluster.client.resource('pods').namespace('default');
    const spec = { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }] };
    const made: any = await services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'open' }, spec });
    const here = ((await pods.get('web')) as any).spec.nodeName;
    const host = ((await cluster.client.resource('nodes').get(here)) as any).status.addresses[0].address;
    const rule = (cidr: string) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'door' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [{ ipBlock: { cidr } }] }] },
    });
    const to = `${host}:${made.spec.ports[0].nodePort}`;
    const verdict = async (cidr: string) => {
      await policies.create(rule(cidr));
      try {
        return /NetworkPolicy: (\w+)/.exec(await trace('203.0.113.7', to, { node: here }))![1];
      } finally {
        await policies.delete('door');
      }
    };
    await vi.waitFor(async () => expect(await trace('203.0.113.7', to, { node: here })).toMatch(/pod default\/web/));
    expect(await verdict('203.0.113.0/24')).toBe('allowed');
    expect(await verdict('198.51.100.0/24')).toBe('denied');
    await services.delete('open');
  });

  it('knows who answers health checks on a node', async () => {
    const services = cluster.client.resource('services').namespace('default');
    const spec = {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      selector: { app: 'web' },
      ports: [{ port: 80 }],
    };
    const made: any = await services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'lb' }, spec });
    const here = ((await cluster.client.resource('pods').namespace('default').get('web')) as any).spec.nodeName;
    const { items } = await cluster.client.resource('nodes').list();
    const told = async (node: any) =>
      trace('203.0.113.7', `${node.status.addresses[0].address}:${made.spec.healthCheckNodePort}`);
    for (const node of items) {
      const expected = node.metadata.name === here ? /has 1 ready endpoint on .*HTTP 200/ : /has 0 ready .*HTTP 503/;
      await vi.waitFor(async () => expect(await told(node)).toMatch(expected));
    }
    await services.delete('lb');
  });

  it('says which policy stands in the way', async () => {
    const policies = cluster.client.resource('networkpolicies').namespace('default');
    const spec = { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] };
    await policies.create({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'shut' },
      spec,
    });
    const text = await trace('pod/pinned', 'svc/web');
    expect(text).toMatch(
      /NetworkPolicy: denied: default\/shut isolates the destination for ingress and no rule allows this/,
    );
    expect(text).toMatch(
      /✗ never arrives at [\d.:]+, pod default\/\S+ on \S+, which would see it come from \S+\n {2}The network plugin drops it/,
    );
    expect(text).not.toMatch(/→ arrives at|reply:/);
    await policies.delete('shut');
  });

  describe('of a node as it is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'klab-pasted-'));
    const file = join(folder, 'rules');
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const pasted = (text: string, to = '10.96.77.77:80') => {
      writeFileSync(file, text);
      return trace('pod/pinned', to, { rules: file });
    };
    const nat = (rule: string) => `*nat\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`;

    it('walks the pasted rules in place of those made, and says what they are', async () => {
      const text = await pasted(nat('-A PREROUTING -d 10.96.77.77/32 -j DNAT --to-destination 198.51.100.1:99'));
      expect(text).toMatch(/\niptables on node-2, rules of [^\n]*: 1 rule there/);
      expect(text).toContain('DNAT 10.96.77.77:80 → 198.51.100.1:99');
      const nft =
        'table ip x {\n\tchain c {\n\t\ttype filter hook prerouting priority filter; policy accept;\n\t\ttcp dport 80 drop\n\t}\n}\n';
      expect(await pasted(nft)).toMatch(/\nnftables on node-2, rules of [\s\S]*✗ dropped on node-2/);
    });

    it.each([
      ['hello\n', /rules: line 1: "hello" is nothing that iptables-save prints/],
      [nat('-A PREROUTING -m time --timestart 10:00 -j ACCEPT'), /rules: line 3: the rule uses --timestart/],
    ])('refuses %j with file and line', async (text, message) => {
      await expect(pasted(text)).rejects.toThrow(message);
    });

    it('refuses a file that is not there', async () => {
      await expect(trace('pod/pinned', 'svc/web', { rules: join(folder, 'none') })).rejects.toThrow(
        /cannot read .*none/,
      );
    });
  });

  it('asks what a client that came before would get', async () => {
    const services = cluster.client.resource('services').namespace('default');
    const spec = { selector: { app: 'web' }, sessionAffinity: 'ClientIP', ports: [{ port: 80 }] };
    await services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'sticky' }, spec });
    await vi.waitFor(async () => expect(await trace('pod/pinned', 'svc/sticky')).toMatch(/affinity: a first packet/));
    const web: any = await cluster.client.resource('pods').namespace('default').get('web');
    for (const mode of ['iptables', 'nftables', 'ipvs'] as const) {
      const text = await trace('pod/pinned', 'svc/sticky', { mode, remembered: web.status.podIP });
      expect(text).toMatch(/affinity: \S+ came before and goes to \S+:80 again, for 10800 s/);
      expect(text).toMatch(/100% +client affinity: it answered this client before/);
    }
    await expect(trace('pod/pinned', 'svc/sticky', { remembered: '10.9.9.9' })).rejects.toThrow(
      /10\.9\.9\.9 is no endpoint of svc\/sticky\.default:80; it has /,
    );
    await expect(trace('pod/pinned', 'svc/web', { remembered: web.status.podIP })).rejects.toThrow(
      'Service default/web remembers no client: only Services with sessionAffinity ClientIP do',
    );
  });

  it.each([
    ['pod/nobody', 'svc/web', 'pods "nobody" not found in namespace "default"'],
    ['pod/pinned', 'svc/nothing', 'services "nothing" not found in namespace "default"'],
    ['web', 'svc/web', '--from is pod/NAME, node/NAME or an IP address, not "web"'],
    ['pod/pinned', 'web', '--to is svc/NAME[:PORT], pod/NAME[:PORT] or IP:PORT, not "web"'],
    ['pod/pinned', '10.0.0.1', '--to 10.0.0.1 names no port: 10.0.0.1:PORT'],
    ['pod/pinned', 'svc/web:https', 'svc/web: "https" is neither a port of it nor a number'],
    ['node/node-9', 'svc/web', 'nodes "node-9" not found'],
    ['pod/big', 'svc/web', 'pod "big" has no IPv4 address yet: it is Pending'],
  ])('refuses --from %s --to %s', async (from, to, message) => {
    await expect(trace(from, to)).rejects.toThrow(message);
  });
});

describe('scheduler explain', () => {
  it('tells where a pod went, with every node and score', async () => {
    const text = await schedulerExplain(session, { pod: 'web' });
    expect(text).toMatch(
      /^default\/web was scheduled to node-\d \(attempt 1\)\n {2}3 nodes: 0 filtered out, 3 feasible\./,
    );
    for (const node of ['node-1', 'node-2', 'node-3']) expect(text).toMatch(new RegExp(`^${node} `, 'm'));
    expect(text).toMatch(/^NODE +TOTAL +/m);
  });

  it('tells why a pod went nowhere', async () => {
    const text = await schedulerExplain(session, { pod: 'big' });
    expect(text).toContain('default/big could not be scheduled');
    expect(text).toMatch(/^node-1 +NodeResourcesFit +Insufficient cpu/m);
    expect(await schedulerQueue(session, undefined)).toMatch(/default\/big .* NodeResourcesFit/);
  });

  it('gives exact data for scripts', async () => {
    const data = JSON.parse(await schedulerExplain(session, { pod: 'web', output: 'json' }));
    expect(data).toMatchObject({ pod: { namespace: 'default', name: 'web' }, attempt: 1, result: 'Scheduled' });
    expect(data.nodes).toHaveLength(3);
    const chosen = data.nodes.find((node: any) => node.name === data.node);
    expect(chosen.total).toBe(chosen.scores.reduce((sum: number, score: any) => sum + score.weighted, 0));
    expect(Object.keys(chosen.scores[0]).sort()).toEqual(['normalised', 'plugin', 'raw', 'weight', 'weighted']);
    const refused = JSON.parse(await schedulerExplain(session, { pod: 'big', node: 'node-1', output: 'json' }));
    expect(refused.nodes).toEqual([
      {
        name: 'node-1',
        filter: expect.objectContaining({ plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'] }),
      },
    ]);
  });

  it('says why there is nothing to say', async () => {
    const reason = (pod: string, rest = {}) =>
      schedulerExplain(session, { pod, ...rest }).catch((error) => error.message);
    expect(await reason('nobody')).toBe('pods "nobody" not found');
    expect(await reason('pinned')).toContain('it was put on node-2 directly (spec.nodeName), past every scheduler');
    expect(await reason('web', { attempt: 9 })).toBe('pod "web" has no attempt 9; there are: 1');
    expect(await reason('web', { node: 'node-9' })).toContain(
      'did not know a node "node-9"; it knew: node-1, node-2, node-3',
    );
    const pod = (metadata: object, spec: object): any => ({ metadata: { name: 'x', ...metadata }, spec });
    expect(noDecisionReason(pod({ annotations: { 'kubernetes.io/config.mirror': '1' } }, { nodeName: 'n' }))).toContain(
      'static pod',
    );
    expect(noDecisionReason(pod({}, { schedulerName: 'mine' }))).toContain('another scheduler, "mine"');
    expect(noDecisionReason(pod({}, { schedulingGates: [{ name: 'a.b/c' }] }))).toContain('scheduling gates (a.b/c)');
  });

  it('takes a pod by name, as pod/NAME and as pod NAME', () => {
    expect([['web'], ['pod/web'], ['pod', 'web'], ['po', 'web'], ['pods/web']].map(podName)).toEqual(
      Array(5).fill('web'),
    );
    expect(() => podName(['deploy/web'])).toThrow('only pods are scheduled, not deploy/web');
    expect(() => podName([])).toThrow('give one pod');
    expect(() => podName(['a', 'b'])).toThrow('give one pod');
  });
});

describe('proxy rules', () => {
  it.each(['iptables', 'nftables', 'ipvs'] as const)('of mode %s come from the live Services', async (mode) => {
    const { spec } = (await cluster.client.resource('services').namespace('default').get('web')) as any;
    const rules = await proxyRules(session, { mode, family: 'ipv4', node: 'node-2', service: 'default/web' });
    expect(rules).toContain(spec.clusterIP);
    expect(rules).toContain('node-2');
  });

  it('are explained, also as data', async () => {
    const request = { mode: 'iptables', family: 'ipv4', service: 'default/web', explain: true } as const;
    const text = await proxyRules(session, request);
    expect(text).toMatch(
      /^# TCP packets to \S+, port 80 go to KUBE-SVC-\S+ \(picks one of all endpoints of default\/web\/TCP\)/m,
    );
    const data = JSON.parse(await proxyRules(session, { ...request, output: 'json' }));
    expect(data.rules).toMatchObject([{ mode: 'iptables', family: 'IPv4', node: 'node-1' }]);
    expect(data.rules[0].lines).toContainEqual({ line: '*nat', explanation: expect.stringContaining('Table nat') });
  });

  it('are compared with those of an earlier revision', async () => {
    const services = cluster.client.resource('services').namespace('default');
    const { metadata } = await services.list();
    await services.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'later' },
      spec: { ports: [{ port: 81 }] },
    } as any);
    const differences = async (mode: 'iptables' | 'nftables' | 'ipvs', service?: string) => {
      const request = { mode, family: 'ipv4', ...(service && { service }) } as const;
      const { text, differs } = await proxyRulesDiff(session, request, [metadata.resourceVersion!]);
      expect(differs).toBe(!text.endsWith('no differences\n'));
      return text;
    };
    const text = await differences('iptables');
    expect(text).toContain(
      'added to filter KUBE-SERVICES\n  + -A KUBE-SERVICES -m comment --comment "default/later has no endpoints"',
    );
    expect(await differences('nftables')).toMatch(/added to map no-endpoint-services\n {2}\+ \S+ \. tcp \. 81/);
    expect(await differences('ipvs', 'default/later')).toMatch(/added to ipvs -t \S+:81\n/);
    expect(await differences('ipvs', 'default/kubernetes')).toMatch(/no differences\n$/);
    await services.delete('later');
    expect(await differences('iptables')).not.toContain('later');
  });

  it('are compared with no file that is not there, and with no dump of another mode', async () => {
    await expect(proxyRulesDiff(session, { mode: 'iptables' }, ['no-such-file'])).rejects.toThrow(
      '--diff takes a revision or the file of a dump; there is no file "no-such-file"',
    );
    await expect(proxyRulesDiff(session, { mode: 'iptables' }, ['package.json'])).rejects.toThrow(
      /^package\.json:1: .* JSON; list without -j/,
    );
    await expect(proxyRulesDiff(session, { mode: 'iptables' }, ['package.json', '12'])).rejects.toThrow();
    await expect(proxyRulesDiff(session, { mode: 'iptables' }, ['12', '13'])).rejects.toThrow(
      '--diff takes one revision or several files; there is no file "12"',
    );
  });

  it("are made from what a user of somebody else's cluster may read, and say what that was not", async () => {
    const said: string[] = [];
    const guarded = (forbidden: readonly string[]) => {
      const client = Object.create(cluster.client) as typeof cluster.client;
      client.resource = ((resource: any) => {
        const real = cluster.client.resource(resource);
        if (!forbidden.includes(resource.plural)) return real;
        const refused = Object.create(real) as typeof real;
        // biome-ignore lint/correctness/useYield: it throws before its first page
        refused.pages = async function* () {
          throw newForbidden({ group: '', resource: resource.plural }, '', 'User "me" cannot list it');
        } as any;
        refused.namespace = (name: string) => real.namespace(name);
        return refused;
      }) as any;
      return new Session(client, { say: (text) => said.push(text) });
    };
    const request = { mode: 'iptables', family: 'ipv4', node: 'node-2' } as const;
    const whole = await proxyRules(session, request);
    expect(await proxyRules(guarded(['servicecidrs']), request)).toBe(whole);
    expect(said).toEqual([expect.stringMatching(/^Warning: .*forbidden.*: nothing is dropped for being in the range/)]);
    said.length = 0;
    const own = await proxyRules(guarded(['nodes', 'services', 'endpointslices']), request);
    expect(own).toContain('default/web cluster IP');
    expect(own).not.toContain('kube-system/');
    expect(own).toContain('for node node-2');
    expect(said.map((line) => /nodes are known by their names only|namespace "default" only/.exec(line)?.[0])).toEqual(
      expect.arrayContaining(['nodes are known by their names only', 'namespace "default" only']),
    );
    said.length = 0;
    const trace = await proxyTrace(guarded(['networkpolicies', 'namespaces', 'nodes']), {
      from: 'pod/web',
      to: 'svc/web',
      mode: 'nftables',
    });
    expect(trace).toContain('DNAT');
    expect(trace).not.toContain('NXDOMAIN');
    expect(said).toHaveLength(3);
  });

  it('names a node or service that is not there', async () => {
    const rules = (change: object) => proxyRules(session, { mode: 'iptables', family: 'ipv4', ...change });
    await expect(rules({ node: 'no' })).rejects.toThrow('nodes "no" not found');
    await expect(rules({ service: 'kube-system/no' })).rejects.toThrow(
      'services "no" not found in namespace "kube-system"',
    );
  });

  it('take a service in the current namespace, with its slices alone', () => {
    const service = (namespace: string): any => ({ metadata: { namespace, name: 'a' } });
    const slice = (of: string): any => ({ metadata: { namespace: 'x', labels: { 'kubernetes.io/service-name': of } } });
    const chosen = selectService('x', 'a', [service('x'), service('y')], [slice('a'), slice('b')]);
    expect(chosen).toEqual({ services: [service('x')], endpointSlices: [slice('a')] });
  });
});

describe('etcd', () => {
  const values = { showSecrets: false, showManagedFields: false, raw: false };

  it('history, diff and changes show bytes as they are stored, but not those of Secrets', async () => {
    const source = sessionHistory(session);
    const raw = { showSecrets: false, raw: true };
    const [item] = await source.history('/registry/pods/default/web', 1, raw);
    expect(Buffer.from(item!.base64!, 'base64').toString('latin1')).toMatch(/^(k8s\0|\{)/);
    await cluster.client
      .resource('secrets')
      .namespace('default')
      .create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden' }, stringData: { a: 'hunter2' } } as any);
    const key = '/registry/secrets/default/hidden';
    const [hidden] = await source.history(key, 1, raw);
    expect(hidden).toMatchObject({ type: 'create', value: expect.stringContaining('masked') });
    expect(hidden!.base64).toBeUndefined();
    const [shown] = await source.history(key, 1, { showSecrets: true, raw: true });
    expect(Buffer.from(shown!.base64!, 'base64').includes(Buffer.from('hunter2').toString('base64'))).toBe(true);
  });

  it('history names who wrote each revision and why', async () => {
    const text = await etcdHistory(sessionHistory(session), {
      key: '/registry/pods/default/web',
      limit: 50,
      ...values,
    });
    expect(text).toMatch(/^revision \d+ {2}create .*\n {2}by user:/);
    expect(text).toMatch(/\n {2}\+ {3}nodeName: node-\d|\n {2}\+ {5}nodeName: node-\d|\+ +nodeName: node-\d/);
    await expect(etcdHistory(sessionHistory(session), { key: '/registry/none', ...values, limit: 1 })).rejects.toThrow(
      'key "/registry/none" has no history',
    );
  });

  it('raft status and log show the members and what was written', async () => {
    expect(await raftStatus(session, undefined)).toMatch(/^MEMBER +ROLE +TERM[^\n]*\n\S+ +leader +1 /);
    expect(await raftLog(session, { limit: 100 })).toContain('put /registry/pods/default/');
  });

  it('values are decoded, and Secrets masked unless asked for', () => {
    const secret = Buffer.from(JSON.stringify({ kind: 'Secret', metadata: { name: 's' }, data: { a: 'eA==' } }));
    expect(storedText(decodeStored(secret, { showSecrets: false }))).toContain(
      'a: (masked; add --show-secrets to see it)',
    );
    expect(storedText(decodeStored(secret, { showSecrets: true }))).toContain('a: eA==');
    expect(storedSummary(decodeStored(secret, { showSecrets: false }), secret.length)).toBe(
      `Secret s, ${secret.length} bytes`,
    );
    expect(decodeStored(Buffer.from('hello'), { showSecrets: false })).toEqual({ form: 'text', text: 'hello' });
    expect(decodeStored(Uint8Array.of(0, 255), { showSecrets: false })).toEqual({ form: 'bytes', base64: 'AP8=' });
    // k8s\0, then field 1 (length 9): {1: "v1", 2: "Pod"}.
    const envelope = Buffer.from('6b3873000a090a02763112035 06f64'.replaceAll(' ', ''), 'hex');
    expect(decodeStored(envelope, { showSecrets: false })).toMatchObject({
      form: 'protobuf',
      apiVersion: 'v1',
      kind: 'Pod',
    });
  });

  it('a prefix ends before the next key that does not have it', () => {
    expect(prefixEnd(Buffer.from('/a'))).toEqual(Uint8Array.from(Buffer.from('/b')));
    expect(prefixEnd(Uint8Array.of(1, 255, 255))).toEqual(Uint8Array.of(2));
    expect(prefixEnd(new Uint8Array())).toEqual(Uint8Array.of(0));
    expect(rangeOf({ key: '', prefix: true })).toEqual({ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) });
    expect(() => rangeOf({ key: '', prefix: false })).toThrow('etcd get needs a key');
  });

  it('env quotes what a shell would take apart', () => {
    expect(etcdEnv({ endpoints: ['https://a:1', 'https://b:2'], cacert: "/my dir/it's.crt" })).toBe(
      "export ETCDCTL_API=3\nexport ETCDCTL_ENDPOINTS=https://a:1,https://b:2\nexport ETCDCTL_CACERT='/my dir/it'\\''s.crt'",
    );
  });
});

describe('what the server offers', () => {
  it('api-resources lists and filters', async () => {
    const list = (change = {}) => apiResources(session, { headers: true, ...change });
    expect(await list({ apiGroup: 'apps' })).toMatch(
      /^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\ncontrollerrevisions /,
    );
    expect(await list({ apiGroup: 'apps', output: 'name' })).toContain('deployments.apps');
    expect((await list({ namespaced: false, output: 'name' })).split('\n')).toContain('nodes');
    expect((await list({ namespaced: false, output: 'name' })).split('\n')).not.toContain('pods');
    expect(await list({ categories: ['all'], output: 'name', verbs: ['watch'] })).toContain('pods');
  });

  it('api-versions are sorted and named once', async () => {
    const versions = (await apiVersions(session)).split('\n');
    expect(versions).toEqual([...new Set(versions)].sort());
    expect(versions).toContain('v1');
  });

  it('explain shows a field, its type and its documentation', async () => {
    const text = await explain(session, { word: 'deploy.spec.replicas', recursive: false });
    expect(text).toMatch(
      /^GROUP: {6}apps\nKIND: {7}Deployment\nVERSION: {4}v1\n\nFIELD: replicas <integer>\n\n\nDESCRIPTION:\n {4}\S/,
    );
    expect(text.split('\n').every((line) => line.length <= 80)).toBe(true);
    const tree = await explain(session, { word: 'pods.spec.containers', recursive: true });
    expect(tree).toContain('\n  name\t<string> -required-\n');
    expect(tree).toMatch(/\n {2}imagePullPolicy\t<string>\n {2}enum: Always, IfNotPresent, Never\n/);
    expect(tree).toContain('\n    valueFrom\t<EnvVarSource>\n      configMapKeyRef\t<ConfigMapKeySelector>\n');
  });

  it('explain names what does not exist', async () => {
    const word = (text: string, apiVersion?: string) => explain(session, { word: text, recursive: false, apiVersion });
    await expect(word('pod.spec.no')).rejects.toThrow('field "no" does not exist');
    await expect(word('nothing')).rejects.toThrow('the server doesn\'t have a resource type "nothing"');
    await expect(word('deploy', 'apps/v9')).rejects.toThrow(
      'couldn\'t find resource for "apps/v9, Resource=deployments"',
    );
  });

  it('the clock tells its time and moves', async () => {
    const now = async (action?: Parameters<typeof clock>[1]) => JSON.parse(await clock(session, action, 'json'));
    const before = await now({ action: 'pause' });
    expect(before.paused).toBe(true);
    const after = await now({ action: 'advance', duration: '90s' });
    expect(after.epochMs - before.epochMs).toBe(90_000);
    expect(await clock(session, { action: 'speed', factor: 60 }, undefined)).toMatch(/ \(60 times real time\)$/);
    expect(await clock(session, { action: 'speed', factor: 1 }, undefined)).toMatch(/ \(real time\)$/);
    await expect(clock(session, { action: 'advance', duration: '5x' }, undefined)).rejects.toThrow(
      'duration must be like',
    );
  });
});
