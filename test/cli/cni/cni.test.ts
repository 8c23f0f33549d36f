/** `klab cni` with plugins that are small programs of these tests. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AttachmentFiles } from '../../../src/cli/cni/attachment-files.ts';
import {
  type CniAttachRequest,
  cniAdd,
  cniCheck,
  cniDel,
  cniGc,
  cniStatus,
  cniVersion,
} from '../../../src/cli/cni/cni.ts';
import { findNetwork } from '../../../src/cli/cni/network-files.ts';
import { UserError } from '../../../src/cli/exit-codes.ts';

let folder: string;
let printed: string[];
let said: string[];
const io = { print: (text: string) => printed.push(text), say: (text: string) => said.push(text) };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'klab-cni-'));
  mkdirSync(join(folder, 'bin'));
  printed = [];
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A plugin that notes each call, with its standard input beside it, and then does what the script says. */
function plugin(name: string, script: string, mode = 0o755): void {
  const file = join(folder, 'bin', name);
  const text = `#!/bin/sh
cat > ${folder}/$CNI_COMMAND.${name}
echo "$CNI_COMMAND ${name} $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS" >> ${folder}/calls
${script}
`;
  writeFileSync(file, text);
  chmodSync(file, mode);
}

const answers = (result: object) => `[ $CNI_COMMAND = ADD ] && echo '${JSON.stringify(result)}'; exit 0`;
const address = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0' }],
  ips: [{ address: '10.9.0.2/24', interface: 0 }],
};
const calls = () =>
  existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : [];
const stdinOf = (call: string) => JSON.parse(readFileSync(join(folder, call), 'utf8'));

function conf(config: object = {}, file = 'lab.conflist'): string {
  const path = join(folder, file);
  const plugins = [{ type: 'main' }, { type: 'extra', capabilities: { portMappings: true } }];
  writeFileSync(path, JSON.stringify({ cniVersion: '1.0.0', name: 'lab', plugins, ...config }));
  return path;
}

/** This process's own namespace: there on every Linux machine, and the plugins here touch nothing. */
const netns = '/proc/self/ns/net';

const request = (more: Partial<CniAttachRequest & { undo: boolean }> = {}): CniAttachRequest & { undo: boolean } => ({
  conf: conf(),
  binDirs: [join(folder, 'nothing'), join(folder, 'bin')],
  cacheDir: join(folder, 'cache'),
  timeoutMs: 20_000,
  explain: false,
  netns,
  containerId: 'web-1',
  ifname: 'eth0',
  undo: true,
  ...more,
});

