/** The pod network's models as pages to read. */
import {
  type BackendFigures,
  type Header,
  type Hop,
  headerSize,
  type PodNetBackend,
  type PodNetwork,
  routeText,
  type Way,
} from '../../net/index.ts';
import { renderTable } from '../output.ts';
import type { NetworkComparison } from './explain.ts';

const inShort: Readonly<Record<PodNetBackend, string>> = {
  bridge: 'pods of a node on a bridge (cni0); nothing between nodes',
  ptp: 'each pod on a link of its own, the node routes; nothing between nodes',
  udp: 'flanneld, a program, puts packets of a TUN device into UDP',
  vxlan: 'the kernel puts Ethernet frames into UDP',
  'host-gw': 'each node is the gateway to its pods: routes, and nothing in front of packets',
};

export function compareText({ from, to, found, imagined, backends }: NetworkComparison): string {
  const rows = backends.map((each) => [
    `${each.backend}${each.backend === found ? ' *' : ''}`,
    String(each.podMtu),
    each.arrived ? String(each.overhead) : '-',
    each.arrived ? `${(each.efficiency * 100).toFixed(1)}%` : '-',
    each.arrived ? String(each.copies) : '-',
    each.arrived ? String(each.switches) : '-',
    each.arrived ? String(each.routers) : 'no route',
  ]);
  const figures = renderTable(['BACKEND', 'MTU', 'OVERHEAD', 'PAYLOAD', 'COPIES', 'SWITCHES', 'HOPS'], rows);
  const words = (title: string, of: (each: BackendFigures) => string) =>
    `${title}\n${renderTable(
      [],
      backends.map((each) => [`  ${each.backend}`, of(each)]),
    )}`;
  const notes = [
    'MTU: the biggest packet of a pod. OVERHEAD: bytes in front of each between nodes. PAYLOAD: what of a full frame is the',
    "pod's packet. COPIES: between kernel and programs, the sender's write and the receiver's read included. SWITCHES: from",
    'one program to another, on the way. HOPS: routers, as the time to live counts.',
    ...(found ? [`* what this cluster has, by its nodes' annotations or its ConfigMap kube-flannel-cfg.`] : []),
    ...imaginedText(imagined),
  ];
  return [
    `${from} → ${to}`,
    figures,
    words('How', ({ backend }) => inShort[backend]),
    words('What the network between the nodes must let through', ({ needs }) => needs),
    words('What breaks it', ({ breaks }) => breaks),
    notes.join('\n'),
    'One of them in full: klab network explain --backend vxlan; what a node holds: --node NAME; as commands: -o script.',
  ].join('\n\n');
}

const imaginedText = (imagined: readonly string[]): string[] =>
  imagined.length === 0 ? [] : [`Made up, as the cluster has none: ${imagined.join(', ')}.`];

export function wayText(
  { settings }: PodNetwork,
  { from, to, imagined }: { readonly from: string; readonly to: string; readonly imagined: readonly string[] },
  way: Way,
  noAnswer: Way | undefined,
  protocol: string,
): string {
  const { hops, arrived, mtu, overhead, copies, switches, routers } = way;
  const width = Math.max(...hops.map(({ at }) => at.length));
  const lines = hops.flatMap((hop, i) => hopLines(hop, i + 1, width));
  const parts = [
    `${from} → ${to} by ${settings.backend}, ${protocol.toUpperCase()}, ${hops[0]!.sizes[0]} bytes`,
    [`  #   BYTES  TTL  ${'WHERE'.padEnd(width)}  WHAT`, ...lines].join('\n'),
  ];
  if (arrived) {
    parts.push(
      [
        `It arrives: MTU ${mtu}, ${overhead} bytes in front of each packet between nodes, ${copies} copies between kernel and programs,`,
        `${switches} switches to a program on the way, ${routers} hop${routers === 1 ? '' : 's'}.`,
      ].join('\n'),
    );
  } else parts.push(`It does not arrive: ${way.reason}.\nFix: ${way.fix}.`);
  if (noAnswer) parts.push(`The answer does not come back: ${noAnswer.reason}.\nFix: ${noAnswer.fix}.`);
  const wire = hops.find(({ frame }) => frame)?.frame;
  if (wire) parts.push(frameText(wire, hops.find(({ frame }) => frame)!));
  if (imagined.length > 0) parts.push(imaginedText(imagined).join('\n'));
  return parts.join('\n\n');
}

function hopLines(hop: Hop, number: number, width: number): string[] {
  const { at, what, sizes, ttl, route, copies, space } = hop;
  const size = sizes.length > 1 ? `${sizes.length}×` : String(sizes[0]);
  const notes = [
    ...(copies ? ['copied between kernel and program'] : []),
    ...(space === 'user' && !copies ? ['in user space'] : []),
  ];
  const lines = [
    `${String(number).padStart(3)}  ${size.padStart(6)}  ${String(ttl).padStart(3)}  ${at.padEnd(width)}  ${what}${
      notes.length > 0 ? ` [${notes.join(', ')}]` : ''
    }`,
  ];
  const indent = ' '.repeat(20 + width);
  if (route) lines.push(`${indent}route: ${routeText(route)}`);
  if (sizes.length > 1) lines.push(`${indent}packets of ${sizes.join(', ')} bytes`);
  return lines;
}

/** Every header with its bytes. What differs from packet to packet has a `~`. */
function frameText(frame: readonly Header[], { sizes }: Hop): string {
  const total = frame.reduce((sum, header) => sum + headerSize(header), 0);
  const rows: string[][] = [];
  let offset = 0;
  for (const header of frame) {
    const size = headerSize(header);
    if (size === 0) continue;
    rows.push([`  ${header.name}, ${size} bytes`]);
    for (const { name, bytes, value, varies } of header.fields) {
      const hex =
        bytes.length > 8
          ? '…'
          : Buffer.from(bytes)
              .toString('hex')
              .replace(/..(?=.)/g, '$& ');
      rows.push([
        `  ${String(offset).padStart(6)}`,
        hex,
        `${varies === undefined ? ' ' : '~'} ${name}`,
        varies === undefined ? value : `${value} (${varies})`,
      ]);
      offset += bytes.length;
    }
  }
  const title =
    sizes.length > 1
      ? `On the wire, before it is cut into ${sizes.length} packets: ${total} bytes (~: not always this)`
      : `On the wire: ${total} bytes (~: not always this)`;
  const widths = [1, 2].map((column) => Math.max(...rows.map((row) => (row.length > 1 ? row[column]!.length : 0))));
  const text = rows.map((row) =>
    row.length === 1 ? row[0]! : `${row[0]}  ${row[1]!.padEnd(widths[0]!)}  ${row[2]!.padEnd(widths[1]!)}  ${row[3]}`,
  );
  return [title, ...text].join('\n');
}
