import { describe, expect, it } from 'vitest';
import type { PluginRun } from '../../../src/net/cni/answer.ts';
import { attachmentFile, decodeAttachment, encodeAttachment } from '../../../src/net/cni/attachment.ts';
import { CniError } from '../../../src/net/cni/cni-error.ts';
import { parseNetworkConfig } from '../../../src/net/cni/config.ts';
import type { PluginRequest } from '../../../src/net/cni/request.ts';
import { type AttachmentStore, type CniEvent, CniRuntime } from '../../../src/net/cni/runtime.ts';
import { storyOf } from '../../../src/net/cni/story.ts';

type Answer = Partial<PluginRun> | ((request: PluginRequest, stdin: any) => Partial<PluginRun>);

const failing = (code: number, msg: string, details?: string): Answer => ({
  code: 1,
  stdout: JSON.stringify({ cniVersion: '1.0.0', code, msg, details }),
});

/** Adds an address to what came before, as a chain does. */
const adds =
  (address: string): Answer =>
  (_, stdin) => ({
    stdout: JSON.stringify({
      cniVersion: stdin.cniVersion,
      ips: [...(stdin.prevResult?.ips ?? []), { address }],
    }),
  });

/** A runtime whose plugins are functions and whose memory is a map. */
function world(plugins: Record<string, Partial<Record<string, Answer>>>) {
  const calls: { type: string; env: Readonly<Record<string, string>>; stdin: any }[] = [];
  const kept = new Map<string, string>();
  const events: CniEvent[] = [];
  const store: AttachmentStore = {
    get: (...key) => {
      const text = kept.get(attachmentFile(...key));
      return text === undefined ? undefined : decodeAttachment(text, attachmentFile(...key));
    },
    put: (attachment, result) => {
      const { network, containerId, ifname } = attachment;
      kept.set(attachmentFile(network, containerId, ifname), encodeAttachment(attachment, result));
    },
    delete: (...key) => void kept.delete(attachmentFile(...key)),
    list: () => [...kept].map(([file, text]) => decodeAttachment(text, file)),
  };
  const runner = {
    path: '/bins',
    find(type: string) {
      if (!plugins[type]) throw new CniError(`failed to find plugin "${type}"`, { failure: 'missing' });
      return `/bins/${type}`;
    },
    async run(_: string, request: PluginRequest): Promise<PluginRun> {
      const stdin = JSON.parse(request.stdin);
      calls.push({ type: request.type, env: request.env, stdin });
      const answer = plugins[request.type]![request.command] ?? {};
      return { code: 0, stdout: '', stderr: '', ...(typeof answer === 'function' ? answer(request, stdin) : answer) };
    },
  };
  const order = () => calls.map(({ type, env }) => `${env['CNI_COMMAND']} ${type}`);
  return { runtime: new CniRuntime(runner, store, (event) => events.push(event)), calls, kept, events, order };
}

const network = (config: object = {}) =>
  parseNetworkConfig(
    JSON.stringify({
      cniVersion: '1.0.0',
      name: 'lab',
      plugins: [
        { type: 'first', own: 1 },
        { type: 'second', capabilities: { portMappings: true, mac: false } },
      ],
      ...config,
    }),
    'lab.conflist',
  );

const pod = {
  containerId: 'web-1',
  netns: '/run/netns/pod',
  ifname: 'eth0',
  args: [
    ['K8S_POD_NAME', 'web'],
    ['IP', '10.0.0.9'],
  ] as [string, string][],
  capabilityArgs: { portMappings: [{ hostPort: 80 }], mac: 'x', bandwidth: {} },
};

const two = { first: { ADD: adds('10.0.0.1/24') }, second: { ADD: adds('10.0.0.2/24') } };

