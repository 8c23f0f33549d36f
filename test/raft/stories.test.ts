import { join } from 'node:path';
import type { Entry, Message } from '../../src/raft/index.ts';
import { type Directive, stories } from '../helpers/datadriven.ts';
import { Network } from './network.ts';

/**
 * The words of the stories in fixtures/datadriven/raft:
 *   nodes N [maxInflight=n] [reads=leaseBased]  a network of N nodes
 *   campaign ID                  starts an election
 *   tick ID [n]                  n ticks of one node
 *   propose ID TEXT              proposes an entry
 *   transfer ID TO               the leader hands over
 *   read ID TOKEN                asks for a linearizable read
 *   change ID addVoter|remove N  proposes a configuration change
 *   settle                       delivers all messages, printing what happens
 *   quietly                      the same without printing
 *   lose FROM TO | heal          loses what goes from one node to another (`*` = any)
 *   crash ID | restart ID        loses memory, keeps storage
 *   compact ID INDEX             drops the log up to an index
 *   status | log ID | reads ID   prints
 */
function interpreter() {
  let net = new Network('story', 0);
  const lost = new Set<string>();
  const isLost = (m: Message) => lost.has(`${m.from} ${m.to}`) || lost.has(`* ${m.to}`) || lost.has(`${m.from} *`);

  const settle = (): string => {
    const out: string[] = [];
    for (const id of net.hosts.keys()) net.process(id);
    while (net.queue.length > 0) {
      const message = net.queue.shift()!;
      const gone = isLost(message) || !net.host(message.to)?.node;
      out.push(`${describe(message)}${gone ? '  (lost)' : ''}`);
      if (!gone) net.deliver(message);
    }
    return out.join('\n') || 'nothing to deliver';
  };

  const commands: Record<string, (d: Directive) => string> = {
    nodes({ args: [n, ...options] }) {
      const inflight = options.find((o) => o.startsWith('maxInflight='))?.split('=')[1];
      const leaseBased = options.includes('reads=leaseBased');
      net = new Network('story', Number(n), {
        ...(inflight && { maxInflightMsgs: Number(inflight) }),
        ...(leaseBased && { readOnlyOption: 'leaseBased' }),
      });
      return '';
    },
    campaign({ args: [id] }) {
      net.node(Number(id)).campaign();
      return '';
    },
    tick({ args: [id, n = '1'] }) {
      for (let i = 0; i < Number(n); i++) net.node(Number(id)).tick();
      return '';
    },
    propose({ args: [id, ...words] }) {
      return attempt(() => net.node(Number(id)).propose([{ data: words.join(' '), size: words.join(' ').length }]));
    },
    transfer({ args: [id, to] }) {
      net.node(Number(id)).transferLeader(Number(to));
      return '';
    },
    read({ args: [id, token] }) {
      net.node(Number(id)).readIndex(token!);
      return '';
    },
    change({ args: [id, type, node] }) {
      const change = { type: type as 'addVoter' | 'remove', node: Number(node) };
      if (type === 'addVoter' && !net.hosts.has(change.node)) net.add(change.node, [1, 2, 3]);
      return attempt(() => net.node(Number(id)).proposeConfChange(change));
    },
    settle,
    quietly() {
      settle();
      return '';
    },
    lose({ args }) {
      lost.add(args.join(' '));
      return '';
    },
    heal() {
      lost.clear();
      return '';
    },
    crash({ args: [id] }) {
      net.crash(Number(id));
      return '';
    },
    restart({ args: [id] }) {
      net.start(Number(id));
      return '';
    },
    compact({ args: [id, index] }) {
      net.host(Number(id)).storage.compact(Number(index));
      return '';
    },
    status() {
      const lines = ['node  role           term  vote  leader  commit  last'];
      for (const [id, { node }] of net.hosts) {
        if (!node) {
          lines.push(`${id}     crashed`);
          continue;
        }
        const s = node.status();
        const cells = [
          s.role.padEnd(13),
          pad(s.term),
          pad(s.vote),
          pad(s.leader, 6),
          pad(s.commit, 6),
          String(s.lastIndex),
        ];
        lines.push(`${id}     ${cells.join('  ')}`);
        for (const p of s.progress) {
          if (p.id !== id)
            lines.push(`        → ${p.id} ${p.state}${p.paused ? ' paused' : ''} match ${p.match} next ${p.next}`);
        }
      }
      return lines.join('\n');
    },
    log({ args: [id] }) {
      const node = net.node(Number(id));
      return node.entries(1, Number.MAX_SAFE_INTEGER, 100).map(describeEntry).join('\n') || 'nothing';
    },
    reads({ args: [id] }) {
      return (
        net
          .host(Number(id))
          .readStates.map((r) => `${r.context} at ${r.index}`)
          .join('\n') || 'none'
      );
    },
  };
  return (directive: Directive) => {
    const command = commands[directive.command];
    if (!command) throw new Error(`no such command: ${directive.command}`);
    return command(directive);
  };
}

function attempt(work: () => void): string {
  try {
    work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function pad(n: number, width = 4): string {
  return String(n).padEnd(width);
}

function describeEntry(e: Entry): string {
  const what = e.type === 'confChange' ? JSON.stringify(e.data) : e.data === undefined ? 'empty' : `"${e.data}"`;
  return `${e.index}/${e.term} ${what}`;
}

function describe(m: Message): string {
  const parts = [`${m.from}→${m.to} ${m.type}`];
  if (m.term > 0) parts.push(`term ${m.term}`);
  if (m.type === 'MsgApp') {
    parts.push(`after ${m.index}/${m.logTerm}`, `commit ${m.commit}`);
    if (m.entries.length > 0) parts.push(`[${m.entries.map(describeEntry).join(', ')}]`);
  } else if (m.type === 'MsgAppResp') {
    parts.push(m.reject ? `rejected ${m.index}, try ${m.rejectHint}/${m.logTerm}` : `up to ${m.index}`);
  } else if (m.type === 'MsgVote' || m.type === 'MsgPreVote') {
    parts.push(`last ${m.index}/${m.logTerm}`);
  } else if (m.reject) parts.push('rejected');
  if (m.type === 'MsgHeartbeat') parts.push(`commit ${m.commit}`);
  if (m.snapshot) parts.push(`snapshot ${m.snapshot.index}/${m.snapshot.term}`);
  if (m.context !== undefined) parts.push(`(${m.context})`);
  return parts.join(' ');
}

stories(join(import.meta.dirname, '../../fixtures/datadriven/raft'), interpreter);
