/**
 * klab's imperative commands print what real kubectl prints, byte for byte, on the same server, and exit alike.
 * Commands that change something run in a namespace for each of the two.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
const folder = join(lab.home, 'files');

beforeAll(async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.txt'), 'hello\n');
  writeFileSync(join(folder, 'e.env'), 'A=1\n#c\nB=x y\n');
  writeFileSync(join(folder, 'bin.dat'), Buffer.from([255, 254, 0]));
  writeFileSync(
    join(folder, 'cm.yaml'),
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made, labels: {x: z}}\ndata: {a: b}\n',
  );
  const req = 'req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 9 -subj /CN=x';
  execFileSync('openssl', req.split(' '), { cwd: folder, stdio: 'ignore' });
  await lab.klab('up', '--nodes', '2');
  await lab.kubectl('create', 'ns', 'ns-kubectl');
  await lab.kubectl('create', 'ns', 'ns-klab');
});
afterAll(() => lab.dispose());

/** Words of a line; single quotes hold a word together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|\S)+/g)].map(([word]) => word.replace(/'([^']*)'/g, '$1'));
}

const linesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly failed: boolean;
}

/** Usage errors exit with 2 in klab and 1 in kubectl: only failure itself is compared. */
async function both(args: readonly string[], spaced: boolean): Promise<{ theirs: Result; ours: Result }> {
  const dash = args.indexOf('--');
  const within = (namespace: string) =>
    !spaced ? args : dash < 0 ? [...args, '-n', namespace] : args.toSpliced(dash, 0, '-n', namespace);
  const [theirs, ours] = await Promise.all([
    lab.tryKubectl(within('ns-kubectl'), { cwd: folder }),
    lab.try(within('ns-klab'), { cwd: folder }),
  ]);
  const plain = (text: string) => text.replaceAll('kubectl', 'klab');
  return {
    theirs: { stdout: plain(theirs.stdout), stderr: plain(theirs.stderr), failed: theirs.code !== 0 },
    ours: { stdout: plain(ours.stdout), stderr: plain(ours.stderr), failed: ours.code !== 0 },
  };
}

async function expectAlike(line: string, spaced: boolean): Promise<void> {
  const { theirs, ours } = await both(wordsOf(line), spaced);
  expect(ours, `klab ${line}`).toEqual(theirs);
}