async function refusal(act: Promise<unknown>): Promise<UserError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe.skipIf(process.platform !== 'linux')('klab cni', () => {
  beforeEach(() => {
    plugin('main', answers(address));
    plugin('extra', answers(address));
  });

  it('add prints what the pod has got; check, status and del know it later', async () => {
    const caps = ['portMappings=[{"hostPort":8080}]'];
    await cniAdd(request({ args: ['K8S_POD_NAME=web'], caps }), io);
    expect(printed.join('\n')).toContain('container web-1 is in network lab as eth0\n  interface eth0');
    expect(printed.join('\n')).toContain('address 10.9.0.2/24 on eth0');
    expect(stdinOf('ADD.extra').runtimeConfig).toEqual({ portMappings: [{ hostPort: 8080 }] });
    await cniCheck(request({ netns: undefined }), io);
    expect(printed.at(-1)).toBe('container web-1: eth0 is as network lab left it');
    await cniStatus(request(), io);
    expect(printed.at(-1)).toMatch(/web-1\s+eth0\s+10\.9\.0\.2\/24\s+\/proc\/self\/ns\/net/);
    // What add was given is remembered: namespace, arguments, capabilities.
    await cniDel(request({ netns: undefined }), io);
    expect(calls().at(-1)).toBe(`DEL main web-1 ${netns} eth0 K8S_POD_NAME=web`);
    expect(stdinOf('DEL.extra').runtimeConfig).toEqual({ portMappings: [{ hostPort: 8080 }] });
    expect(readdirSync(join(folder, 'cache', 'results'))).toEqual([]);
    await cniDel(request(), io);
    expect(calls().filter((call) => call.startsWith('DEL'))).toHaveLength(4);
  });

  it('-o json prints the result and nothing else; the story goes beside it', async () => {
    await cniAdd(request({ output: 'json', explain: true }), io);
    expect(printed).toHaveLength(1);
    expect(JSON.parse(printed[0]!)).toEqual(address);
    expect(said.join('\n')).toContain('ADD main (plugin 1 of 2)');
  });

  it('the cache is a file of libcni’s form, written whole', async () => {
    await cniAdd(request(), io);
    const results = join(folder, 'cache', 'results');
    expect(readdirSync(results)).toEqual(['lab-web-1-eth0']);
    const cached = JSON.parse(readFileSync(join(results, 'lab-web-1-eth0'), 'utf8'));
    expect(cached).toMatchObject({ kind: 'cniCacheV1', networkName: 'lab', containerId: 'web-1', ifName: 'eth0' });
    expect(cached.result).toEqual(address);
    expect(JSON.parse(Buffer.from(cached.config, 'base64').toString()).name).toBe('lab');
    writeFileSync(join(results, 'lab-web-2-eth0'), '{"kind":');
    await cniStatus(request(), io);
    expect(said.join('\n')).toContain('lab-web-2-eth0: not a remembered attachment: unexpected end of JSON input');
  });

  it('a plugin that is missing is told with the folders that were searched, before anything runs', async () => {
    rmSync(join(folder, 'bin', 'extra'));
    const error = await refusal(cniAdd(request(), io));
    expect(error.message).toContain(`failed to find plugin "extra" in path ${folder}/nothing, ${folder}/bin`);
    expect(calls()).toEqual([]);
    plugin('extra', '', 0o644);
    expect((await refusal(cniAdd(request(), io))).message).toContain(`${folder}/bin/extra is not executable`);
  });

  it('a program that cannot be started is told', async () => {
    const file = join(folder, 'bin', 'extra');
    writeFileSync(file, '#!/no/such/interpreter\n');
    chmodSync(file, 0o755);
    expect((await refusal(cniAdd(request(), io))).message).toContain(`${file} cannot be started`);
    expect(calls().at(-1)).toContain('DEL main');
  });

  it('an error is told with plugin, details, stderr and what the plugin was given', async () => {
    plugin('extra', `echo 'looking around' >&2; echo '{"code":11,"msg":"busy","details":"come back"}'; exit 1`);
    const error = await refusal(cniAdd(request({ undo: false }), io));
    const lines = error.message.split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'plugin extra (ADD): code 11 (try again later): busy',
      '  details: come back',
      '  stderr: looking around',
    ]);
    expect(lines[3]).toContain('it was given: {"type":"extra"');
    expect(error.exitCode).toBe(1);
  });

  it('half an answer of a plugin that died is not taken for one', async () => {
    plugin('extra', `printf '{"cniVersion":"1.0.0","ips":['; kill -9 $$`);
    expect((await refusal(cniAdd(request(), io))).message).toContain('plugin extra (ADD): it was killed by SIGKILL');
    expect(existsSync(join(folder, 'cache', 'results', 'lab-web-1-eth0'))).toBe(false);
  });

  it('a plugin that hangs is killed, with the plugin that it waits for', async () => {
    plugin('extra', `[ $CNI_COMMAND = ADD ] && { sleep 600 & echo $! > ${folder}/child; wait; }; exit 0`);
    const error = await refusal(cniAdd(request({ timeoutMs: 500 }), io));
    expect(error.message).toContain('plugin extra (ADD): it did not end within 0.5 s and was killed');
    expect(error.exitCode).toBe(3);
    const child = readFileSync(join(folder, 'child'), 'utf8').trim();
    const state = () =>
      existsSync(`/proc/${child}/stat`) ? readFileSync(`/proc/${child}/stat`, 'utf8').split(' ')[2] : 'gone';
    await expect.poll(state).toMatch(/gone|Z/);
    expect(
      calls()
        .slice(-2)
        .map((call) => call.split(' ').slice(0, 2).join(' ')),
    ).toEqual(['DEL extra', 'DEL main']);
  });

  it('Ctrl-C ends the plugin under way', async () => {
    plugin('main', `[ $CNI_COMMAND = ADD ] && sleep 600; exit 0`);
    const interrupt = new AbortController();
    const adding = cniAdd(request(), { ...io, signal: interrupt.signal });
    await expect.poll(calls).toHaveLength(1);
    interrupt.abort(new DOMException('interrupted', 'AbortError'));
    await expect(adding).rejects.toThrow('interrupted');
  });

  it('a plugin that does not read its input still counts by its exit code', async () => {
    writeFileSync(join(folder, 'bin', 'main'), `#!/bin/sh\nexec <&-\n${answers(address)}\n`);
    await cniAdd(request({ args: [`PAD=${'x'.repeat(100_000)}`] }), io);
    expect(printed.join('\n')).toContain('is in network lab');
  });

  it('plugins see no CNI variables but their own, and the rest of the environment', async () => {
    process.env['CNI_STRAY'] = 'x';
    try {
      plugin('main', `env | sort > ${folder}/env; ${answers(address)}`);
      await cniAdd(request(), io);
    } finally {
      delete process.env['CNI_STRAY'];
    }
    const env = readFileSync(join(folder, 'env'), 'utf8');
    expect(env).not.toContain('CNI_STRAY');
    expect(env).toContain(`CNI_PATH=${folder}/nothing:${folder}/bin`);
    expect(env).toContain('PATH=');
  });

  it('two operations of one container do not run at once; a lock of the dead is no lock', async () => {
    const files = new AttachmentFiles(join(folder, 'cache'));
    await files.alone('web-1', async () => {
      expect((await refusal(cniAdd(request(), io))).message).toContain(
        `process ${process.pid} works on container web-1`,
      );
      await cniAdd(request({ containerId: 'web-2' }), io);
    });
    writeFileSync(join(folder, 'cache', 'locks', 'web-1'), '4194305');
    await cniAdd(request(), io);
    expect(readdirSync(join(folder, 'cache', 'locks'))).toEqual([]);
  });

  it('gc keeps those whose namespace is there, or those named', async () => {
    await cniAdd(request(), io);
    const gone = join(folder, 'ns');
    writeFileSync(gone, '');
    await cniAdd(request({ containerId: 'web-2', netns: gone }), io);
    rmSync(gone);
    await cniGc(request(), io);
    expect(printed.at(-1)).toBe(
      'deleted web-2 eth0\n1 attachments are valid; the plugins were not told: GC came with 1.1.0',
    );
    await cniGc({ ...request(), valid: ['other/net1'], output: 'json' }, io);
    expect(JSON.parse(printed.at(-1)!)).toEqual({
      network: 'lab',
      valid: [{ containerID: 'other', ifname: 'net1' }],
      deleted: [{ containerID: 'web-1', ifname: 'eth0' }],
      pluginsAsked: false,
    });
  });

  it('version asks the plugins', async () => {
    plugin('main', `echo '{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}'`);
    await cniVersion({ ...request(), plugins: ['main'] }, io);
    expect(printed.at(-1)).toMatch(/^PLUGIN +SUPPORTS CNI\nmain +1\.0\.0, 1\.1\.0$/);
  });

  it('what the command line gets wrong is told', async () => {
    const wrong: [Partial<CniAttachRequest>, string][] = [
      [{ containerId: '../x' }, 'invalid characters in containerID'],
      [{ ifname: 'much-too-long-name' }, 'interface name is too long'],
      [{ netns: 'no-such-pod' }, 'no network namespace "no-such-pod"'],
      [{ netns: undefined, containerId: undefined }, 'give --container-id, or --netns'],
      [{ args: ['A'] }, 'invalid CNI_ARGS pair "A"'],
      [{ caps: ['portMappings'] }, 'it is CAPABILITY=JSON'],
      [{ caps: ['portMappings=[{]'] }, 'invalid --cap portMappings: invalid character'],
      [{ conf: join(folder, 'none') }, 'none does not exist'],
    ];
    for (const [more, text] of wrong) expect((await refusal(cniAdd(request(more), io))).message).toContain(text);
    expect(calls()).toEqual([]);
  });
});

