/**
 * Two nodes as network namespaces of this machine, joined by a cable, with the pod network that klab's own scripts make:
 *
 *   pod default/a 10.244.0.2 ── node-1 172.18.0.2 ══ 172.18.0.3 node-2 ── pod default/b 10.244.1.2
 *
 * Both ends of packets and flanneld's part of the udp backend are small Perl programs, as every Debian has Perl.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  type NodeNetwork,
  nodeScript,
  type PodNetSettings,
  type PodNetwork,
  planPodNetwork,
  type WayEnd,
} from '../../src/net/index.ts';

export const labNodes = [
  { name: 'node-1', ip: '172.18.0.2', podCIDR: '10.244.0.0/24' },
  { name: 'node-2', ip: '172.18.0.3', podCIDR: '10.244.1.0/24' },
] as const;
export const labPods = [
  { namespace: 'default', name: 'a', node: 'node-1', ip: '10.244.0.2' },
  { namespace: 'default', name: 'a2', node: 'node-1', ip: '10.244.0.3' },
  { namespace: 'default', name: 'b', node: 'node-2', ip: '10.244.1.2' },
] as const;

/** Answers each datagram with the sender's address, and how many bytes came. */
const server = `use strict; use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(Proto => 'udp', LocalPort => 8080) or die "$!"; print "ready\\n";
while (defined(my $from = $s->recv(my $data, 65535))) {
  my ($port, $ip) = sockaddr_in($from); $s->send(inet_ntoa($ip) . ' ' . length($data));
}`;

/** HOST SIZE DF: one datagram from port 40000 whose IP packet is SIZE bytes; prints the answer, or what the kernel says. */
const client = `use strict; use Socket; my ($host, $size, $df) = @ARGV;
socket(my $s, PF_INET, SOCK_DGRAM, 17) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
setsockopt($s, 0, 10, pack('i', 2)) or die if $df;
bind($s, sockaddr_in(40000, INADDR_ANY)) or die "$!";
unless (defined send($s, 'x' x ($size - 28), 0, sockaddr_in(8080, inet_aton($host)))) { print $!{EMSGSIZE} ? 'EMSGSIZE' : "$!"; exit }
my $r = ''; vec($r, fileno($s), 1) = 1;
if (select($r, undef, undef, 0.7)) { recv($s, my $data, 65535, 0); print $data } else { print 'timeout' }`;

/** Prints every frame that leaves or enters eth0, as hex, a line each. */
const capture = `use strict; $| = 1; socket(my $s, 17, 3, 0x0300) or die "$!";
my $index = do { open(my $f, '<', '/proc/net/dev') or die; -1 }; ($index) = \`ip link show eth0\` =~ /^(\\d+):/;
bind($s, pack('S n i S C C a8', 17, 3, $index, 0, 0, 0, '')) or die "$!"; print "ready\\n";
while (sysread($s, my $frame, 65535)) { print unpack('H*', $frame), "\\n" }`;

/** What flanneld does, no more: TUN to UDP by a table of ranges, UDP to TUN, counting the time to live down each time. */
const daemonProgram = `use strict; use Socket; $| = 1; my ($own, $port, @routes) = @ARGV;
open(my $tun, '+<', '/dev/net/tun') or die "tun: $!";
my $request = pack('a16 S x22', 'flannel0', 0x1001); ioctl($tun, 0x400454ca, $request) or die "TUNSETIFF: $!";
socket(my $s, PF_INET, SOCK_DGRAM, 17) or die; bind($s, sockaddr_in($port, inet_aton($own))) or die "$!"; print "ready\\n";
sub count { my ($b) = @_; my @w = unpack('n10', $_[0]); my $ttl = ($w[4] >> 8) - 1; return 0 if $ttl <= 0;
  $w[4] = ($ttl << 8) | ($w[4] & 255); $w[5] = 0; my $sum = 0; $sum += $_ for @w; $sum = ($sum & 65535) + ($sum >> 16) while $sum > 65535;
  $w[5] = ~$sum & 65535; substr($_[0], 0, 20) = pack('n10', @w); 1 }
while (1) { my $r = ''; vec($r, fileno($tun), 1) = 1; vec($r, fileno($s), 1) = 1; select($r, undef, undef, undef) > 0 or next;
  if (vec($r, fileno($tun), 1)) { sysread($tun, my $p, 65535); next if (ord($p) >> 4) != 4 || !count($p);
    my $to = unpack('N', substr($p, 16, 4));
    for (@routes) { my ($net, $bits, $ip) = split /[\\/=]/; my $mask = (0xffffffff << (32 - $bits)) & 0xffffffff;
      if (($to & $mask) == unpack('N', inet_aton($net))) { send($s, $p, 0, sockaddr_in($port, inet_aton($ip))); last } } }
  if (vec($r, fileno($s), 1)) { recv($s, my $p, 65535, 0); syswrite($tun, $p) if count($p) } }`;