async function refusal(act: Promise<unknown>): Promise<CniError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('ADD', () => {
  it('goes through the chain in order, each plugin with the result of the one before', async () => {
    const { runtime, calls, order } = world(two);
    const result = await runtime.add(network(), pod);
    expect(order()).toEqual(['ADD first', 'ADD second']);
    expect(calls[0]!.stdin).toEqual({ type: 'first', own: 1, name: 'lab', cniVersion: '1.0.0' });
    expect(calls[1]!.stdin).toEqual({
      type: 'second',
      capabilities: { portMappings: true, mac: false },
      name: 'lab',
      cniVersion: '1.0.0',
      runtimeConfig: { portMappings: [{ hostPort: 80 }] },
      prevResult: { cniVersion: '1.0.0', ips: [{ address: '10.0.0.1/24' }] },
    });
    expect(result).toEqual({ cniVersion: '1.0.0', ips: [{ address: '10.0.0.1/24' }, { address: '10.0.0.2/24' }] });
  });

  it('tells plugins by environment who, where and what', async () => {
    const { runtime, calls } = world(two);
    await runtime.add(network(), pod);
    expect(calls[0]!.env).toEqual({
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'web-1',
      CNI_NETNS: '/run/netns/pod',
      CNI_IFNAME: 'eth0',
      CNI_ARGS: 'K8S_POD_NAME=web;IP=10.0.0.9',
      CNI_PATH: '/bins',
    });
  });

  it('a chain of version 0.4 hears and keeps results of 0.4, whatever a plugin speaks', async () => {
    const newer: Answer = { stdout: JSON.stringify({ cniVersion: '1.0.0', ips: [{ address: 'fd00::1/64' }] }) };
    const { runtime, calls } = world({ first: { ADD: newer }, second: two.second });
    const result = await runtime.add(network({ cniVersion: '0.4.0' }), pod);
    expect(calls[1]!.stdin.prevResult).toEqual({ cniVersion: '0.4.0', ips: [{ version: '6', address: 'fd00::1/64' }] });
    expect(result.cniVersion).toBe('0.4.0');
  });

  it('twice without DEL between is refused, and no plugin runs', async () => {
    const { runtime, calls } = world(two);
    await runtime.add(network(), pod);
    expect((await refusal(runtime.add(network(), pod))).message).toContain('must not ADD twice');
    expect(calls).toHaveLength(2);
    await runtime.add(network(), { ...pod, ifname: 'net1' });
  });

  it('with a plugin missing nothing runs at all', async () => {
    const { runtime, calls } = world({ first: two.first });
    expect((await refusal(runtime.add(network(), pod))).detail.failure).toBe('missing');
    expect(calls).toEqual([]);
  });

  it('a failure takes back what was made, last first, and remembers nothing', async () => {
    const { runtime, order, kept, events } = world({ first: two.first, second: { ADD: failing(11, 'busy', 'later') } });
    const error = await refusal(runtime.add(network(), pod));
    expect(error.message).toBe('plugin second (ADD): code 11 (try again later): busy');
    expect(error.detail).toMatchObject({ failure: 'refused', code: 11, details: 'later', plugin: 'second' });
    expect(JSON.parse(error.detail.stdin!)).toMatchObject({ type: 'second', name: 'lab' });
    expect(order()).toEqual(['ADD first', 'ADD second', 'DEL second', 'DEL first']);
    expect(kept.size).toBe(0);
    expect(events.flatMap(storyOf).join('\n')).toContain('told DEL, last first');
  });

  it('a failure can be left as it is; what cannot be taken back is told', async () => {
    const plugins = { first: { ...two.first, DEL: failing(5, 'disk') }, second: { ADD: failing(100, 'mine') } };
    const kept = world(plugins);
    await refusal(kept.runtime.add(network(), pod, { undo: false }));
    expect(kept.order()).toEqual(['ADD first', 'ADD second']);
    expect((await refusal(world(plugins).runtime.add(network(), pod))).message).toBe(
      'plugin second (ADD): code 100 (the plugin’s own code): mine\n' +
        'and taking it back failed too: plugin first (DEL): code 5 (I/O failure): disk',
    );
  });

  it('needs a namespace, a container and an interface name', async () => {
    const { runtime } = world(two);
    for (const bad of [{ netns: '' }, { containerId: '' }, { containerId: '-x' }, { ifname: 'a/b' }]) {
      expect((await refusal(runtime.add(network(), { ...pod, ...bad }))).detail.code).toBe(4);
    }
  });

  const codes: [number, string][] = [
    [1, 'incompatible CNI version'],
    [2, 'unsupported field in network configuration'],
    [3, 'container unknown or does not exist'],
    [4, 'invalid necessary environment variables'],
    [5, 'I/O failure'],
    [6, 'failed to decode content'],
    [7, 'invalid network configuration'],
    [8, 'invalid network namespace'],
    [11, 'try again later'],
    [42, 'reserved by the specification'],
    [100, 'the plugin’s own code'],
    [999, 'internal error'],
  ];
  for (const [code, meaning] of codes) {
    it(`error ${code} is told as: ${meaning}`, async () => {
      const error = await refusal(world({ ...two, second: { ADD: failing(code, 'why') } }).runtime.add(network(), pod));
      expect(error.message).toBe(`plugin second (ADD): code ${code} (${meaning}): why`);
    });
  }

  const broken: [string, Partial<PluginRun>, string, string][] = [
    ['half-written', { stdout: '{"cniVersion":"1.0.0","ips":[{"addr' }, 'garbled', 'line 1, column 36: unexpected end'],
    ['no result', { stdout: '' }, 'garbled', 'wrote no result on its stdout'],
    ['a log instead of JSON', { stdout: 'done\n' }, 'garbled', 'its stdout is not JSON'],
    ['an error with exit code 0', { stdout: '{"code":7,"msg":"x"}' }, 'garbled', 'exit code 0 but wrote an error'],
    [
      'an unusable result',
      { stdout: '{"cniVersion":"1.0.0","ips":[{"address":"x"}]}' },
      'garbled',
      'result is unusable',
    ],
    [
      'no error message',
      { code: 2, stderr: 'panic: nil\n' },
      'garbled',
      'failed with exit code 2 and no error message',
    ],
    ['an error that is no JSON', { code: 1, stdout: 'oops' }, 'garbled', 'its error is not JSON'],
    ['half an error', { code: 1, stdout: '{"code":7}' }, 'garbled', 'its error has no code and msg'],
    ['killed', { code: null, signal: 'SIGSEGV' }, 'killed', 'killed by SIGSEGV'],
    ['too slow', { code: null, signal: 'SIGKILL', timedOutAfterMs: 1500 }, 'timeout', 'did not end within 1.5 s'],
  ];
  for (const [what, run, failure, text] of broken) {
    it(`an answer that is broken is told as such: ${what}`, async () => {
      const error = await refusal(world({ ...two, second: { ADD: run } }).runtime.add(network(), pod));
      expect(error.message).toMatch(/^plugin second \(ADD\): /);
      expect(error.message).toContain(text);
      expect(error.detail.failure).toBe(failure);
      expect(error.detail.stderr).toBe(run.stderr?.trim());
    });
  }
});

