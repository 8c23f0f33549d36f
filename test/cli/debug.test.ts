import { describe, expect, it } from 'vitest';
import { type DebugFlags, debugOptions } from '../../src/cli/debug/options.ts';
import { copyForDebugging, lacksRoot, withEphemeralContainer } from '../../src/cli/debug/pods.ts';
import type { DebugPod } from '../../src/cli/debug/profiles.ts';

const silent = { write: () => {}, say: () => {} };
const options = (flags: DebugFlags, ...command: string[]) => debugOptions(['web'], command, flags, silent);

function pod(more: object = {}): DebugPod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'debugger-aaaaa', image: 'nginx' }], nodeName: 'node-1', ...more },
  } as unknown as DebugPod;
}

describe('the command line of debug', () => {
  it.each([
    'busybox',
    'busybox:1.36',
    'registry.k8s.io/pause:3.10',
    'localhost:5000/a/b_c-d.e:v1',
    `a@sha256:${'0'.repeat(64)}`,
    '[::1]:5000/a',
  ])('takes the image %s', async (image) => {
    expect((await options({ image })).flags.image).toBe(image);
  });

  it.each(['Busybox', 'a:b:c', 'a b', '-a', 'a//b', 'a@sha256:12'])('refuses the image %s', async (image) => {
    await expect(options({ image })).rejects.toThrow(
      `invalid image name ${JSON.stringify(image)}: invalid reference format`,
    );
  });

  it('reads pairs as pflag does: one pair keeps its commas', async () => {
    expect((await options({ image: 'a', env: ['A=1,2', 'B=x=y,C='] })).env).toEqual({ A: '1,2', B: 'x=y', C: '' });
    await expect(options({ image: 'a', env: ['A'] })).rejects.toThrow(
      'invalid argument "A" for "--env" flag: A must be formatted as key=value',
    );
  });

  it('attaches with --stdin unless told not to', async () => {
    const attaches = async (flags: DebugFlags) => (await options({ image: 'a', ...flags })).attach;
    expect(await attaches({})).toBe(false);
    expect(await attaches({ stdin: true })).toBe(true);
    expect(await attaches({ stdin: true, attach: false })).toBe(false);
    expect(await attaches({ attach: true })).toBe(true);
  });
});

describe('the container of debug', () => {
  it('gets a name that no container of the pod has', async () => {
    const suffixes = ['aaaaa', 'bbbbb'];
    const said: string[] = [];
    const names = { suffix: () => suffixes.shift()!, say: (text: string) => said.push(text) };
    const changed = await withEphemeralContainer(pod(), await options({ image: 'a' }), names);
    expect(changed.spec.ephemeralContainers).toEqual([
      {
        name: 'debugger-bbbbb',
        image: 'a',
        terminationMessagePolicy: 'File',
        securityContext: { capabilities: { add: ['SYS_PTRACE'] } },
      },
    ]);
    expect(said).toEqual(['Defaulting debug container name to debugger-bbbbb.']);
  });

  it('leaves the pod that it was made from as it was', async () => {
    const original = pod({ ephemeralContainers: [{ name: 'old' }] });
    const before = JSON.stringify(original);
    const names = { suffix: () => 'xxxxx', say: () => {} };
    const { pod: copy } = await copyForDebugging(
      original,
      await options({ image: 'a', 'copy-to': 'copy', 'share-processes': false }),
      names,
    );
    expect(JSON.stringify(original)).toBe(before);
    expect(copy.metadata).toEqual({ name: 'copy', namespace: 'default' });
    expect(copy.spec).toMatchObject({ shareProcessNamespace: false });
    expect(copy.spec.nodeName ?? copy.spec.ephemeralContainers).toBeUndefined();
  });

  it('is warned of when the user of the pod is not root', () => {
    const of = (securityContext: object, runAsUser?: number) =>
      lacksRoot(pod({ securityContext: { runAsUser }, containers: [{ name: 'd', securityContext }] }), 'd');
    expect(of({ privileged: true }, 1000)).toBe(true);
    expect(of({ capabilities: { add: ['NET_ADMIN'] } }, 1000)).toBe(true);
    expect(of({ privileged: true, runAsUser: 0 }, 1000)).toBe(false);
    expect(of({ privileged: true }, 0)).toBe(false);
    expect(of({ privileged: true })).toBe(false);
    expect(of({}, 1000)).toBe(false);
  });
});
