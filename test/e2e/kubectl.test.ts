/** Real kubectl 1.35 against `klab up`: what an application's user does, from apply to delete. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectlPath } from '../helpers/clients.ts';
import { corpus, eventually, Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
});
afterAll(() => lab.dispose());

async function allReady(namespace: string): Promise<any[]> {
  const ready = (pod: any) =>
    pod.status.phase === 'Running' && pod.status.conditions.some((c: any) => c.type === 'Ready' && c.status === 'True');
  return eventually(
    async () => (await lab.json('get', 'pods', '-n', namespace)).items as any[],
    (pods) => pods.length > 0 && pods.every(ready),
    60_000,
  );
}

async function servicesHaveEndpoints(namespace: string): Promise<void> {
  const services = (await lab.json('get', 'services', '-n', namespace)).items.filter((s: any) => s.spec.selector);
  expect(services.length).toBeGreaterThan(0);
  for (const service of services) {
    const slices = (
      await lab.json(
        'get',
        'endpointslices',
        '-n',
        namespace,
        '-l',
        `kubernetes.io/service-name=${service.metadata.name}`,
      )
    ).items;
    const ready = slices
      .flatMap((slice: any) => slice.endpoints ?? [])
      .filter((endpoint: any) => endpoint.conditions.ready);
    expect(ready.length, `service ${service.metadata.name}`).toBeGreaterThan(0);
  }
}

const applications: [name: string, path: string][] = [['bookshop', join(root, 'fixtures', 'manifests', 'bookshop')]];
for (const name of ['guestbook', 'voting-app', 'online-boutique']) {
  if (existsSync(join(corpus, name))) applications.push([name, join(corpus, name)]);
  else console.warn(`the published application ${name} is not at hand: not applied`);
}

/** Lines of an apply that changed something. A Secret with stringData is always sent again: kubectl cannot compare it. */
const changes = (text: string) =>
  text.split('\n').filter((line) => /created|configured/.test(line) && !line.startsWith('secret/'));

describe('applications', () => {
  for (const [name, path] of applications) {
    it.concurrent(`${name}, applied client side and server side: pods Ready, services with endpoints, applied again unchanged`, async () => {
      // One after the other: some of them ask for the same node ports.
      for (const flags of [[], ['--server-side']]) {
        const namespace = `${name}-${flags.length}`;
        await lab.kubectl('create', 'namespace', namespace);
        await lab.kubectl('apply', ...flags, '-n', namespace, '-f', path);
        await allReady(namespace);
        await servicesHaveEndpoints(namespace);
        const again = await lab.kubectl('apply', ...flags, '-n', namespace, '-f', path);
        if (flags.length === 0) expect(changes(again)).toEqual([]);
        await lab.kubectl('delete', 'namespace', namespace, '--timeout=90s');
        const left = await lab.tryKubectl(['get', 'pods', '-n', namespace]);
        expect(left.stderr).toContain('No resources found');
      }
    });
  }
});

