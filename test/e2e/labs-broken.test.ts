/**
 * A check that cannot fail proves nothing: every lab's check is run once against what its text says breaks it, and must
 * end with exit code 1 and say what is wrong. The labs are copies in folders of the user's, so this shows those too.
 */
import { spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());

type Edit = readonly [file: string, from: string | RegExp, to: string];
interface Break {
  readonly edits?: readonly Edit[];
  /** klab's words, before the check. */
  readonly klab?: readonly (readonly string[])[];
  /** A script of the lab that runs while the check does. */
  readonly beside?: string;
  readonly says: RegExp;
}

const breaks: Record<string, Break> = {
  'reading-explain': {
    edits: [['pods.yaml', 'nodeName: node-4', 'nodeName: node-5']],
    says: /web runs on: it is "node-4", not "node-5"/,
  },
  'pending-pod': {
    edits: [['pods.yaml', 'requests: { cpu: 100m }', 'requests: { cpu: 9 }']],
    says: /no label helps needs-ssd: pod default\/needs-ssd: /,
  },
  'two-configurations': {
    edits: [['pack.yaml', 'MostAllocated', 'LeastAllocated']],
    says: /packing uses nodes: it is "4", not "2"/,
  },
  'rolling-update': {
    edits: [
      ['web.yaml', 'maxSurge: 1', 'maxSurge: 0'],
      ['web.yaml', 'maxUnavailable: 0', 'maxUnavailable: 100%'],
    ],
    says: /\d+ requests failed during the update/,
  },
  'blue-green': {
    edits: [['service.yaml', '    color: blue\n', '']],
    says: /green runs, and nobody meets it: it is "image: shop:1.0 image: shop:2.0"/,
  },
  'ingress-canary': {
    edits: [['canary.yaml', '    nginx.ingress.kubernetes.io/canary: "true"\n', '']],
    says: /who sends X-Version: next: it is "shop:1\.0"/,
  },
  'search-path': {
    edits: [['pods.yaml', 'value: "1"', 'value: "5"']],
    says: /for api\.example\.com with ndots:1: it is "4", not "1"/,
  },
  canary: { edits: [['canary.yaml', 'replicas: 1', 'replicas: 9']], says: /not about 10 %/ },
  sidecar: {
    edits: [['report.yaml', '          restartPolicy: Always\n', '']],
    says: /the shipper runs beside the report|does not complete/,
  },
  'init-container': {
    edits: [['app.yaml', 'until nslookup database', 'until true']],
    says: /STATUS without the database/,
  },
  ambassador: {
    edits: [['app.yaml', 'http://localhost:9000/quote 2', 'http://quotes-eu/quote 2']],
    says: /the region changed: it is "image: quotes:eu"/,
  },
  singleton: { edits: [['printer.yaml', 'ttl=10', 'ttl=0']], says: /two worked at the same time/ },
  'stateful-service': {
    edits: [
      ['store.yaml', / {2}volumeClaimTemplates:[\s\S]*?(?=---)/, ''],
      [
        'store.yaml',
        '      terminationGracePeriodSeconds: 1\n      containers:\n        - name: store',
        '      volumes: [{ name: data, emptyDir: {} }]\n      terminationGracePeriodSeconds: 1\n      containers:\n        - name: store',
      ],
    ],
    says: /diary of the new store-1/,
  },
  daemon: {
    edits: [['agent.yaml', '      tolerations:\n        - operator: Exists\n', '']],
    says: /nodes: late node-1/,
  },
  'shell-controller': { edits: [['controller.sh', / {4}\[ "\$n" -le.*\n/, '    :\n']], says: /not 2: what was missed/ },
  'quality-of-service': {
    edits: [['pods.yaml', 'requests: { cpu: 100m, memory: 128Mi }', 'requests: { cpu: 100m, memory: 64Mi }']],
    says: /guaranteed: it is "Burstable"/,
  },
  probes: { edits: [['app.yaml', / {6}readinessProbe:\n.*\n.*\n.*\n/, '']], says: /the endpoint's ready is/ },
  autoscaling: { edits: [['shop.yaml', 'maxReplicas: 5', 'maxReplicas: 1']], says: /replicas under load: 1/ },
  'node-failure': {
    edits: [
      ['web.yaml', 'tolerations: []', 'tolerations: [{ key: node.kubernetes.io/unreachable, operator: Exists }]'],
    ],
    says: /pods on other nodes: it is "2"/,
  },
  'service-discovery': {
    edits: [['register.sh', '--lease "$lease" ', '']],
    says: /of which worker-1 renewed its lease: it is "worker-1 worker-2 "/,
  },
  raft: { edits: [['lost-tail.yaml', '  - heal\n', '']], says: /lost-tail\.yaml with seed 1: .*✗/ },
  lock: { edits: [['worker.sh', / {2}until .*\n/, '']], says: /twice three under the lock: it is/ },
  declarative: { edits: [['web.yaml', 'team-a', 'team-RANDOM']], says: /resourceVersion after applying the same/ },
  composable: {
    edits: [
      ['web.yaml', 'labels: { app: web, tier: managed }', 'labels: { app: web, tier: managed, made-by: replicaset }'],
      ['web.yaml', 'selector: { app: web }', 'selector: { app: web, made-by: replicaset }'],
    ],
    says: /pods served: it is "2"/,
  },
  transparent: {
    klab: [['etcd', 'put', '/registry/secret-plans/scheduler', 'hidden']],
    says: /keys in the store, and objects/,
  },
  'linear-cost': {
    edits: [
      ['fleet.yaml', /[\s\S]*/, readFileSync(join(root, 'fixtures', 'labs', 'linear-cost', 'chatty.yaml'), 'utf8')],
    ],
    says: /a pod of 40 costs/,
  },
  'status-by-observation': {
    klab: [
      ['apply', '-f', 'web.yaml', '--wait'],
      ['component', 'stop', 'controller-manager'],
    ],
    says: /after the status was wiped/,
  },
  layered: { edits: [['web.yaml', '  replicas: 2\n', '  replicas: 2\n  paused: true\n']], says: /✗/ },
  'one-address': {
    edits: [['web.yaml', '  selector: { app: web }\n', '  selector: { app: wbe }\n']],
    says: /no rule catches packets to/,
  },
  overlay: {
    edits: [['pods.yaml', 'nodeName: node-2', 'nodeName: node-1']],
    says: /vxlan: MTU, bytes in front, copies: it is "1450 0 2", not "1450 50 2"/,
  },
  'which-rule': {
    edits: [['policy.yaml', 'podSelector: { matchLabels: { role: friend } }', 'podSelector: {}']],
    says: /stranger: it is "allowed by default\/friends-only ingress\[0\]"/,
  },
  'one-door': {
    klab: [
      [
        'etcd',
        'put',
        '/registry/configmaps/default/smuggled',
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"smuggled","namespace":"default"}}',
      ],
    ],
    says: /somebody wrote past the API server/,
  },
  'one-node': { klab: [['apply', '-f', 'too-much.yaml']], says: /node-1 may list Secrets|node-1 may read another/ },
  'keep-going': {
    edits: [['shop.yaml', 'restartPolicy: Always', 'restartPolicy: Never']],
    says: /nobody restarted|before: it is/,
  },
  'write-through': { klab: [['apply', '-f', 'no-pods.yaml']], says: /pods of the first version/ },
  'watch-not-poll': { beside: 'poller.sh', says: /LIST requests in ten idle minutes: it is "[1-9]/ },
};

describe('checks fail when what they prove is broken', () => {
  it('all of them', () => {
    const folders = readdirSync(join(root, 'fixtures', 'labs'), { withFileTypes: true });
    const names = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(Object.keys(breaks).sort()).toEqual(names.sort());
  });

  it.each(Object.keys(breaks))('%s', async (name) => {
    const { edits = [], klab = [], beside, says } = breaks[name]!;
    const folder = join(lab.home, name);
    cpSync(join(root, 'fixtures', 'labs', name), folder, { recursive: true });
    for (const [file, from, to] of edits) {
      const before = readFileSync(join(folder, file), 'utf8');
      const after = before.replace(from, to);
      expect(after, `${file} has nothing to replace`).not.toBe(before);
      writeFileSync(join(folder, file), after);
    }
    const env = { KLAB_NAME: `lab-${name}` };
    await lab.klab('lab', 'start', folder);
    let child: ReturnType<typeof spawn> | undefined;
    try {
      for (const words of klab) {
        const ran = await lab.try(words, { env, cwd: folder });
        expect(ran.code, ran.stderr).toBe(0);
      }
      if (beside) {
        const shim = join(lab.home, 'bin');
        cpSync(join(root, 'bin'), shim, { recursive: true });
        writeFileSync(join(shim, 'klab'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 });
        child = spawn('sh', [beside], {
          cwd: folder,
          detached: true,
          stdio: 'ignore',
          env: { ...process.env, ...lab.env, ...env, PATH: `${shim}:${process.env['PATH']}` },
        });
      }
      const { code, stdout, stderr } = await lab.try(['lab', 'check', folder], { timeoutMs: 100_000 });
      expect(code, `${stdout}${stderr}`).toBe(1);
      expect(stderr).toMatch(says);
      expect(stderr).toContain(`lab/${name} did not pass: check.sh exited with 1`);
    } finally {
      // A script and its klab watch are one process group.
      if (child?.pid) process.kill(-child.pid, 'SIGKILL');
      await lab.klab('lab', 'reset', folder);
    }
  });
});