describe('klab create writes what kubectl create writes', () => {
  it.each(
    linesOf(`
      create deployment web --image=nginx --image=redis:7 --port=80 --replicas=3 --dry-run=client -o yaml
      create deployment web --image=nginx --dry-run=client -o yaml -- sleep 10
      create deployment web --image=a --image=b --dry-run=client -- x
      create deployment web --image=a --replicas=-1 --dry-run=client
      create job j --image=busybox --dry-run=client -o yaml -- date
      create job j --from=cronjob/x --dry-run=client -o yaml
      create job j
      create job j --image=a --from=cronjob/x
      create cronjob c --image=busybox --schedule='*/1 * * * *' --restart=OnFailure --dry-run=client -o yaml -- date
      create cj c --image=busybox --schedule='*/1 * * * *' --dry-run=client -o yaml
      create cronjob c --image=x
      create configmap c --from-literal=a=b --from-file=a.txt --from-file=bin.dat --from-file=k=a.txt --dry-run=client -o yaml
      create configmap c --from-literal=a=b --dry-run=client --save-config -o yaml
      create configmap c --from-literal=a=b --dry-run=client -o yaml
      create configmap c --from-literal=a=b --from-literal=a=c --dry-run=client -o yaml
      create configmap c --from-literal='a b=c' --dry-run=client -o yaml
      create cm c --from-env-file=e.env --append-hash --dry-run=client -o yaml
      create cm c --append-hash --dry-run=client -o yaml
      create cm c --from-env-file=e.env --from-literal=a=b --dry-run=client -o yaml
      create secret generic s --from-literal=a=b --type=x/y --dry-run=client -o yaml
      create secret generic s --from-literal=a=b --append-hash --dry-run=client -o name
      create secret generic s --from-file=. --dry-run=client -o name
      create secret docker-registry s --docker-username=u --docker-password=p --docker-email=e@x --dry-run=client -o yaml
      create secret docker-registry s --dry-run=client -o yaml
      create secret tls t --cert=c.pem --key=k.pem --dry-run=client -o yaml
      create secret tls t --cert=c.pem --dry-run=client -o yaml
      create secret tls t --cert=nope.pem --key=k.pem --dry-run=client -o yaml
      create service clusterip s --tcp=80:8080 --tcp=443 --dry-run=client -o yaml
      create service clusterip s --clusterip=None --dry-run=client -o yaml
      create service clusterip s --clusterip=None --tcp=80 --dry-run=client -o yaml
      create svc nodeport s --tcp=80 --node-port=30080 --dry-run=client -o yaml
      create svc loadbalancer s --tcp=80:http --dry-run=client -o yaml
      create svc externalname s --external-name=a.b --dry-run=client -o yaml
      create svc externalname s --dry-run=client -o yaml
      create ns n --dry-run=client -o yaml
      create namespace n --dry-run=server -o name
      create sa n --dry-run=client -o yaml -n foo
      create sa n --dry-run=server
      create quota q --hard=cpu=1,pods=2,memory=1024Mi --scopes=BestEffort --dry-run=client -o yaml
      create pdb p --selector=app=x --min-available=50% --dry-run=client -o yaml
      create pdb p --selector=app=x,b!=c --max-unavailable=1 --dry-run=client -o yaml
      create pdb p --selector='app in (x,y),!z,w' --max-unavailable=1 --dry-run=client -o yaml
      create priorityclass p --value=10 --global-default --description=d --preemption-policy=Never --dry-run=client -o yaml
      create pc p --value=10 --dry-run=client -o yaml
      create role r --verb=get,list --resource=pods,deployments.apps,pods/log --resource-name=x --dry-run=client -o yaml
      create role r --verb='*' --resource=pods,svc,deploy --dry-run=client -o yaml
      create clusterrole r --verb=get --non-resource-url=/x --dry-run=client -o yaml
      create clusterrole r --verb=get --non-resource-url=/x --resource=nodes --dry-run=client -o yaml
      create clusterrole r --aggregation-rule=a=b --dry-run=client -o yaml
      create clusterrole r --verb=get --dry-run=client -o yaml
      create rolebinding b --role=r --user=u --group=g --serviceaccount=ns:sa --dry-run=client -o yaml
      create rolebinding b --clusterrole=r --user=u --user=w -n x --dry-run=client -o yaml
      create clusterrolebinding b --clusterrole=r --user=u --serviceaccount=ns:sa --dry-run=client -o yaml
      create clusterrolebinding b --clusterrole=r --serviceaccount=sa --dry-run=client -o yaml
      create clusterrolebinding b --user=u
      create ingress i --rule='foo.com/bar*=svc:80,tls=sec' --rule='/x=svc:http' --class=c --default-backend=d:80 --annotation=a=b --dry-run=client -o yaml
      create ingress i --rule='foo.com/=svc:80,tls' --rule='foo.com/b=svc:80,tls=x' --dry-run=client -o yaml
      create ingress i --rule='foo' --dry-run=client -o yaml
      create ingress i --rule='foo.com/=svc:8080' --default-backend=d --dry-run=client -o yaml
      create token nope
      create deployment
      create deployment a
      create configmap
      create configmap a b
      create nope
      create
      create cm c --from-file=nope.txt --dry-run=client -o yaml
      create cm c --from-literal=a --dry-run=client -o yaml
      create svc clusterip s --dry-run=client -o yaml
      create rolebinding b --user=u --dry-run=client -o yaml
      create role r --verb=get --dry-run=client -o yaml
      create role r --resource=pods --dry-run=client -o yaml
      create role r --resource=nopes --verb=get --dry-run=client -o yaml
      create pdb p --dry-run=client -o yaml
      create pdb p --selector=a=b --dry-run=client -o yaml
      create ingress i --dry-run=client -o yaml
      create quota q --hard=cpu --dry-run=client -o yaml
      create quota q --hard=cpu=x --dry-run=client -o yaml
      create role r --verb=frob --resource=pods --dry-run=client -o yaml
      create ns n --dry-run=foo
      create ns n --dry-run=client -o jsonpath={.metadata.name}
      create ns default
      create ns Bad
      create sa default
      create cm c --from-literal=a=b -n nope
    `),
  )('%s', (line) => expectAlike(line, false));
});

