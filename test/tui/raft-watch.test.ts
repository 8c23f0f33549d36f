/** `klab etcd raft watch`: pictures and lines of a real cluster of members, with faults made by hand. */
import { render } from 'ink-testing-library';
import { createElement } from 'react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import { raftNewsLines } from '../../src/cli/etcd/raft-watch.ts';
import type { RaftView } from '../../src/cli/index.ts';
import { raftView } from '../../src/cluster/raft-view.ts';
import { EtcdCluster, memoryStorage } from '../../src/etcd/index.ts';
import { applyRaftNews, emptyRaftState, logLines, pictureOf, scrollLogs } from '../../src/tui/raft-model.ts';
import { RaftScreen, RaftStore } from '../../src/tui/raft-screen.ts';

let clock: VirtualClock;
let etcd: EtcdCluster;
beforeEach(async () => {
  clock = new VirtualClock({ startMs: 0 });
  etcd = await EtcdCluster.open({ storage: memoryStorage(), clock, prng: new Prng('watch'), members: 3 });
  await clock.advanceUntil(() => etcd.leaderIndex() !== undefined, 30_000);
});
afterEach(() => etcd.close());

const put = (member: number, key: string) =>
  etcd.member(member).put({ key: Buffer.from(key), value: Buffer.from('1') });

/** As it comes over the wire. */
function look(after = 0, options: { to?: number; heartbeats?: boolean; entries?: number } = {}): RaftView {
  const { heartbeats = false, entries = 50, to } = options;
  return JSON.parse(JSON.stringify(raftView(etcd, { entries, to, after, heartbeats })));
}
const newest = (view: RaftView) => view.messages.at(-1)?.seq ?? 0;
const size = { width: 120, height: 40 };

function picture(view: RaftView, now = 0) {
  return pictureOf(applyRaftNews(emptyRaftState, { type: 'VIEW', view }, now), { now, ...size });
}

/** Leader, and two followers, by number. */
function roles() {
  const leader = etcd.leaderIndex()!;
  const [a, b] = [0, 1, 2].filter((i) => i !== leader) as [number, number];
  return { leader, a, b, name: (i: number) => etcd.member(i).name };
}

/** The leader alone with a write that nobody else has; the others elect another and write. */
async function divide() {
  const { leader, a, b } = roles();
  etcd.transport.partition([etcd.members[leader]!.index], [etcd.members[a]!.index, etcd.members[b]!.index]);
  // Never answered: it ends when the cluster closes.
  put(leader, '/lonely').catch(() => undefined);
  const next = () => [a, b].find((i) => etcd.members[i]!.node?.status().role === 'leader');
  await clock.advanceUntil(() => next() !== undefined, 60_000);
  let written = false;
  put(next()!, '/majority').then(() => {
    written = true;
  });
  await clock.advanceUntil(() => written, 60_000);
  return { old: leader, next: next()!, other: next() === a ? b : a };
}