describe('where configurations are found', () => {
  it('in a folder it is the first by name, or the network asked for', () => {
    conf({ name: 'b' }, '20-b.conflist');
    conf({ name: 'a' }, '30-a.conflist');
    writeFileSync(join(folder, '10-notes.txt'), 'no configuration');
    expect(findNetwork(folder).network.name).toBe('b');
    expect(findNetwork(folder, 'a').file).toBe(join(folder, '30-a.conflist'));
    expect(() => findNetwork(folder, 'c')).toThrow(`no network "c" in ${folder}: there are b, a`);
    expect(() => findNetwork(join(folder, 'bin'))).toThrow('it has no .conf, .conflist, .json file');
  });

  it('plugins may lie in a folder of the network’s name, unless the list says it has all', () => {
    mkdirSync(join(folder, 'lab'));
    writeFileSync(join(folder, 'lab', '20-b.conf'), '{"type":"b"}');
    writeFileSync(join(folder, 'lab', '10-a.conf'), '{"type":"a"}');
    expect(findNetwork(conf()).network.plugins.map(({ type }) => type)).toEqual(['main', 'extra', 'a', 'b']);
    const inlined = findNetwork(conf({ loadOnlyInlinedPlugins: true }));
    expect(inlined.network.plugins.map(({ type }) => type)).toEqual(['main', 'extra']);
  });

  it('an empty list, a file that is no folder’s, and misleading extensions are told', () => {
    expect(() => findNetwork(conf({ plugins: [] }))).toThrow('no plugins in list');
    expect(findNetwork(conf({}, 'list.conf')).warnings[0]).toContain('belongs into a .conflist file');
    const single = conf({ plugins: undefined, type: 'main' }, 'one.conf');
    expect(findNetwork(single).warnings[0]).toContain('CNI 1.0 knows no configuration without a list');
  });
});