describe('klab changes objects as kubectl does, each in its own namespace', () => {
  it.each(
    linesOf(`
      create deployment web --image=nginx --port=80
      expose deploy web --dry-run=client -o yaml
      expose deploy web --port=80 --target-port=8080 --name=w --type=NodePort --dry-run=client -o yaml
      expose deploy web --port=80,443 --dry-run=client -o yaml
      expose deploy web --port=80 --dry-run=client
      expose deploy nope --port=80
      expose configmap kube-root-ca.crt --port=80
      expose deploy web -l a=b --selector=c=d --cluster-ip=None --dry-run=server -o name
      expose deploy web
      autoscale deploy web --max=5 --dry-run=client -o yaml
      autoscale deploy web --min=2 --max=5 --cpu=80% --memory=200Mi --dry-run=client -o yaml
      autoscale deploy web --min=2 --max=1
      autoscale deploy web
      autoscale deploy web --max=3
      scale deploy web --replicas=2
      scale deploy/web --replicas=2 --current-replicas=5
      scale deploy/web --replicas=3 --current-replicas=2
      scale deploy web
      scale deploy web --replicas=3 --dry-run=client
      scale deploy web --replicas=3 --dry-run=server -o name
      scale deploy --all --replicas=1
      scale cm kube-root-ca.crt --replicas=3
      scale deploy nope --replicas=3
      label deploy web x=y
      label deploy web x=y
      label deploy web x=z
      label deploy web x=z --overwrite
      label deploy web x- nope-
      label deploy web
      label deploy web x y
      label deploy web a=b
      label deploy web a=c --overwrite --dry-run=client
      label deploy web c=b --dry-run=client -o name
      label deploy --all d=b --dry-run=server
      label deploy web a=b a-
      label deploy web 'a b=c'
      label deploy nope a=b
      label deploy/web svc/nope a=b
      label
      annotate deploy web x=y
      annotate deploy web x=y
      annotate deploy web x=z
      annotate deploy web x-
      annotate deploy web
      annotate deploy web x=y x-
      patch deploy web -p '{"spec":{"replicas":1}}'
      patch deploy web -p '{"spec":{"replicas":1}}'
      patch deploy web -p '{"spec":{"replicas":2}}'
      patch deploy web -p 'spec: {replicas: 2}' --type=merge --dry-run=client
      patch deploy web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":1}]'
      patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'
      patch deploy web
      patch deploy web -p '{'
      patch deploy web --type=foo -p '{}'
      set image deploy/web nginx=nginx:1.9
      set image deploy/web nginx=nginx:1.9
      set image deploy/web nope=nginx:1.9
      set image deploy/web '*=nginx:2' --dry-run=client
      set image deploy/web
      set image cm/kube-root-ca.crt a=b
      set env deploy/web A=b C-
      set env deploy/web --list
      set env deploy/web A-
      set env deploy/web
      set env deploy/web B=c --dry-run=client -o 'jsonpath={.spec.template.spec.containers[0].env}'
      set env deploy/web --from=cm/kube-root-ca.crt --dry-run=client -o 'jsonpath={.spec.template.spec.containers[0].env}'
      set resources deploy web --limits=cpu=1,memory=1Gi --requests=cpu=100m
      set resources deploy web
      set sa deploy web foo
      set serviceaccount deploy web foo
      set selector svc web a=b
      set subject rolebinding x --user=u
      create rolebinding x --clusterrole=view --user=v
      set subject rolebinding x --user=u
      set subject rolebinding x --user=u
      set subject rolebinding x
      rollout restart deploy/web
      rollout pause deploy/web
      rollout pause deploy/web
      rollout restart deploy/web
      rollout resume deploy/web
      rollout resume deploy/web
      rollout pause deploy
      rollout resume deploy
      rollout pause sts
      rollout resume deploy -l no=body
      rollout restart deploy -l no=body
      rollout status deploy -l no=body
      rollout status rs
      rollout history deploy -l no=body
      rollout status cm/kube-root-ca.crt
      rollout status deploy/nope
      rollout restart cm/kube-root-ca.crt
      rollout pause cm/kube-root-ca.crt
      rollout status
      rollout restart
      rollout restart deploy
    `),
  )('%s', (line) => expectAlike(line, true));
});

