/** Kustomizations are built as `kubectl kustomize` builds them; test/e2e/kustomize.test.ts compares the two. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { buildKustomization } from '../../src/cli/kustomize/build.ts';
import { replaceImage } from '../../src/cli/kustomize/transform.ts';

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'fixtures', 'kustomize');

describe('the overlay of the library', () => {
  let objects: KubeObject[];
  const one = (kind: string, name: string): any =>
    objects.find((object) => object.kind === kind && object.metadata.name === name);

  beforeAll(async () => {
    objects = (await buildKustomization(join(fixtures, 'overlay'))).map(({ object }) => object);
  });

  it('prefixes add up from the inside to the outside', () => {
    expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()).toEqual([
      'ConfigMap/town-settings-v2-bd4gbhchdm',
      'Deployment/town-desk-v2',
      'HorizontalPodAutoscaler/town-desk-v2',
      'Ingress/town-desk-v2',
      'PersistentVolumeClaim/town-store-books-v2',
      'Role/town-desk-v2',
      'RoleBinding/town-desk-v2',
      'Secret/town-keys-v2-fgcctfbgfh',
      'Service/town-store-shelf-v2',
      'ServiceAccount/town-desk-v2',
      'StatefulSet/town-store-shelf-v2',
    ]);
  });

  it('references follow the names, hashes included', () => {
    const pod = one('Deployment', 'town-desk-v2').spec.template.spec;
    const settings = 'town-settings-v2-bd4gbhchdm';
    const desk = pod.containers.find((container: any) => container.name === 'desk');
    expect(desk.envFrom).toEqual([
      { configMapRef: { name: settings } },
      { secretRef: { name: 'town-keys-v2-fgcctfbgfh' } },
    ]);
    expect(pod.volumes[0].configMap.name).toBe(settings);
    expect(pod.serviceAccountName).toBe('town-desk-v2');
    expect(one('Role', 'town-desk-v2').rules[0].resourceNames).toEqual([settings]);
    expect(one('RoleBinding', 'town-desk-v2').roleRef.name).toBe('town-desk-v2');
    expect(one('HorizontalPodAutoscaler', 'town-desk-v2').spec.scaleTargetRef.name).toBe('town-desk-v2');
    expect(one('StatefulSet', 'town-store-shelf-v2').spec.serviceName).toBe('town-store-shelf-v2');
    const claim = one('StatefulSet', 'town-store-shelf-v2').spec.template.spec.volumes[0].persistentVolumeClaim;
    expect(claim.claimName).toBe('town-store-books-v2');
  });

  it('a subject of another namespace is another account', () => {
    expect(one('RoleBinding', 'town-desk-v2').subjects).toEqual([
      { kind: 'ServiceAccount', name: 'town-desk-v2', namespace: 'town' },
      { kind: 'ServiceAccount', name: 'desk', namespace: 'elsewhere' },
    ]);
  });

  it('a merging generator keeps what it does not say', () => {
    expect(one('ConfigMap', 'town-settings-v2-bd4gbhchdm').data).toEqual({
      OPEN: '10',
      CLOSE: '18',
      MOTTO: 'read more',
      'rules.txt': 'No food.\nNo <loud> talk & no phones.\n',
    });
  });

  it('labels go to selectors and templates only when asked to', () => {
    const { spec, metadata } = one('Deployment', 'town-desk-v2');
    expect(metadata.labels).toEqual({ 'app.kubernetes.io/part-of': 'library', env: 'town' });
    expect(spec.selector.matchLabels).toEqual({ app: 'desk', 'app.kubernetes.io/part-of': 'library' });
    expect(spec.template.metadata.labels).toMatchObject({ app: 'desk', env: 'town' });
  });

  it('patches, replicas and images change the objects they name', () => {
    const { spec } = one('Deployment', 'town-desk-v2');
    expect(spec.replicas).toBe(4);
    expect(spec.template.spec.terminationGracePeriodSeconds).toBe(5);
    const images = spec.template.spec.containers.map(({ name, image }: any) => `${name} ${image}`).sort();
    expect(images).toEqual(['bell library/bell', 'clock registry.example:5000/clock:7', 'desk town/desk:1.1']);
    expect(one('StatefulSet', 'town-store-shelf-v2').spec.template.spec.containers[0].image).toBe(
      'library/shelf@sha256:ff00',
    );
  });
});

describe('image names', () => {
  it.each([
    ['nginx', { name: 'nginx', newTag: '2' }, 'nginx:2'],
    ['nginx:1', { name: 'nginx', newName: 'my/nginx' }, 'my/nginx:1'],
    ['host:5000/a/nginx', { name: 'host:5000/a/nginx', newTag: '2' }, 'host:5000/a/nginx:2'],
    ['nginx@sha256:1', { name: 'nginx', newTag: '2' }, 'nginx:2'],
    ['nginx:1', { name: 'nginx', digest: 'sha256:2' }, 'nginx@sha256:2'],
    ['nginx-extra:1', { name: 'nginx', newTag: '2' }, 'nginx-extra:1'],
  ])('%s', (image, entry, expected) => {
    expect(replaceImage(image, entry)).toBe(expected);
  });
});

describe('a kustomization that cannot be built', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'klab-kustomize-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  };
  const failure = async (): Promise<string> => {
    const error = await buildKustomization(folder).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error, 'it was built').toBeDefined();
    return error!.message.replaceAll(folder, 'DIR');
  };

  it('says which field it does not know, and where', async () => {
    write({ 'kustomization.yaml': 'namePrefix: a-\nreplacements:\n  - path: x.yaml\n' });
    expect(await failure()).toBe(
      'DIR/kustomization.yaml:2:1: klab does not know the field "replacements" of a kustomization; ' +
        'build it with: kubectl kustomize DIR | klab apply -f -\n  2 | replacements:\n    | ^',
    );
  });

  it('says which field of an entry it does not know', async () => {
    write({ 'kustomization.yaml': 'images:\n  - name: a\n    newTagg: b\n' });
    expect(await failure()).toContain('DIR/kustomization.yaml:3:5: klab does not know the field "newTagg" of "images"');
  });

  it('names a patch without its target', async () => {
    write({
      'kustomization.yaml':
        'patches:\n  - patch: |\n      apiVersion: v1\n      kind: Service\n      metadata: {name: x}\n',
    });
    expect(await failure()).toContain('no matches for Id Service.v1.[noGrp]/x.[noNs]');
  });

  it('refuses two objects of one name', async () => {
    const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';
    write({ 'kustomization.yaml': 'resources: [a.yaml, b.yaml]\n', 'a.yaml': map, 'b.yaml': map });
    expect(await failure()).toContain('may not add resource with an already registered id: ConfigMap.v1.[noGrp]/a');
  });

  it('refuses a kustomization inside itself', async () => {
    write({ 'kustomization.yaml': 'resources: [b]\n', 'b/kustomization.yaml': 'resources: [..]\n' });
    expect(await failure()).toMatch(/^cycle detected: /);
  });

  it('names a folder without a kustomization', async () => {
    expect(await failure()).toBe(
      "unable to find one of 'kustomization.yaml', 'kustomization.yml', 'Kustomization' in directory 'DIR'",
    );
  });

  it('places an error of a manifest below it in that file', async () => {
    write({ 'kustomization.yaml': 'resources: [a.yaml]\n', 'a.yaml': 'kind: ConfigMap\nmetadata:\n  name: a: b\n' });
    expect(await failure()).toContain('DIR/a.yaml:3:9: mapping values are not allowed in this context');
  });
});
