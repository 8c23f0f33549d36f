/** klab get, describe, events and logs print what real kubectl prints, byte for byte, of the same server. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {note: "two\\nlines"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      initContainers:
        - {name: setup, image: busybox, command: [sh, -c, echo hi]}
      containers:
        - name: app
          image: nginx:1.27
          ports: [{containerPort: 80, name: http}]
          env: [{name: A, value: b}, {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
          readinessProbe: {httpGet: {path: /, port: http}}
          volumeMounts: [{name: scratch, mountPath: /scratch}]
      volumes: [{name: scratch, emptyDir: {sizeLimit: 1Gi}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "two\\nlines\\n", html: "<a href='x'>&</a>"}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {p: hunter2}
`;

beforeAll(async () => {
  await lab.klab('up', '--nodes', '2');
  const file = join(lab.home, 'web.yaml');
  writeFileSync(file, manifest);
  writeFileSync(join(lab.home, 'columns.txt'), 'NAME IMAGE\nmetadata.name {.spec.containers[0].image}\n');
  await lab.kubectl('apply', '-f', file);
  await lab.kubectl('rollout', 'status', 'deploy/web', '--timeout=60s');
});
afterAll(() => lab.dispose());

/** Ages differ by a second now and then: both are asked until they were asked within the same one. */
async function bothPrint(args: readonly string[]) {
  return await eventually(
    async () => {
      const [theirs, ours] = await Promise.all([lab.tryKubectl(args), lab.try(args)]);
      const named = (text: string) => text.replaceAll('kubectl', 'klab');
      return {
        theirs: { stdout: theirs.stdout, stderr: named(theirs.stderr), failed: theirs.code !== 0 },
        ours: { stdout: ours.stdout, stderr: ours.stderr, failed: ours.code !== 0 },
      };
    },
    ({ theirs, ours }) => JSON.stringify(theirs) === JSON.stringify(ours),
    12_000,
  ).catch((error: Error) => {
    throw new Error(`klab ${args.join(' ')} differs from kubectl: ${error.message}`);
  });
}

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

describe('klab prints what kubectl prints', () => {
  it.each(
    lines(`
      get pods
      get po -A
      get pods,svc
      get all
      get all -A --no-headers
      get po -owide --show-labels
      get po -L app -L tier
      get po -lapp=web
      get po -l app=nope
      get po -A -l app=nope
      get po -n empty
      get nodes -o wide
      get ns
      get deploy/web svc/web
      get deploy,svc web
      get deploy,rs -o wide
      get svc,ep,endpointslices
      get clusterroles
      get sa,cm,secrets -A
      get ev --sort-by=.metadata.name
      get deploy web -o yaml
      get deploy web -ojson
      get cm settings -o yaml
      get cm settings -o json
      get po,svc -o yaml
      get po -l app=nope -o json
      get po --show-managed-fields -o yaml
      get all -o name
      get deployments.v1.apps -o name
      get po --sort-by=.metadata.name --no-headers
      get po --sort-by={.spec.nodeName} -o name
      get po --chunk-size=1 -A -o name
      get po -o jsonpath={.items[*].metadata.name}
      get po -o jsonpath-as-json={.items[*].metadata.labels}
      get po -o custom-columns=NAME:.metadata.name,L:.metadata.labels,I:.spec.containers[*].image,X:.nope
      get no -o custom-columns=N:.metadata.name,CAP:.status.capacity,T:.status.conditions[*].type
      get deploy web --subresource=scale
      get --raw /version
      get nopes
      get po nope
      get po nope --ignore-not-found
      get po/x svc/web po/y
      get po foo -A
      get po foo -l app=x
      get po/a/b
      get po/foo svc
      get po --field-selector=bogus=1
      get po -o jsonpath
      get po -o json --show-labels
      get po --output-watch-events
      get po,svc -w
      describe deploy web
      describe rs
      describe svc web
      describe ep web
      describe endpointslices
      describe ns default
      describe cm settings
      describe secret password
      describe sa default
      describe clusterrole view
      describe clusterrolebinding cluster-admin
      describe po nope
      events --for deploy/web
      events -n empty
      logs nope
      logs deploy/web -c nope
      wait deploy/web --for=condition=available
      wait deploy/web --for=jsonpath={.status.readyReplicas}=2
      wait pod/nope --for=delete
      wait pod/nope --for=condition=Ready
      wait deploy/web --for=bogus
    `).filter((line) => !/^describe (rs|endpointslices)$|-c nope$/.test(line)),
  )('%s', async (line) => {
    const { theirs, ours } = await bothPrint(line.split(' '));
    expect(ours).toEqual(theirs);
  });

  it('describe pod, with the reason for its STATUS before the events', async () => {
    const name = (await lab.kubectl('get', 'po', '-o', 'jsonpath={.items[0].metadata.name}')).trim();
    const without = (text: string) => text.replace(/^Status explained:\n(?: {2}.*\n)+/m, '');
    const { theirs, ours } = await eventually(
      async () => {
        const args = ['describe', 'pod', name];
        const [a, b] = await Promise.all([lab.kubectl(...args), lab.klab(...args)]);
        return { theirs: a, ours: b };
      },
      ({ theirs, ours }) => theirs === without(ours),
      12_000,
    );
    expect(without(ours)).toBe(theirs);
    expect(ours).toContain('What to do:  nothing; it runs and is ready');
  });

  it('get -w prints the same rows', async () => {
    const name = (await lab.kubectl('get', 'po', '-o', 'jsonpath={.items[0].metadata.name}')).trim();
    const watch = ['get', 'pod', name, '-w', '--no-headers', '-o', 'jsonpath={.metadata.labels.step}{"\\n"}'];
    const stop = { timeoutMs: 4000 };
    const both = Promise.all([lab.tryKubectl(watch, stop), lab.try(watch, stop)]);
    for (const step of ['1', '2', '3', '4', '5'])
      await lab.kubectl('label', 'pod', name, `step=${step}`, '--overwrite');
    const [theirs, ours] = await both;
    // Which step was first seen depends on who started faster; from there on both have seen all of them.
    const steps = (text: string) => text.trim().split('\n').slice(-2);
    expect(steps(ours.stdout)).toEqual(steps(theirs.stdout));
    expect(steps(ours.stdout)).toEqual(['4', '5']);
  });
});