describe('DEL', () => {
  it('goes in reverse, every plugin with the result of the whole ADD, and forgets', async () => {
    const { runtime, calls, order, kept } = world(two);
    const result = await runtime.add(network(), pod);
    calls.length = 0;
    await runtime.del(network(), pod);
    expect(order()).toEqual(['DEL second', 'DEL first']);
    for (const { stdin } of calls) expect(stdin.prevResult).toEqual(result);
    expect(kept.size).toBe(0);
  });

  it('once more is no error, and has no earlier result to give', async () => {
    const { runtime, calls } = world(two);
    await runtime.del(network(), { ...pod, netns: '' });
    expect(calls.map(({ stdin }) => 'prevResult' in stdin)).toEqual([false, false]);
    expect(calls[0]!.env['CNI_NETNS']).toBe('');
  });

  it('knows no earlier result before 0.4', async () => {
    const { runtime, calls } = world(two);
    await runtime.add(network({ cniVersion: '0.3.1' }), pod);
    calls.length = 0;
    await runtime.del(network({ cniVersion: '0.3.1' }), pod);
    expect(calls.map(({ stdin }) => 'prevResult' in stdin)).toEqual([false, false]);
  });

  it('stops at the plugin that fails, and the attachment stays remembered', async () => {
    const { runtime, order, kept } = world({ ...two, second: { ...two.second, DEL: failing(5, 'no') } });
    await runtime.add(network(), pod);
    expect((await refusal(runtime.del(network(), pod))).message).toBe('plugin second (DEL): code 5 (I/O failure): no');
    expect(order().slice(2)).toEqual(['DEL second']);
    expect(kept.size).toBe(1);
  });

  it('goes on without a memory that cannot be read', async () => {
    const { runtime, kept, events, order } = world(two);
    kept.set(attachmentFile('lab', 'web-1', 'eth0'), '{"kind":"cniCac');
    await runtime.del(network(), pod);
    expect(order()).toEqual(['DEL second', 'DEL first']);
    expect(events.flatMap(storyOf).join('\n')).toContain('going on without the earlier result');
    expect(kept.size).toBe(0);
  });

  it('a result of an older configuration is given in the version of today’s', async () => {
    const { runtime, calls } = world(two);
    await runtime.add(network({ cniVersion: '0.4.0' }), pod);
    await runtime.del(network({ cniVersion: '1.0.0' }), pod);
    expect(calls[2]!.stdin.prevResult).toEqual({
      cniVersion: '1.0.0',
      ips: [{ address: '10.0.0.1/24' }, { address: '10.0.0.2/24' }],
    });
  });
});

