/**
 * Manifests that other projects publish, applied as their readers apply them (kubectl and klab), each to the state its
 * authors promise. Skipped when they are not at hand.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpus, eventually, Lab } from '../helpers/lab.ts';

/** Where each set of manifests puts its objects: its own namespace, or the one named here. */
const applications = {
  'online-boutique': { deployments: 12, ready: 12 },
  guestbook: { deployments: 3, ready: 6 },
  'voting-app': { deployments: 5, ready: 5 },
} as const;
const known = [...Object.keys(applications), 'ingress-nginx', 'metrics-server'].sort();

if (!existsSync(corpus)) {
  it.skip('the published manifests are not at hand: nothing to apply', () => {});
} else {
  it('every set of published manifests has its test here', () => {
    const folders = readdirSync(corpus, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(known);
  });

  describe.each(['kubectl', 'klab'] as const)('applied with %s', (program) => {
    const lab = new Lab();
    beforeAll(async () => {
      await lab.klab('up', '--nodes', '3');
    });
    afterAll(() => lab.dispose());

    const apply = (...args: string[]) => lab[program]('apply', ...args);

    // The largest one goes through kubectl in kubectl.test.ts already.
    const here = Object.entries(applications).filter(([name]) => program === 'klab' || name !== 'online-boutique');
    it.each(here)('%s: all of it is rolled out', async (name, { deployments, ready }) => {
      await lab.kubectl('create', 'namespace', name);
      const folder = join(corpus, name);
      await apply('-n', name, '-f', folder);
      const items = async () => (await lab.json('-n', name, 'get', 'deployments')).items;
      expect(await items()).toHaveLength(deployments);
      await lab.kubectl('-n', name, 'wait', 'deployment', '--all', '--for=condition=Available', '--timeout=90s');
      const replicas = (await items()).map(({ status }: any) => status.readyReplicas);
      expect(replicas.reduce((sum: number, each: number) => sum + each, 0)).toBe(ready);
      const pods = (await lab.json('-n', name, 'get', 'pods')).items;
      expect(pods.map(({ status }: any) => status.phase)).toEqual(pods.map(() => 'Running'));
      expect(pods.flatMap(({ status }: any) => status.containerStatuses.map((c: any) => c.restartCount))).toEqual(
        pods.flatMap(({ spec }: any) => spec.containers.map(() => 0)),
      );
      await eventually(
        async () => (await lab.json('-n', name, 'get', 'endpointslices')).items,
        (slices) =>
          slices.length > 0 &&
          slices.every(
            ({ endpoints }: any) => endpoints?.length > 0 && endpoints.every((e: any) => e.conditions.ready),
          ),
      );
      // Again: nothing is new.
      const generations = async () => (await items()).map(({ metadata }: any) => metadata.generation);
      const before = await generations();
      await apply('-n', name, '-f', folder);
      expect(await generations()).toEqual(before);
    });

    if (program === 'klab') {
      it('what the load balancers of the applications answer at is known', async () => {
        const { status } = await lab.json('-n', 'online-boutique', 'get', 'service', 'frontend-external');
        expect(status.loadBalancer.ingress[0].ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      });
    }

    it('ingress-nginx: its jobs complete, its controller is available, its webhook is stored with their certificate', async () => {
      await apply('-f', join(corpus, 'ingress-nginx'));
      const inIt = (...args: string[]) => lab.kubectl('-n', 'ingress-nginx', ...args);
      await inIt('rollout', 'status', 'deployment/ingress-nginx-controller', '--timeout=90s');
      const secret = await lab.json('-n', 'ingress-nginx', 'get', 'secret', 'ingress-nginx-admission');
      const { webhooks } = await eventually(
        () => lab.json('get', 'validatingwebhookconfiguration', 'ingress-nginx-admission'),
        (found) => found.webhooks[0].clientConfig.caBundle !== undefined,
      );
      expect(webhooks[0].clientConfig).toMatchObject({
        caBundle: secret.data.ca,
        service: { name: 'ingress-nginx-controller-admission', namespace: 'ingress-nginx', port: 443 },
      });
      const completed = await eventually(
        () => inIt('get', 'events', '--field-selector=reason=Completed'),
        (text) => text.includes('admission-create') && text.includes('admission-patch'),
      );
      expect(completed).toContain('Job completed');
      expect((await lab.json('get', 'ingressclass', 'nginx')).spec.controller).toBe('k8s.io/ingress-nginx');
    });

    it('metrics-server: it is available, its API is registered, and kubectl top has figures', async () => {
      await apply('-k', join(corpus, 'metrics-server'));
      await lab.kubectl('-n', 'kube-system', 'rollout', 'status', 'deployment/metrics-server', '--timeout=90s');
      await lab.kubectl('wait', 'apiservice/v1beta1.metrics.k8s.io', '--for=condition=Available', '--timeout=60s');
      const { spec } = await lab.json('get', 'apiservice', 'v1beta1.metrics.k8s.io');
      expect(spec.service).toMatchObject({ name: 'metrics-server', namespace: 'kube-system' });
      const top = await eventually(
        async () => (await lab.tryKubectl(['top', 'nodes', '--no-headers'])).stdout,
        (text) => /\d+m/.test(text),
      );
      expect(top.trim().split('\n')).toHaveLength(3);
      expect(await lab.kubectl('top', 'pods', '-n', 'guestbook', '--no-headers')).toMatch(/^frontend-\S+ +\d+m +\d+Mi/);
    });
  });
}