describe.each(['websocket', 'spdy'])('klab streams over %s', (protocol) => {
  const env = { KLAB_STREAM_PROTOCOL: protocol };
  beforeAll(async () => {
    const pod = await lab.tryKubectl(['get', 'pod', 'shell']);
    if (pod.code !== 0) {
      await lab.kubectl('run', 'shell', '--image=busybox', '--', 'sleep', '3600');
      await lab.kubectl('run', 'site', '--image=nginx', '--port=80', '--expose');
    }
    await lab.kubectl('wait', 'pod/shell', 'pod/site', '--for=condition=Ready', '--timeout=60s');
  });

  it.each([
    { args: ['exec', 'shell', '--', 'echo', 'hi'] },
    { args: ['exec', 'shell', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'] },
    { args: ['exec', '-i', 'shell', '--', 'cat'], input: 'through\n' },
    { args: ['exec', 'shell', '-c', 'nope', '--', 'ls'] },
    { args: ['exec', 'nope', '--', 'ls'] },
    { args: ['exec', 'shell', 'ls'] },
  ])('$args', async ({ args, input }) => {
    const theirs = await lab.tryKubectl(args, { input });
    const ours = await lab.try(args, { input, env });
    const usage = theirs.stderr.includes(' -h');
    expect(ours).toEqual({
      ...theirs,
      stderr: theirs.stderr.replaceAll('kubectl', 'klab'),
      code: usage ? 2 : theirs.code,
    });
  });

  it('copies a folder there and back', async () => {
    mkdirSync(join(folder, 'tree', 'deep'), { recursive: true });
    writeFileSync(join(folder, 'tree', 'deep', 'data.bin'), Buffer.from([0, 1, 2, 255]));
    await lab.try(['cp', 'tree', `shell:/tmp/tree-${protocol}`], { env, cwd: folder });
    const back = `back-${protocol}`;
    await lab.try(['cp', `shell:/tmp/tree-${protocol}`, back], { env, cwd: folder });
    expect([...readFileSync(join(folder, back, 'deep', 'data.bin'))]).toEqual([0, 1, 2, 255]);
  });

  it('forwards a free port to a service', async () => {
    const child = spawn(process.execPath, [bin, 'open', 'svc/site', '-o', 'json'], {
      env: { ...process.env, ...lab.env, ...env },
    });
    try {
      const line = await new Promise<string>((resolve, reject) => {
        child.stdout.once('data', (chunk) => resolve(String(chunk)));
        child.once('exit', (code) => reject(new Error(`klab open exited ${code}`)));
      });
      const { url } = JSON.parse(line);
      expect(await (await fetch(url)).text()).toContain('Welcome to nginx');
    } finally {
      child.kill('SIGINT');
    }
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).toBe(130);
  });
});

describe('klab asks, remembers and speaks plain HTTP as kubectl does', () => {
  const yes = ['delete cm/asked -i', 'delete -f cm.yaml --interactive', 'delete deploy,svc -l app=asked -i'];
  beforeAll(async () => {
    for (const namespace of ['ns-kubectl', 'ns-klab']) {
      for (const words of ['configmap asked', 'configmap kept', 'deployment asked --image=a --replicas=0']) {
        await lab.kubectl('create', ...words.split(' '), '-n', namespace);
      }
      await lab.kubectl('apply', '-f', join(folder, 'cm.yaml'), '-n', namespace);
    }
    writeFileSync(
      join(folder, 'changed.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made, annotations: {a: "<b>"}}\ndata: {a: c, list: "[]"}\n',
    );
    writeFileSync(join(folder, 'kept.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\n');
    writeFileSync(join(folder, 'raw.json'), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"raw"}}');
    mkdirSync(join(folder, 'custom'));
    writeFileSync(join(folder, 'custom', 'kustomization.yaml'), 'resources: [cm.yaml]\n');
    writeFileSync(join(folder, 'custom', 'cm.yaml'), readFileSync(join(folder, 'kept.yaml')));
  });

  it.each(
    linesOf(`
      apply view-last-applied cm/made
      apply view-last-applied cm made -o json
      apply view-last-applied -f cm.yaml
      apply view-last-applied cm/kept
      apply view-last-applied cm/nope
      apply view-last-applied cm/made -o wide
      apply view-last-applied
      apply set-last-applied -f cm.yaml
      apply set-last-applied -f changed.yaml --dry-run=server
      apply set-last-applied -f changed.yaml
      apply set-last-applied -f changed.yaml
      apply view-last-applied cm/made -o json
      apply set-last-applied -f kept.yaml
      apply set-last-applied -f kept.yaml --create-annotation --dry-run=client
      apply set-last-applied -f kept.yaml --create-annotation
      apply view-last-applied cm/kept -o yaml
      apply set-last-applied
      get -k custom -o name
      get -k custom -f cm.yaml
      scale deploy asked --replicas=0 --timeout=5s
      scale deploy asked --replicas=2 --timeout=30s
      create --raw /api/v1/namespaces/default/configmaps
      create --raw /x -f a.txt -f e.env
      create --raw /x -f a.txt --edit
      create --raw nope -f a.txt
      create --raw /x -f a.txt -l a=b
      delete --raw /api/v1/namespaces/default/configmaps/nope
      delete --raw nope
      delete --raw /x -i
      api-resources --no-headers --api-group=apps
      api-resources --cached --api-group=batch -o name
      delete cm/kept -i
      delete cm -l none=here -i
    `),
  )('%s', (line) => expectAlike(line, !line.startsWith('api-resources')));

  it.each(yes)('%s, answered', async (line) => {
    for (const input of ['n\n', '', 'Y\n']) {
      const [theirs, ours] = await Promise.all([
        lab.tryKubectl([...wordsOf(line), '-n', 'ns-kubectl'], { cwd: folder, input }),
        lab.try([...wordsOf(line), '-n', 'ns-klab'], { cwd: folder, input }),
      ]);
      expect(ours.stdout.replaceAll('ns-klab', 'NS')).toBe(theirs.stdout.replaceAll('ns-kubectl', 'NS'));
      expect(ours.code).toBe(theirs.code);
    }
  });

  it('sends a file and deletes a path as they are', async () => {
    for (const [program, namespace] of [
      ['tryKubectl', 'ns-kubectl'],
      ['try', 'ns-klab'],
    ] as const) {
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const made = await lab[program](['create', '--raw', path, '-f', 'raw.json'], { cwd: folder });
      expect(JSON.parse(made.stdout).metadata, program).toMatchObject({ name: 'raw', namespace });
      expect(JSON.parse((await lab[program](['delete', '--raw', `${path}/raw`])).stdout)).toMatchObject({
        status: 'Success',
      });
    }
  });
});

describe('klab runs pods, replaces objects and asks for permissions as kubectl does', () => {
  it.each(
    linesOf(`
      run p --image=nginx --dry-run=client -o yaml
      run p --image=nginx --dry-run=client --rm
      run p --image=nginx --dry-run=client -o yaml -- a b
      run p --image=nginx --dry-run=client -i
      run p --image=nginx --image-pull-policy=Always --privileged --annotations=a=b --dry-run=client -o yaml
      run p --image=nginx --expose
      run p --image=nginx -t
      run p
      run --image=x
      run p --image=nginx --restart=Foo
      run p --image=nginx
      run p --image=nginx
      run q --image=nginx --dry-run=server
      run once --image=busybox --restart=Never --rm --attach -q -- echo hi
      replace -f cm.yaml --dry-run=client
      replace -f cm.yaml
      create -f cm.yaml
      replace -f cm.yaml
      replace -f cm.yaml -o name
      replace -f cm.yaml --force
      replace
      auth whoami
      auth whoami --as=ann
      auth can-i get pods
      auth can-i get pods --as=x
      auth can-i get nopes
      auth can-i get /x
      auth can-i get nodes
      auth can-i get nodes -A
      auth can-i get pods/x -q
      auth can-i list deployments.apps --as=x
      certificate approve x
      certificate deny
    `),
  )('%s', (line) => expectAlike(line, true));
});

describe('klab shows revisions and goes back to them as kubectl does', () => {
  beforeAll(async () => {
    const labels = { app: 'rolled' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'one' }] } };
    const specs = { Deployment: { replicas: 0 }, DaemonSet: {}, StatefulSet: { replicas: 0, serviceName: 'x' } };
    const annotations = { 'kubernetes.io/change-cause': 'first' };
    const objects = Object.entries(specs).map(([kind, spec]) => ({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name: 'rolled', annotations },
      spec: { ...spec, selector: { matchLabels: labels }, template },
    }));
    const kinds = Object.keys(specs).map((kind) => `${kind}/rolled`);
    writeFileSync(join(folder, 'rolled.json'), objects.map((object) => JSON.stringify(object)).join('\n'));
    const roll = async (namespace: string) => {
      const space = ['-n', namespace];
      await lab.kubectl('create', '-f', join(folder, 'rolled.json'), ...space);
      const numbers = (text: string) => text.match(/^\d+/gm)?.join('');
      const history = () => lab.kubectl('rollout', 'history', ...kinds, ...space);
      await eventually(history, (text) => numbers(text) === '111');
      await lab.kubectl('set', 'image', ...kinds, 'c=two', ...space);
      await eventually(history, (text) => numbers(text) === '121212');
    };
    await Promise.all(['ns-kubectl', 'ns-klab'].map(roll));
  });

  it.each(
    linesOf(`
      rollout history deploy/rolled
      rollout history deploy rolled --revision=1
      rollout history deploy/rolled --revision=9
      rollout history deploy/rolled --revision=-1
      rollout history deploy/rolled --revision=2 -o 'jsonpath={.kind} {.spec.template.spec.containers[0].image}'
      rollout history ds/rolled
      rollout history ds/rolled --revision=2
      rollout history sts/rolled
      rollout history sts/rolled --revision=1
      rollout history sts/rolled -o 'jsonpath={.kind} {.spec.template.spec.containers[0].image};'
      rollout history deploy/nope
      rollout history cm/kube-root-ca.crt
      rollout history
      rollout undo deploy/rolled --dry-run=client
      rollout undo deploy/rolled --dry-run=server
      rollout undo deploy/rolled --to-revision=9
      rollout undo deploy/rolled --to-revision=2
      rollout undo deploy/rolled --to-revision=-1
      rollout undo deploy/rolled
      get deploy rolled -o 'jsonpath={.spec.template.spec.containers[0].image}'
      rollout pause deploy/rolled
      rollout undo deploy/rolled
      rollout undo ds/rolled --dry-run=client
      rollout undo ds/rolled --to-revision=2 -o name
      rollout undo ds/rolled
      get ds rolled -o 'jsonpath={.spec.template.spec.containers[0].image}'
      rollout undo sts/rolled --to-revision=1 -o name
      rollout undo sts/rolled --to-revision=7
      rollout undo cm/kube-root-ca.crt
      rollout undo
    `),
  )('%s', (line) => expectAlike(line, true));
});