describe('CHECK', () => {
  it('asks in order, with the result of the whole ADD, and stops at the first objection', async () => {
    const { runtime, order, calls } = world({ ...two, first: { ...two.first, CHECK: failing(100, 'address gone') } });
    const result = await runtime.add(network(), pod);
    expect((await refusal(runtime.check(network(), pod))).message).toContain('address gone');
    expect(order().slice(2)).toEqual(['CHECK first']);
    expect(calls[2]!.stdin.prevResult).toEqual(result);
  });

  it('is not asked when the configuration says disableCheck', async () => {
    const { runtime, calls } = world(two);
    const quiet = network({ disableCheck: true });
    await runtime.add(quiet, pod);
    expect(await runtime.check(quiet, pod)).toEqual({ skipped: 'network lab says disableCheck' });
    expect(calls).toHaveLength(2);
  });

  it('needs 0.4 and an attachment', async () => {
    const { runtime } = world(two);
    expect((await refusal(runtime.check(network({ cniVersion: '0.3.1' }), pod))).detail.code).toBe(1);
    expect((await refusal(runtime.check(network(), pod))).detail.code).toBe(3);
  });
});

describe('STATUS and GC', () => {
  const newest = { cniVersion: '1.1.0' };

  it('STATUS asks each plugin, without a container, and tells 50 and 51', async () => {
    const ready = world(two);
    expect(await ready.runtime.status(network(newest))).toEqual({});
    expect(ready.order()).toEqual(['STATUS first', 'STATUS second']);
    expect(ready.calls[0]!.env).toEqual({ CNI_COMMAND: 'STATUS', CNI_PATH: '/bins' });
    expect(ready.calls[0]!.stdin).toEqual({ type: 'first', own: 1, name: 'lab', cniVersion: '1.1.0' });
    for (const [code, text] of [
      [50, 'the plugin is not available'],
      [51, 'may have limited connectivity'],
    ] as const) {
      const { runtime } = world({ ...two, first: { STATUS: failing(code, 'agent down') } });
      const error = await refusal(runtime.status(network(newest)));
      expect(error.message).toContain(text);
      expect(error.detail.code).toBe(code);
    }
  });

  it('before 1.1 plugins are not asked', async () => {
    const { runtime, calls } = world(two);
    expect((await runtime.status(network())).skipped).toBe('STATUS came with 1.1.0; network lab is of 1.0.0');
    expect((await runtime.gc(network(), [])).asked).toBe(false);
    expect(calls).toEqual([]);
  });

  it('GC deletes what is remembered and not valid, then tells each plugin what is valid', async () => {
    const { runtime, order, calls, kept } = world(two);
    await runtime.add(network(newest), pod);
    await runtime.add(network(newest), { ...pod, containerId: 'web-2' });
    await runtime.add(network({ ...newest, name: 'other' }), pod);
    const valid = [{ containerID: 'web-2', ifname: 'eth0' }];
    expect(await runtime.gc(network(newest), valid)).toEqual({
      kept: valid,
      deleted: [{ containerID: 'web-1', ifname: 'eth0' }],
      asked: true,
    });
    expect(order().slice(6)).toEqual(['DEL second', 'DEL first', 'GC first', 'GC second']);
    expect(calls[6]!.env).toMatchObject({ CNI_CONTAINERID: 'web-1', CNI_NETNS: '/run/netns/pod' });
    expect(calls[6]!.stdin.runtimeConfig).toEqual({ portMappings: [{ hostPort: 80 }] });
    expect(calls[8]!.stdin['cni.dev/valid-attachments']).toEqual(valid);
    expect([...kept.keys()]).toEqual(['lab-web-2-eth0', 'other-web-1-eth0']);
  });

  it('GC tries everything and then tells all that failed; disableGC forbids it', async () => {
    const { runtime, order } = world({
      first: { ...two.first, GC: failing(5, 'a') },
      second: { ...two.second, GC: failing(5, 'b') },
    });
    const error = await refusal(runtime.gc(network(newest), []));
    expect(error.message.split('\n')).toHaveLength(2);
    expect(order()).toEqual(['GC first', 'GC second']);
    await expect(runtime.gc(network({ ...newest, disableGC: true }), [])).rejects.toThrow('disableGC');
  });
});

