/** `klab cni` with the reference plugins: real namespaces as node, pods and client, real packets through what the plugins made. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CniAttachRequest,
  cniAdd,
  cniCheck,
  cniDel,
  cniGc,
  cniStatus,
  cniVersion,
} from '../../src/cli/cni/cni.ts';
import { hostPortRules, ruleText } from '../../src/net/index.ts';
import { PacketNamespaces } from '../helpers/packet-lab.ts';
import { canMakeNamespaces, findProgram, missing } from '../helpers/real.ts';

const plugins = '/usr/lib/cni';
const able = missing('iptables-nft', 'iptables-legacy', 'nsenter', 'ip').length === 0 && canMakeNamespaces();
const installed = existsSync(join(plugins, 'bridge'));
if (!installed && process.env['CI'] === 'true') throw new Error('missing in CI: containernetworking-plugins');
if (!installed) console.warn('skipped, not installed: containernetworking-plugins');

const peer = join(import.meta.dirname, '../helpers/packet-peer.ts');

/** A node with a client outside, and pods that klab attaches. */
class CniLab extends PacketNamespaces {
  readonly folder = mkdtempSync(join(tmpdir(), 'klab-cni-real-'));
  readonly printed: string[] = [];
  readonly said: string[] = [];
  readonly #servers: ChildProcess[] = [];

  constructor(name: string) {
    super(name);
    for (const place of ['node', 'ext', 'p1', 'p2']) this.add(place);
    this.ip('node', `link add up0 type veth peer name eth0 netns ${this.name('ext')}`);
    for (const [place, device, four, six] of [
      ['node', 'up0', '192.168.77.1/24', 'fd00:77::1/64'],
      ['ext', 'eth0', '192.168.77.2/24', 'fd00:77::2/64'],
    ] as const) {
      this.ip(place, `addr add ${four} dev ${device}`);
      this.ip(place, `addr add ${six} dev ${device} nodad`);
      this.ip(place, `link set ${device} up`);
    }
  }