describe('the picture', () => {
  it('has the members as columns, and the same entry of all logs in one row', async () => {
    await put(0, '/a');
    await clock.advance(1000);
    const view = look();
    const { names, head, log } = picture(view);
    expect(names.map((name) => name.split(' ')[0])).toEqual(['m1', 'm2', 'm3']);
    expect(names.filter((name) => name.includes('serves the API'))).toHaveLength(1);
    expect(head[0]!.cells.filter(({ text, tone }) => text === 'leader' && tone === 'good')).toHaveLength(1);
    expect(log[0]!.label).toBe(String(view.lastIndex));
    const row = log.find(({ cells }) => cells[0]!.text.includes('/a'))!;
    expect(row.cells.map(({ text }) => text)).toEqual(Array(3).fill(row.cells[0]!.text));
    expect(row.cells[0]!.text).toMatch(/^● t\d+ put \/a/);
  });

  it('marks what is appended, committed and applied, and what a stale leader must give up', async () => {
    const { old, next } = await divide();
    const { head, log, footer } = picture(look());
    expect(head[0]!.cells[old]!.text).toMatch(/cut off|follower/);
    const mine = log.find(({ cells }) => cells[old]!.text.includes('/lonely'))!;
    expect(mine.cells[old]!.text).toMatch(/^○ t1 /);
    expect(mine.cells[old]!.tone).toBe('bad');
    expect(mine.cells[next]!.text).not.toContain('/lonely');
    expect(footer).toContain('cut: ');
    etcd.transport.heal();
    etcd.wake();
    await clock.advanceUntil(() => new Set(etcd.status().map(({ applied }) => applied)).size === 1, 60_000);
    const healed = picture(look());
    expect(
      healed.log.some(({ cells }) => cells.some(({ text }) => text.includes('/lonely') && text.startsWith('○'))),
    ).toBe(false);
  });

  it('shows messages in flight before those that arrived', async () => {
    const { leader, a, name } = roles();
    etcd.transport.hold([etcd.members[a]!.index]);
    await put(leader, '/held');
    const view = look();
    const { messages, heading } = picture(view);
    expect(heading).toBe(`MESSAGES  ${view.inFlight.length} in flight`);
    expect(messages[0]!.text).toContain(`${name(leader)} ··▸ ${name(a)}`);
    expect(messages[0]!.text).toContain('held');
    etcd.transport.hold([]);
    etcd.wake();
    await clock.advance(1000);
    expect(look().inFlight).toEqual([]);
  });

  it('says paused, crashed and cut off, and a crashed member shows no log', () => {
    const { a, b } = roles();
    etcd.pause(a);
    etcd.crash(b);
    const { head, log } = picture(look());
    expect(head[0]!.cells[a]).toMatchObject({ text: expect.stringContaining('(paused)'), tone: 'bad' });
    expect(head[0]!.cells[b]).toMatchObject({ text: 'crashed', tone: 'bad' });
    expect(log.every(({ cells }) => cells[b]!.text === '')).toBe(true);
    expect(log.some(({ cells }) => cells[a]!.text !== '')).toBe(true);
  });

  it('marks what has changed for a moment', async () => {
    let state = applyRaftNews(emptyRaftState, { type: 'VIEW', view: look() }, 0);
    await put(0, '/a');
    await clock.advance(1000);
    state = applyRaftNews(state, { type: 'VIEW', view: look() }, 100);
    const commits = (now: number) =>
      pictureOf(state, { now, ...size }).head.find(({ label }) => label === 'COMMIT')!.cells;
    expect(commits(200).every(({ changed }) => changed)).toBe(true);
    expect(commits(5000).some(({ changed }) => changed)).toBe(false);
    expect(pictureOf(state, { now: 200, ...size }).head[0]!.cells.some(({ changed }) => changed)).toBe(false);
  });

  it('fits the terminal it has: lines are shared between logs and messages', async () => {
    for (let i = 0; i < 60; i++) await put(0, `/${i}`);
    const view = look(0, { heartbeats: true, entries: 200 });
    for (const height of [12, 24, 50]) {
      const state = applyRaftNews(emptyRaftState, { type: 'VIEW', view }, 0);
      const { head, log, messages } = pictureOf(state, { now: 0, width: 80, height });
      expect(log).toHaveLength(logLines(height));
      expect(1 + head.length + 1 + log.length + 1 + messages.length + 1).toBeLessThanOrEqual(height);
    }
  });

  it('scrolls back to what is compacted, and follows the newest entry again at the end', async () => {
    for (let i = 0; i < 20; i++) await put(0, `/${i}`);
    const state = applyRaftNews(emptyRaftState, { type: 'VIEW', view: look() }, 0);
    const back = scrollLogs(state, -5);
    const { lastIndex } = state.view!;
    expect(back.to).toBe(lastIndex - 5);
    expect(scrollLogs(back, 5).to).toBeUndefined();
    expect(scrollLogs(back, -10_000).to).toBe(Math.min(...state.view!.members.map(({ firstIndex }) => firstIndex)));
    const { log, legend } = pictureOf(applyRaftNews(back, { type: 'VIEW', view: look(0, { to: back.to }) }, 0), {
      now: 0,
      ...size,
    });
    expect(log[0]!.label).toBe(String(lastIndex - 5));
    expect(legend).toContain(`up to ${lastIndex - 5} of ${lastIndex}`);
  });

  it('says that the connection is lost until there is news', () => {
    const lost = applyRaftNews(emptyRaftState, { type: 'LOST', message: 'refused' }, 0);
    expect(pictureOf(lost, { now: 0, ...size }).footer).toContain('connection lost, trying again: refused');
    const again = applyRaftNews(lost, { type: 'VIEW', view: look() }, 0);
    expect(pictureOf(again, { now: 0, ...size }).footer).toMatch(/^m\d leads$/);
  });
});