describe('VERSION', () => {
  const speaks = (...supportedVersions: string[]): Answer => ({
    stdout: JSON.stringify({ cniVersion: '1.0.0', supportedVersions }),
  });

  it('is asked only where the configuration leaves a choice', async () => {
    const plugins = {
      first: { ...two.first, VERSION: speaks('0.4.0', '1.0.0', '1.1.0') },
      second: { ...two.second, VERSION: speaks('0.3.1', '0.4.0') },
    };
    const { runtime, order, calls } = world(plugins);
    await runtime.add(network({ cniVersions: ['0.4.0', '1.1.0'] }), pod);
    expect(order()).toEqual(['VERSION first', 'VERSION second', 'ADD first', 'ADD second']);
    expect(calls[2]!.stdin.cniVersion).toBe('0.4.0');
    // The list of versions is the runtime's to read; plugins get the one that was chosen.
    expect(calls[2]!.stdin).not.toHaveProperty('cniVersions');
  });

  it('plugins that know no VERSION are of 0.1.0', async () => {
    const old: Answer = { code: 1, stdout: JSON.stringify({ code: 100, msg: 'unknown CNI_COMMAND: VERSION' }) };
    const { runtime } = world({ first: { VERSION: old }, second: { VERSION: { stdout: '{}' } } });
    expect(await runtime.versions(['first'])).toEqual([{ type: 'first', supported: ['0.1.0'] }]);
    await expect(runtime.versions(['second'])).rejects.toThrow('no supportedVersions');
  });
});

it('numbers beyond 2^53 reach the plugins as they were written', async () => {
  const { calls, runtime } = world({
    first: { ADD: (request) => ({ stdout: request.stdin.includes('9223372036854775807') ? '{"ips":[]}' : '' }) },
  });
  const text = '{"cniVersion":"1.0.0","name":"lab","type":"first","burst":9223372036854775807}';
  await runtime.add(parseNetworkConfig(text, 'lab.conf'), pod);
  expect(calls).toHaveLength(1);
});

it('the story tells of every plugin what goes in, why, and what comes out', async () => {
  const { runtime, events } = world(two);
  await runtime.add(network(), { ...pod, capabilityArgs: {} });
  const story = events.flatMap(storyOf).join('\n');
  expect(story).toContain('network lab: first → second, CNI 1.0.0');
  expect(story).toContain('ADD second (plugin 2 of 2): make the interface, or add to what earlier plugins made');
  expect(story).toContain('CNI_ARGS=K8S_POD_NAME=web;IP=10.0.0.9');
  expect(story).toContain('no runtimeConfig: nothing was given for portMappings (see --cap)');
  expect(story).toContain('prevResult: {"cniVersion":"1.0.0","ips":[{"address":"10.0.0.1/24"}]}');
  expect(story).toContain('    address 10.0.0.2/24');
});
