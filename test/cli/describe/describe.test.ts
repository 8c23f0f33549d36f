import { describe, expect, it } from 'vitest';
import { describeResources } from '../../../src/cli/describe/describe.ts';
import { fieldLabel } from '../../../src/cli/describe/generic.ts';
import { podAmounts } from '../../../src/cli/describe/resources.ts';
import { DescribeWriter } from '../../../src/cli/describe/writer.ts';
import { Session } from '../../../src/cli/session.ts';
import { cliSession, podManifest } from '../../helpers/cli-session.ts';

async function described(words: string, objects: readonly any[], request: object = {}) {
  const { client, session, io } = cliSession();
  for (const object of objects) await client.forObject(object).create(object);
  await describeResources(session, { words: words.split(' '), ...request }, io);
  return io;
}

const configMap = (name: string, data: object = { key: 'value' }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

describe('klab describe', () => {
  it('prints a config map as kubectl does', async () => {
    expect((await described('cm settings', [configMap('settings', { b: 'two\nlines', a: '1' })])).stdout).toBe(
      `Name:         settings
Namespace:    default
Labels:       <none>
Annotations:  <none>

Data
====
a:
----
1

b:
----
two
lines


BinaryData
====

Events:  <none>
`,
    );
  });

  it('never prints what a secret holds', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      type: 'Opaque',
      data: { password: Buffer.from('hunter2').toString('base64') },
    };
    const { stdout } = await described('secret s', [secret]);
    expect(stdout).toContain('password:  7 bytes');
    expect(stdout).not.toContain('hunter2');
  });

  it('takes the beginning of names when nothing has exactly that name', async () => {
    const { stdout } = await described('cm set', [configMap('settings'), configMap('setup'), configMap('other')]);
    expect(stdout.match(/^Name: +\S+/gm)).toEqual(['Name:         settings', 'Name:         setup']);
    await expect(described('cm nope', [configMap('settings')])).rejects.toThrow('configmaps "nope" not found');
  });

  it('leaves events away for several objects unless they are asked for', async () => {
    const maps = [configMap('a'), configMap('b')];
    expect((await described('cm', maps)).stdout).not.toContain('Events:');
    expect((await described('cm', maps, { showEvents: true })).stdout.match(/Events:/g)).toHaveLength(2);
  });

  it("puts the reason for a pod's STATUS before its events", async () => {
    const { stdout } = await described('pod web', [podManifest('web')]);
    expect(stdout).toMatch(/\nStatus explained:\n[\s\S]*What to do: [^\n]*\nEvents: +<none>\n$/);
  });

  it('prints the fields of kinds it does not know, with labels made of their names', async () => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'default' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 40 },
    };
    expect((await described('lease l', [lease])).stdout).toMatch(
      /API Version: +coordination.k8s.io\/v1\n[\s\S]*Spec:\n {2}Holder Identity: +me\n {2}Lease Duration Seconds: +40\n/,
    );
    expect(['apiVersion', 'uid', 'podCIDR', 'clusterIPs', 'webhookURLs', 'a.b'].map(fieldLabel)).toEqual([
      'API Version',
      'UID',
      'Pod CIDR',
      'Cluster I Ps',
      'Webhook URLs',
      'a.b',
    ]);
  });

  it('says that nothing acts on a kind, before the events, and only of klab’s own servers', async () => {
    const driver = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: 'disk.example' },
      spec: { attachRequired: false },
    };
    const { client, session: foreign, io } = cliSession();
    for (const object of [driver, configMap('settings')] as any[]) await client.forObject(object).create(object);
    const server = {} as NonNullable<Session['server']>;
    const printed = async (words: string[], session: Session) => {
      io.stdout = '';
      await describeResources(session, { words }, io);
      return io.stdout;
    };
    const own = new Session(client, { server });
    const note = 'Note:  nothing acts on CSIDriver yet, klab only stores it: simulated nodes run no CSI drivers\n';
    const text = await printed(['csidriver', 'disk.example'], own);
    expect(text).toContain(`    Persistent\n${note}Events:`);
    expect(await printed(['csidriver', 'disk.example'], foreign)).toBe(text.replace(note, ''));
    expect(await printed(['cm', 'settings'], own)).not.toContain('Note:');
  });

  it('cuts long annotations and leaves out the one of client-side apply', () => {
    const w = new DescribeWriter(0);
    w.annotations('Annotations', {
      short: 'x',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      long: 'y'.repeat(200),
    });
    expect(w.text()).toBe(`Annotations:  long:\n                ${'y'.repeat(138)}...\n              short: x\n`);
  });

  it('counts what a pod asks for: containers and side cars together, or the largest moment of its start', () => {
    const container = (cpu: string, extra: object = {}) => ({ name: cpu, resources: { requests: { cpu } }, ...extra });
    const pod = {
      ...podManifest('x'),
      spec: {
        containers: [container('100m'), container('200m')],
        initContainers: [container('50m', { restartPolicy: 'Always' }), container('500m')],
        overhead: { cpu: '10m' },
      },
    };
    expect(podAmounts(pod as any, 'requests')).toEqual({ cpu: '560m' });
  });
});
