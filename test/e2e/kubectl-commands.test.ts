/** kubectl 1.35, command by command: those that the suite of three versions leaves out. */
import { execFileSync, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectlPath } from '../helpers/clients.ts';
import { Kubectl, type Step, web } from '../helpers/kubectl-steps.ts';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
let kubectl: Kubectl;
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
  kubectl = new Kubectl(lab);
  await kubectl.ok('create namespace %');
  kubectl.file('web.yaml', web);
  await kubectl.ok('apply -f web.yaml');
  await kubectl.ok("run box --image=busybox --labels=app=box --grace-period=1 -- sh -c 'echo begun; sleep 1000000'");
});
afterAll(() => lab.dispose());

describe('create', () => {
  const made: readonly [what: string, says: string][] = [
    ['configmap c --from-literal=a=b --from-file=web.yaml --append-hash', 'configmap/c-'],
    ['secret generic s --from-literal=p=q --type=example.test/x', 'secret/s created'],
    [
      'secret docker-registry d --docker-server=registry.test --docker-username=u --docker-password=p',
      'secret/d created',
    ],
    ['serviceaccount bot', 'serviceaccount/bot created'],
    ['token default --duration=1h --audience=vault --bound-object-kind=Pod --bound-object-name=box', 'ey'],
    ['deployment app --image=nginx --replicas=1 --port=80', 'deployment.apps/app created'],
    ['job once --image=busybox -- true', 'job.batch/once created'],
    ['cronjob often --image=busybox --schedule=@hourly -- true', 'cronjob.batch/often created'],
    ['job by-hand --from=cronjob/often', 'job.batch/by-hand created'],
    ['service clusterip ci --tcp=80:8080', 'service/ci created'],
    ['service clusterip headless --clusterip=None', 'service/headless created'],
    ['service nodeport np --tcp=80 --node-port=30111', 'service/np created'],
    ['service loadbalancer lb --tcp=443:8443', 'service/lb created'],
    ['service externalname en --external-name=example.test', 'service/en created'],
    [
      'ingress in --class=klab --rule=shop.test/cart*=ci:80,tls=cert --default-backend=ci:80 --annotation=a=b',
      'ingress.networking.k8s.io/in created',
    ],
    [
      'role reader --verb=get,list --resource=pods,deployments.apps --resource-name=one',
      'role.rbac.authorization.k8s.io/reader created',
    ],
    [
      'rolebinding readers --role=reader --user=jane --group=staff --serviceaccount=%:bot',
      'rolebinding.rbac.authorization.k8s.io/readers created',
    ],
    [
      'clusterrole metrics-% --verb=get --non-resource-url=/metrics',
      'clusterrole.rbac.authorization.k8s.io/metrics-% created',
    ],
    ['clusterrole all-% --aggregation-rule=x=y', 'clusterrole.rbac.authorization.k8s.io/all-% created'],
    [
      'clusterrolebinding metrics-% --clusterrole=metrics-% --user=jane',
      'clusterrolebinding.rbac.authorization.k8s.io/metrics-% created',
    ],
    ['quota q --hard=services=10 --scopes=BestEffort', 'is invalid'],
    ['quota q --hard=pods=100,services=50', 'resourcequota/q created'],
    ['poddisruptionbudget b --selector=app=web --min-available=50%%', 'poddisruptionbudget.policy/b created'],
    ['priorityclass high-% --value=1000 --description=important', 'priorityclass.scheduling.k8s.io/high-% created'],
    ['namespace other-%', 'namespace/other-% created'],
  ];
  it.each(made)('%s', async (what, says) => {
    await kubectl.do({ does: `create ${what}`, says, code: says === 'is invalid' ? 1 : 0 });
  });

  it('a template with generateName, from stdin, by --raw, and refuses a second time', async () => {
    const generated = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}\n';
    const raw = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"raw"}}';
    await kubectl.all([
      { does: 'create -f -', input: generated, says: /^configmap\/made-[bcdfghjklmnpqrstvwxz2456789]{5} created\n$/ },
      { does: 'create --raw /api/v1/namespaces/%/configmaps -f -', input: raw, says: '"uid"' },
      {
        does: 'create -f -',
        input: raw,
        code: 1,
        says: 'Error from server (AlreadyExists): error when creating "STDIN": configmaps "raw" already exists',
      },
      {
        does: 'replace --raw /api/v1/namespaces/%/configmaps/raw -f -',
        input: raw.replace('}}', '},"data":{"a":"b"}}'),
        says: '"a":"b"',
      },
      { does: 'delete --raw /api/v1/namespaces/%/configmaps/raw', says: '"status":"Success"' },
      { does: 'create deployment shown --image=nginx --dry-run=client -o yaml', says: 'kind: Deployment' },
      {
        does: 'create deployment shown --image=nginx --dry-run=server -o jsonpath={.spec.progressDeadlineSeconds}',
        says: /^600$/,
      },
    ]);
  });
});

