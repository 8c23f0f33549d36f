/** Real helm 4: install, upgrade, rollback, uninstall of a chart of our own, each with --wait. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
const chart = join(root, 'fixtures', 'charts', 'greeter');
beforeAll(async () => {
  await lab.klab('up', '--nodes', '2');
});
afterAll(() => lab.dispose());

const greeting = async () => (await lab.json('get', 'configmap', 'hello-greeting')).data.GREETING;
const replicas = async () => (await lab.json('get', 'deployment', 'hello')).status.readyReplicas;

describe('helm', () => {
  it('install --wait brings the release up', async () => {
    const text = await lab.helm('install', 'hello', chart, '--wait', '--timeout', '60s');
    expect(text).toContain('STATUS: deployed');
    expect(await greeting()).toBe('Good morning');
    expect(await replicas()).toBe(2);
  });

  it('upgrade --wait rolls the new values out', async () => {
    await lab.helm(
      'upgrade',
      'hello',
      chart,
      '--set',
      'greeting=Good evening,replicas=3',
      '--wait',
      '--timeout',
      '60s',
    );
    expect(await greeting()).toBe('Good evening');
    expect(await replicas()).toBe(3);
  });

  it('rollback --wait brings the first revision back', async () => {
    await lab.helm('rollback', 'hello', '1', '--wait', '--timeout', '60s');
    expect(await greeting()).toBe('Good morning');
    expect(await replicas()).toBe(2);
    expect(await lab.helm('history', 'hello')).toMatch(/3\s.*Rollback to 1/);
  });

  it('uninstall --wait leaves nothing', async () => {
    await lab.helm('uninstall', 'hello', '--wait', '--timeout', '60s');
    expect(
      (await lab.tryKubectl(['get', 'deploy,svc,cm', '-l', 'app.kubernetes.io/instance=hello', '-o', 'name'])).stdout,
    ).toBe('');
    expect(await lab.helm('list', '-q')).toBe('');
  });
});