describe('a day with a deployment', () => {
  const ns = ['-n', 'day'];
  beforeAll(async () => {
    await lab.kubectl('create', 'namespace', 'day');
    await lab.kubectl('apply', ...ns, '-f', join(root, 'fixtures', 'manifests', 'bookshop'));
    await allReady('day');
  });

  it('kubectl get all lists what there is', async () => {
    const text = await lab.kubectl('get', 'all', ...ns);
    expect(text).toMatch(/pod\/storefront-\S+\s+1\/1\s+Running\s+0/);
    expect(text).toMatch(/deployment\.apps\/storefront\s+3\/3\s+3\s+3/);
    expect(text).toMatch(/service\/storefront\s+NodePort\s+10\.96\.\d+\.\d+\s+<none>\s+80:30080\/TCP/);
  });

  it('scale, new image, rollout status, undo', async () => {
    await lab.kubectl('scale', ...ns, 'deploy/storefront', '--replicas=5');
    await lab.kubectl('rollout', 'status', ...ns, 'deploy/storefront', '--timeout=60s');
    await lab.kubectl('set', 'image', ...ns, 'deploy/storefront', 'storefront=bookshop/storefront:1.5.0');
    expect(await lab.kubectl('rollout', 'status', ...ns, 'deploy/storefront', '--timeout=60s')).toContain(
      'successfully rolled out',
    );
    const images = (await lab.json('get', 'pods', ...ns, '-l', 'app.kubernetes.io/name=storefront')).items
      .filter((pod: any) => !pod.metadata.deletionTimestamp)
      .map((pod: any) => pod.spec.containers[0].image);
    expect(images).toEqual(Array(5).fill('bookshop/storefront:1.5.0'));
    expect(await lab.kubectl('rollout', 'history', ...ns, 'deploy/storefront')).toMatch(/1\s+<none>\n2\s+<none>/);
    await lab.kubectl('rollout', 'undo', ...ns, 'deploy/storefront');
    await lab.kubectl('rollout', 'status', ...ns, 'deploy/storefront', '--timeout=60s');
    const deployment = await lab.json('get', 'deploy', 'storefront', ...ns);
    expect(deployment.spec.template.spec.containers[0].image).toBe('bookshop/storefront:1.4.0');
    expect(deployment.metadata.annotations['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('describe shows conditions and events', async () => {
    const text = await lab.kubectl('describe', 'deploy', 'storefront', ...ns);
    expect(text).toMatch(/Progressing\s+True\s+NewReplicaSetAvailable/);
    expect(text).toMatch(/ScalingReplicaSet .*Scaled up replica set storefront-\S+ from 0 to 3/);
    const pod = await lab.kubectl('describe', 'pod', '-l', 'app.kubernetes.io/name=cart', ...ns);
    expect(pod).toMatch(/Scheduled .*Successfully assigned day\/cart-\S+ to node-\d/);
    expect(pod).toContain('Exit Code:    0');
  });

  it('diff finds nothing after apply and something after a change', async () => {
    const file = join(root, 'fixtures', 'manifests', 'bookshop', '20-catalog.yaml');
    expect((await lab.tryKubectl(['diff', ...ns, '-f', file])).code).toBe(0);
    await lab.kubectl('scale', ...ns, 'deploy/catalog', '--replicas=1');
    const changed = await lab.tryKubectl(['diff', ...ns, '-f', file]);
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(/-\s+replicas: 1\n\+\s+replicas: 2/);
  });

  it('explain knows the types', async () => {
    const text = await lab.kubectl('explain', 'pod.spec.containers');
    expect(text).toContain('FIELD: containers <[]Container>');
    expect(text).toMatch(/imagePullPolicy\t<string>/);
  });

  it('a watch tells of every change', async () => {
    const child = spawn(kubectlPath(), ['get', 'po', '-w', '-l', 'run=seen', ...ns, '--no-headers', '-v=6'], {
      env: { ...process.env, ...lab.env },
    });
    let text = '';
    let requests = '';
    /** Asking the server gives the watch time to print. */
    const seenSoFar = async () => {
      await lab.tryKubectl(['get', 'pod', 'seen', ...ns]);
      return text;
    };
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.on('data', (chunk) => {
      requests += chunk;
    });
    try {
      // A watch that begins late sees only what came last.
      await eventually(
        async () => requests,
        (log) => /[?&]watch=true.*200 OK/.test(log),
      );
      await lab.kubectl(
        'run',
        'seen',
        ...ns,
        '--image=busybox',
        '--labels=run=seen',
        '--restart=Never',
        '--',
        'sleep',
        '3600',
      );
      await eventually(seenSoFar, (seen) => /seen\s+1\/1\s+Running/.test(seen));
      await lab.kubectl('delete', 'pod', 'seen', ...ns, '--grace-period=1');
      await eventually(seenSoFar, (seen) => /seen\s+\d\/1\s+(Terminating|Error|Completed)/.test(seen));
    } finally {
      child.kill();
    }
    expect(text).toMatch(/seen\s+0\/1\s+(Pending|ContainerCreating)/);
  });

  it('typed commands speak protobuf and are understood', async () => {
    await lab.kubectl('create', 'configmap', 'c', ...ns, '--from-literal=a=b');
    await lab.kubectl('create', 'serviceaccount', 'robot', ...ns);
    await lab.kubectl('create', 'deployment', 'web', ...ns, '--image=nginx', '--replicas=2');
    await lab.kubectl('expose', 'deployment', 'web', ...ns, '--port=80');
    await lab.kubectl('create', 'role', 'reader', ...ns, '--verb=get,list', '--resource=pods');
    await lab.kubectl('create', 'rolebinding', 'reader', ...ns, '--role=reader', '--serviceaccount=day:robot');
    const token = (await lab.kubectl('create', 'token', 'robot', ...ns)).trim();
    const server = (await lab.json('config', 'view', '--minify', '--raw')).clusters[0].cluster.server;
    const as = ['--server', server, '--token', token, '--insecure-skip-tls-verify', '--kubeconfig', '/dev/null'];
    const listed = await lab.tryKubectl([...as, 'get', 'pods', ...ns]);
    expect(listed.stderr).toBe('');
    const refused = await lab.tryKubectl([...as, 'get', 'secrets', ...ns]);
    expect(refused.stderr).toContain(
      'Error from server (Forbidden): secrets is forbidden: User "system:serviceaccount:day:robot" cannot list resource "secrets" in API group "" in the namespace "day"',
    );
    expect(await lab.kubectl('auth', 'can-i', 'list', 'pods', ...ns, '--as=system:serviceaccount:day:robot')).toBe(
      'yes\n',
    );
    expect(await lab.kubectl('auth', 'whoami')).toContain('kubernetes-admin');
  });

  it('refusals are in upstream’s words', async () => {
    const wrong = (yaml: string) => lab.tryKubectl(['apply', ...ns, '-f', '-'], { input: yaml });
    const unknownField = await wrong('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndat: {a: b}\n');
    expect(unknownField.stderr).toContain('unknown field "dat"');
    const unknownKind = await wrong('apiVersion: example.com/v1\nkind: Nope\nmetadata: {name: x}\n');
    expect(unknownKind.stderr).toContain('no matches for kind "Nope" in version "example.com/v1"');
    const invalid = await wrong(
      'apiVersion: v1\nkind: Service\nmetadata: {name: Bad_Name}\nspec: {ports: [{port: 80}]}\n',
    );
    expect(invalid.stderr).toContain(
      'The Service "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 label must consist of',
    );
    const missing = await lab.tryKubectl(['get', 'pod', 'nobody', ...ns]);
    expect(missing.stderr).toBe('Error from server (NotFound): pods "nobody" not found\n');
  });
});