describe('run, expose, autoscale', () => {
  it('do what their words say', async () => {
    await kubectl.all([
      {
        does: 'run over --image=nginx --port=80 --expose --env=A=b --labels=x=y --overrides={"spec":{"priority":0}}',
        says: 'service/over created\npod/over created',
      },
      {
        does: 'expose deploy web --port=80 --target-port=8080 --name=exposed --type=NodePort',
        says: 'service/exposed exposed',
      },
      { does: 'expose pod box --port=1234 --protocol=UDP', says: 'service/box exposed' },
      {
        does: 'get svc exposed -o jsonpath={.spec.ports[0].targetPort}{.spec.type}{.spec.selector.app}',
        says: /^8080NodePortweb$/,
      },
      {
        does: 'autoscale deploy web --min=2 --max=4 --cpu=80%%',
        says: 'horizontalpodautoscaler.autoscaling/web autoscaled',
      },
      {
        does: 'get hpa web',
        says: /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nweb +Deployment\/web +cpu: \S+\/80% +2 +4 /,
      },
      { does: 'run gone --image=busybox --rm -i --restart=Never --quiet -- echo said', says: 'said' },
      { does: 'delete hpa web', says: 'horizontalpodautoscaler.autoscaling "web" deleted' },
    ]);
  });
});

describe('set', () => {
  it('selectors and subjects too', async () => {
    kubectl.file('one.yaml', web.split('---')[0]!);
    await kubectl.all([
      { does: 'set selector svc exposed app=other', says: 'service/exposed selector updated' },
      { does: 'get svc exposed -o jsonpath={.spec.selector}', says: /^\{"app":"other"\}$/ },
      {
        does: 'set subject rolebinding readers --user=joe --group=admins',
        says: 'rolebinding.rbac.authorization.k8s.io/readers subjects updated',
      },
      { does: 'get rolebinding readers -o jsonpath={.subjects[*].name}', says: 'jane staff bot joe admins' },
      { does: 'set env deploy/web --containers=web X=1 --dry-run=server -o name', says: 'deployment.apps/web' },
      {
        does: 'set image -f one.yaml web=nginx:9 --local -o jsonpath={.spec.template.spec.containers[0].image}',
        says: 'nginx:9',
      },
    ]);
  });
});

describe('auth', () => {
  it('can-i asks for all kinds of things; reconcile adds what is missing', async () => {
    kubectl.file(
      'rbac.yaml',
      `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: '%'}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
`,
    );
    await kubectl.all([
      { does: 'auth can-i get pods/one --as=joe', says: 'yes' },
      { does: 'auth can-i get pods/two --as=joe', says: 'no', code: 1 },
      { does: 'auth can-i get /metrics --as=jane', says: 'yes' },
      { does: 'auth can-i create pods --subresource=exec --as=jane', says: 'no', code: 1 },
      { does: 'auth can-i list widgets', says: 'yes' },
      { does: 'auth reconcile -f rbac.yaml', says: 'role.rbac.authorization.k8s.io/reader reconciled' },
      { does: 'get role reader -o jsonpath={.rules[*].resources}', says: '["secrets"]' },
      {
        does: 'auth whoami -o yaml --as=jane --as-group=staff --as-uid=7',
        says: /- staff\n[\s\S]*uid: "7"\n +username: jane/,
      },
    ]);
  });
});

