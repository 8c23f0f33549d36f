import { describe, expect, it } from 'vitest';
import { CniError } from '../../../src/net/cni/cni-error.ts';
import { parseNetworkConfig } from '../../../src/net/cni/config.ts';
import { checkContainerId, checkInterfaceName, parseArgs } from '../../../src/net/cni/names.ts';
import { chooseVersion, compareVersions } from '../../../src/net/cni/versions.ts';

function refusal(act: () => unknown): { message: string; code: number | undefined } {
  try {
    act();
  } catch (error) {
    if (error instanceof CniError) return { message: error.message, code: error.detail.code };
    throw error;
  }
  throw new Error('nothing was refused');
}

const parse = (config: unknown) => parseNetworkConfig(JSON.stringify(config), 'lab.conflist');

describe('network configurations', () => {
  it('a list has a name, versions and plugins with their capabilities', () => {
    const network = parse({
      cniVersion: '1.0.0',
      cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
      name: 'lab',
      disableCheck: 'true',
      disableGC: false,
      plugins: [{ type: 'bridge' }, { type: 'portmap', capabilities: { portMappings: true, bandwidth: false } }],
    });
    expect(network).toMatchObject({
      name: 'lab',
      offeredVersions: ['1.0.0', '0.4.0', '1.1.0'],
      disableCheck: true,
      disableGC: false,
      single: false,
    });
    expect(network.plugins.map(({ type, capabilities }) => [type, [...capabilities]])).toEqual([
      ['bridge', []],
      ['portmap', ['portMappings']],
    ]);
  });

  it('a single configuration is a chain of one, and without a version it is of 0.1.0', () => {
    expect(parse({ name: 'lab', type: 'ptp' })).toMatchObject({
      single: true,
      offeredVersions: ['0.1.0'],
      plugins: [{ type: 'ptp' }],
    });
  });

  it('what is not JSON is refused with file, line and column', () => {
    const text = '{\n  "name": "lab",\n  "plugins": [{"type": bridge}]\n}';
    expect(refusal(() => parseNetworkConfig(text, 'a.conflist'))).toEqual({
      message: "a.conflist:3:24: invalid character 'b' looking for beginning of value",
      code: 6,
    });
    expect(refusal(() => parseNetworkConfig('{"name": "l', 'a.conflist')).message).toBe(
      'a.conflist:1:12: unexpected end of JSON input',
    );
    expect(refusal(() => parseNetworkConfig('{"name":"a","name":"b","type":"x"}', 'f')).message).toBe(
      'f: duplicate field "name"',
    );
  });

  const wrong: [string, unknown, string, number][] = [
    ['no object', [], 'lab.conflist: a network configuration is a JSON object', 7],
    ['no name', { plugins: [] }, 'lab.conflist: no name', 7],
    ['an empty name', { name: '', type: 'x' }, 'lab.conflist: missing network name', 7],
    ['a name with a slash', { name: 'a/b', type: 'x' }, 'invalid characters found in network name: "a/b"', 7],
    ['neither plugins nor type', { name: 'a' }, 'neither "plugins" nor "type"', 7],
    ['plugins that are no list', { name: 'a', plugins: {} }, 'plugins must be a list', 7],
    ['a plugin without type', { name: 'a', plugins: [{ type: 'x' }, {}] }, "plugins[1]: missing 'type'", 7],
    ['a type with a path', { name: 'a', plugins: [{ type: '../x' }] }, 'must not contain path separators', 7],
    [
      'a capability that is no boolean',
      { name: 'a', type: 'x', capabilities: { p: 'yes' } },
      'capabilities must say',
      7,
    ],
    ['a version that is none', { name: 'a', type: 'x', cniVersion: '1.0' }, 'cniVersion "1.0" is no version', 1],
    ['disableCheck: maybe', { name: 'a', type: 'x', disableCheck: 'maybe' }, 'disableCheck must be true or false', 7],
    ['no plugin at all', { name: 'a', plugins: [], loadOnlyInlinedPlugins: true }, 'no plugins in list', 7],
  ];
  for (const [what, config, message, code] of wrong) {
    it(`refuses ${what}`, () => {
      const refused = refusal(() => parse(config));
      expect(refused.message).toContain(message);
      expect(refused.code).toBe(code);
    });
  }
});

describe('names', () => {
  it('container IDs start with a letter or digit', () => {
    for (const good of ['a', '0', 'web-1.a_b', 'f'.repeat(64)]) checkContainerId(good);
    expect(refusal(() => checkContainerId('')).message).toBe('missing containerID');
    for (const bad of ['-a', '.a', 'a/b', 'a b', 'ä', '../../etc']) {
      expect(refusal(() => checkContainerId(bad))).toMatchObject({ code: 4 });
    }
  });

  it('interface names are what the kernel takes', () => {
    for (const good of ['eth0', 'a'.repeat(15), 'net1.5', '...']) checkInterfaceName(good);
    const bad: [string, string][] = [
      ['', 'interface name is empty'],
      ['a'.repeat(16), 'interface name is too long: 16 bytes, at most 15'],
      ['.', 'interface name is . or ..'],
      ['..', 'interface name is . or ..'],
      ['a/b', 'interface name contains / or : or whitespace characters'],
      ['a:b', 'interface name contains / or : or whitespace characters'],
      ['a\tb', 'interface name contains / or : or whitespace characters'],
    ];
    for (const [name, why] of bad) expect(refusal(() => checkInterfaceName(name)).message).toContain(why);
  });

  it('arguments are pairs that CNI_ARGS can hold', () => {
    expect(parseArgs(['K8S_POD_NAME=web-0', 'IP='])).toEqual([
      ['K8S_POD_NAME', 'web-0'],
      ['IP', ''],
    ]);
    for (const bad of ['', 'A', '=b', 'A=b;C=d', 'A=b=c']) {
      expect(refusal(() => parseArgs([bad]))).toMatchObject({ code: 4 });
    }
  });
});

describe('versions', () => {
  it('are compared by number', () => {
    expect(['1.10.0', '1.9.0', '0.4.0', '0.3.1'].sort(compareVersions)).toEqual(['0.3.1', '0.4.0', '1.9.0', '1.10.0']);
  });

  it('the newest that configuration, runtime and all plugins know is spoken', () => {
    expect(chooseVersion(['1.0.0'])).toBe('1.0.0');
    expect(chooseVersion(['0.4.0', '1.1.0', '9.0.0'])).toBe('1.1.0');
    const plugins = [
      { type: 'bridge', supported: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] },
      { type: 'old', supported: ['0.3.1', '0.4.0'] },
    ];
    expect(chooseVersion(['0.3.1', '0.4.0', '1.0.0'], plugins)).toBe('0.4.0');
    expect(refusal(() => chooseVersion(['1.0.0', '1.1.0'], plugins))).toEqual({
      message: 'incompatible CNI versions: the configuration is of 1.0.0, 1.1.0; plugin old supports 0.3.1, 0.4.0',
      code: 1,
    });
    expect(refusal(() => chooseVersion(['9.0.0']))).toMatchObject({ code: 1 });
  });
});
