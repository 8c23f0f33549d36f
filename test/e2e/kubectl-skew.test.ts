/** kubectl 1.35 and the two versions before it against one server: what is used every day. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectlVersions } from '../helpers/clients.ts';
import { Kubectl, web } from '../helpers/kubectl-steps.ts';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '4');
});
afterAll(() => lab.dispose());

describe.each(kubectlVersions)('kubectl %s', (version) => {
  const kubectl = new Kubectl(lab, version);
  beforeAll(async () => {
    await kubectl.ok('create namespace %');
    kubectl.file('web.yaml', web);
    await kubectl.ok(
      "run box --image=busybox --labels=app=box --grace-period=1 -- sh -c 'echo begun; while true; do sleep 1; done'",
    );
  });

  it('knows the server, and itself', async () => {
    const { clientVersion, serverVersion } = JSON.parse(await kubectl.ok('version -o json'));
    expect(clientVersion.minor).toBe(version.split('.')[1]);
    expect(serverVersion).toMatchObject({ major: '1', minor: '36' });
    expect(serverVersion.gitVersion).toMatch(/^v1\.36\.0\+klab\./);
    await kubectl.all([
      { does: 'cluster-info', says: /Kubernetes control plane.* is running at .*https:\/\/127\.0\.0\.1:\d+/ },
      { does: 'api-versions', says: 'apps/v1\n' },
      {
        does: 'api-resources --namespaced=true --verbs=list,watch -o wide',
        says: /deployments +deploy +apps\/v1 +true +Deployment +create,delete,deletecollection,get,list,patch,update,watch +all/,
      },
      { does: 'api-resources --api-group=batch -o name', says: /^cronjobs\.batch\njobs\.batch\n$/ },
      {
        does: 'api-resources --categories=all --sort-by=kind --no-headers',
        says: /^cronjobs +cj +batch\/v1 +true +CronJob/,
      },
      { does: 'explain deploy.spec.strategy', says: 'FIELD: strategy <DeploymentStrategy>' },
      { does: 'get --raw /readyz?verbose', says: 'readyz check passed' },
      { does: 'get --raw /livez/ping', says: /^ok$/ },
      { does: 'config current-context', says: 'klab-default' },
      { does: 'auth whoami -o jsonpath={.status.userInfo.groups}', says: 'system:authenticated' },
      { does: 'auth can-i delete nodes', says: 'yes' },
      { does: 'auth can-i get pods --as=jane', says: 'no', code: 1 },
      {
        does: 'auth can-i --list --as=jane',
        says: /selfsubjectaccessreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]/,
      },
    ]);
  });

  it('applies client side: create, nothing, change, prune, last-applied', async () => {
    await kubectl.all([
      { does: 'apply -f web.yaml --dry-run=server', says: 'deployment.apps/web created (server dry run)' },
      { does: 'apply -f web.yaml --dry-run=client', says: 'deployment.apps/web created (dry run)' },
      { does: 'apply -f web.yaml', says: 'deployment.apps/web created\nconfigmap/settings created\n' },
      { does: 'apply -f web.yaml', says: 'deployment.apps/web unchanged\nconfigmap/settings unchanged\n' },
      { does: 'apply view-last-applied configmap settings', says: /a: "1"\n +b: "2"/ },
      { does: 'rollout status deploy/web --timeout=30s', says: 'successfully rolled out' },
    ]);
    kubectl.file('web.yaml', web.replace(', b: "2"', '').replace('replicas: 2', 'replicas: 3'));
    await kubectl.all([
      { does: 'diff -f web.yaml', code: 1, says: /-\s+replicas: 2\n\+\s+replicas: 3/ },
      { does: 'apply -f web.yaml', says: 'deployment.apps/web configured\nconfigmap/settings configured\n' },
      { does: 'get cm settings -o jsonpath={.data}', says: /^\{"a":"1"\}$/ },
      { does: 'diff -f web.yaml' },
    ]);
  });

  it('applies server side: owners, a conflict, force', async () => {
    kubectl.file('owned.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {a: "1"}\n');
    kubectl.file('other.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {a: "2"}\n');
    await kubectl.all([
      { does: 'apply --server-side -f owned.yaml', says: 'configmap/owned serverside-applied' },
      {
        does: 'apply --server-side -f other.yaml --field-manager=ci',
        code: 1,
        says: 'Apply failed with 1 conflict: conflict with "kubectl": .data.a',
      },
      {
        does: 'apply --server-side -f other.yaml --field-manager=ci --force-conflicts',
        says: 'configmap/owned serverside-applied',
      },
      { does: 'get cm owned --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}', says: /^ci$|ci/ },
      { does: 'get cm owned -o jsonpath={.data.a}', says: /^2$/ },
      // From client side to server side: kubectl's own fields move over without a conflict.
      { does: 'apply --server-side -f web.yaml', says: 'deployment.apps/web serverside-applied' },
    ]);
  });

  it('prints as wide, JSON, YAML, names, JSONPath, columns, templates; chunked, sorted, selected', async () => {
    await kubectl.all([
      { does: 'wait pod/box --for=condition=Ready --timeout=30s', says: 'pod/box condition met' },
      { does: 'rollout status deploy/web --timeout=30s' },
      {
        does: 'get po -o wide',
        says: /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\n/,
      },
      { does: 'get po box -o json', says: '"kind": "Pod"' },
      { does: 'get po box -o yaml', says: /^apiVersion: v1\nkind: Pod\n/ },
      {
        does: 'get deploy,po -l app=web -o name',
        says: /^deployment\.apps\/web\npod\/web-\S+\npod\/web-\S+\npod\/web-\S+\n$/,
      },
      { does: 'get po box -o jsonpath={.spec.containers[0].image}', says: 'busybox' },
      {
        does: 'get po box -o custom-columns=N:.metadata.name,I:.spec.containers[*].image',
        says: /^N +I\nbox +busybox\n$/,
      },
      { does: "get po box -o 'go-template={{.metadata.name}}-{{len .spec.containers}}'", says: /^box-1$/ },
      { does: 'get po --chunk-size=1 --no-headers --sort-by=.metadata.name', says: /^box +1\/1 +Running[\s\S]*\nweb-/ },
      { does: 'get po --field-selector=metadata.name=box,status.phase=Running -o name', says: /^pod\/box\n$/ },
      {
        does: "get po -l 'app in (web,none),app!=box' --show-labels",
        says: 'app=web,pod-template-hash=',
        never: 'box',
      },
      { does: 'get po -L app -A', says: /^NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE +APP\n/ },
      { does: 'get deploy web --subresource=scale', says: /^NAME +DESIRED +AVAILABLE +AGE\nweb +3 +3 +\S+\n$/ },
      { does: 'get deploy web --subresource=status -o jsonpath={.status.readyReplicas}', says: /^3$/ },
      { does: 'get --raw /api/v1/namespaces/%/pods/box', says: '"name":"box"' },
      { does: 'get deployment.v1.apps/web -o name', says: 'deployment.apps/web' },
      { does: 'get -f web.yaml -o name', says: 'deployment.apps/web\nconfigmap/settings\n' },
      { does: 'get po nobody --ignore-not-found', says: /^$/ },
      { does: 'get po nobody', code: 1, says: 'Error from server (NotFound): pods "nobody" not found' },
      { does: 'get all', says: /^NAME +READY +STATUS[\s\S]*deployment\.apps\/web/ },
    ]);
  });

  it('describes, with events; events and top by themselves', async () => {
    await kubectl.all([
      { does: 'describe deploy web', says: /OldReplicaSets: +<none>[\s\S]*Scaled up replica set web-\S+ from 0 to 2/ },
      { does: 'describe po box', says: /Container ID: +sim:\/\/[\s\S]*Successfully assigned \S+\/box to node-/ },
      { does: 'describe cm settings', says: /Data\n====\na:\n----\n1\n/ },
      { does: 'describe node node-1', says: /Allocated resources:[\s\S]*Resource +Requests +Limits/ },
      { does: 'events --for pod/box', says: /Normal +Started +Pod\/box +(?:Container started|Started container box)/ },
      { does: 'get events --field-selector=involvedObject.name=box,reason=Scheduled', says: 'Successfully assigned' },
      { does: 'top node', says: /^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\) *\nnode-1 /, soon: true },
    ]);
  });

  it('changes: patch of three types, label, annotate, set, scale, edit, replace', async () => {
    kubectl.file('patch.yaml', 'data: {patched: "yes"}\n');
    const editor = { KUBE_EDITOR: 'sed -i s/patched/edited/' };
    await kubectl.all([
      { does: 'patch cm settings --type=merge --patch-file=patch.yaml', says: 'configmap/settings patched' },
      {
        does: 'patch cm settings --type=merge --patch-file=patch.yaml',
        says: 'configmap/settings patched (no change)',
      },
      {
        does: `patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"b"}]}]}}}}'`,
      },
      {
        does: 'get deploy web -o jsonpath={.spec.template.spec.containers[*].image}/{.spec.template.spec.containers[0].env[0].value}',
        says: /^nginx:1\.27\/b$/,
      },
      {
        does: `patch deploy web --type=json -p '[{"op":"test","path":"/spec/replicas","value":3},{"op":"replace","path":"/spec/replicas","value":2}]'`,
      },
      {
        does: `patch deploy web --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'`,
        says: 'scale.autoscaling/web patched',
      },
      { does: 'label cm settings tier=front', says: 'configmap/settings labeled' },
      {
        does: 'label cm settings tier=back',
        code: 1,
        says: "'tier' already has a value (front), and --overwrite is false",
      },
      { does: 'label cm settings tier=back --overwrite --list', says: 'tier=back' },
      { does: 'label cm settings tier-', says: 'configmap/settings unlabeled' },
      { does: 'annotate cm settings note=kept', says: 'configmap/settings annotated' },
      { does: 'edit cm settings', env: editor, says: 'configmap/settings edited' },
      { does: 'get cm settings -o jsonpath={.data.edited}{.metadata.annotations.note}', says: /^yeskept$/ },
      { does: 'edit cm settings', env: { KUBE_EDITOR: 'true' }, says: 'Edit cancelled, no changes made.' },
      { does: 'scale deploy web --replicas=2 --current-replicas=1', says: 'deployment.apps/web scaled' },
      { does: 'scale deploy web --replicas=5 --current-replicas=1', code: 1, says: 'Expected replicas to be 1, was 2' },
      { does: 'set image deploy/web web=nginx:1.28', says: 'deployment.apps/web image updated' },
      { does: 'set env deploy/web C=d --from=configmap/settings --prefix=S_', says: 'deployment.apps/web env updated' },
      { does: 'set env deploy/web --list', says: 'S_A from configmap settings, key a' },
      {
        does: 'set resources deploy/web --limits=cpu=200m,memory=64Mi --requests=cpu=100m',
        says: 'resource requirements updated',
      },
      { does: 'create sa robot', says: 'serviceaccount/robot created' },
      { does: 'set sa deploy/web robot', says: 'deployment.apps/web serviceaccount updated' },
      { does: 'rollout status deploy/web --timeout=30s' },
      { does: 'replace -f web.yaml', says: 'deployment.apps/web replaced\nconfigmap/settings replaced' },
      { does: 'get deploy web -o jsonpath={.spec.replicas}{.spec.template.spec.serviceAccountName}', says: /^3$/ },
      {
        does: 'replace --force -f web.yaml --grace-period=0',
        says: /configmap "settings" (?:force )?deleted[\s\S]*deployment\.apps\/web replaced/,
      },
    ]);
  });

  it('rolls out: status, history, pause, resume, restart, undo', async () => {
    await kubectl.all([
      { does: 'rollout status deploy/web --timeout=30s', says: 'successfully rolled out' },
      { does: 'rollout pause deploy/web', says: 'deployment.apps/web paused' },
      { does: 'set image deploy/web web=nginx:1.29' },
      {
        does: 'rollout restart deploy/web',
        code: 1,
        says: `can't restart paused deployment (run rollout resume first)`,
      },
      { does: 'rollout resume deploy/web', says: 'deployment.apps/web resumed' },
      { does: 'rollout status deploy/web --timeout=30s', says: 'successfully rolled out' },
      { does: 'annotate deploy web kubernetes.io/change-cause=newer' },
      { does: 'rollout history deploy/web', says: /1 +<none>\n2 +newer/, soon: true },
      { does: 'rollout history deploy/web --revision=1', says: 'nginx:1.27' },
      { does: 'rollout restart deploy/web', says: 'deployment.apps/web restarted' },
      { does: 'rollout status deploy/web --timeout=30s' },
      { does: 'rollout undo deploy/web --to-revision=1', says: 'deployment.apps/web rolled back' },
      { does: 'rollout status deploy/web --timeout=30s --watch=false', says: /Waiting for|successfully rolled out/ },
      { does: 'get deploy web -o jsonpath={.spec.template.spec.containers[0].image}', says: /^nginx:1\.27$/ },
    ]);
  });

  it('talks with pods: logs, exec, cp, wait', async () => {
    kubectl.file('copied', 'to and fro\n');
    await kubectl.all([
      {
        does: 'wait pod -l app=box --for=jsonpath={.status.phase}=Running --timeout=30s',
        says: 'pod/box condition met',
      },
      { does: 'logs box', says: /^begun\n$/, soon: true },
      {
        does: 'logs -l app=box --prefix --timestamps --tail=1',
        says: /^\[pod\/box\/box\] \d{4}-\d\d-\d\dT\S+Z begun\n$/,
      },
      { does: "exec box -- sh -c 'echo $((6*7)); exit 5'", code: 5, says: '42' },
      { does: 'exec -i box -- cat', input: 'piped', says: /^piped$/ },
      { does: 'cp copied box:/tmp/copied' },
      { does: 'exec box -- cat /tmp/copied', says: /^to and fro\n$/ },
      { does: 'cp box:/tmp/copied back' },
      {
        does: 'wait pod/box --for=condition=Nope --timeout=1s',
        code: 1,
        says: 'timed out waiting for the condition on pods/box',
      },
    ]);
  });

  it('deletes: cascade, grace, selectors, dry run, and waits', async () => {
    await kubectl.all([
      { does: 'delete cm settings --dry-run=server', says: 'configmap "settings" deleted' },
      { does: 'delete deploy web --cascade=orphan', says: 'deployment.apps "web" deleted' },
      { does: 'get rs -l app=web -o name', says: 'replicaset.apps/web-' },
      { does: 'delete rs -l app=web --cascade=foreground --timeout=30s', says: 'replicaset.apps "web-' },
      { does: 'get po -l app=web', says: 'No resources found', soon: true },
      { does: 'delete pod box --now', says: 'pod "box" deleted' },
      { does: 'delete pod box', code: 1, says: 'pods "box" not found' },
      { does: 'delete pod box --ignore-not-found' },
      { does: 'delete cm --all', says: 'configmap "owned" deleted' },
      { does: 'delete ns % --wait=false', says: 'namespace "%" deleted' },
    ]);
  });
});