describe('certificate', () => {
  it('approve signs, deny does not', async () => {
    for (const name of ['good', 'bad']) {
      const openssl = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', `/CN=${name}`];
      const request = execFileSync('openssl', openssl, { stdio: 'pipe' }).toString('base64');
      kubectl.file(
        `${name}.yaml`,
        `{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, metadata: {name: ${name}}, spec: {request: ${request}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}`,
      );
    }
    await kubectl.all([
      { does: 'create -f good.yaml', says: 'certificatesigningrequest.certificates.k8s.io/good created' },
      { does: 'create -f bad.yaml' },
      {
        does: 'get csr good',
        says: /good +\S+ +kubernetes\.io\/kube-apiserver-client +kubernetes-admin +<none> +Pending/,
      },
      { does: 'certificate approve good', says: 'certificatesigningrequest.certificates.k8s.io/good approved' },
      { does: 'certificate deny bad', says: 'certificatesigningrequest.certificates.k8s.io/bad denied' },
      { does: 'get csr good', says: 'Approved,Issued', soon: true },
      { does: 'get csr bad', says: /Denied/ },
      { does: 'describe csr bad', says: /Status: +Denied/ },
      { does: 'delete csr good bad', says: 'deleted' },
    ]);
  });
});

describe('debug', () => {
  beforeAll(() => kubectl.do({ does: 'get pod box', says: 'Running', soon: true }));

  it('an ephemeral container in a running pod', async () => {
    await kubectl.all([
      { does: 'debug box --image=busybox -c look -- sleep 1000' },
      {
        does: 'get pod box -o jsonpath={.status.ephemeralContainerStatuses[0].state.running}',
        says: 'startedAt',
        soon: true,
      },
      { does: 'exec box -c look -- echo here', says: /^here\n$/ },
      { does: 'describe pod box', says: /Ephemeral Containers:\n +look:/ },
    ]);
  });

  it('a copy of a pod, and a pod on a node', async () => {
    await kubectl.all([
      { does: 'debug box --copy-to=copied --set-image=*=nginx --share-processes' },
      {
        does: 'get pod copied -o jsonpath={.spec.containers[0].image}{.spec.shareProcessNamespace}',
        says: 'nginxtrue',
      },
      { does: 'debug node/node-1 --image=busybox -- true', says: 'Creating debugging pod node-debugger-node-1-' },
      { does: 'delete pod copied --grace-period=0 --force', says: 'pod "copied" force deleted' },
    ]);
  });
});