describe('klab shows usage as kubectl does', () => {
  beforeAll(async () => {
    await lab.kubectl('create', 'ns', 'ns-top');
    await lab.kubectl('run', 'one', '--image=nginx', '-n', 'ns-top');
    await lab.kubectl('run', 'two', '--image=nginx', '-n', 'ns-top');
    await eventually(
      async () => (await lab.tryKubectl(['top', 'pods', '-n', 'ns-top'])).stdout,
      (text) => text.includes('one') && text.includes('two'),
    );
  });

  it.each(
    linesOf(`
      top nodes
      top no node-1 --no-headers
      top nodes --sort-by=cpu --show-capacity
      top nodes --show-swap
      top nodes a b
      top node nope
      top node node-1 -l a=b
      top nodes --sort-by=x
      top pods -n ns-top
      top pod one -n ns-top --containers
      top pods -n ns-top --sum
      top pods -A --sum --containers
      top pods -n ns-top --sort-by=memory --no-headers --sum
      top pods -n ns-top -l nope=x
      top pod nope -n ns-top
      top pod one -l a=b
    `),
  )('%s', async (line) => {
    // Usage moves between two questions: they are asked until both saw the same moment.
    const { ours, theirs } = await eventually(
      () => both(wordsOf(line), false),
      ({ ours, theirs }) => isDeepStrictEqual(ours, theirs),
      20_000,
    );
    expect(ours).toEqual(theirs);
  });
});

