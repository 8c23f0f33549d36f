/** What ipvs mode feeds to `ipvsadm -R`, read by ipvsadm itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IpvsSync, resolveConfig, ServiceTracker } from '../../src/proxy/index.ts';
import { buildIpvsShim, ipvsadmRestore } from '../helpers/ipvs-shim.ts';
import { missing } from '../helpers/real.ts';
import { config, everything, slice } from '../proxy/objects.ts';

const able = missing('ipvsadm', 'gcc').length === 0 && process.platform === 'linux';
const commands = { add: 2, edit: 3, delete: 4, flush: 5, addReal: 7, deleteReal: 8 } as const;

/** protocol, address and port: how struct ip_vs_service_user begins. */
function serviceOf(bytes: Buffer): string {
  const address = [...bytes.subarray(4, 8)].join('.');
  return `${bytes.readUInt16LE(0) === 6 ? 'tcp' : 'udp'} ${address}:${bytes.readUInt16BE(8)}`;
}

describe.skipIf(!able)('ipvsadm', () => {
  const folder = mkdtempSync(join(tmpdir(), 'klab-ipvs-'));
  let library = '';
  beforeAll(() => {
    library = buildIpvsShim(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const tracker = new ServiceTracker('IPv4', config.node);
  const sync = new IpvsSync(resolveConfig(config));
  const servers = (steps: readonly { program: string; input: string }[]) =>
    steps
      .filter(({ program }) => program === 'ipvsadm')
      .map(({ input }) => input)
      .join('');

  test('takes a first load, and would set the servers it names', () => {
    for (const object of everything.services) tracker.setService(object);
    for (const object of everything.endpointSlices) tracker.setSlice(object);
    sync.update(tracker.take());
    const { code, calls, text } = ipvsadmRestore(library, servers(sync.full().steps));
    expect({ code, text }).toMatchObject({ code: 0 });
    const added = calls.filter(({ command }) => command === commands.add).map(({ bytes }) => serviceOf(bytes));
    expect(added).toEqual(
      expect.arrayContaining(['tcp 172.30.0.41:80', 'tcp 1.2.3.4:80', 'tcp 192.168.0.2:3003', 'udp 172.30.0.44:53']),
    );
    expect(new Set(added).size).toBe(added.length);
    expect(calls.filter(({ command }) => command === commands.addReal).length).toBeGreaterThan(4);
    expect(calls[0]!.command).toBe(commands.flush);
  });

  test('takes a change: one real server comes, one goes', () => {
    tracker.setSlice(slice('ns1', 'svc1', [['p80', 80]], [{ ip: '10.180.0.77', node: 'other' }]));
    const { code, calls, text } = ipvsadmRestore(library, servers(sync.update(tracker.take()).steps));
    expect({ code, text }).toMatchObject({ code: 0 });
    expect(calls.map(({ command }) => command).sort()).toEqual([commands.addReal, commands.deleteReal].sort());
    for (const { bytes } of calls) expect(serviceOf(bytes)).toBe('tcp 172.30.0.41:80');
  });

  test('refuses what it does not know, so that taking means something', () => {
    expect(ipvsadmRestore(library, '-A -t 10.0.0.1:99999 -s rr\n').code).not.toBe(0);
    expect(ipvsadmRestore(library, '-A -t 10.0.0.1:80 --bogus rr\n').code).not.toBe(0);
  });
});
