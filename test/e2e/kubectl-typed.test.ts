/** kubectl's typed commands: client-go sends protobuf for them and does not fall back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '1');
  await lab.kubectl('create', 'namespace', 'typed');
});
afterAll(() => lab.dispose());

const commands: readonly [command: string, says: string][] = [
  ['create configmap a --from-literal=k=v', 'configmap/a created'],
  ['create secret generic s --from-literal=p=q', 'secret/s created'],
  ['create serviceaccount bot', 'serviceaccount/bot created'],
  ['create token bot --duration=1h', 'ey'],
  ['create deployment web --image=nginx --replicas=2 --port=80', 'deployment.apps/web created'],
  ['create role reader --verb=get --resource=pods', 'role.rbac.authorization.k8s.io/reader created'],
  [
    'create rolebinding readers --role=reader --serviceaccount=typed:bot',
    'rolebinding.rbac.authorization.k8s.io/readers',
  ],
  ['create service clusterip web --tcp=80:8080', 'service/web created'],
  ['create quota q --hard=pods=10,requests.cpu=500m', 'resourcequota/q created'],
  ['create poddisruptionbudget b --selector=app=web --min-available=50%', 'poddisruptionbudget.policy/b created'],
  ['create ingress i --rule=example.test/x=web:80', 'ingress.networking.k8s.io/i created'],
  ['create job once --image=busybox', 'job.batch/once created'],
  ['create cronjob often --image=busybox --schedule=@hourly', 'cronjob.batch/often created'],
  ['auth can-i create deployments', 'yes'],
  ['auth can-i --list --as=system:serviceaccount:typed:bot', 'selfsubjectreviews.authentication.k8s.io'],
  ['auth whoami', 'kubernetes-admin'],
  ['rollout status deployment web --timeout=60s', 'successfully rolled out'],
  ['scale deployment web --replicas=3', 'deployment.apps/web scaled'],
];

describe("kubectl's typed commands", () => {
  for (const [command, says] of commands) {
    it(`kubectl ${command}`, async () => {
      expect(await lab.kubectl(...command.split(' '), '-n', 'typed')).toContain(says);
    });
  }

  it('tell why a request was refused, from a Status in protobuf', async () => {
    const taken = await lab.tryKubectl(['create', 'configmap', 'a', '-n', 'typed']);
    expect(taken.stderr).toContain('configmaps "a" already exists');
    const invalid = await lab.tryKubectl(['create', 'serviceaccount', 'Not_A_Name', '-n', 'typed']);
    expect(invalid.stderr).toContain('a lowercase RFC 1123 subdomain');
  });
});
