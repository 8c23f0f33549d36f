/** What one must know before the first rule, told at the top of an explained script. */
import type { RuleMode } from '../modes.ts';

const hooks = [
  'HOW TO READ THIS',
  'A packet passes fixed points in the kernel, the hooks. One that comes in by an interface meets PREROUTING, then the kernel',
  'decides where it goes: to this node itself (INPUT), or on to another machine or a pod (FORWARD). One that this node sends',
  'begins at OUTPUT. Whatever leaves meets POSTROUTING last. Pods have links of their own: for the node they come in and go out.',
  '',
  '    in --> PREROUTING --> [route?] --> FORWARD ---------> POSTROUTING --> out',
  '                             |                                 ^',
  '                             +-----> INPUT --> here --> OUTPUT +',
  '',
];

const translation = [
  'A Service has an address that no interface has. Somebody must replace it by that of one endpoint (DNAT) before the kernel',
  'decides where the packet goes: in PREROUTING, and in OUTPUT for this node itself. The kernel notes the choice (conntrack): the',
  "packets after the first follow it without asking rules again, and answers get the Service's address back as their source.",
];

const chains = [
  'A chain is a list of rules, read from the top. A rule has conditions and a target: another chain (-j KUBE-..., read on there and',
  'come back at its end), or a decision (ACCEPT, DROP, REJECT, DNAT), with which the reading ends. No condition: all packets.',
];

const mark = [
  'A mark is a note that the kernel keeps beside a packet on this node; nothing of it is sent. Here it says "replace the source',
  'when you leave" (masquerade): where a choice is made the source cannot be replaced yet, so POSTROUTING does it. Without it the',
  'endpoint would answer past this node, and the client would not know the sender.',
];

const guides: Readonly<Record<RuleMode, readonly string[]>> = {
  iptables: [
    ...hooks,
    ...translation,
    '',
    ...chains,
    'Where to begin: the jumps from the hooks ("ensure" below), then KUBE-SERVICES of table nat, one rule an address. From there',
    'KUBE-EXT-... (from outside) and KUBE-SVC-... (which endpoint? each rule but the last throws a die) to KUBE-SEP-... (DNAT).',
    'Rules are read one by one: the more Services, the longer the way. Table filter refuses what nobody can serve.',
    '',
    ...mark,
  ],
  nftables: [
    ...hooks,
    ...translation,
    '',
    'A chain is a list of rules, read from the top; base chains stand at a hook (their declaration names it and their order). "jump"',
    'reads on elsewhere and comes back, "goto" does not. A map answers in one lookup, however many entries it has: "vmap" says what to',
    'do for a key. Where to begin: the chains nat-prerouting and nat-output, which ask "services"; this looks the address up in the map',
    'service-ips and goes to the chain of that one Service, which throws one die for all its endpoints.',
    '',
    ...mark,
  ],
  ipvs: [
    ...hooks,
    ...translation,
    'In this mode no rule does that but IPVS, a balancer in the kernel. It sits behind INPUT, so packets must come there: the device',
    'kube-ipvs0 makes every Service address one of this host. A virtual server (-A) is such an address with its port, the real servers',
    '(-a) are its endpoints, the scheduler (-s) says who is next. Finding them is one lookup, however many Services there are.',
    '',
    ...chains,
    'The rules are few and always the same: they ask sets ("--match-set": one lookup) which addresses need a mark, or are refused.',
    '',
    ...mark,
  ],
  userspace: [
    ...hooks,
    'History, until 1.25: a Service had an address that no interface has, and the rules led its packets to a port of the kube-proxy',
    'process (REDIRECT on the way in, DNAT for this node itself). The process took the connection, chose an endpoint in turn, opened a',
    'second connection there and copied bytes between the two. Endpoints saw the node as their client; every byte left the kernel.',
    '',
    ...chains,
  ],
};

/** Lines without the sign of a comment. */
export const readersGuide = (mode: RuleMode): readonly string[] => ['', ...guides[mode], ''];
