/** `klab cni` as a command, and host ports in a running cluster: opened by portmap in life, by its model in the simulation. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());

describe.skipIf(process.platform !== 'linux')('the command', () => {
  const bin = join(lab.home, 'bin');
  const conf = join(lab.home, 'lab.conflist');
  const flags = ['--conf', conf, '--bin-dir', bin, '--netns', '/proc/self/ns/net', '--container-id', 'web-1'];
  const result = {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0' }],
    ips: [{ address: '10.9.0.2/24', interface: 0 }],
  };

  function plugin(script: string): void {
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'main'), `#!/bin/sh\ncat > /dev/null\n${script}\n`);
    chmodSync(join(bin, 'main'), 0o755);
  }

  it('speaks by stdout, stderr and exit code as every command of klab does', async () => {
    plugin(`[ $CNI_COMMAND = STATUS ] && { echo '{"code":50,"msg":"agent down"}'; exit 1; }
[ $CNI_COMMAND = ADD ] && echo '${JSON.stringify(result)}'
exit 0`);
    writeFileSync(conf, JSON.stringify({ cniVersion: '1.1.0', name: 'lab', plugins: [{ type: 'main' }] }));
    const added = await lab.try(['cni', 'add', ...flags, '-o', 'json', '-v', '--args', 'A=1', '--args', 'B=2']);
    expect(added.code).toBe(0);
    expect(JSON.parse(added.stdout)).toEqual(result);
    expect(added.stderr).toContain('CNI_ARGS=A=1;B=2');
    expect(await lab.klab('cni', 'check', ...flags)).toBe('container web-1: eth0 is as network lab left it\n');
    const status = await lab.try(['cni', 'status', '--conf', conf, '--bin-dir', bin]);
    expect(status.code).toBe(1);
    expect(status.stderr).toContain('plugin main (STATUS): code 50 (the plugin is not available: it cannot serve ADD)');
    expect(await lab.klab('cni', 'gc', '--conf', conf, '--bin-dir', bin, '--none-valid')).toBe(
      'deleted web-1 eth0\n0 attachments are valid; the plugins were told GC\n',
    );
    expect(await lab.klab('cni', 'del', ...flags)).toBe('container web-1 is out of network lab (eth0)\n');
    // What klab remembers is no cluster.
    expect(await lab.klab('ls', '-o', 'name')).toBe('');
  });

  it('usage is exit code 2, a plugin that hangs is 3', async () => {
    expect((await lab.try(['cni', 'add', '--conf', conf])).code).toBe(2);
    expect((await lab.try(['cni', 'add', ...flags, '--timeout', 'soon'])).code).toBe(2);
    plugin('[ $CNI_COMMAND = ADD ] && sleep 600; exit 0');
    const slow = await lab.try(['cni', 'add', ...flags, '--timeout', '300ms']);
    expect(slow.code).toBe(3);
    expect(slow.stderr).toContain('did not end within 0.3 s');
  });
});

const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: web, image: nginx, ports: [{containerPort: 80, hostPort: 8088}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: c, image: busybox, command: [sleep, infinity]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {matchLabels: {closed: "yes"}}}
`;

it('a host port is reached at the node, the tracer says how, and a policy of the pod holds there too', async () => {
  await lab.klab('up', '--nodes', '2');
  const file = join(lab.home, 'pods.yaml');
  writeFileSync(file, manifest);
  await lab.kubectl('apply', '-f', file);
  await lab.kubectl('wait', '--for=condition=Ready', 'pod/web', 'pod/client', '--timeout=30s');
  const { hostIP, podIP } = (await lab.json('get', 'pod', 'web')).status;
  const ask = () => lab.tryKubectl(['exec', 'client', '--', 'wget', '-qO-', '-T', '1', `http://${hostIP}:8088/`]);
  expect((await ask()).stdout).toContain('Welcome to nginx');
  for (const mode of ['iptables', 'nftables', 'ipvs']) {
    const trace = await lab.klab('proxy', 'trace', '--from', 'pod/client', '--to', `${hostIP}:8088`, '--mode', mode);
    expect(trace).toContain(`DNAT ${hostIP}:8088 → ${podIP}:80`);
    expect(trace).toContain(`arrives at ${podIP}:80, pod default/web`);
  }
  await lab.kubectl('label', 'pod', 'web', 'closed=yes');
  await expect.poll(async () => (await ask()).code, { timeout: 20_000 }).not.toBe(0);
  const refused = await lab.klab('proxy', 'trace', '--from', 'pod/client', '--to', `${hostIP}:8088`);
  expect(refused).toContain('default/closed');
}, 90_000);