describe('klab prepares nodes for maintenance as kubectl does', () => {
  it.each(
    linesOf(`
      cordon node-2 --dry-run=client
      cordon node-2 --dry-run=server
      cordon nope
      cordon
      cordon node-1 -l a=b
      uncordon node-2
      uncordon nope
      taint nodes node-2 a=b:NoSchedule --dry-run=client
      taint nodes node-2 a=b:Nope
      taint nodes node-2 a-
      taint nodes node-2
      taint nodes
      taint pods x a=b:NoSchedule
      taint nodes nope a=b:NoSchedule
      drain nope
      drain
      drain node-2 --dry-run=client --ignore-daemonsets --pod-selector=nope=x
      drain node-2 -l a=b
    `),
  )('%s', (line) => expectAlike(line, false));

  // What changes a node is asked of one after the other, from the same state.
  it.each(
    linesOf(`
      cordon node-2 ; uncordon node-2
      uncordon node-2 ; uncordon node-2
      taint nodes node-2 a=b:NoSchedule ; taint nodes node-2 a-
      taint node node-2 a:NoExecute c=d:PreferNoSchedule ; taint node node-2 a:NoExecute- c-
      drain node-2 --pod-selector=nope=x ; uncordon node-2
    `),
  )('%s', async (line) => {
    const outcome = async (run: typeof lab.try) => {
      const outcomes = [];
      for (const part of line.split(' ; ')) outcomes.push(await run.call(lab, wordsOf(part), { cwd: folder }));
      return outcomes;
    };
    expect(await outcome(lab.try)).toEqual(await outcome(lab.tryKubectl));
  });
});

describe('klab says where the cluster answers as kubectl does', () => {
  it.each(['cluster-info', 'cluster-info -n default', 'cluster-info -n nope'])('%s', (line) =>
    expectAlike(line, false),
  );
});