describe('the screen', () => {
  it('draws the columns, turns heartbeats on with h and quits with q', async () => {
    await put(0, '/a');
    const store = new RaftStore(clock);
    let quits = 0;
    const screen = render(createElement(RaftScreen, { store, onQuit: () => void quits++ }));
    const text = () => (screen.lastFrame() ?? '').replace(/\x1b\[[0-9;]*m/g, '');
    await expect.poll(text).toContain('loading…');
    store.apply({ type: 'VIEW', view: look() });
    await expect.poll(text).toMatch(/^MEMBER +m1/);
    expect(text()).toMatch(/\nROLE +(leader|follower) +(leader|follower) +(leader|follower)/);
    expect(text()).toMatch(/● t1 put \/a/);
    expect(store.wish.heartbeats).toBe(false);
    screen.stdin.write('h');
    await expect.poll(() => store.wish.heartbeats).toBe(true);
    screen.stdin.write('k');
    await expect.poll(() => store.wish.to).toBe(look().lastIndex - 1);
    screen.stdin.write('q');
    await expect.poll(() => quits).toBe(1);
    screen.unmount();
  });
});

describe('lines for a pipe', () => {
  it('begin with every member, and say nothing when nothing is new', () => {
    const view = look(Number.MAX_SAFE_INTEGER);
    expect(
      raftNewsLines(undefined, view).filter((line) => /^m\d is (leader|follower) in term 1, commit/.test(line)),
    ).toHaveLength(3);
    expect(raftNewsLines(view, view)).toEqual([]);
  });

  it('tell of entries with all who got them, of messages, marks, elections and cuts, and of tails given up', async () => {
    const before = look();
    await put(0, '/a');
    await clock.advance(500);
    const after = look(newest(before));
    const lines = raftNewsLines(before, after);
    expect(lines).toContainEqual(expect.stringMatching(/^entry \d+ of term 1 is with m1, m2, m3: put \/a/));
    expect(lines).toContainEqual(expect.stringMatching(/^#\d+ m\d → m\d MsgApp term 1 delivered: 1 entry after/));
    expect(lines).toContainEqual(expect.stringMatching(/^m1 has committed up to \d+ and applied up to \d+$/));
    const { old, next } = await divide();
    const cut = look(newest(after));
    const name = (i: number) => etcd.member(i).name;
    const story = raftNewsLines(after, cut);
    expect(story).toContain(`nothing gets from ${name(old)} to ${name(next)}`);
    expect(story).toContainEqual(
      expect.stringMatching(new RegExp(`^${name(next)} is leader in term \\d+; it was follower`)),
    );
    expect(story).toContainEqual(expect.stringMatching(new RegExp(`is with ${name(old)}: put /lonely`)));
    etcd.transport.heal();
    etcd.wake();
    await clock.advanceUntil(() => new Set(etcd.status().map(({ applied }) => applied)).size === 1, 60_000);
    const healed = raftNewsLines(cut, look(newest(cut)));
    expect(healed).toContain(`messages get from ${name(old)} to ${name(next)} again`);
    expect(healed).toContainEqual(
      expect.stringMatching(new RegExp(`^${name(old)} gives up its entries from \\d+ for`)),
    );
  });
});