export class PodnetLab {
  readonly network: PodNetwork;
  readonly #prefix: string;
  readonly #children: ChildProcess[] = [];
  readonly #names: string[] = [];

  private constructor(name: string, network: PodNetwork) {
    this.#prefix = `klab${process.pid}${name}.`;
    this.network = network;
  }

  /** Nodes with the settings' pod network, by the scripts; pods of it with a server each. */
  static async start(name: string, settings: PodNetSettings, mtuOfCable = 1500): Promise<PodnetLab> {
    const network = planPodNetwork(labNodes, labPods, { nodeSubnets: ['172.18.0.0/16'], ...settings });
    const lab = new PodnetLab(name, network);
    try {
      for (const node of network.nodes) lab.#add(node.node.name);
      lab.#cable(mtuOfCable);
      for (const node of network.nodes) await lab.#node(node);
      for (const { namespace, name: pod } of labPods) await lab.#child(`${namespace}.${pod}`, server, []);
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  name(place: string): string {
    return `${this.#prefix}${place}`;
  }

  end(name: string): WayEnd {
    for (const node of this.network.nodes) {
      const pod = node.pods.find((each) => each.pod.name === name);
      if (pod) return { pod, node };
    }
    throw new Error(name);
  }

  /** What the pod (or node) hears back: `ADDRESS-THAT-THE-OTHER-SAW BYTES`, timeout, or EMSGSIZE. */
  send(from: string, host: string, size: number, { df = false } = {}): string {
    return this.run(from, 'perl', ['-e', client, host, String(size), df ? '1' : '0']);
  }

  run(place: string, program: string, args: readonly string[], input?: string): string {
    const net = `--net=/run/netns/${this.name(place)}`;
    return execFileSync('nsenter', [net, program, ...args], {
      encoding: 'utf8',
      input,
      stdio: 'pipe',
      env: { ...process.env, KLAB_PREFIX: this.#prefix },
    });
  }

  /** Frames seen on a node's eth0 from now on. */
  async capture(node: string): Promise<{ frames(): Buffer[]; stop(): Promise<void> }> {
    const { child, text } = await this.#child(node, capture, []);
    return {
      frames: () =>
        text()
          .split('\n')
          .filter((line) => line !== '' && line !== 'ready')
          .map((line) => Buffer.from(line, 'hex')),
      stop: async () => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill();
        await ended;
      },
    };
  }

  #add(place: string): void {
    execFileSync('ip', ['netns', 'add', this.name(place)]);
    this.#names.push(place);
    this.run(place, 'ip', ['link', 'set', 'lo', 'up']);
  }

  #cable(mtu: number): void {
    const [one, two] = this.network.nodes as [NodeNetwork, NodeNetwork];
    const [from, to] = [this.name(one.node.name), this.name(two.node.name)];
    const words = `link add eth0 address ${one.interfaces[1]!.mac} mtu ${mtu} netns ${from} type veth peer name eth0 address ${two.interfaces[1]!.mac} mtu ${mtu} netns ${to}`;
    execFileSync('ip', words.split(' '));
    for (const { node } of this.network.nodes) {
      this.run(node.name, 'ip', ['addr', 'add', `${node.ip}/16`, 'dev', 'eth0']);
      this.run(node.name, 'ip', ['link', 'set', 'eth0', 'up']);
      this.run(node.name, 'ip', ['route', 'add', 'default', 'via', '172.18.0.1']);
    }
  }

  async #node(node: NodeNetwork): Promise<void> {
    const { daemon } = node;
    for (const { pod } of node.pods) this.#names.push(`${pod.namespace}.${pod.name}`);
    if (daemon) {
      const routes = daemon.routes.map(({ dst, to }) => `${dst}=${to}`);
      await this.#child(node.node.name, daemonProgram, [node.node.ip, String(daemon.port), ...routes]);
    }
    this.run(node.node.name, 'sh', ['-e'], nodeScript(this.network, node));
  }

  /** A Perl program in a namespace; ready when it says so. */
  #child(
    place: string,
    program: string,
    args: readonly string[],
  ): Promise<{ child: ChildProcess; text: () => string }> {
    const net = `--net=/run/netns/${this.name(place)}`;
    const child = spawn('nsenter', [net, 'perl', '-e', program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    let text = '';
    return new Promise((resolve, reject) => {
      child.stdout.on('data', (chunk) => {
        text += chunk;
        if (text.startsWith('ready\n')) resolve({ child, text: () => text });
      });
      child.once('exit', (code) => reject(new Error(`a program in ${place} ended with ${code}`)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    const running = this.#children.map(
      (child) => child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'),
    );
    await Promise.all(ended.filter((_, i) => running[i]));
    const there = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    for (const place of this.#names) {
      if (there.includes(this.name(place))) execFileSync('ip', ['netns', 'del', this.name(place)]);
    }
  }
}