describe('what streams', () => {
  /** A program that runs until it has said what it should. */
  const until = (command: string, says: RegExp, meanwhile?: (text: string) => Promise<unknown>) =>
    new Promise<string>((resolve, reject) => {
      const words = [...command.replaceAll('%', kubectl.id).split(' '), '-n', kubectl.id];
      const child = spawn(kubectlPath(), words, { env: { ...process.env, ...lab.env } });
      let text = '';
      let begun = false;
      const heard = (chunk: Buffer) => {
        text += chunk;
        if (says.test(text)) child.kill();
        else if (!begun) {
          begun = true;
          meanwhile?.(text).catch((error: unknown) => {
            child.kill();
            reject(error);
          });
        }
      };
      child.stdout.on('data', heard);
      child.stderr.on('data', heard);
      child.on('close', () => (says.test(text) ? resolve(text) : reject(new Error(`kubectl ${command}: ${text}`))));
    });

  it('get -w, --watch-only with events, events --watch, logs -f', async () => {
    const label = (value: string) => () => kubectl.ok(`label cm settings seen=${value} --overwrite`);
    await until(
      'get cm settings --watch --output-watch-events',
      /ADDED +settings[\s\S]*MODIFIED +settings/,
      label('1'),
    );
    await until('get cm settings -w -o jsonpath={.metadata.labels.seen};', /1;2;$/, label('2'));
    await until('logs box -c box -f', /begun/);
    await until('events --watch --for=pod/box', /Started/);
  });

  it('proxy serves the API without credentials', async () => {
    await until('proxy --port=0', /served/, async (text) => {
      const port = /127\.0\.0\.1:(\d+)/.exec(text)![1];
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/${kubectl.id}/pods/box`);
      expect(answer.status).toBe(200);
      throw new Error('served');
    }).catch((error: Error) => expect(error.message).toBe('served'));
  });
});

describe('offline and about', () => {
  const steps: readonly Step[] = [
    { does: 'kustomize .', says: /a: "1"/ },
    { does: 'completion bash', says: '__start_kubectl' },
    { does: 'options', says: '--as-group' },
    { does: 'plugin list', code: 1, says: 'unable to find any kubectl plugins' },
    { does: 'config view --minify -o jsonpath={.contexts[0].name}', says: 'klab-default' },
    {
      does: 'config set-context here --cluster=klab-default --user=klab-default --namespace=%',
      says: 'Context "here" created',
    },
    { does: 'config get-contexts -o name', says: 'here\nklab-default' },
    { does: 'config use-context here', says: 'Switched to context "here"' },
    { does: 'config use-context klab-default' },
    { does: 'config delete-context here', says: 'deleted context here' },
    { does: 'cluster-info dump --namespaces=% -o json', says: /"kind": "NodeList"[\s\S]*begun/ },
    { does: 'get --raw /version', says: '"gitVersion": "v1.36.0+klab.' },
    { does: 'get --raw /healthz?verbose', says: 'healthz check passed' },
    { does: 'get --raw /livez?verbose&exclude=ping', says: '[+]ping excluded: ok' },
    { does: 'get --raw /readyz/etcd', says: /^ok$/ },
    { does: 'get --raw /livez/nosuch', code: 1, says: 'NotFound' },
    { does: 'get --raw /metrics', says: /^apiserver_request_total\{.*resource="pods"/m },
    { does: 'top node --sort-by=cpu', says: /^NAME +CPU/ },
  ];
  it.each(steps.map((step) => [step.does, step] as const))('%s', async (_, step) => {
    if (step.does.startsWith('kustomize')) kubectl.file('kustomization.yaml', 'resources: [web.yaml]\n');
    await kubectl.do(step);
  });
});

describe('nodes', () => {
  it('cordon, taint, drain, uncordon', async () => {
    await kubectl.all([
      { does: 'cordon node-3', says: 'node/node-3 cordoned' },
      { does: 'get node node-3', says: 'Ready,SchedulingDisabled' },
      { does: 'cordon node-3', says: 'node/node-3 already cordoned' },
      {
        does: 'drain node-3 --ignore-daemonsets --force --delete-emptydir-data --timeout=60s',
        says: 'node/node-3 drained',
      },
      { does: 'uncordon node-3', says: 'node/node-3 uncordoned' },
      { does: 'taint node node-3 dedicated=db:NoSchedule', says: 'node/node-3 tainted' },
      {
        does: 'taint node node-3 dedicated=web:NoSchedule',
        code: 1,
        says: 'already has dedicated taint(s) with same effect(s) and --overwrite is false',
      },
      { does: 'taint node node-3 dedicated-', says: 'node/node-3 untainted' },
      { does: 'label node -l kubernetes.io/hostname=node-3 disk=ssd', says: 'node/node-3 labeled' },
      { does: 'describe node node-3', says: /disk=ssd[\s\S]*Taints: +<none>/ },
    ]);
  });
});
