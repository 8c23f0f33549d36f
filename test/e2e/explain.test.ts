/** `kubectl explain` of every resource that is served, from OpenAPI v3 and v2. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '0');
});
afterAll(() => lab.dispose());

interface Resource {
  readonly name: string;
  readonly groupVersion: string;
  readonly kind: string;
}

/** From `kubectl api-resources`: NAME SHORTNAMES APIVERSION NAMESPACED KIND. */
async function resources(): Promise<Resource[]> {
  const lines = (await lab.kubectl('api-resources', '--no-headers')).trim().split('\n');
  return lines.map((line) => {
    const words = line.trim().split(/ +/);
    const [groupVersion, , kind] = words.slice(-3) as [string, string, string];
    return { name: words[0]!, groupVersion, kind };
  });
}

describe('kubectl explain', () => {
  it('knows every resource', async () => {
    const all = await resources();
    expect(all.length).toBeGreaterThan(60);
    const refused: string[] = [];
    for (const { name, groupVersion, kind } of all) {
      const { code, stdout, stderr } = await lab.tryKubectl(['explain', name, `--api-version=${groupVersion}`]);
      const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
      const head = `${group ? `GROUP:      ${group}\n` : ''}KIND:       ${kind}\nVERSION:    ${version}\n\n`;
      const said =
        code === 0 && stdout.startsWith(head) && /\nDESCRIPTION:\n {4}\S.*\n[\s\S]*\nFIELDS:\n {2}\S+\t</.test(stdout);
      if (!said) refused.push(`${name} ${groupVersion}: ${stderr || stdout.slice(0, 300)}`);
    }
    expect(refused).toEqual([]);
  });

  it.each([
    ['pods', 1000],
    ['deployments', 1000],
    ['horizontalpodautoscalers', 100],
    ['validatingadmissionpolicies', 100],
    ['networkpolicies', 50],
  ])('%s --recursive names all their fields', async (name, least) => {
    const text = await lab.kubectl('explain', name, '--recursive');
    expect(text.split('\n').length).toBeGreaterThan(least);
    expect(text).toMatch(/\n {2}metadata\t<ObjectMeta>\n {4}annotations\t<map\[string\]string>\n/);
  });

  it('goes down paths, and says enums, what is required and what is not there', async () => {
    const policy = await lab.kubectl('explain', 'pod.spec.containers.imagePullPolicy');
    expect(policy).toMatch(/FIELD: imagePullPolicy <string>\nENUM:\n {4}Always\n {4}IfNotPresent\n {4}Never\n/);
    expect(await lab.kubectl('explain', 'pods.spec.containers')).toMatch(/ {2}name\t<string> -required-\n/);
    const none = await lab.tryKubectl(['explain', 'pods.spec.nope']);
    expect([none.code, none.stderr]).toEqual([1, 'error: field "nope" does not exist\n']);
    expect((await lab.tryKubectl(['explain', 'widgets'])).stderr).toContain(
      'the server doesn\'t have a resource type "widgets"',
    );
    expect(await lab.kubectl('explain', 'hpa', '--api-version=autoscaling/v1')).toContain('VERSION:    v1\n');
  });

  it('--output plaintext-openapiv2 reads the older document', async () => {
    const text = await lab.kubectl('explain', 'deployments.spec.strategy', '--output=plaintext-openapiv2');
    expect(text).toMatch(/^KIND: +Deployment\nVERSION: +apps\/v1\n\nRESOURCE: strategy <Object>\n/);
    expect(text).toMatch(/rollingUpdate\t<Object>[\s\S]*type\t<string>/);
    const recursive = await lab.kubectl('explain', 'services', '--recursive', '--output=plaintext-openapiv2');
    expect(recursive).toMatch(/\n {3}spec\t<Object>\n[\s\S]*\n {6}ports\t<\[\]Object>\n/);
  });
});