  /** Writes a configuration list of these plugins, with host-local for both families. */
  conf(main: object, more: readonly object[], head: object = {}): string {
    const ipam = {
      type: 'host-local',
      dataDir: join(this.folder, 'ipam'),
      ranges: [[{ subnet: '10.88.0.0/24' }], [{ subnet: 'fd00:88::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    };
    const file = join(this.folder, 'lab.conflist');
    const list = { cniVersion: '1.0.0', name: 'lab', ...head, plugins: [{ ...main, ipam }, ...more] };
    writeFileSync(file, JSON.stringify(list));
    return file;
  }

  request(pod: string, more: Partial<CniAttachRequest> = {}): CniAttachRequest & { undo: boolean } {
    return {
      conf: join(this.folder, 'lab.conflist'),
      binDirs: [plugins],
      cacheDir: join(this.folder, 'cache'),
      timeoutMs: 60_000,
      nodeNetns: this.name('node'),
      explain: false,
      netns: this.name(pod),
      containerId: pod,
      ifname: 'eth0',
      undo: true,
      ...more,
    };
  }

  readonly io = { print: (text: string) => this.printed.push(text), say: (text: string) => this.said.push(text) };

  /** Attaches a pod; its addresses, IPv4 first. */
  async attach(pod: string, more: Partial<CniAttachRequest> = {}): Promise<string[]> {
    await cniAdd(this.request(pod, { output: 'json', ...more }), this.io);
    const { ips } = JSON.parse(this.printed.at(-1)!) as { ips: { address: string }[] };
    return ips.map(({ address }) => address.split('/')[0]!);
  }

  /** What a server of a pod answers (its name, and whom it sees), or the error. */
  ask(from: string, host: string, port: number): string {
    const tally = JSON.parse(this.run(from, process.execPath, [peer, 'tcp', host, String(port), '1', '0']));
    return Object.keys(tally)[0]!;
  }

  serve(pod: string): Promise<void> {
    const net = `--net=/run/netns/${this.name(pod)}`;
    const child = spawn('nsenter', [net, process.execPath, peer, 'serve', pod], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#servers.push(child);
    return new Promise((resolve, reject) => {
      child.stdout!.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the server of ${pod} ended with ${code}`)));
    });
  }

  /** Addresses that host-local holds. */
  held(): string[] {
    const files = readdirSync(join(this.folder, 'ipam', 'lab'));
    return files.filter((name) => !name.startsWith('last_') && name !== 'lock').sort();
  }

  end(): void {
    for (const child of this.#servers) child.kill('SIGKILL');
    this.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const portMappings = (hostPort: number) => [
  `portMappings=[{"hostPort":${hostPort},"containerPort":8080,"protocol":"tcp"}]`,
];

const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: true, hairpinMode: true };
const ptp = { type: 'ptp', ipMasq: true };
const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };

const setups = [
  ['bridge', bridge, 'nft'],
  ['ptp', ptp, 'nft'],
  ['bridge', bridge, 'legacy'],
] as const;

setups.forEach(([network, main, backend], index) => {
  describe.skipIf(!able || !installed)(`${network}, host-local and portmap over iptables-${backend}`, () => {
    let lab: CniLab;
    let ips: Record<string, string[]>;
    const path = process.env['PATH'];
    const save = (family: '' | '6' = '') => lab.run('node', `ip${family}tables-${backend}-save`, ['-t', 'nat']);

    beforeAll(async () => {
      lab = new CniLab(`c${index}`);
      // The plugin takes whatever is called iptables.
      const bin = join(lab.folder, 'bin');
      mkdirSync(bin);
      for (const program of ['iptables', 'ip6tables']) {
        symlinkSync(findProgram(`${program}-${backend}`)!, join(bin, program));
      }
      process.env['PATH'] = `${bin}:${path}:/usr/sbin:/sbin`;
      lab.conf(main, [portmap]);
      ips = { p1: await lab.attach('p1', { caps: portMappings(8081) }), p2: await lab.attach('p2') };
      await Promise.all([lab.serve('p1'), lab.serve('p2')]);
    });
    afterAll(() => {
      process.env['PATH'] = path;
      lab?.end();
    });

    test('pods have an address of each family, of which host-local keeps book', () => {
      expect(ips['p1']).toEqual(['10.88.0.2', 'fd00:88::2']);
      expect(ips['p2']).toEqual(['10.88.0.3', 'fd00:88::3']);
      expect(lab.held()).toEqual(['10.88.0.2', '10.88.0.3', 'fd00:88::2', 'fd00:88::3']);
      expect(lab.run('p1', 'ip', ['-o', 'addr', 'show', 'dev', 'eth0'])).toContain('10.88.0.2/');
    });

    test('pods talk to each other in both families, and see each other’s own address', () => {
      expect(lab.ask('p1', '10.88.0.3', 8080)).toBe('p2 10.88.0.2');
      expect(lab.ask('p2', 'fd00:88::2', 8080)).toBe('p1 fd00:88::3');
    });

    test('a host port leads a client from outside to the pod, which sees the client', () => {
      expect(lab.ask('ext', '192.168.77.1', 8081)).toBe('p1 192.168.77.2');
      expect(lab.ask('ext', 'fd00:77::1', 8081)).toBe('p1 fd00:77::2');
      expect(lab.ask('ext', '192.168.77.1', 8082)).toBe('ECONNREFUSED');
    });

    test('the model of portmap, which `klab proxy trace` walks, writes the very rules', () => {
      for (const [family, rules] of [
        [0, save()],
        [1, save('6')],
      ] as const) {
        const address = `${ips['p1']![family]}/${family === 0 ? 24 : 64}`;
        const ports = [{ hostPort: 8081, containerPort: 8080, protocol: 'tcp' as const }];
        const model = hostPortRules('lab', [{ id: 'p1', address, ports }])!;
        const jumps = model.jumps.map(
          ({ from, to, comment }) => `-A ${from} -m comment --comment "${comment}" -j ${to}`,
        );
        const real = rules.split('\n').filter((line) => line.startsWith('-A') && /CNI-(HOSTPORT|DN)-/.test(line));
        expect([...model.nat.rules.map(ruleText), ...jumps].sort()).toEqual(real.sort());
      }
    });

    test('the node and the pod itself reach the host port too', () => {
      expect(lab.ask('node', '192.168.77.1', 8081)).toMatch(/^p1 /);
      expect(lab.ask('node', '127.0.0.1', 8081)).toMatch(/^p1 /);
      expect(lab.ask('p1', '192.168.77.1', 8081)).toMatch(/^p1 /);
      expect(lab.ask('p2', '192.168.77.1', 8081)).toMatch(/^p1 /);
    });

    test('a second ADD is refused before the plugins can disturb the first', async () => {
      await expect(cniAdd(lab.request('p1'), lab.io)).rejects.toThrow('must not ADD twice');
      expect(lab.ask('p1', '10.88.0.3', 8080)).toBe('p2 10.88.0.2');
    });

    test('CHECK is content, until somebody takes the address away', async () => {
      await cniCheck(lab.request('p2'), lab.io);
      expect(lab.printed.at(-1)).toBe('container p2: eth0 is as network lab left it');
      lab.ip('p2', 'addr del 10.88.0.3/24 dev eth0');
      await expect(cniCheck(lab.request('p2'), lab.io)).rejects.toThrow(
        new RegExp(`plugin ${network} \\(CHECK\\).*10.88.0.3`),
      );
      lab.ip('p2', 'addr add 10.88.0.3/24 dev eth0');
    });

    test('DEL frees addresses and rules, and works twice', async () => {
      expect(save()).toContain('--to-destination 10.88.0.2:8080');
      expect(save('6')).toContain('--to-destination [fd00:88::2]:8080');
      await cniDel(lab.request('p1'), lab.io);
      expect(lab.held()).toEqual(['10.88.0.3', 'fd00:88::3']);
      for (const rules of [save(), save('6')]) {
        expect(rules).toContain('CNI-HOSTPORT-DNAT');
        expect(rules).not.toContain('CNI-DN-');
        expect(rules).not.toContain('id: \\"p1\\"');
      }
      expect(lab.run('p1', 'ip', ['-o', 'link'])).not.toContain('eth0');
      expect(lab.ask('ext', '192.168.77.1', 8081)).toBe('ECONNREFUSED');
      await cniDel(lab.request('p1'), lab.io);
    });

    test('GC clears away a pod that went without DEL', async () => {
      lab.add('p4');
      const [address] = await lab.attach('p4', { caps: portMappings(8084) });
      execFileSync('ip', ['netns', 'add', lab.name('p5')]);
      await lab.attach('p5', { caps: portMappings(8085) });
      execFileSync('ip', ['netns', 'del', lab.name('p5')]);
      expect(lab.held()).toHaveLength(6);
      await cniGc(lab.request('p2'), lab.io);
      expect(lab.printed.at(-1)).toContain('deleted p5 eth0\n2 attachments are valid');
      expect(lab.held().filter((ip) => ip.includes('.'))).toEqual(['10.88.0.3', address]);
      expect(save()).toContain('--dports 8084');
      expect(save()).not.toContain('--dports 8085');
      await cniStatus(lab.request('p2'), lab.io);
      expect(lab.printed.at(-1)).toMatch(/p2 +eth0 +10\.88\.0\.3\/\d+, fd00:88::3/);
    });
  });
});

describe.skipIf(!able || !installed)('other reference plugins', () => {
  let lab: CniLab;
  beforeAll(() => {
    lab = new CniLab('cx');
  });
  afterAll(() => lab?.end());

  test('tuning, bandwidth and firewall do their part of a chain', async () => {
    const tuning = { type: 'tuning', sysctl: { 'net.ipv4.conf.eth0.arp_filter': '1' }, mtu: 1400 };
    const bandwidth = { type: 'bandwidth', capabilities: { bandwidth: true } };
    const firewall = { type: 'firewall', backend: 'iptables' };
    lab.conf(ptp, [tuning, bandwidth, firewall]);
    const limits = { ingressRate: 8_000_000, ingressBurst: 8_000_000, egressRate: 8_000_000, egressBurst: 8_000_000 };
    await lab.attach('p1', { caps: [`bandwidth=${JSON.stringify(limits)}`] });
    expect(lab.run('p1', 'cat', ['/proc/sys/net/ipv4/conf/eth0/arp_filter']).trim()).toBe('1');
    expect(lab.run('p1', 'ip', ['-o', 'link', 'show', 'eth0'])).toContain('mtu 1400');
    expect(lab.run('node', 'tc', ['qdisc'])).toContain('tbf');
    expect(lab.run('node', 'iptables-save', ['-t', 'filter'])).toContain('-A CNI-FORWARD -d 10.88.0.2/32');
    await cniDel(lab.request('p1'), lab.io);
    expect(lab.run('node', 'iptables-save', ['-t', 'filter'])).not.toContain('10.88.0.2');
    expect(lab.held()).toEqual([]);
  });

  test('the newest version that the installed plugins know is spoken', async () => {
    lab.conf(ptp, [], { cniVersion: '0.3.1', cniVersions: ['0.3.1', '0.4.0', '1.0.0'] });
    await cniAdd(lab.request('p2', { output: 'json', explain: true }), lab.io);
    expect(JSON.parse(lab.printed.at(-1)!).cniVersion).toBe('1.0.0');
    expect(lab.said.join('\n')).toContain('CNI 1.0.0, the newest of 0.3.1, 0.4.0, 1.0.0 that all speak');
    // The result that was kept is given in the version of a configuration that has changed since.
    lab.conf(ptp, [], { cniVersion: '0.4.0' });
    await cniCheck(lab.request('p2'), lab.io);
    await cniDel(lab.request('p2'), lab.io);
    await cniVersion({ ...lab.request('p2'), plugins: ['ptp'] }, lab.io);
    expect(lab.printed.at(-1)).toMatch(/^ptp +.*0\.4\.0, 1\.0\.0/m);
  });

  test('a plugin’s own error is told, and what the plugins before it made is gone', async () => {
    lab.conf(ptp, [{ ...portmap, conditionsV4: ['--no-such-option'] }]);
    const adding = cniAdd(lab.request('p1', { caps: portMappings(8081) }), lab.io);
    await expect(adding).rejects.toThrow(/plugin portmap \(ADD\): code 999[\s\S]*it was given: \{"type":"portmap"/);
    expect(lab.held()).toEqual([]);
    expect(lab.run('p1', 'ip', ['-o', 'link'])).not.toContain('eth0');
    const file = lab.conf(ptp, []);
    writeFileSync(
      file,
      JSON.stringify({ cniVersion: '1.0.0', name: 'lab', plugins: [{ ...ptp, ipam: { type: 'none' } }] }),
    );
    await expect(cniAdd(lab.request('p1'), lab.io)).rejects.toThrow(/failed to find plugin "none" in path/);
  });
});
