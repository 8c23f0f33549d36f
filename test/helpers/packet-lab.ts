/**
 * A node, three pods and somebody outside, as network namespaces of this machine, with real servers in the pods:
 *
 *   p1 .2 ─┐
 *   p2 .3 ─┤ 10.244.0.0/24, fd00:10:244::/64 ── node 192.168.77.1, fd00:77::1 ── ext .2 and .3, fd00:77::2
 *   p3 .4 ─┘
 *
 * Pods hang on a bridge, or are routed by the CNI plugin `ptp`. All of it goes when the lab is disposed of.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const peer = join(import.meta.dirname, 'packet-peer.ts');
const podNames = ['p1', 'p2', 'p3'] as const;
const cniPath = '/usr/lib/cni';

export type Place = 'node' | 'ext' | (typeof podNames)[number];

/** Network namespaces of a test's own; all go when it is disposed of. */
export class PacketNamespaces {
  readonly #prefix: string;
  readonly #names: string[] = [];

  constructor(name: string) {
    this.#prefix = `klab${process.pid}${name}`;
  }

  /**
   * Makes one, with lo up. Addresses of IPv6 count at once: a link-local one that is still being checked for duplicates
   * cannot answer for its neighbours, and the first packets of a new link wait a second or two.
   */
  add(place: string): void {
    execFileSync('ip', ['netns', 'add', this.name(place)]);
    this.#names.push(this.name(place));
    const off = ['all.accept_dad', 'default.accept_dad', 'default.dad_transmits', 'default.router_solicitations'];
    this.run(place, 'sysctl', ['-q', '-w', ...off.map((name) => `net.ipv6.conf.${name}=0`)]);
    this.ip(place, 'link set lo up');
  }

  name(place: string): string {
    return `${this.#prefix}${place}`;
  }

  ip(place: string, command: string): void {
    execFileSync('ip', ['-n', this.name(place), ...command.split(' ')], { stdio: 'pipe' });
  }

  /** What a program prints when it runs in a namespace. */
  run(place: string, program: string, args: readonly string[], input?: string): string {
    const net = `--net=/run/netns/${this.name(place)}`;
    return execFileSync('nsenter', [net, program, ...args], { encoding: 'utf8', input, stdio: 'pipe' });
  }

  dispose(): void {
    for (const name of this.#names.splice(0)) execFileSync('ip', ['netns', 'del', name]);
  }
}

export class PacketLab extends PacketNamespaces {
  readonly #folder = mkdtempSync(join(tmpdir(), 'klab-packets-'));
  readonly #servers: ChildProcess[] = [];
  /** Addresses of the pods. */
  readonly ips: Record<string, string> = {};

  static async start(name: string, network: 'bridge' | 'ptp'): Promise<PacketLab> {
    const lab = new PacketLab(name);
    try {
      for (const place of ['node', 'ext', ...podNames]) lab.add(place);
      if (network === 'bridge') lab.#bridge();
      else lab.#ptp();
      lab.#outside();
      await Promise.all(['p1', 'p2'].map((pod) => lab.#serve(pod)));
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How often each answer came. `host` may be an IPv6 address. */
  ask(from: Place, how: 'tcp' | 'udp', host: string, port: number, count = 1, sourcePort = 0): Record<string, number> {
    const args = [peer, how, host, String(port), String(count), String(sourcePort)];
    return JSON.parse(this.run(from, process.execPath, args));
  }

  #bridge(): void {
    this.ip('node', 'link add cbr0 type bridge');
    this.ip('node', 'addr add 10.244.0.1/24 dev cbr0');
    this.ip('node', 'addr add fd00:10:244::1/64 dev cbr0 nodad');
    this.ip('node', 'link set cbr0 up');
    podNames.forEach((pod, i) => {
      this.ip('node', `link add veth${i} type veth peer name eth0 netns ${this.name(pod)}`);
      this.ip('node', `link set veth${i} master cbr0 up`);
      this.ip('node', `link set veth${i} type bridge_slave hairpin on`);
      this.ips[pod] = `10.244.0.${i + 2}`;
      this.ip(pod, `addr add ${this.ips[pod]}/24 dev eth0`);
      this.ip(pod, `addr add fd00:10:244::${i + 2}/64 dev eth0 nodad`);
      this.ip(pod, 'link set eth0 up');
      this.ip(pod, 'route add default via 10.244.0.1');
      this.ip(pod, '-6 route add default via fd00:10:244::1');
    });
    this.sysctl('node', 'net/bridge/bridge-nf-call-iptables', '1');
    this.sysctl('node', 'net/bridge/bridge-nf-call-ip6tables', '1');
  }

  #ptp(): void {
    const config = {
      cniVersion: '1.0.0',
      name: 'lab',
      type: 'ptp',
      ipam: {
        type: 'host-local',
        dataDir: join(this.#folder, 'ipam'),
        ranges: [[{ subnet: '10.244.0.0/24' }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    };
    for (const pod of podNames) {
      const env = [
        ...['CNI_COMMAND=ADD', `CNI_CONTAINERID=${this.name(pod)}`, 'CNI_IFNAME=eth0', `CNI_PATH=${cniPath}`],
        `CNI_NETNS=/run/netns/${this.name(pod)}`,
      ];
      const result = JSON.parse(this.run('node', 'env', [...env, `${cniPath}/ptp`], JSON.stringify(config)));
      this.ips[pod] = result.ips[0].address.split('/')[0];
    }
  }

  #outside(): void {
    this.ip('node', `link add eth0 type veth peer name eth0 netns ${this.name('ext')}`);
    this.ip('node', 'addr add 192.168.77.1/24 dev eth0');
    this.ip('node', 'addr add fd00:77::1/64 dev eth0 nodad');
    this.ip('node', 'link set eth0 up');
    this.ip('node', 'route add default via 192.168.77.2');
    this.ip('ext', 'addr add 192.168.77.2/24 dev eth0');
    this.ip('ext', 'addr add fd00:77::2/64 dev eth0 nodad');
    this.ip('ext', 'link set eth0 up');
    this.ip('node', '-6 route add default via fd00:77::2');
    // Load balancer addresses lead to the node.
    this.ip('ext', 'route add 192.168.78.0/24 via 192.168.77.1');
    this.sysctl('node', 'net/ipv4/ip_forward', '1');
    this.sysctl('node', 'net/ipv6/conf/all/forwarding', '1');
  }

  sysctl(place: string, key: string, value: string): void {
    this.run(place, 'sh', ['-c', `echo ${value} > /proc/sys/${key}`]);
  }

  #serve(pod: string): Promise<void> {
    const net = `--net=/run/netns/${this.name(pod)}`;
    const child = spawn('nsenter', [net, process.execPath, peer, 'serve', pod], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#servers.push(child);
    return new Promise((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the server of ${pod} ended with ${code}`)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#servers.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    const running = this.#servers.map((child) => child.exitCode === null && child.kill('SIGKILL'));
    await Promise.all(ended.filter((_, i) => running[i]));
    this.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
